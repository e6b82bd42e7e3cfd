// Goal: a store of a newer version is refused as such, and damage is found before it is returned as data: the same answers,
// or ERR_CORRUPT with the file; what reads do not meet, verify() finds. Method: headers rewritten with a higher version or
// an unknown required feature and a right hash; files taken away, cut short, reversed; bits of every file of a closed store
// of every structure flipped (damage-judge.ts says how each is judged): a sample, or with VARVE_FLIPS=all every one.
import { beforeAll, describe, expect, test } from 'vitest'
import { VarveError } from '#base'
import { hash64, loadKernels } from '#kernel'
import { column, defineKind } from '#schema'
import type { ReadView } from '#store'
import { seededRandom } from '../support/manual-env.ts'
import { closeAll, expectNothingOpen, makeBed, root } from './bed.ts'
import type { Bed } from './bed.ts'
import { bitsOf, everyStructure, flip, isDeep, seed } from './damage-bed.ts'
import { Judge, nameOf } from './damage-judge.ts'

beforeAll(() => loadKernels())

const tick = defineKind('tick', {
  columns: { value: column.i32(), note: column.text().optional() },
})
const start = 19_000n * 86_400_000_000_000n

/** Rows in a pack, and in the log of a store that was killed. */
async function smallStore(): Promise<Bed> {
  const bed = makeBed()
  const store = await bed.open({ durability: 'sync' })
  const series = store.series(tick, 'A')
  for (let value = 0; value < 40; value += 1) {
    series.append({ time: start + BigInt(value), value, note: `note ${value % 7}` })
    if (value === 20) await store.seal()
  }
  const left = makeBed({ vfs: bed.vfs.kill() })
  await closeAll(bed, store)
  return left
}

const textOf = (view: ReadView): string =>
  [...view.series(tick, 'A').range()]
    .map(({ time, value, note }) => `${time} ${value} ${note}`)
    .join()

function pathsIn({ vfs }: Bed): string[] {
  const folders = ['manifest', 'wal', 'packs'].map((name) => `${root}/${name}`)
  const files = folders.flatMap((folder) => vfs.list(folder).map((name) => `${folder}/${name}`))
  return [`${root}/CURRENT`, ...files]
}

function edit({ vfs }: Bed, path: string, change: (bytes: Uint8Array) => void): void {
  const file = vfs.open(path, 'write')
  const bytes = new Uint8Array(file.size())
  file.read(bytes, 0)
  change(bytes)
  file.write(bytes, 0)
  file.close()
}

async function codeOf(action: () => unknown): Promise<string> {
  try {
    await action()
    return 'none'
  } catch (error) {
    expect(error).toBeInstanceOf(VarveError)
    return (error as VarveError).code
  }
}

describe('a newer version', () => {
  // version u16 at 4, length of the header u16 at 6, required features u64 at 8; the last 8 bytes are the hash.
  const changes: [string, (view: DataView) => void][] = [
    ['version', (view) => view.setUint16(4, 999, true)],
    ['a required feature', (view) => view.setBigUint64(8, 1n << 60n, true)],
  ]
  test.each(changes)('%s, in the log, the manifest and a pack', async (_, change) => {
    for (const folder of ['wal', 'manifest', 'packs']) {
      const bed = await smallStore()
      const path = pathsIn(bed).find((each) => each.includes(`/${folder}/`))!
      edit(bed, path, (bytes) => {
        const view = new DataView(bytes.buffer)
        change(view)
        const length = view.getUint16(6, true)
        const seed = folder === 'wal' ? BigInt(/(\d+)\.wal/.exec(path)![1]!) : undefined
        view.setBigUint64(length - 8, hash64(bytes.subarray(0, length - 8), seed), true)
      })
      const code = await codeOf(async () => {
        const store = await bed.open()
        try {
          textOf(store)
          const { damage } = await store.verify()
          if (damage.length > 0) throw new VarveError('ERR_VERSION', damage[0]!.message)
        } finally {
          await store.close()
        }
      })
      expect(code, folder).toBe('ERR_VERSION')
      await expectNothingOpen(bed)
    }
  })
})

