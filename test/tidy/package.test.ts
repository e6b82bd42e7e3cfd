// Goal: the package is what it says. Method: package.json, the lock file and the tree are read.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..', '..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string>>

test('versions are exact', () => {
  const all = ['dependencies', 'devDependencies', 'optionalDependencies'].flatMap((part) =>
    Object.entries(manifest[part] ?? {}),
  )
  expect(all.length).toBeGreaterThan(8)
  for (const [name, version] of all) expect(version, name).toMatch(/^\d+\.\d+\.\d+$/)
})

test('no script runs before or after another by its name: with scripts off it would not', () => {
  for (const name of Object.keys(manifest['scripts']!)) expect(name).not.toMatch(/^(?:pre|post)/)
})

test('nothing is installed from elsewhere than a registry', () => {
  const lock = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { resolved?: string; hasInstallScript?: boolean }>
  }
  for (const [name, { resolved }] of Object.entries(lock.packages)) {
    expect(resolved ?? '', name).not.toMatch(/^(?:git|file|http:)/)
  }
})

test('the top level holds what it should and nothing else', () => {
  const known = [
    /^\.(?:ci|git|gitignore|npmrc|oxlintrc\.json|prettierignore|prettierrc\.json)$/,
    /^(?:src|native-free|bench|test|node_modules|dist|coverage)$/,
    /^(?:package|package-lock|tsconfig|tsconfig\.base|tsconfig\.build)\.json$/,
    /^(?:vitest\.config\.ts|README\.md|CHANGELOG\.md|LICENSE)$/,
  ]
  const strange = readdirSync(root).filter((name) => !known.some((pattern) => pattern.test(name)))
  expect(strange).toEqual([])
})
