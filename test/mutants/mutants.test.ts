// Goal: the suites that prove durability would notice if it was gone. Method: each seeded bug is built into the sources
// as they are loaded, the suite meant for it runs in a process of its own, and must fail by saying what is wrong.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { mutants, mutate, quickSuite } from './mutants.ts'
import type { Mutant } from './mutants.ts'

const root = join(import.meta.dirname, '..', '..')

test('each seeded bug still finds its place in the sources', () => {
  expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length)
  for (const mutant of mutants) {
    for (const { file } of mutant.edits) {
      const text = readFileSync(join(root, file), 'utf8')
      expect(mutate(text, file, mutant), mutant.name).not.toBe(text)
    }
  }
})

interface Run {
  readonly failed: boolean
  readonly output: string
}

function runSuite({ name, suite = quickSuite }: Mutant): Promise<Run> {
  const command = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--bail=1', suite]
  const env = { ...process.env, VARVE_MUTANT: name, VARVE_SKIP_BUILD: '1', VARVE_SHRINK: '0' }
  const options = { cwd: root, env, timeout: 120_000, maxBuffer: 64 << 20 }
  return new Promise((resolve) => {
    execFile(process.execPath, command, options, (error, out, err) => {
      resolve({ failed: error !== null && !error.killed, output: out + err })
    })
  })
}

describe('each seeded bug is caught', { concurrent: true }, () => {
  test.each(mutants.map((mutant) => [mutant.name, mutant] as const))(
    '%s',
    async (_, mutant) => {
      const { failed, output } = await runSuite(mutant)
      expect(failed, `not caught: ${output.slice(-2000)}`).toBe(true)
      expect(output).toMatch(/Tests .*failed/)
      expect(output).toMatch(mutant.says)
    },
    200_000,
  )
})
