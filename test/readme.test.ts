// Goal: the README is true. Method: its first block runs as pasted, its second compiles, its tables equal the code, its
// links lead somewhere.
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { VarveError, errorCodes } from '#base'
import type { ErrorCode } from '#base'

const root = join(import.meta.dirname, '..')
const readme = readFileSync(join(root, 'README.md'), 'utf8')
const folder = mkdtempSync(join(tmpdir(), 'varve-readme-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function block(language: string): string {
  const match = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(readme)
  return match?.[1] ?? ''
}

/** A folder in which `varve` is installed. */
function withPackage(): void {
  if (existsSync(join(folder, 'node_modules'))) return
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules', 'varve'), 'dir')
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
}

test('the first block has at most 20 lines and runs as pasted', () => {
  withPackage()
  const code = block('js')
  expect(code.trim().split('\n').length).toBeLessThanOrEqual(20)
  writeFileSync(join(folder, 'first.mjs'), code)
  const output = execFileSync(process.execPath, ['first.mjs'], { cwd: folder, encoding: 'utf8' })
  expect(output).toContain('3 Float64Array(3) [ 512.34, 512.35, 512.36 ]')
  expect(output).toContain('2024-03-15T13:30:02Z 512.36')
  expect(output).toMatch(/^[0-9a-f]{64} 3$/m)
})

test('the second block compiles as TypeScript', () => {
  withPackage()
  writeFileSync(join(folder, 'second.ts'), block('ts'))
  const words =
    '--noEmit --strict --module nodenext --target es2023 --skipLibCheck --types node ' +
    '--lib es2023,esnext.disposable --ignoreConfig --typeRoots'
  const files = [join(root, 'node_modules/@types'), 'second.ts']
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  execFileSync(process.execPath, [tsc, ...words.split(' '), ...files], {
    cwd: folder,
    encoding: 'utf8',
  })
})

test('the table of errors and the codes are equal', () => {
  const rows = [...readme.matchAll(/^\| `(ERR_\w+)` \| (.*?) \| (yes|no) \|$/gm)]
  const documented = rows.map(([, code, meaning, retryable]) => ({ code, meaning, retryable }))
  const actual = Object.entries(errorCodes).map(([code, meaning]) => ({
    code,
    meaning,
    retryable: new VarveError(code as ErrorCode, '').retryable ? 'yes' : 'no',
  }))
  expect(documented).toEqual(actual)
})

test.each([
  'README.md',
  'src/README.md',
  ...['codec', 'segment', 'wal', 'manifest', 'ingest', 'cli'].map(
    (room) => `src/${room}/README.md`,
  ),
  'native-free/README.md',
  'test/README.md',
])('links of %s lead to files', (path) => {
  const text = readFileSync(join(root, path), 'utf8')
  const links = [...text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map((match) => match[1]!)
  for (const link of links.filter((each) => !/^https?:/.test(each))) {
    expect(existsSync(join(root, dirname(path), link)), `${path}: ${link}`).toBe(true)
  }
})
