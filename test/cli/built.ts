// The built command line and package, as users have them. Threads, children and bins always run the
// build.
import { spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const bin = fileURLToPath(new URL('../../dist/src/cli/main.js', import.meta.url))
export const packageEntry = new URL('../../dist/src/index.js', import.meta.url).href

export interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs `varve` with those words in a process of its own. */
export function varve(...words: readonly string[]): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...words], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  return { status, stdout, stderr }
}

/** Runs `varve ... --json`, which must end with 0, and gives its document. */
export function varveJson(...words: readonly string[]): unknown {
  const { status, stdout, stderr } = varve(...words, '--json')
  if (status !== 0) throw new Error(`varve ${words.join(' ')} ended with ${status}: ${stderr}`)
  return JSON.parse(stdout)
}

export function scratchFolder(): string {
  return mkdtempSync(join(tmpdir(), 'varve-test-'))
}
