// Goal: recovery: 'salvage' opens a damaged store with everything that is whole, lists what is not, invents nothing,
// and sets aside what it replaces; doing it twice, or cutting the power in the middle of it, makes nothing worse.
// Method: a store with segments, packs, two seals, a log and a snapshot; damaged by hand, file by file; then bytes of
// every file flipped, one in each of many places, and power cuts at every operation of a salvage.
import { beforeAll, describe, expect, test } from 'vitest'
import { hash64, loadKernels } from '#kernel'
import { column, defineKind } from '#schema'
import { salvage } from '#store'
import type { ReadView, SalvageReport, Store } from '#store'
import { closeAll, expectNothingOpen, makeBed, root } from './bed.ts'
import type { Bed } from './bed.ts'

beforeAll(() => loadKernels())

const tick = defineKind('tick', {
  columns: { value: column.i32(), note: column.text().optional() },
})
const start = 19_000n * 86_400_000_000_000n
const limits = { logZeroBytes: 4096 }
const symbols = ['A', 'B', 'C/..'] as const

/** 20 rows a symbol in a first pack, 20 in a second one, 10 in the log; with a segment A has more. */
async function makeStore(largeRows: number): Promise<Bed> {
  const bed = makeBed({ limits })
  const store = await bed.open({ durability: 'sync' })
  const add = (symbol: string, from: number, count: number): void => {
    const values = Int32Array.from({ length: count }, (_, at) => from + at)
    const time = BigInt64Array.from(values, (value) => start + BigInt(value))
    const note = Array.from(values, (value) => `note ${(value * 7919) % 9973}`)
    store.series(tick, symbol).append({ time, value: values, note })
  }
  for (const symbol of symbols) add(symbol, 0, 20)
  await store.seal()
  for (const symbol of symbols) add(symbol, 20, 20)
  if (largeRows > 0) add('A', 40, largeRows)
  await store.seal()
  for (const symbol of symbols) add(symbol, 30_000, 10)
  const left = bed.next(bed.vfs.kill())
  await closeAll(bed, store)
  return left
}

const made = new Map<number, Promise<Bed>>()

/** A copy of its own. */
async function someStore(largeRows = 0): Promise<Bed> {
  const first = made.get(largeRows) ?? makeStore(largeRows)
  made.set(largeRows, first)
  const bed = await first
  return bed.next(bed.vfs.kill())
}

const valuesOf = (view: ReadView, symbol: string): number[] => [
  ...view.series(tick, symbol).range().columns.value,
]
const allOf = (view: ReadView): Record<string, number[]> =>
  Object.fromEntries(symbols.map((symbol) => [symbol, valuesOf(view, symbol)]))

function filesIn({ vfs }: Bed, ...folders: string[]): string[] {
  return folders.flatMap((folder) => {
    const path = `${root}/${folder}`
    return vfs.stat(path) === undefined ? [] : vfs.list(path).map((name) => `${path}/${name}`)
  })
}

function edit({ vfs }: Bed, path: string, change: (bytes: Uint8Array) => void): void {
  const file = vfs.open(path, 'write')
  const bytes = new Uint8Array(file.size())
  file.read(bytes, 0)
  change(bytes)
  file.write(bytes, 0)
  file.datasyncSync()
  file.close()
}

const flip =
  (at: number) =>
  (bytes: Uint8Array): void => {
    bytes[at]! ^= 1 << (at % 8)
  }

function bytesOf({ vfs }: Bed, path: string): Uint8Array {
  const file = vfs.open(path, 'read')
  const bytes = new Uint8Array(file.size())
  file.read(bytes, 0)
  file.close()
  return bytes
}

const reportOf = (store: Store): SalvageReport => store.recovery.salvage!

/** Opens with salvage, looks that it is whole from then on, and gives what it holds. */
async function salvaged(
  bed: Bed,
): Promise<{ rows: Record<string, number[]>; report: SalvageReport }> {
  const store = await bed.open({ recovery: 'salvage', durability: 'sync' })
  const rows = allOf(store)
  const report = reportOf(store)
  expect((await store.verify()).damage).toEqual([])
  await closeAll(bed, store)
  // Strictly now; and salvage finds nothing any more.
  const strict = await bed.open({ durability: 'sync' })
  expect(allOf(strict)).toEqual(rows)
  await closeAll(bed, strict)
  const again = await bed.open({ recovery: 'salvage', durability: 'sync' })
  expect(reportOf(again)).toMatchObject({ findings: [], quarantined: [], rowsLost: 0 })
  expect(allOf(again)).toEqual(rows)
  again.series(tick, 'A').append({ time: start + 90_000n, value: 90_000 })
  expect(valuesOf(again, 'A').at(-1)).toBe(90_000)
  await closeAll(bed, again)
  return { rows, report }
}

