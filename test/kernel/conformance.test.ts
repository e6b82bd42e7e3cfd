// Goal: every implementation of a kernel job does the same job.
// Method: one suite of published vectors, properties and damage over all of them, each against
// each; damage is counted with fixed seeds, so that a failure repeats itself.
import * as fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { VarveError } from '#base'
import {
  hash32,
  hash64,
  kernelInfo,
  loadKernels,
  lz4Compress,
  lz4Decompress,
  sha256,
} from '#kernel'
import type { HashKernel, Lz4Kernel } from '#kernel'
import { arena } from '../../src/kernel/arena.ts'
import { arenaHash, loadWasmHash, typescriptHash } from '../../src/kernel/hash.ts'
import { loadNativeLz4, typescriptLz4, wasmLz4 } from '../../src/kernel/lz4.ts'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

/** The generator of xxHash's own sanity check: bytes that depend on their place alone. */
function sanityBytes(count: number): Uint8Array {
  const bytes = new Uint8Array(count)
  let state = 2654435761n
  for (let index = 0; index < count; index++) {
    bytes[index] = Number(state >> 56n)
    state = BigInt.asUintN(64, state * 11400714785074694797n)
  }
  return bytes
}

// From xxHash's documentation and tests (cli/xsum_sanity_check.c, XSUM_XXH64_testdata).
const prime32 = 2654435761n
const published: [string, Uint8Array, bigint, bigint][] = [
  ['nothing', text(''), 0n, 0xef46db3751d8e999n],
  ['a', text('a'), 0n, 0xd24ec4f1a98c6e5bn],
  ['abc', text('abc'), 0n, 0x44bc2cf5ad770999n],
  ['nothing, seeded', text(''), prime32, 0xac75fda2929b17efn],
  ['1 byte', sanityBytes(1), 0n, 0xe934a84adb052768n],
  ['1 byte, seeded', sanityBytes(1), prime32, 0x5014607643a9b4c3n],
  ['4 bytes', sanityBytes(4), 0n, 0x9136a0dca57457een],
  ['14 bytes', sanityBytes(14), 0n, 0x8282dcc4994e35c8n],
  ['14 bytes, seeded', sanityBytes(14), prime32, 0xc3bd6bf63deb6df0n],
  ['222 bytes', sanityBytes(222), 0n, 0xb641ae8cb691c174n],
  ['222 bytes, seeded', sanityBytes(222), prime32, 0x20cb8ab7ae10c14an],
]

let hashes: Record<string, HashKernel>
beforeAll(async () => {
  await loadKernels()
  hashes = {
    typescript: typescriptHash,
    wasm: await loadWasmHash(),
    arena: arenaHash(typescriptHash),
    chosen: { hash64, hash32 },
  }
})

describe.each(['typescript', 'wasm', 'arena', 'chosen'])('hash by %s', (name) => {
  it.each(published)('gives the published value for %s', (_, bytes, seed, expected) => {
    expect(hashes[name]!.hash64(bytes, seed)).toBe(expected)
    if (seed === 0n) {
      expect(hashes[name]!.hash64(bytes)).toBe(expected)
      expect(hashes[name]!.hash32(bytes)).toBe(Number(expected & 0xffffffffn))
    }
  })

  it('is the TypeScript one, for any bytes, seed and place in a buffer', () => {
    const bytes = fc.uint8Array({ maxLength: 300 })
    const seed = fc.bigInt({ min: -(1n << 63n), max: (1n << 64n) - 1n })
    fc.assert(
      fc.property(bytes, seed, fc.nat(9), (bytes, seed, shift) => {
        const moved = new Uint8Array(bytes.length + shift + 3).fill(0xa5)
        moved.set(bytes, shift)
        const view = moved.subarray(shift, shift + bytes.length)
        expect(hashes[name]!.hash64(view, seed)).toBe(typescriptHash.hash64(bytes, seed))
        expect(hashes[name]!.hash32(view)).toBe(typescriptHash.hash32(bytes))
      }),
      { numRuns: 300 },
    )
  })

  it('is the TypeScript one at every length around the stripes, and at a large one', () => {
    for (const length of [...Array(200).keys(), 4095, 4096, 4097, 1 << 20]) {
      const bytes = sanityBytes(Math.min(length, 5000))
      const whole = new Uint8Array(length)
      for (let at = 0; at < length; at += bytes.length) {
        whole.set(bytes.subarray(0, length - at), at)
      }
      expect(hashes[name]!.hash64(whole, 7n)).toBe(typescriptHash.hash64(whole, 7n))
    }
  })
})

const lz4s: Record<string, Lz4Kernel> = {
  typescript: typescriptLz4,
  native: loadNativeLz4(),
  wasm: wasmLz4(),
  chosen: { compress: lz4Compress, decompress: lz4Decompress },
}

const farBytes = sanityBytes(65_536)

const samples: Record<string, Uint8Array> = {
  nothing: text(''),
  'one byte': text('a'),
  '12 equal bytes': new Uint8Array(12).fill(7),
  '13 equal bytes': new Uint8Array(13).fill(7),
  '100,000 equal bytes': new Uint8Array(100_000).fill(7),
  'sanity bytes': sanityBytes(70_000),
  'a period of 3': Uint8Array.from({ length: 1000 }, (_, index) => index % 3),
  'a period past the farthest match': Uint8Array.from(
    { length: 200_000 },
    (_, index) => farBytes[index % 65_536]!,
  ),
  prices: new Uint8Array(
    Int32Array.from({ length: 8000 }, (_, index) => 100_000 + ((index * 7919) % 50)).buffer,
  ),
}

