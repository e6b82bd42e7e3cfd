// Child processes of the build that work on one store, and what is asked of the store when they are gone.
import { spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { column, defineKind } from '#schema'
import type { ReadStore } from '#store'
import { seededRandom } from '../support/manual-env.ts'

/** As beside-rows.mjs has it. */
export const tick = defineKind('tick', { columns: { value: column.i64(), noise: column.i32() } })
const start = 1_700_000_000_000_000_000n
const stepNs = 4_000_000_000n

function noiseOf(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

export const rowOf = (value: number): { time: bigint; value: number; noise: number } => ({
  time: start + BigInt(value ^ 7) * stepNs,
  value,
  noise: noiseOf(value),
})

/** How many rows both series hold: the rows below that number, each once, each as it was given. */
export function rowsIn(store: Pick<ReadStore, 'series'>): number {
  const [a, b] = ['A', 'B'].map((symbol) => store.series(tick, symbol).range())
  const { value, noise, time } = a!.columns
  const isThere = new Uint8Array(value.length)
  let before = -1n
  let wrong = 0
  for (let row = 0; row < value.length; row += 1) {
    const number = Number(value[row])
    const expected = rowOf(number)
    if (expected.time !== time[row] || expected.noise !== noise[row] || time[row]! <= before)
      wrong++
    before = time[row]!
    isThere[number] = 1
  }
  expect({ wrong, missing: isThere.indexOf(0) }).toEqual({ wrong: 0, missing: -1 })
  expect(b!.columns).toEqual(a!.columns)
  return value.length
}

const children = new Set<Child>()

/** Kills what is still there: for afterEach. */
export async function killChildren(): Promise<void> {
  for (const child of children) child.process.kill('SIGKILL')
  await Promise.all(Array.from(children, ({ ended }) => ended))
  children.clear()
}

export interface ChildOptions {
  readonly env?: Readonly<Record<string, string>>
  /** A program, with its arguments, that runs Node in its own way. */
  readonly through?: readonly string[]
}

/** One of the scripts beside this file, on a store, listened to line by line. */
export class Child {
  readonly process: ChildProcessWithoutNullStreams
  readonly ended: Promise<unknown>
  readonly lines: string[] = []
  complained = ''
  #rest = ''

  constructor(script: string, path: string, args: readonly string[], options: ChildOptions = {}) {
    const file = fileURLToPath(new URL(script, import.meta.url))
    const words = [...(options.through ?? []), process.execPath, file, path, ...args]
    this.process = spawn(words[0]!, words.slice(1), { env: { ...process.env, ...options.env } })
    this.ended = once(this.process, 'close')
    this.process.stdout.on('data', (bytes: Buffer) => {
      const lines = (this.#rest + bytes.toString('latin1')).split('\n')
      // The last line may be cut by a kill: it does not count.
      this.#rest = lines.pop()!
      for (const line of lines) this.lines.push(line)
    })
    this.process.stderr.on('data', (bytes: Buffer) => (this.complained += bytes.toString('latin1')))
    children.add(this)
  }

  get isRunning(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null
  }

  /** Waits for a line, among those after the first `from`, that starts with the word. */
  async line(word: string, from = 0): Promise<string> {
    for (let at = from; ; at += 1) {
      while (at >= this.lines.length) {
        if (!this.isRunning) await this.#failed(word)
        await Promise.race([once(this.process.stdout, 'data'), this.ended])
      }
      if (this.lines[at]!.startsWith(word)) return this.lines[at]!
    }
  }

  async #failed(word: string): Promise<never> {
    await this.ended
    const { exitCode, signalCode } = this.process
    const how = signalCode ?? `code ${exitCode}`
    throw new Error(`no '${word}', the child ended (${how}): ${this.complained}`)
  }

  /** The numbers after a word, in the order in which they were said. */
  numbers(word: string): number[] {
    const lines = this.lines.filter((line) => line.startsWith(`${word} `))
    return lines.map((line) => Number(/ (\d+)/.exec(line)![1]))
  }

  /** The highest number of rows that were acknowledged. */
  get acknowledged(): number {
    return this.numbers('ack').reduce((highest, number) => Math.max(highest, number), 0)
  }

  /** How many rows it had appended when it said its last line, as far as that tells. */
  get taken(): number {
    return Math.max(...['start', 'ack', 'refused'].flatMap((word) => this.numbers(word)))
  }

  /** Waits until it is refused such a thing from now on: 'append', 'seal'. */
  async refused(what: string): Promise<string> {
    for (let at = this.lines.length; ; at += 1) {
      const line = await this.line('refused', at)
      if (line.endsWith(` ${what}`)) return line
    }
  }

  /** Waits until so many rows are acknowledged. */
  async acknowledges(rows: number): Promise<void> {
    for (let at = this.lines.length; ; at += 1) {
      const line = await this.line('ack', at)
      if (Number(line.split(' ')[1]) >= rows) return
    }
  }

  /** How often it did a thing: 'seal', 'compact', 'snapshot'. */
  did(what: string): number {
    return this.lines.filter((line) => line === `did ${what}`).length
  }

  /** How often each word of refusal was said: 'ERR_IO append'. */
  get refusals(): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const line of this.lines) {
      const [word, , code, what] = line.split(' ')
      if (word !== 'refused') continue
      const name = `${code} ${what}`
      counts[name] = (counts[name] ?? 0) + 1
    }
    return counts
  }

  async kill(): Promise<void> {
    this.process.kill('SIGKILL')
    await this.ended
    children.delete(this)
    // It must have been the kill: a child that ends by itself has found something.
    expect({ complained: this.complained, signal: this.process.signalCode }).toEqual({
      complained: '',
      signal: 'SIGKILL',
    })
  }

  async stop(): Promise<void> {
    this.process.kill('SIGTERM')
    await this.ended
    children.delete(this)
    expect({ complained: this.complained, code: this.process.exitCode }).toEqual({
      complained: '',
      code: 0,
    })
  }
}

export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms))

/** Moments are drawn from the seed; what a process does by then is not. */
export const chance = seededRandom(Number(process.env['VARVE_SEED'] ?? 1))

/** What a suite went through, for the summary of a deep run. */
export function covered(count: number, what: string): void {
  process.stdout.write(`covered: ${count} ${what}\n`)
}
