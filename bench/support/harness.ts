// How a bench measures: a scenario is repeated, every run gives readings, and every reading
// stands beside probes taken in the same run. What is reported is the median of the runs, as it
// is and as a ratio to the median of each probe. tinybench drives the repetition; durations that
// include preparing and checking are overridden by the measured part.
import { Bench } from 'tinybench'
import type { Probe } from './probes.ts'

export type Size = 'smoke' | 'full'

/** What run(size) may be told on top. */
export interface RunOptions {
  /** Runs of every scenario. @default 5 at full size, 1 at smoke size */
  readonly runs?: number
  /** Stores are made, and removed, below it. @default the folder of temporary files */
  readonly folder?: string
  /** Folder of real market data, see workload.ts. @default none */
  readonly data?: string
}

/** A bound of a figure. With `of` it bounds the ratio to the probe of that name, else the figure. */
export interface Floor {
  readonly atLeast?: number
  readonly atMost?: number
  readonly of?: string
}

/** What a figure means; its readings come from the runs. */
export interface FigureSpec {
  readonly unit: string
  readonly better: 'more' | 'less'
  /** All of them are to be met. */
  readonly floor?: Floor | readonly Floor[]
}

/** One figure in one run. */
export interface Reading {
  readonly value: number
  /** Taken in the same run, in the unit of the value. */
  readonly probes?: readonly Probe[]
}

export interface ProbeSummary {
  readonly name: string
  readonly median: number
  /** Median of value / probe, run by run. */
  readonly ratio: number
  readonly samples: readonly number[]
}

export interface Figure extends FigureSpec {
  readonly name: string
  readonly median: number
  /** Median distance of the runs from their median. */
  readonly deviation: number
  readonly samples: readonly number[]
  readonly probes: readonly ProbeSummary[]
  /** 'none': the figure has no floor. At smoke size floors mean nothing and are not judged. */
  readonly verdict: 'ok' | 'BELOW' | 'none'
}

export interface BenchResult {
  readonly bench: string
  readonly size: Size
  readonly runs: number
  readonly figures: readonly Figure[]
  /** Of the answers, 8 hex digits: the same for the same size on every machine. */
  readonly digest: string
  /** Facts beside the figures: rows, bytes, counters. */
  readonly notes: Readonly<Record<string, number | string>>
}

/** What one run of a scenario gives. */
export interface Outcome<Name extends string> {
  /** Of the part that counts; the rest of the run was preparation and proof. */
  readonly elapsedMs: number
  readonly readings: Readonly<Record<Name, Reading>>
}

export function runsOf(size: Size, options: RunOptions): number {
  return options.runs ?? (size === 'full' ? 5 : 1)
}

/** Throws what an answer that is not the expected one deserves: its rate means nothing. */
export function expectEqual(actual: unknown, expected: unknown, what: string): void {
  if (Object.is(actual, expected)) return
  throw new Error(`${what}: expected ${String(expected)}, got ${String(actual)}`)
}

/** The middle of the samples, the mean of the two middle ones where their count is even. */
export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length % 2 === 1) return sorted[middle]!
  return (sorted[middle - 1]! + sorted[middle]!) / 2
}

export function deviationOf(samples: readonly number[]): number {
  const center = median(samples)
  return median(samples.map((sample) => Math.abs(sample - center)))
}

/** The sample below which a share `quantile` of them lies. Sorts the array. */
export function quantileOf(samples: Float64Array, quantile: number): number {
  samples.sort()
  return samples[Math.min(samples.length - 1, Math.floor(samples.length * quantile))]!
}

export function floorsOf({ floor }: Pick<FigureSpec, 'floor'>): readonly Floor[] {
  if (floor === undefined) return []
  return 'length' in floor ? floor : [floor]
}

function isMet({ atLeast, atMost }: Floor, value: number): boolean {
  const isLow = atLeast !== undefined && !(value >= atLeast)
  const isHigh = atMost !== undefined && !(value <= atMost)
  return !isLow && !isHigh
}

/** Whether a value, and its ratios to probes, meet all floors. */
export function judge(
  value: number,
  probes: readonly Pick<ProbeSummary, 'name' | 'ratio'>[],
  floors: readonly Floor[],
): Figure['verdict'] {
  if (floors.length === 0) return 'none'
  const bounded = ({ of }: Floor): number => {
    if (of === undefined) return value
    const probe = probes.find(({ name }) => name === of)
    if (probe === undefined) throw new Error(`a floor beside ${of}, which was not taken`)
    return probe.ratio
  }
  return floors.every((floor) => isMet(floor, bounded(floor))) ? 'ok' : 'BELOW'
}

function probesOf(readings: readonly Reading[]): ProbeSummary[] {
  const first = readings[0]?.probes ?? []
  return first.map(({ name }, index) => {
    const samples = readings.map(({ probes }) => probes?.[index]?.value ?? NaN)
    const ratios = readings.map(({ value }, run) => value / samples[run]!)
    return { name, median: median(samples), ratio: median(ratios), samples }
  })
}

function figureOf(
  name: string,
  spec: FigureSpec,
  readings: readonly Reading[],
  size: Size,
): Figure {
  const samples = readings.map(({ value }) => value)
  const middle = median(samples)
  const probes = probesOf(readings)
  const verdict = judge(middle, probes, floorsOf(spec))
  return {
    name,
    ...spec,
    median: middle,
    deviation: deviationOf(samples),
    samples,
    probes,
    verdict: size === 'full' ? verdict : 'none',
  }
}

/**
 * Runs a scenario `runs` times and gives one figure a spec, in the order of `specs`.
 * `scenario` prepares, measures, proves and cleans up; it rejects where an answer was wrong.
 */
export async function measure<Name extends string>(
  size: Size,
  runs: number,
  specs: Readonly<Record<Name, FigureSpec>>,
  scenario: (run: number) => Promise<Outcome<Name>>,
): Promise<Figure[]> {
  const outcomes: Outcome<Name>[] = []
  const bench = new Bench({ iterations: runs, time: 0, warmup: false, throws: true })
  const task = async (): Promise<{ overriddenDuration: number }> => {
    const outcome = await scenario(outcomes.length)
    outcomes.push(outcome)
    return { overriddenDuration: outcome.elapsedMs }
  }
  bench.add('scenario', task, { async: true })
  await bench.run()
  expectEqual(outcomes.length, runs, 'runs of a scenario')
  return (Object.keys(specs) as Name[]).map((name) =>
    figureOf(
      name,
      specs[name],
      outcomes.map(({ readings }) => readings[name]),
      size,
    ),
  )
}

/** Milliseconds that `work` takes. */
export function timed(work: () => void): number {
  const start = performance.now()
  work()
  return performance.now() - start
}

/** A turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resume) => {
    setImmediate(resume)
  })
}

const digestFirst = 0x811c9dc5

/** Digest of 32-bit words, FNV-1a word by word; `from` continues another. */
export function digestWords(words: ArrayBufferView, from: number = digestFirst): number {
  const count = words.byteLength >>> 2
  const view = new Int32Array(words.buffer, words.byteOffset, count)
  let digest = from
  for (let index = 0; index < count; index += 1) {
    digest = Math.imul(digest ^ view[index]!, 0x01000193)
  }
  return digest
}

/** Digest of any columns of 4 or 8 byte values, one after the other. */
export function digestOf(columns: readonly ArrayBufferView[]): number {
  return columns.reduce((digest, column) => digestWords(column, digest), digestFirst)
}

export function hexOf(digest: number): string {
  return (digest >>> 0).toString(16).padStart(8, '0')
}
