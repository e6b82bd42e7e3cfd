// Goal: inspect tells every byte of every file of a store, and names damage where it lies, without
// ever throwing for what the bytes are. Method: a real store with all forms of files; each is
// described whole, with single bits flipped, and cut off at many places; parts must cover the file
// without a gap, and a changed file must never be called whole.
import { inspectFile } from '#inspect'
import type { InspectedFile, InspectedPart } from '#inspect'
import { hash64 } from '#kernel'
import { memoryVfs } from '#vfs'
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { column, defineKind, open, trade } from 'varve'
import { run } from '../../src/cli/program.ts'
import { seededRandom } from '../support/manual-env.ts'
import { scratchFolder } from './built.ts'
import { captured, fakeEngine } from './fake-engine.ts'

const funding = defineKind('funding', {
  columns: {
    rate: column.decimal(4),
    paid: column.bool(),
    open: column.i32(),
    note: column.text().optional(),
    real: column.f64(),
  },
})
const start = 1_700_000_000_000_000_000n
/** Enough for a run of its own, of two blocks. */
const rowsLarge = 70_000

let folder = ''
/** Paths of whole files by form. */
const files = new Map<string, string>()

async function fillStore(path: string): Promise<void> {
  await using store = await open(path)
  const random = seededRandom(1)
  const time = BigInt64Array.from({ length: rowsLarge }, (_, row) => start + BigInt(row) * 1_000n)
  const price = Float64Array.from(time, () => Math.floor(random() * 1000) / 100)
  const venue = Array.from(time, (_, row) => ['Q', 'N', null][row % 3]!)
  store.series(trade, 'BTC/USDT').append({ time, price, size: price, venue })
  store.series(funding, '100%').append(
    Array.from({ length: 3000 }, (_, row) => ({
      time: start + BigInt(row) * 1_000_000_000n,
      rate: (row % 100) / 10_000,
      paid: row % 2 === 0,
      open: row,
      note: row % 10 === 0 ? `note ${row}` : null,
      real: random() * 1e-7 + Math.PI,
    })),
  )
  store.series(trade, 'TINY').append({ time: start, price: 1.5, size: 2 })
  await store.seal()
  store.series(trade, 'TINY').append({ time: start + 5n, price: 1.25, size: 7 })
  await store.flush()
}

/** A closed store of so many rows that it has an index. */
async function fillIndexed(path: string): Promise<void> {
  await using store = await open(path)
  const time = BigInt64Array.from({ length: rowsLarge }, (_, row) => start + BigInt(row) * 1_000n)
  const price = Float64Array.from(time, (_, row) => Math.sin(row))
  for (const symbol of ['A', 'B']) store.series(trade, symbol).append({ time, price, size: price })
}

