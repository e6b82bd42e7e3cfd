// Goal: files that are cut, zeroed, exchanged, missing, older than the store or of another one give the same answers or
// an error that names a file, and verify() says so where reads do not. Method: a closed store of every structure; each
// file damaged in each way, everything read; a store whose power went and one that is open, with bits flipped.
import { beforeAll, describe, expect, test } from 'vitest'
import { loadKernels } from '#kernel'
import { seededRandom } from '../support/manual-env.ts'
import { closeAll, root } from './bed.ts'
import type { Bed } from './bed.ts'
import { bedOn, copyOf, everyStructure, note, read, write } from './damage-bed.ts'
import { Judge, nameOf } from './damage-judge.ts'
import type { Verdict } from './damage-judge.ts'

beforeAll(() => loadKernels())

const seed = Number(process.env['VARVE_SEED'] ?? 1)
const sectorBytes = 512

let judged: Promise<Judge> | undefined
const theStore = (): Promise<Judge> => (judged ??= everyStructure(7).then((bed) => Judge.of(bed)))

/** What becomes of a copy with other bytes in one file; `undefined`: without the file. */
async function withFile(
  judge: Judge,
  path: string,
  bytes: Uint8Array | undefined,
  what: string,
  isNamed?: (file: string) => boolean,
): Promise<Verdict> {
  const bed = copyOf(judge.bed)
  const before = read(bed.vfs, path)
  if (bytes === undefined) bed.vfs.unlink(path)
  else write(bed.vfs, path, bytes)
  const isChanged = (byte: number, at: number): boolean => bytes?.[at] !== byte
  const at = Math.max(0, before.findIndex(isChanged))
  const place = { file: path, at, what: `${what} of ${nameOf(path)}` }
  return judge.verdict(bed, place, true, isNamed)
}

const isInStore = (file: string): boolean => file.startsWith(`${root}/`)

/** Nothing, one byte, around the header, sectors, and close to the end. */
function lengthsOf(bytes: number): number[] {
  const near = [0, 1, 7, 8, 40, 63, 64, 65, bytes >> 1]
  for (const less of [1, 2, 7, 8, 15, 16, 17, 32, 63, 64, 65]) near.push(bytes - less)
  for (let at = sectorBytes; at < bytes; at += sectorBytes) near.push(at)
  return [...new Set(near)].filter((each) => each >= 0 && each < bytes).sort((a, b) => a - b)
}

