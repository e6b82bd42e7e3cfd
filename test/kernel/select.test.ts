// Goal: the choice of implementations follows the environment and what can be loaded, and is told.
// Method: fresh copies of the room in different surroundings; what was loaded is read from the
// require cache and from the process's own map of shared objects.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const require = createRequire(import.meta.url)

function isLoaded(name: string): boolean {
  return Object.keys(require.cache).some((path) => path.includes(`/node_modules/${name}/`))
}

beforeEach(() => {
  vi.resetModules()
  // Whatever the surroundings say: each test has its own.
  vi.stubEnv('VARVE_NATIVE', 'on')
})
afterEach(() => {
  vi.unstubAllEnvs()
  vi.unstubAllGlobals()
  vi.doUnmock('xxhash-wasm')
  vi.doUnmock('node:module')
})

describe('VARVE_NATIVE=off', () => {
  it('loads no add-on, and does every job', async () => {
    vi.stubEnv('VARVE_NATIVE', 'off')
    const kernel = await import('#kernel')
    await kernel.loadKernels()
    const info = kernel.kernelInfo()
    expect(info).toMatchObject({ lz4: 'wasm', hash: 'wasm', simd: 'wasm', map: 'read' })
    expect(['flock', 'lease']).toContain(info['lock'])
    expect(kernel.kernelInfo()).toEqual(info)
    const block = kernel.lz4Compress(text('abcabcabcabcabcabcabcabcabcabc'))
    expect(kernel.lz4Decompress(block, 30)).toEqual(text('abcabcabcabcabcabcabcabcabcabc'))
    expect(isLoaded('lz4-napi')).toBe(false)
    expect(isLoaded('fs-native-extensions')).toBe(false)
    expect(isLoaded('koffi')).toBe(false)
    if (process.platform === 'linux') {
      const maps = readFileSync('/proc/self/maps', 'utf8')
      expect(maps).not.toMatch(/lz4-napi|fs-native-extensions|koffi/)
    }
  })
})

describe('before loadKernels', () => {
  it('the TypeScript twins do the work', async () => {
    const kernel = await import('#kernel')
    expect(kernel.kernelInfo()).toMatchObject({ lz4: 'typescript', hash: 'typescript' })
    expect(kernel.hash64(text('abc'))).toBe(0x44bc2cf5ad770999n)
    const before = kernel.lz4Compress(new Uint8Array(1000))
    await kernel.loadKernels()
    expect(kernel.kernelInfo()).toMatchObject({ hash: 'wasm' })
    expect(kernel.hash64(text('abc'))).toBe(0x44bc2cf5ad770999n)
    expect(kernel.lz4Decompress(before, 1000)).toEqual(new Uint8Array(1000))
  })
})

describe('what cannot be loaded', () => {
  it('is replaced, and the reason is told', async () => {
    vi.stubGlobal('WebAssembly', undefined)
    vi.doMock('node:module', () => ({
      createRequire: () => (name: string) => {
        throw new Error(`no build of ${name}\nsecond line`)
      },
    }))
    // What a package throws need not be an Error.
    vi.doMock('xxhash-wasm', () => ({
      default: () => {
        throw 'not here' // oxlint-disable-line no-throw-literal
      },
    }))
    const kernel = await import('#kernel')
    await kernel.loadKernels()
    expect(kernel.kernelInfo()).toMatchObject({
      lz4: 'typescript',
      lz4Reason: 'no build of lz4-napi',
      simd: 'scalar',
      simdReason: expect.stringContaining('Memory') as string,
      hash: 'typescript',
      hashReason: 'not here',
      lockReason: 'no build of fs-native-extensions',
      map: 'read',
      mapReason: 'no build of koffi',
    })
    expect(kernel.hash32(text('abc'))).toBe(0xad770999)
    const block = kernel.lz4Compress(text('abcabcabcabcabcabcabcabcabcabc'))
    expect(kernel.lz4Decompress(block, 30)).toEqual(text('abcabcabcabcabcabcabcabcabcabc'))
  })

  it('is native where it can be', async () => {
    vi.stubGlobal('WebAssembly', undefined)
    const kernel = await import('#kernel')
    await kernel.loadKernels()
    expect(kernel.kernelInfo()).toMatchObject({ lz4: 'native', simd: 'scalar' })
    expect(isLoaded('lz4-napi')).toBe(true)
    const { kernels, u32, claim } = kernel.arena()
    const [slots, packed] = [claim(512), claim(512)]
    u32.fill(5, slots >>> 2, (slots >>> 2) + 128)
    kernels.pack(3, slots, 1, 0, packed)
    kernels.sum(3, packed, 1, slots)
    expect(u32[slots >>> 2]).toBe(640)
  })
})

describe('the choice of this machine', () => {
  it.skipIf(process.platform !== 'linux' || process.arch !== 'x64')(
    'is wasm for bytes, native for the rest',
    async () => {
      const kernel = await import('#kernel')
      await kernel.loadKernels()
      expect(kernel.kernelInfo()).toMatchObject({
        lz4: 'wasm',
        simd: 'wasm',
        hash: 'wasm',
        lock: 'native',
        map: 'mmap',
      })
      // What the test of VARVE_NATIVE=off looks for can be seen here.
      expect(isLoaded('fs-native-extensions')).toBe(true)
      expect(isLoaded('koffi')).toBe(true)
      const maps = readFileSync('/proc/self/maps', 'utf8')
      expect(maps).toMatch(/koffi/)
    },
  )

  it('names flock(1) where that is all there is', async () => {
    vi.stubEnv('VARVE_NATIVE', 'off')
    const hasFlock = spawnSync('flock', ['--version']).error === undefined
    const kernel = await import('#kernel')
    expect(kernel.kernelInfo()['lock']).toBe(hasFlock ? 'flock' : 'lease')
  })
})