beforeAll(async () => {
  folder = scratchFolder()
  const store = join(folder, 'store')
  await fillStore(store)
  files.set('current', join(store, 'CURRENT'))
  const indexed = join(folder, 'indexed')
  await fillIndexed(indexed)
  const [index] = readdirSync(join(indexed, 'index'))
  files.set('index', join(indexed, 'index', index!))
  for (const [form, inside] of [
    ['segment', 'segments'],
    ['pack', 'packs'],
    ['manifest', 'manifest'],
    ['log', 'wal'],
  ] as const) {
    const names = readdirSync(join(store, inside))
    expect(names.length, form).toBeGreaterThan(0)
    files.set(form, join(store, inside, names.at(-1)!))
  }
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

const forms = ['segment', 'pack', 'index', 'manifest', 'log', 'current']

/** The parts of a file with those bytes; that they cover it without a gap is expected of all. */
async function partsOf(name: string, bytes: Uint8Array, all = false): Promise<InspectedPart[]> {
  const vfs = memoryVfs()
  vfs.makeDirectory('/store')
  const path = `/store/${name}`
  const target = vfs.open(path, 'create')
  target.write(bytes, 0)
  target.close()
  const file: InspectedFile = await inspectFile(vfs, path, { all })
  const parts = [...file.parts]
  file.close()
  let at = 0
  for (const part of parts) {
    expect(part.offset, part.meaning).toBe(at)
    expect(part.meaning).not.toBe('')
    const hex = Buffer.from(bytes.subarray(at, at + Math.min(8, part.bytes))).toString('hex')
    expect(part.hex).toBe(hex)
    at += part.bytes
  }
  expect(at).toBe(bytes.length)
  return parts
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

function wholeFile(form: string): { name: string; bytes: Uint8Array } {
  const path = files.get(form)!
  return { name: nameOf(path), bytes: new Uint8Array(readFileSync(path)) }
}

function damagedParts(parts: readonly InspectedPart[]): InspectedPart[] {
  return parts.filter(({ isDamage }) => isDamage)
}

describe('whole files', () => {
  test.each(forms)('%s: every byte is told, nothing is damaged', async (form) => {
    const { name, bytes } = wholeFile(form)
    const few = await partsOf(name, bytes)
    const all = await partsOf(name, bytes, true)
    expect(damagedParts(few)).toEqual([])
    expect(damagedParts(all)).toEqual([])
    expect(all.length).toBeGreaterThanOrEqual(few.length)
  })

  test('pages are told with series, column, encoding, rows, bytes and range', async () => {
    const { name, bytes } = wholeFile('segment')
    const told = (await partsOf(name, bytes)).map(({ meaning }) => meaning)
    const page = (start: string): string => told.find((text) => text.startsWith(start)) ?? ''
    expect(page('trade/BTC%2FUSDT 2023-11-14 time block 0')).toMatch(
      /: [A-Z_]+, .*65536 rows, \d+ bytes, \S+T22:13:20Z \.\. \S+T22:13:20\.065535Z$/,
    )
    expect(page('trade/BTC%2FUSDT 2023-11-14 price block 1')).toMatch(
      /of decimals with 2 digits.*, 4464 rows, \d+ bytes, 0\.0\d \.\. 9\.9\d$/,
    )
    expect(page('trade/BTC%2FUSDT 2023-11-14 venue block 0')).toContain('21845 absent')
    expect(told.join('\n')).toMatch(/2 strings: "Q", "N"/)
    expect(told.join('\n')).toMatch(/schema \d+: kind \d+ trade, .*columns 16 price f64/)
  })

  test('values of each type are told as people write them', async () => {
    const { name, bytes } = wholeFile('pack')
    const told = (await partsOf(name, bytes)).map(({ meaning }) => meaning)
    const page = (column: string): string =>
      told.find((text) => text.startsWith(`funding/100%25 2023-11-14 ${column} block 0`)) ?? ''
    expect(page('rate')).toMatch(/, 0\.0000 \.\. 0\.0099$/)
    expect(page('paid')).toMatch(/, false \.\. true$/)
    expect(page('open')).toMatch(/, 0 \.\. 2999$/)
    expect(page('note')).toContain('2700 absent')
    expect(page('real')).toMatch(/, 3\.14159265\d* \.\. 3\.1415927\d*$/)
    expect(told.filter((text) => text.includes('all 1.5'))).not.toEqual([])
  })

  test('with all, a page is told vector by vector', async () => {
    const { name, bytes } = wholeFile('segment')
    const told = (await partsOf(name, bytes, true)).map(({ meaning }) => meaning)
    const vectors = told.filter((text) => /price block \d+ vector/.test(text))
    expect(vectors).toHaveLength(Math.ceil(rowsLarge / 1024))
    expect(vectors.at(-1)).toMatch(
      /block 1 vector 4: rows 4096 to 4463, \d+ bits, .*checksum right/,
    )
  })
})

describe('damage', () => {
  test.each(forms)('%s: one flipped bit anywhere is found', async (form) => {
    const { name, bytes } = wholeFile(form)
    const random = seededRandom(forms.indexOf(form) + 3)
    const places = new Set([0, 4, 40, bytes.length - 1])
    while (places.size < Math.min(bytes.length, 60)) places.add(Math.floor(random() * bytes.length))
    for (const place of places) {
      if (place >= bytes.length) continue
      const changed = bytes.slice()
      changed[place]! ^= 1 << Math.floor(random() * 8)
      const bad = damagedParts(await partsOf(name, changed, place % 2 === 0))
      expect(bad.length, `${form}, byte ${place}`).toBeGreaterThan(0)
    }
  })

  test('a page is named by series, column and block, and its neighbours are whole', async () => {
    const { name, bytes } = wholeFile('segment')
    const page = (await partsOf(name, bytes)).find(({ meaning }) => /price block 0/.test(meaning))!
    const changed = bytes.slice()
    changed[page.offset + (page.bytes >> 1)]! ^= 4
    const bad = damagedParts(await partsOf(name, changed))
    expect(bad.map(({ meaning }) => meaning.replace(/:.*/, ''))).toEqual([
      'trade/BTC%2FUSDT 2023-11-14 price block 0',
      'fileHash',
    ])
    expect(bad[0]!.offset).toBe(page.offset)
    const vectors = damagedParts(await partsOf(name, changed, true))
    expect(vectors).toHaveLength(2)
    expect(vectors[0]!.meaning).toMatch(/price block 0 vector \d+.*checksum WRONG$/)
  })

  test('a pack with one damaged footer still tells its other runs', async () => {
    const { name, bytes } = wholeFile('pack')
    const footer = (await partsOf(name, bytes)).find(({ meaning }) =>
      /^footer of funding.*column 16: rate/.test(meaning),
    )!
    const changed = bytes.slice()
    changed[footer.offset]! ^= 1
    const told = (await partsOf(name, changed)).map(({ meaning }) => meaning).join('\n')
    expect(told).toMatch(/^footer of funding\S* \S*: its hash is WRONG$/m)
    expect(told).toMatch(/^pages of funding.*not told apart/m)
    expect(told).toMatch(/^trade\/TINY 2023-11-14 price block 0/m)
  })

  test.each(forms)('%s: cut off anywhere, what is left is told', async (form) => {
    const { name, bytes } = wholeFile(form)
    const random = seededRandom(forms.indexOf(form) + 77)
    const lengths = [0, 1, 3, 4, 63, 64, 65, 95, 96, 127, 128, bytes.length - 1]
    for (let more = 0; more < 30; more += 1) lengths.push(Math.floor(random() * bytes.length))
    // A log and a manifest grow record by record: between two of them they may end.
    const ends = (await partsOf(name, bytes))
      .filter(({ meaning }) => /^(?:group|watermark|end):|^hash of the record|^mark/.test(meaning))
      .map(({ offset }) => offset)
    expect(ends.length > 1).toBe(form === 'log' || form === 'manifest')
    for (const length of lengths) {
      if (length >= bytes.length || length < 0) continue
      const bad = damagedParts(await partsOf(name, bytes.slice(0, length)))
      expect(bad.length > 0, `${form}, ${length}`).toBe(!ends.includes(length))
    }
  })

  test('noise under the name of any form is told, quickly', async () => {
    const random = seededRandom(5)
    const noise = Uint8Array.from({ length: 100_000 }, () => Math.floor(random() * 256))
    for (const form of forms) {
      const { name } = wholeFile(form)
      const kept = wholeFile(form).bytes.slice(0, 64)
      const bytes = noise.slice(0, form === 'current' ? 200 : noise.length)
      expect(damagedParts(await partsOf(name, bytes)).length, form).toBeGreaterThan(0)
      bytes.set(kept.subarray(0, Math.min(64, bytes.length)))
      expect(damagedParts(await partsOf(name, bytes)).length, form).toBeGreaterThan(0)
    }
  })
})

describe('damage that its own hash confirms', () => {
  const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset)

  test('a log record that is whole and follows another one', async () => {
    const path = join(folder, 'chain')
    const store = await open(path, { durability: 'sync' })
    for (let row = 0; row < 5; row += 1) {
      store.series(trade, 'A').append({ time: start + BigInt(row), price: row, size: 1 })
    }
    const name = readdirSync(join(path, 'wal')).at(-1)!
    const bytes = new Uint8Array(readFileSync(join(path, 'wal', name)))
    await store.close()
    const groups = (await partsOf(name, bytes)).filter(({ meaning }) =>
      meaning.startsWith('group:'),
    )
    expect(groups.length).toBeGreaterThanOrEqual(4)
    // Without the second group, the records behind it still are what their own hashes say.
    const before = groups[1]!
    const cut = new Uint8Array(bytes.length - before.bytes)
    cut.set(bytes.subarray(0, before.offset))
    cut.set(bytes.subarray(before.offset + before.bytes), before.offset)
    for (const all of [false, true]) {
      const bad = damagedParts(await partsOf(name, cut, all))
      expect(bad[0]!.meaning).toMatch(/previousHash: \w+, but the group before has \w+: WRONG$/)
      const inside = bad[0]!.offset - before.offset
      expect(inside >= 0 && inside < before.bytes, `at ${inside} of a record`).toBe(true)
    }
  })

  /** Makes the hashes of directory and trailer those of their bytes. */
  function confirm(bytes: Uint8Array): void {
    const trailer = bytes.length - 64
    const directory = Number(view(bytes).getBigUint64(trailer, true))
    view(bytes).setBigUint64(trailer + 16, hash64(bytes.subarray(directory, trailer)), true)
    view(bytes).setBigUint64(bytes.length - 8, hash64(bytes.subarray(trailer, -8)), true)
  }

  test('a directory that lies', async () => {
    const { name, bytes } = wholeFile('pack')
    const random = seededRandom(11)
    const directory = Number(view(bytes).getBigUint64(bytes.length - 64, true))
    for (let time = 0; time < 400; time += 1) {
      const changed = bytes.slice()
      const place = directory + Math.floor(random() * (bytes.length - 64 - directory))
      changed[place] = Math.floor(random() * 256)
      confirm(changed)
      const bad = damagedParts(await partsOf(name, changed, time % 2 === 0))
      expect(bad.length > 0).toBe(changed[place] !== bytes[place])
    }
  })

  test('a footer that lies', async () => {
    const { name, bytes } = wholeFile('pack')
    const random = seededRandom(12)
    const parts = await partsOf(name, bytes)
    const footers = parts.filter(({ meaning }) => meaning.startsWith('footer of funding'))
    const from = footers[0]!.offset
    const end = footers.at(-1)!.offset + footers.at(-1)!.bytes
    const stored = new Uint8Array(8)
    view(stored).setBigUint64(0, hash64(bytes.subarray(from, end)), true)
    const hashAt = Buffer.from(bytes).indexOf(stored, end)
    expect(hashAt).toBeGreaterThan(end)
    for (let time = 0; time < 600; time += 1) {
      const changed = bytes.slice()
      const place = from + Math.floor(random() * (end - from))
      changed[place] = Math.floor(random() * 256)
      view(changed).setBigUint64(hashAt, hash64(changed.subarray(from, end)), true)
      confirm(changed)
      const bad = damagedParts(await partsOf(name, changed, time % 2 === 0))
      expect(bad.length > 0).toBe(changed[place] !== bytes[place])
    }
  })
})

describe('large logs', () => {
  test('are told in windows: the same records, whatever their size', async () => {
    const path = join(folder, 'large')
    const appends = 40
    const random = seededRandom(13)
    {
      await using store = await open(path, { durability: 'sync' })
      const series = store.series(trade, 'BIG')
      for (let at = 0; at < appends; at += 1) {
        // The tenth one alone is larger than a window.
        const rows = at === 10 ? 300_000 : 20_000
        const time = new BigInt64Array(rows).fill(start + BigInt(at))
        // True reals: the log stores them as they are.
        const price = Float64Array.from(time, () => random())
        series.append({ time, price, size: price.map((each) => each / 3) })
      }
      const name = readdirSync(join(path, 'wal')).at(-1)!
      const bytes = new Uint8Array(readFileSync(join(path, 'wal', name)))
      expect(bytes.length).toBeGreaterThan(16 << 20)
      const parts = await partsOf(name, bytes)
      expect(damagedParts(parts)).toEqual([])
      const groups = parts.filter(({ meaning }) => meaning.startsWith('group: '))
      expect(groups).toHaveLength(appends)
      expect(groups[10]!.meaning).toContain('group: 300000 rows')
      expect(groups[0]!.meaning).toMatch(
        /rows of series \d+, schema \d+, 3 columns, .*; hash right/,
      )
      const damagedAt = groups[30]!.offset + 5000
      bytes[damagedAt]! ^= 1
      const bad = damagedParts(await partsOf(name, bytes))
      expect(bad.map(({ offset }) => offset)).toEqual([groups[30]!.offset])
    }
  })
})

describe('the command', () => {
  async function cli(...words: string[]): Promise<{ code: number; out: string; err: string }> {
    const { output, written, noted } = captured()
    const engine = fakeEngine(() => {
      throw new Error('inspect opens no store')
    })
    const code = await run(['inspect', ...words], engine, output)
    return { code, out: written.join(''), err: noted.join('') }
  }

  test('writes a table, and one document with --json', async () => {
    const path = files.get('segment')!
    const table = await cli(path)
    expect(table.code).toBe(0)
    const [title, head, first] = table.out.split('\n')
    expect(title).toMatch(/: segment, \d/)
    expect(head!.trim().split(/ +/)).toEqual(['offset', 'bytes', 'hex', 'meaning'])
    expect(first).toMatch(/^ +0 +4 {2}56534547 +magic "VSEG"$/)
    const json = await cli(path, '--json')
    const document = JSON.parse(json.out) as { parts: InspectedPart[]; [key: string]: unknown }
    expect(document).toMatchObject({ file: path, form: 'segment', damaged: 0 })
    expect(document.parts.length).toBe(table.out.trim().split('\n').length - 3)
    expect(document.parts[0]).toEqual({
      offset: 0,
      bytes: 4,
      hex: '56534547',
      meaning: 'magic "VSEG"',
      isDamage: false,
    })
  })

  test('ends with 1 where there is damage, and tells it', async () => {
    const bytes = readFileSync(files.get('segment')!)
    bytes[1000]! ^= 1
    const path = join(folder, '000000000009.segment')
    writeFileSync(path, bytes)
    const table = await cli(path)
    expect(table.code).toBe(1)
    expect(table.out).toMatch(/DAMAGE trade\/BTC.*checksum WRONG/)
    expect(table.out).toMatch(/damaged: 2 parts\n$/)
    const json = await cli(path, '--json')
    expect(json.code).toBe(1)
    expect(JSON.parse(json.out)).toMatchObject({ damaged: 2 })
  })

  test('says what it needs where the file is none of a store', async () => {
    expect(await cli(join(folder, 'nothing'))).toMatchObject({ code: 1, out: '' })
    mkdirSync(join(folder, 'sub'))
    const directory = await cli(join(folder, 'sub'))
    expect(directory.code).toBe(2)
    expect(directory.err).toContain('segments/')
    const text = join(folder, 'notes.txt')
    writeFileSync(text, 'hello')
    expect((await cli(text)).code).toBe(2)
  })
})