describe('files that are gone, cut short or of another store', () => {
  test('open or read says which, verify names it', async () => {
    for (const way of ['gone', 'short', 'foreign']) {
      const whole = await smallStore()
      for (const path of pathsIn(whole)) {
        // What is cut off the end of a log that is still written cannot be told from what never was.
        if (way === 'short' && path.includes('/wal/')) continue
        const bed = makeBed({ vfs: whole.vfs.kill() })
        if (way === 'gone') bed.vfs.unlink(path)
        else if (way === 'short') {
          const file = bed.vfs.open(path, 'write')
          file.truncate(Math.floor(file.size() / 3))
          file.close()
        } else {
          edit(bed, path, (bytes) => void bytes.reverse())
        }
        const code = await codeOf(async () => {
          const store = await bed.open()
          try {
            const { ok, damage } = await store.verify()
            if (path.includes('/packs/')) {
              expect(ok).toBe(false)
              expect(damage[0]!.file).toBe(path)
            }
            textOf(store)
          } finally {
            await store.close()
          }
        })
        expect(code, `${way} ${path}`).toBe('ERR_CORRUPT')
        await expectNothingOpen(bed)
      }
    }
  })

  test('verify reports how far it is, and stops when it is told to', async () => {
    const bed = await smallStore()
    const store = await bed.open()
    const seen: number[] = []
    const { bytes, files } = await store.verify({ onProgress: ({ done }) => void seen.push(done) })
    expect(files).toBeGreaterThan(1)
    expect(seen.at(-1)).toBe(bytes)
    expect(seen).toEqual(seen.toSorted((a, b) => a - b))
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(store.verify({ signal })).rejects.toThrow('enough')
    await expect(store.compact({ signal })).rejects.toThrow('enough')
    const stats = store.stats()
    expect(stats).toMatchObject({ series: 1, rows: 40, rowsExact: true, segments: 1, headRows: 19 })
    expect(stats.writeAmplification).toBe(1)
    await closeAll(bed, store)
  })
})

describe('a closed store of every structure', () => {
  test(
    'a bit flipped anywhere: the same answers, or an error that names the file',
    async () => {
      const bed = await everyStructure(7)
      const judge = await Judge.of(bed)
      const random = seededRandom(seed)
      const counts = { told: 0, verified: 0, meaningless: 0 }
      let flips = 0
      let bytes = 0
      for (const path of judge.paths) {
        const size = bed.vfs.stat(path)!.bytes
        bytes += size
        for (const [at, bit] of bitsOf(0, size, { step: size < 4096 ? 24 : 160, random })) {
          const back = flip(bed, path, at, bit)
          const what = `bit ${bit} of byte ${at} of ${nameOf(path)}, VARVE_SEED=${seed}`
          const isFull = random() < (isDeep ? 1 / 256 : 1 / 16)
          counts[await judge.verdict(bed, { file: path, at, what }, isFull)] += 1
          back()
          flips += 1
          // The names of leases that came and went.
          bed.vfs.syncDirectory(`${root}/readers`)
        }
      }
      expect(bytes).toBeGreaterThanOrEqual(65_536)
      const nothing = { file: `${root}/LOCK`, at: 0, what: 'nothing' }
      expect(await judge.verdict(bed, nothing, true)).toBe('meaningless')
      expect(counts.told).toBeGreaterThan(flips * 0.8)
      const files = judge.paths.length
      const said = `told ${counts.told}, by verify() ${counts.verified}, meaningless ${counts.meaningless}`
      process.stdout.write(
        `covered: ${flips} bit flips of ${bytes} bytes in ${files} files\n${said}\n`,
      )
    },
    30 * 60_000,
  )
})