/** Bytes with repeats of every kind: literals, near and far copies, runs. */
const repetitive = fc
  .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(60)), { maxLength: 30 })
  .map((parts) => {
    const all: number[] = []
    for (const [bytes, again] of parts) {
      all.push(...bytes)
      const from = Math.max(0, all.length - 1 - again * 7)
      for (let copy = 0; copy < again; copy++) all.push(all[from + copy]!)
    }
    return Uint8Array.from(all)
  })

function codeOf(run: () => unknown): string {
  try {
    run()
  } catch (error) {
    if (error instanceof VarveError) return error.code
    throw error
  }
  return 'none'
}

const pairs = Object.keys(lz4s).flatMap((from) => Object.keys(lz4s).map((to) => [from, to]))

describe.each(pairs)('lz4 written by %s, read by %s', (from, to) => {
  const writer = lz4s[from!]!
  const reader = lz4s[to!]!

  it.each(Object.keys(samples))('gives back %s', (name) => {
    const source = samples[name]!
    const block = writer.compress(source)
    expect(block).not.toBeInstanceOf(Buffer)
    const back = reader.decompress(block, source.length)
    expect(back).not.toBeInstanceOf(Buffer)
    expect(Buffer.compare(back, source)).toBe(0)
  })

  it('gives back anything', () => {
    fc.assert(
      fc.property(repetitive, (source) => {
        const back = reader.decompress(writer.compress(source), source.length)
        expect(Buffer.compare(back, source)).toBe(0)
      }),
      { numRuns: 150 },
    )
  })
})

describe.each(Object.keys(lz4s))('lz4 by %s', (name) => {
  const kernel = lz4s[name]!

  it('shrinks what repeats', () => {
    expect(kernel.compress(samples['100,000 equal bytes']!).length).toBeLessThan(500)
    expect(kernel.compress(samples['prices']!).length).toBeLessThan(12_000)
  })

  it('takes bytes that lie where kernels work', () => {
    const source = samples['prices']!
    const { u8, claim } = arena()
    const at = claim(source.length)
    const within = u8.subarray(at, at + source.length)
    within.set(source)
    const block = kernel.compress(within)
    expect(Buffer.compare(kernel.decompress(block, source.length), source)).toBe(0)
    within.fill(0).set(block)
    const back = kernel.decompress(within.subarray(0, block.length), source.length)
    expect(Buffer.compare(back, source)).toBe(0)
  })

  it('refuses a wrong length, above and below', () => {
    const block = kernel.compress(samples['prices']!)
    const size = samples['prices']!.length
    for (const expected of [0, 1, size - 1, size + 1, size * 2]) {
      expect(codeOf(() => kernel.decompress(block, expected))).toBe('ERR_CORRUPT')
    }
  })

  it('refuses lengths no block can have before allocating them', () => {
    const block = kernel.compress(text('abc'))
    for (const expected of [-1, 0.5, Number.NaN, 2000, 2 ** 31, 2 ** 32 + 3, 2 ** 53, Infinity]) {
      expect(codeOf(() => kernel.decompress(block, expected))).toBe('ERR_CORRUPT')
    }
  })

  it('refuses an empty block', () => {
    expect(codeOf(() => kernel.decompress(new Uint8Array(0), 0))).toBe('ERR_CORRUPT')
  })

  it('refuses every truncation', () => {
    const source = samples['prices']!.subarray(0, 2000)
    const block = kernel.compress(source)
    for (let length = 0; length < block.length; length++) {
      const run = (): unknown => kernel.decompress(block.subarray(0, length), source.length)
      expect(codeOf(run)).toBe('ERR_CORRUPT')
    }
  })

  it('ends with exactly the bytes asked for, or ERR_CORRUPT, whatever the block', () => {
    const source = samples['prices']!.subarray(0, 3000)
    const valid = kernel.compress(source)
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(valid.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (changes) => {
          const block = valid.slice()
          for (const [at, value] of changes) block[at] = value
          const size = source.length
          let back: Uint8Array | undefined
          const code = codeOf(() => (back = kernel.decompress(block, size)))
          expect(['none', 'ERR_CORRUPT']).toContain(code)
          if (code === 'none') expect(back?.length).toBe(size)
        },
      ),
      { numRuns: 400 },
    )
  })

  it('survives noise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(2000), (block, size) => {
        expect(['none', 'ERR_CORRUPT']).toContain(codeOf(() => kernel.decompress(block, size)))
      }),
      { numRuns: 400 },
    )
  })
})

describe('sha256', () => {
  it('gives the published values (FIPS 180-4), in one piece or several', () => {
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    expect(hex(sha256().update(text('abc')).digest())).toBe(abc)
    expect(hex(sha256().update(text('a')).update(text('bc')).digest())).toBe(abc)
    const nothing = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    expect(hex(sha256().digest())).toBe(nothing)
    expect(sha256().digest()).not.toBeInstanceOf(Buffer)
  })
})

describe('selection', () => {
  it('says what it chose', () => {
    const info = kernelInfo()
    expect(info['hash']).toBe('wasm')
    expect(info['lz4']).toBe('wasm')
    expect(['native', 'flock', 'lease']).toContain(info['lock'])
    expect(info['simd']).toBe('wasm')
    expect(['mmap', 'read']).toContain(info['map'])
  })

  it('is made once', () => {
    expect(loadKernels()).toBe(loadKernels())
  })
})
