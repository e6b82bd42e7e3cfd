// Goal: the committed kernels are what their source says. Method: compile the source again with the pinned compiler and
// compare the bytes.
import { wasmBytes, wasmDeflated } from '../../native-free/simd/wasm.ts'
import { inflateRawSync } from 'node:zlib'
import { expect, test } from 'vitest'

interface Build {
  compile(): Promise<Uint8Array>
}

test('compiling again gives the committed bytes', async () => {
  const path = '../../native-free/simd/build.mjs'
  const { compile } = (await import(path)) as Build
  const compiled = await compile()
  const committed = inflateRawSync(Buffer.from(wasmDeflated.join(''), 'base64'))
  expect(committed.length).toBe(wasmBytes)
  expect(committed.equals(compiled)).toBe(true)
})