async function expectedRows(largeRows = 0): Promise<Record<string, number[]>> {
  const bed = await someStore(largeRows)
  const store = await bed.open()
  const rows = allOf(store)
  await closeAll(bed, store)
  return rows
}

describe('segments and packs', () => {
  test('one page of a large run: the rows of its damaged part are lost, and told', async () => {
    const bed = await someStore(20_000)
    const whole = await expectedRows(20_000)
    const [segment] = filesIn(bed, 'segments')
    // In the texts, which are most of it: they are compressed 16 vectors at a time.
    const middle = Math.floor(bytesOf(bed, segment!).length / 3)
    edit(bed, segment!, flip(middle))
    const before = bytesOf(bed, segment!)
    const { rows, report } = await salvaged(bed)
    expect(rows['B']).toEqual(whole['B'])
    const lost = whole['A']!.length - rows['A']!.length
    expect(lost).toBeGreaterThan(0)
    expect(lost).toBeLessThanOrEqual(16 * 1024)
    const known = new Set(whole['A'])
    expect(rows['A']!.every((value) => known.has(value))).toBe(true)
    expect(report.findings).toEqual([
      expect.objectContaining({
        file: segment,
        part: 'segment',
        done: 'rescued',
        series: 'tick/A',
        rows: lost,
        from: start + 20n,
      }),
    ])
    expect(report).toMatchObject({ rowsLost: lost, rowsRescued: 20_020 - lost })
    // The damaged file is kept as it was, under another name.
    expect(bed.vfs.stat(segment!)).toBeUndefined()
    const [kept] = report.quarantined
    expect(bytesOf(bed, kept!)).toEqual(before)
  })

  test('a pack with one bad run keeps the others', async () => {
    const bed = await someStore()
    const whole = await expectedRows()
    const [pack] = filesIn(bed, 'packs')
    edit(bed, pack!, flip(100))
    const { rows, report } = await salvaged(bed)
    expect(rows['A']).toEqual(whole['A']!.slice(20))
    expect(rows['B']).toEqual(whole['B'])
    expect(rows['C/..']).toEqual(whole['C/..'])
    expect(report.findings.map(({ series, done, rows: lost }) => [series, done, lost])).toEqual([
      ['tick/A', 'lost', 20],
      ['tick/B', 'rescued', 0],
      ['tick/C%2F..', 'rescued', 0],
    ])
  })

  test('gone, cut short, emptied, of another store, old', async () => {
    const whole = await expectedRows()
    const stranger = await someStore()
    const ways: [string, (bed: Bed, path: string) => void][] = [
      ['gone', (bed, path) => bed.vfs.unlink(path)],
      ['short', (bed, path) => resize(bed, path, 0.5)],
      ['empty', (bed, path) => resize(bed, path, 0)],
      ['foreign', (bed, path) => edit(bed, path, (bytes) => void bytes.reverse())],
      [
        'stale',
        (bed, path) => {
          const [other] = filesIn(stranger, 'packs')
          resize(bed, path, 0)
          const file = bed.vfs.open(path, 'write')
          file.write(bytesOf(stranger, other!), 0)
          file.close()
        },
      ],
    ]
    for (const [name, damage] of ways) {
      const bed = await someStore()
      const pack = filesIn(bed, 'packs')[1]!
      damage(bed, pack)
      const { rows, report } = await salvaged(bed)
      expect(report.findings.length, name).toBe(3)
      expect(report.findings[0], name).toMatchObject({ file: pack, part: 'pack', series: 'tick/A' })
      for (const symbol of symbols) {
        const kept = rows[symbol]!
        expect(kept.slice(0, 20), name).toEqual(whole[symbol]!.slice(0, 20))
        expect(kept.slice(-10), name).toEqual(whole[symbol]!.slice(-10))
      }
    }
  })

  test('two that stand under the names of each other are both found', async () => {
    const bed = await someStore()
    const whole = await expectedRows()
    const [one, two] = filesIn(bed, 'packs')
    bed.vfs.rename(one!, `${one}.x`)
    bed.vfs.rename(two!, one!)
    bed.vfs.rename(`${one}.x`, two!)
    const { rows, report } = await salvaged(bed)
    expect(rows).toEqual(whole)
    expect(report).toMatchObject({ rowsLost: 0, rowsRescued: 60 + 60 })
  })

  test('what a snapshot reads stays, and is told', async () => {
    const bed = await someStore()
    const store = await bed.open()
    await store.snapshot('s')
    await closeAll(bed, store)
    const [pack] = filesIn(bed, 'packs')
    edit(bed, pack!, flip(100))
    const again = await bed.open({ recovery: 'salvage' })
    const { findings } = reportOf(again)
    expect(findings.filter(({ message }) => message.includes('snapshot "s"'))).toEqual([
      expect.objectContaining({ file: pack, done: 'kept' }),
    ])
    expect(() => valuesOf(again.at('s'), 'A')).toThrow(
      expect.objectContaining({ code: 'ERR_CORRUPT' }),
    )
    expect(valuesOf(again.at('s'), 'B').length).toBe(50)
    expect(valuesOf(again, 'A').length).toBe(30)
    await closeAll(bed, again)
  })
})