describe('one file', () => {
  test('cut to any length', async () => {
    const judge = await theStore()
    const silent: string[] = []
    for (const path of judge.paths) {
      const whole = read(judge.bed.vfs, path)
      for (const length of lengthsOf(whole.length)) {
        try {
          await withFile(judge, path, whole.slice(0, length), `the first ${length} bytes`)
        } catch (error) {
          // The mark at the end of the manifest is not synced: a store may be without it.
          const isMark = path.includes('/manifest/') && length === whole.length - 16
          if (!isMark || !String(error).includes('verify() says nothing')) throw error
          silent.push(path)
        }
      }
    }
    expect(silent.length).toBeLessThanOrEqual(1)
  })

  test('with zeroed sectors, and with sectors exchanged', async () => {
    const judge = await theStore()
    const random = seededRandom(seed)
    for (const path of judge.paths) {
      const whole = read(judge.bed.vfs, path)
      const sectors = Math.ceil(whole.length / sectorBytes)
      for (let sector = 0; sector < sectors; sector += 1) {
        const at = sector * sectorBytes
        const zeroed = whole.slice().fill(0, at, at + sectorBytes)
        await withFile(judge, path, zeroed, `zeros from ${at}`)
        const other = Math.floor(random() * sectors) * sectorBytes
        if (other === at || Math.max(other, at) + sectorBytes > whole.length) continue
        const swapped = whole.slice()
        swapped.set(whole.subarray(other, other + sectorBytes), at)
        swapped.set(whole.subarray(at, at + sectorBytes), other)
        await withFile(judge, path, swapped, `sectors ${at} and ${other}`)
      }
    }
  })

  test('missing', async () => {
    const judge = await theStore()
    for (const path of judge.paths) {
      const isHint = /LOCK|readers|quarantine|index/.test(path)
      const verdict = withFile(judge, path, undefined, 'the absence')
      // Anyone may delete the index; without it nothing is damaged.
      if (path.includes('/index/')) await expect(verdict).rejects.toThrow('verify() says nothing')
      else expect(await verdict, path).toBe(isHint ? 'meaningless' : 'told')
    }
  })

  test('exchanged with another of its folder, and with one of another folder', async () => {
    const judge = await theStore()
    const paths = judge.paths.filter((path) => /packs|segments|wal|index/.test(path))
    for (const one of paths) {
      for (const other of paths) {
        if (one >= other) continue
        const bed = copyOf(judge.bed)
        const bytes = read(bed.vfs, one)
        write(bed.vfs, one, read(bed.vfs, other))
        write(bed.vfs, other, bytes)
        const isEither = (file: string): boolean => file === one || file === other
        const what = `${nameOf(one)} and ${nameOf(other)} exchanged`
        const verdict = await judge.verdict(bed, { file: one, at: 0, what }, true, isEither)
        expect(['told', 'verified']).toContain(verdict)
      }
    }
  })

  test('of another store', async () => {
    const judge = await theStore()
    const other = await everyStructure(8)
    const theirs = new Map<string, string>()
    other.vfs.look((path) => void theirs.set(path.replace(/\/[^/]+$/, ''), path))
    for (const path of judge.paths) {
      // The same in every store: the name of the manifest.
      if (path.endsWith('/CURRENT') || path.endsWith('/LOCK')) continue
      const from = theirs.get(path.replace(/\/[^/]+$/, ''))!
      // A whole manifest of another store names files that are not of it: they are told.
      const isNamed = path.includes('/manifest/') ? isInStore : undefined
      const verdict = await withFile(judge, path, read(other.vfs, from), 'another store', isNamed)
      const isNothing = /readers|quarantine/.test(path)
      const expected = isNothing ? 'meaningless' : path.includes('/index/') ? 'verified' : 'told'
      expect(verdict, path).toBe(expected)
    }
  })
})

type Files = ReadonlyMap<string, Uint8Array>

/** CURRENT and the manifest as they are now. */
function manifestOf({ vfs }: Bed): Files {
  const names = vfs.list(`${root}/manifest`).map((name) => `${root}/manifest/${name}`)
  return new Map([`${root}/CURRENT`, ...names].map((path) => [path, read(vfs, path)]))
}

describe('files of before', () => {
  /** A store that went on, in another manifest file, and CURRENT and manifest after each step but the last. */
  async function wentOn(): Promise<{ judge: Judge; before: Files[] }> {
    const { bed: first } = await theStore()
    const before = [manifestOf(first)]
    // Without its mark, which is not synced, a manifest is not gone on with.
    const bed = bedOn(first.vfs.crash())
    const store = await bed.open({ durability: 'sync' })
    before.push(manifestOf(bed))
    for (const step of [0, 1, 2]) {
      store.series(note, 'N3').append({ time: BigInt(step), count: step })
      await (step === 1 ? store.compact() : store.seal())
      before.push(manifestOf(bed))
    }
    store.series(note, 'N3').append({ time: 3n, count: 3 })
    await store.snapshot('night')
    await closeAll(bed, store)
    return { judge: await Judge.of(bedOn(bed.vfs.kill())), before }
  }

  test('CURRENT, alone and with its manifest', async () => {
    const { judge, before } = await wentOn()
    const now = manifestOf(judge.bed)
    for (const [step, files] of before.entries()) {
      for (const isWithManifest of [false, true]) {
        const bed = copyOf(judge.bed)
        for (const path of now.keys()) if (isWithManifest) bed.vfs.unlink(path)
        for (const [path, bytes] of files) {
          if (isWithManifest || path.endsWith('/CURRENT')) write(bed.vfs, path, bytes)
        }
        const what = `CURRENT of step ${step}${isWithManifest ? ' and its manifest' : ''}`
        const place = { file: `${root}/CURRENT`, at: 0, what }
        // From step 1 on CURRENT names the same manifest.
        const isSame = step > 0 && !isWithManifest
        if (isSame) expect([...files.values()][0]).toEqual(now.get(place.file))
        // Else told of is what is seen: a manifest, or a log that it names, that is gone; a manifest that has lost its
        // tail.
        else expect(await judge.verdict(bed, place, true, isInStore), what).toBe('told')
      }
    }
  })
})
