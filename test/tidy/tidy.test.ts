// Goal: the house keeps its own rules. Method: every source file is read and checked; each check is also fed a sentence
// that must fail, so that a check that cannot fail is noticed.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  badFileNames,
  bannedWords,
  codeOf,
  forbiddenImports,
  shapeProblems,
  tableProblems,
} from './checks.ts'
import type { SourceFile } from './checks.ts'
import { rooms } from './rooms.ts'

const root = join(import.meta.dirname, '..', '..')

function filesBelow(directory: string): string[] {
  return readdirSync(join(root, directory), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
}

function sourcesBelow(directory: string): SourceFile[] {
  return filesBelow(directory)
    .filter((path) => path.endsWith('.ts'))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

const sources = sourcesBelow('src')
const nativeFree = sourcesBelow('native-free')

describe('rooms', () => {
  test('the table is an order', () => {
    expect(tableProblems(rooms)).toEqual([])
    expect(tableProblems({ low: ['high'], high: [] })).toEqual(['low imports high upwards'])
  })

  test('every room on disk is in the table, has one door, and the other way round', () => {
    const onDisk = readdirSync(join(root, 'src'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name)
    expect(onDisk.toSorted()).toEqual(Object.keys(rooms).toSorted())
    for (const room of onDisk.filter((name) => name !== 'cli')) {
      expect(
        sources.some(({ path }) => path === `src/${room}/index.ts`),
        room,
      ).toBe(true)
    }
  })

  test('rooms import downwards only, through doors', () => {
    expect(sources.flatMap(forbiddenImports)).toEqual([])
    const upwards = { path: 'src/codec/x.ts', text: "import { open } from '#store'" }
    const deep = { path: 'src/store/x.ts', text: "import { a } from '#codec/encode'" }
    const wall = { path: 'src/store/x.ts', text: "import { a } from '../codec/encode.ts'" }
    const foreign = { path: 'src/store/x.ts', text: "import x from 'lz4-napi'" }
    for (const bad of [upwards, deep, wall, foreign]) expect(forbiddenImports(bad)).toHaveLength(1)
  })

  test('native-free imports nothing of ours and nothing native', () => {
    const imports = nativeFree.flatMap(({ path, text }) =>
      [...text.matchAll(/from '([^']+)'/g)].map((match) => `${path}: ${match[1]!}`),
    )
    expect(imports.filter((line) => !/: (?:\.{1,2}\/|node:)/.test(line))).toEqual([])
  })
})

describe('words', () => {
  test('files, clocks, chance, timers and consoles are where they belong', () => {
    expect(sources.flatMap(bannedWords)).toEqual([])
    const bad = [
      "import { readFileSync } from 'node:fs'",
      'const now = Date.now()',
      'const x = Math.random()',
      'setTimeout(() => {}, 1)',
      'console.log(1)',
      "export * from './a.ts'",
      'try { a() } catch {}',
      '// @ts-ignore\nconst a = 1'.replace('//', '/**/ const b = "@ts-ignore"; //'),
    ]
    for (const text of bad) {
      expect(bannedWords({ path: 'src/store/x.ts', text }), text).toHaveLength(1)
    }
    expect(codeOf('a // Date.now\n/* Math.random */ b')).not.toMatch(/Date|Math/)
  })
})

describe('shape', () => {
  test('files are short, narrow, ASCII and say what they are', () => {
    expect([...sources, ...nativeFree].flatMap(shapeProblems)).toEqual([])
    const long = { path: 'src/a/b.ts', text: `// x\n${'a\n'.repeat(700)}` }
    const wide = { path: 'src/a/b.ts', text: `// ${'x'.repeat(200)}` }
    const odd = { path: 'src/a/b.ts', text: '// caf\u00e9' }
    const bare = { path: 'src/a/b.ts', text: 'const a = 1' }
    for (const bad of [long, wide, odd, bare]) expect(shapeProblems(bad)).toHaveLength(1)
  })

  test('file names are nouns of the field', () => {
    expect(badFileNames(filesBelow('src'))).toEqual([])
    expect(badFileNames(['src/a/utils.ts', 'src/a/Big.ts'])).toHaveLength(2)
  })
})