function resize({ vfs }: Bed, path: string, share: number): void {
  const file = vfs.open(path, 'write')
  file.truncate(Math.floor(file.size() * share))
  file.close()
}

describe('the log', () => {
  test('a record in the middle: the rows before and after it', async () => {
    const bed = makeBed({ limits })
    const store = await bed.open({ durability: 'sync' })
    for (let value = 0; value < 30; value += 1) {
      store.series(tick, 'A').append({ time: start + BigInt(value), value })
    }
    const left = bed.next(bed.vfs.kill())
    await closeAll(bed, store)
    const [log] = filesIn(left, 'wal')
    const bytes = bytesOf(left, log!)
    const last = bytes.findLastIndex((byte) => byte !== 0)
    edit(left, log!, flip(Math.floor(last / 2)))
    await expect(left.open()).rejects.toMatchObject({ code: 'ERR_CORRUPT' })
    const { rows, report } = await salvaged(left)
    expect(rows['A']!.length).toBe(29)
    expect(report.findings).toEqual([expect.objectContaining({ file: log, part: 'log' })])
  })

  test('gone: what was sealed is there', async () => {
    const bed = await someStore()
    const whole = await expectedRows()
    for (const log of filesIn(bed, 'wal')) bed.vfs.unlink(log)
    const { rows } = await salvaged(bed)
    for (const symbol of symbols) expect(rows[symbol]).toEqual(whole[symbol]!.slice(0, -10))
  })
})

describe('the manifest', () => {
  test.each(['missing', 'damaged'])('CURRENT is %s: nothing is lost', async (way) => {
    const bed = await someStore()
    const whole = await expectedRows()
    if (way === 'missing') bed.vfs.unlink(`${root}/CURRENT`)
    else edit(bed, `${root}/CURRENT`, flip(3))
    await expect(bed.open()).rejects.toMatchObject({ code: 'ERR_CORRUPT' })
    const { rows, report } = await salvaged(bed)
    expect(rows).toEqual(whole)
    expect(report.findings).toEqual([expect.objectContaining({ part: 'current', done: 'rebuilt' })])
  })

  test('any edit is lost: what it and those after it named is found on disk', async () => {
    const whole = await expectedRows()
    const size = bytesOf(await someStore(), filesIn(await someStore(), 'manifest')[0]!).length
    for (let at = 70; at < size - 16; at += 41) {
      const bed = await someStore()
      edit(bed, filesIn(bed, 'manifest')[0]!, flip(at))
      await expect(bed.open(), String(at)).rejects.toMatchObject({ code: 'ERR_CORRUPT' })
      const { rows } = await salvaged(bed)
      expect(rows, String(at)).toEqual(whole)
    }
  })

  test('cut short, or an old copy: the log knows better', async () => {
    const whole = await expectedRows()
    for (const share of [0.3, 0.5, 0.7, 0.9]) {
      const bed = await someStore()
      resize(bed, filesIn(bed, 'manifest')[0]!, share)
      const { rows } = await salvaged(bed)
      expect(rows, String(share)).toEqual(whole)
    }
  })

  test('gone altogether: the store is made of its files again', async () => {
    const bed = await someStore()
    const whole = await expectedRows()
    for (const file of filesIn(bed, 'manifest')) bed.vfs.unlink(file)
    bed.vfs.unlink(`${root}/CURRENT`)
    const { rows } = await salvaged(bed)
    expect(rows).toEqual(whole)
  })

  test('a compaction is lost: no row is there twice', async () => {
    const bed = await someStore()
    const whole = await expectedRows()
    const store = await bed.open({ durability: 'sync' })
    const manifest = filesIn(bed, 'manifest').at(-1)!
    const before = bytesOf(bed, manifest).length
    await store.compact()
    const left = bed.next(bed.vfs.kill())
    await closeAll(bed, store)
    edit(left, manifest, flip(before + 4))
    const { rows, report } = await salvaged(left)
    expect(rows).toEqual(whole)
    expect(report.findings.some(({ done }) => done === 'adopted')).toBe(true)
  })
})

test('a store of a newer version is refused, not mended', async () => {
  const bed = await someStore()
  edit(bed, `${root}/CURRENT`, (bytes) => {
    const line = new TextDecoder().decode(bytes).replace('manifest 1 ', 'manifest 2 ').slice(0, 29)
    const hash = hash64(new TextEncoder().encode(line)).toString(16).padStart(16, '0')
    bytes.set(new TextEncoder().encode(`${line} ${hash}\n`))
  })
  const before = await sizes(bed)
  await expect(bed.open({ recovery: 'salvage' })).rejects.toMatchObject({ code: 'ERR_VERSION' })
  expect(await sizes(bed)).toEqual(before)
  await expectNothingOpen(bed)
})

