// LZ4 blocks, decoded and made by the kernels of the package and by lz4-napi, the add-on: the same block,
// in the same run. "in place" is what a read does: the block lies in WebAssembly memory, where it was
// read, and so does what comes of it. "to an array" is from the caller's array to a new one of his,
// as the add-on does it: the way through WebAssembly memory, there and back, is part of that time.
import { createRequire } from 'node:module'
import { arena, lz4Compress, lz4Decompress } from '#kernel'
import { digestWords, expectEqual, measure } from '../support/harness.ts'
import type { Figure, FigureSpec, Size } from '../support/harness.ts'
import { bestRate } from '../support/limits.ts'
import { chance, makeTrades } from '../support/workload.ts'

const byteSizes = [2048, 16_384, 131_072] as const
const decodedBytes = { smoke: 1 << 16, full: 8 << 20 } as const

interface Napi {
  compressSync(plain: Uint8Array): Uint8Array
  uncompressSync(prefixedBlock: Uint8Array): Uint8Array
}

interface Case {
  readonly name: string
  readonly plain: Uint8Array
}

/** Prices and sizes as plain doubles, a row at a time. */
function ticksOf(bytes: number): Uint8Array {
  const rows = bytes / 16
  const { price, size } = makeTrades(rows, 31)
  const cells = new Float64Array(2 * rows)
  for (let row = 0; row < rows; row += 1) cells.set([price[row]!, size[row]!], 2 * row)
  return new Uint8Array(cells.buffer)
}

/** Lines of a log of trades. */
function textOf(bytes: number): Uint8Array {
  const { time, price, size } = makeTrades(Math.ceil(bytes / 30), 32)
  const lines = Array.from(time, (at, row) => `${at} SPY ${price[row]} x ${size[row]}\n`)
  return new TextEncoder().encode(lines.join('')).slice(0, bytes)
}

function noiseOf(bytes: number): Uint8Array {
  const next = chance(33)
  return Uint8Array.from({ length: bytes }, () => Math.floor(next() * 256))
}

const cases: readonly Case[] = byteSizes.flatMap((bytes) => [
  { name: `ticks, ${bytes >>> 10} KiB`, plain: ticksOf(bytes) },
  { name: `text, ${bytes >>> 10} KiB`, plain: textOf(bytes) },
  { name: `noise, ${bytes >>> 10} KiB`, plain: noiseOf(bytes) },
])

/** What the add-on takes: the bytes of the result, u32, before the block. */
function prefixed(block: Uint8Array, bytes: number): Uint8Array {
  const whole = Buffer.allocUnsafe(4 + block.length)
  whole.writeUInt32LE(bytes, 0)
  whole.set(block, 4)
  return whole
}

interface Places {
  readonly blockAt: number
  readonly plainAt: number
}

/** Room for the longest block and its result, claimed once. */
let places: Places | undefined

function placesOf(): Places {
  const most = Math.max(...byteSizes)
  places ??= { blockAt: arena().claim(2 * most), plainAt: arena().claim(most) }
  return places
}

interface Coders {
  readonly inPlace: () => void
  readonly toArray: () => Uint8Array
  readonly byNapi: () => Uint8Array
  readonly encode: () => Uint8Array
  readonly encodeByNapi: () => Uint8Array
}

/** All of them decode the same block, and give what it was made of. */
function codersOf({ name, plain }: Case, napi: Napi): Coders {
  const { kernels, u8 } = arena()
  const { blockAt, plainAt } = placesOf()
  const block = lz4Compress(plain)
  const whole = prefixed(block, plain.length)
  u8.set(block, blockAt)
  const coders = {
    inPlace: (): void => {
      kernels.lz4Decode(blockAt, block.length, plainAt, plain.length)
    },
    toArray: (): Uint8Array => lz4Decompress(block, plain.length).slice(),
    byNapi: (): Uint8Array => napi.uncompressSync(whole),
    encode: (): Uint8Array => lz4Compress(plain),
    encodeByNapi: (): Uint8Array => napi.compressSync(plain),
  }
  coders.inPlace()
  const inPlace = u8.slice(plainAt, plainAt + plain.length)
  for (const decoded of [inPlace, coders.toArray(), coders.byNapi()]) {
    expectEqual(Buffer.compare(decoded, plain), 0, `${name}, decoded against plain`)
  }
  return coders
}

/** Figures of all sizes and contents, and the digest of what was decoded. */
export async function lz4Figures(size: Size, runs: number) {
  const napi = createRequire(import.meta.url)('lz4-napi') as Napi
  const figures: Figure[] = []
  let digest = 0
  for (const entry of cases) {
    const { name, plain } = entry
    const { inPlace, toArray, byNapi, encode, encodeByNapi } = codersOf(entry, napi)
    digest = digestWords(toArray(), digest)
    const calls = Math.ceil(decodedBytes[size] / plain.length)
    const rateOf = (decode: () => unknown): number =>
      bestRate(plain.length * calls, () => {
        for (let call = 0; call < calls; call += 1) decode()
      })
    const [first, second] = [`LZ4 decode in place, ${name}`, `LZ4 decode to an array, ${name}`]
    const plainSpec: FigureSpec = { unit: 'B/s', better: 'more' }
    const floor = { atLeast: 1, of: 'lz4-napi' }
    const third = `LZ4 encode, ${name}`
    const specs = { [first]: { ...plainSpec, floor }, [second]: plainSpec, [third]: plainSpec }
    const found = await measure(size, runs, specs, async () => {
      const start = performance.now()
      const probes = [{ name: 'lz4-napi', value: rateOf(byNapi) }]
      const encodeProbes = [{ name: 'lz4-napi', value: rateOf(encodeByNapi) }]
      const readings = {
        [first]: { value: rateOf(inPlace), probes },
        [second]: { value: rateOf(toArray), probes },
        [third]: { value: rateOf(encode), probes: encodeProbes },
      }
      return { elapsedMs: performance.now() - start, readings }
    })
    figures.push(...found)
  }
  return { figures, digest }
}
