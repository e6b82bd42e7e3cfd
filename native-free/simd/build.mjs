// Compiles the kernels: kernels.as, encode.as, narrow.as, entropy.as, fold.as, planes.as, lz4.as and what
// emit.mjs emits -> wasm.ts (deflated, base64).
//
//   node native-free/simd/build.mjs            writes wasm.ts
//   node native-free/simd/build.mjs --check    exit code 1 where wasm.ts is not what this would write
import { readFileSync, writeFileSync } from 'node:fs'
import { deflateRawSync } from 'node:zlib'
import { main } from 'assemblyscript/asc'
import { emit } from './emit.mjs'

const at = (name) => new URL(name, import.meta.url)

const parts = ['kernels', 'encode', 'narrow', 'entropy', 'fold', 'planes', 'lz4']

export async function compile() {
  const written = parts.map((name) => readFileSync(at(`${name}.as`), 'utf8'))
  const source = [...written, emit()].join('\n')
  let wasm
  const words = '--enable simd --runtime stub -O3 --noAssert --importMemory --outFile kernels.wasm'
  const { error, stderr } = await main(['kernels.ts', ...words.split(' ')], {
    readFile: (name) => (name === 'kernels.ts' ? source : null),
    writeFile: (name, contents) => {
      if (name === 'kernels.wasm') wasm = contents
    },
    listFiles: () => [],
  })
  if (error) throw new Error(stderr.toString())
  return wasm
}

/** The text of wasm.ts. Deflated bytes depend on zlib's version, so the check compares what they inflate to. */
export function moduleText(wasm) {
  const text = deflateRawSync(wasm, { level: 9 }).toString('base64')
  const lines = text.match(/.{1,112}/g).map((line) => `  '${line}',`)
  return [
    '// Written by build.mjs: the compiled kernels, deflated, in base64. Do not edit.',
    `export const wasmBytes = ${wasm.length}`,
    'export const wasmDeflated: readonly string[] = [',
    ...lines,
    ']',
    '',
  ].join('\n')
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const wasm = await compile()
  writeFileSync(at('wasm.ts'), moduleText(wasm))
  process.stdout.write(`${wasm.length} bytes\n`)
}