async function sizes(bed: Bed): Promise<Record<string, number>> {
  const paths = filesIn(bed, 'manifest', 'wal', 'segments', 'packs', 'quarantine')
  return Object.fromEntries(paths.map((path) => [path, bytesOf(bed, path).length]))
}

test('a dry run says the same and changes nothing', async () => {
  const bed = await someStore()
  edit(bed, filesIn(bed, 'packs')[0]!, flip(100))
  edit(bed, filesIn(bed, 'manifest')[0]!, flip(300))
  const before = await sizes(bed)
  const dry = await salvage(root, { isDryRun: true }, bed.env)
  expect(await sizes(bed)).toEqual(before)
  expect(dry.isDryRun).toBe(true)
  const real = await salvage(root, {}, bed.env)
  expect(real.findings.length).toBeGreaterThan(3)
  expect(dry.findings).toEqual(real.findings)
  expect(dry.quarantined).toEqual([])
  expect(real.quarantined.length).toBeGreaterThan(1)
  await expectNothingOpen(bed)
  await expect(salvage('/nowhere', {}, bed.env)).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
})

test('an index that is damaged or gone is made anew', async () => {
  const bed = makeBed({ limits: { ...limits, indexRunsMin: 1 } })
  const store = await bed.open({ durability: 'sync' })
  store.series(tick, 'A').append({ time: start, value: 1 })
  await store.seal()
  await closeAll(bed, store)
  const [index] = filesIn(bed, 'index')
  edit(bed, index!, (bytes) => void bytes.reverse())
  const again = await bed.open({ recovery: 'salvage' })
  expect(valuesOf(again, 'A')).toEqual([1])
  again.series(tick, 'A').append({ time: start + 1n, value: 2 })
  await again.seal()
  expect(valuesOf(again, 'A')).toEqual([1, 2])
  await closeAll(bed, again)
})

test('a byte flipped anywhere: it opens, and holds nothing that was never there', async () => {
  const whole = await expectedRows()
  const first = await someStore()
  const paths = [`${root}/CURRENT`, ...filesIn(first, 'manifest', 'wal', 'packs')]
  for (const path of paths) {
    const size = Math.min(bytesOf(first, path).length, 3000)
    for (let at = 5; at < size; at += 97) {
      const bed = await someStore()
      edit(bed, path, flip(at))
      const store = await bed.open({ recovery: 'salvage', durability: 'sync' })
      const rows = allOf(store)
      for (const symbol of symbols) {
        expect(new Set(rows[symbol]).size, `${path} ${at}`).toBe(rows[symbol]!.length)
        const known = new Set(whole[symbol])
        expect(
          rows[symbol]!.every((value) => known.has(value)),
          `${path} ${at}`,
        ).toBe(true)
      }
      await closeAll(bed, store)
    }
  }
}, 60_000)

test('power goes at any operation of a salvage: doing it again gives the same', async () => {
  const damaged = async (): Promise<Bed> => {
    const bed = await someStore()
    edit(bed, filesIn(bed, 'packs')[0]!, flip(100))
    edit(bed, filesIn(bed, 'manifest')[0]!, flip(300))
    return bed
  }
  const whole = await salvaged(await damaged())
  const bed = await damaged()
  const cuts: Bed[] = []
  const changing = new Set(['open', 'write', 'datasync', 'rename', 'unlink', 'syncDirectory'])
  bed.vfs.watch(({ operation }, index) => {
    if (changing.has(operation) && index % 3 === 0) cuts.push(bed.next(bed.vfs.crash()))
  })
  const store = await bed.open({ recovery: 'salvage', durability: 'sync' })
  bed.vfs.watch(undefined)
  await closeAll(bed, store)
  expect(cuts.length).toBeGreaterThan(10)
  for (const cut of cuts) {
    const again = await cut.open({ recovery: 'salvage', durability: 'sync' })
    expect(allOf(again)).toEqual(whole.rows)
    await closeAll(cut, again)
  }
}, 60_000)

test('verify names what salvage would mend', async () => {
  const bed = await someStore()
  const store = await bed.open()
  const [one, two] = filesIn(bed, 'packs')
  bed.vfs.rename(one!, `${one}.x`)
  bed.vfs.rename(two!, one!)
  bed.vfs.rename(`${one}.x`, two!)
  const { ok, damage } = await store.verify()
  expect(ok).toBe(false)
  expect(damage.map(({ file }) => file)).toEqual([one, two])
  expect(damage[0]!.message).toContain('another file')
  await closeAll(bed, store)
})
