// Results as people read them, and a comparison of two.
import { floorsOf } from './harness.ts'
import type { BenchResult, Figure, Floor } from './harness.ts'
import type { Machine } from './machine.ts'

/** A file in bench/results. */
export interface ResultFile {
  readonly format: 1
  readonly date: string
  readonly size: string
  readonly machine: Machine
  readonly benches: readonly BenchResult[]
}

/** From what value on, the unit it is told in, and the mark of that unit. */
const scales: readonly (readonly [number, number, string])[] = [
  [1e9, 1e9, ' G'],
  [1e6, 1e6, ' M'],
  [1e4, 1e3, ' k'],
]

/** 3.21 M, 45.6, 0.0123: three digits that count. */
export function compact(value: number): string {
  for (const [from, scale, mark] of scales) {
    if (Math.abs(value) >= from) return `${(value / scale).toPrecision(3)}${mark}`
  }
  if (Math.abs(value) >= 1000) return value.toFixed(0)
  return Number(value.toPrecision(3)).toString()
}

function floorText({ atLeast, atMost, of }: Floor): string {
  const bound = atLeast === undefined ? `<= ${compact(atMost ?? NaN)}` : `>= ${compact(atLeast)}`
  return of === undefined ? bound : `${bound} x ${of}`
}

function probesText({ probes }: Figure): string {
  return probes.map(({ name, ratio }) => `${compact(ratio)} x ${name}`).join(', ')
}

/** Columns as wide as their widest cell. */
function layOut(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
}

/** The table of one bench: a line a figure, then the digest and the notes. */
export function tableOf(result: BenchResult): string {
  const head = ['figure', 'median', '+-', 'unit', 'floor', '', 'beside']
  const rows = result.figures.map((figure) => [
    figure.name,
    compact(figure.median),
    `${((100 * figure.deviation) / Math.abs(figure.median || 1)).toFixed(0)} %`,
    figure.unit,
    floorsOf(figure).map(floorText).join(', '),
    figure.verdict === 'none' ? '' : figure.verdict,
    probesText(figure),
  ])
  const notes = Object.entries(result.notes).map(([name, value]) => `${name} ${value}`)
  return [
    `${result.bench}, ${result.size}, ${result.runs} runs`,
    ...layOut([head, ...rows]).map((line) => `  ${line}`),
    `  digest ${result.digest}; ${notes.join('; ')}`,
  ].join('\n')
}

export interface Regression {
  readonly name: string
  readonly before: number
  readonly after: number
  /** Share of the speed that is lost: 0.2 is a fifth. */
  readonly loss: number
  /** The ratio to the first probe got worse too: not the machine alone. */
  readonly isBesideProbe: boolean
}

/**
 * What two medians of the same code may differ by: the deviations of both, and never less than
 * a tenth.
 */
const noiseMin = 0.1
const noiseFactor = 3

function lossOf(before: number, after: number, better: Figure['better']): number {
  return better === 'more' ? 1 - after / before : 1 - before / after
}

function noiseOf({ deviation, median }: Figure): number {
  return median === 0 ? 0 : deviation / Math.abs(median)
}

function regressionOf(name: string, before: Figure, after: Figure): Regression | undefined {
  const loss = lossOf(before.median, after.median, after.better)
  const noise = Math.max(noiseMin, noiseFactor * (noiseOf(before) + noiseOf(after)))
  if (!(loss > noise)) return undefined
  const [probeBefore, probeAfter] = [before.probes[0], after.probes[0]]
  const isBesideProbe =
    probeBefore === undefined ||
    probeAfter === undefined ||
    lossOf(probeBefore.ratio, probeAfter.ratio, after.better) > noise
  return { name, before: before.median, after: after.median, loss, isBesideProbe }
}

/**
 * Figures that are worse than before by more than noise. Figures only one side has are passed
 * over.
 */
export function regressionsOf(
  before: readonly BenchResult[],
  after: readonly BenchResult[],
): Regression[] {
  const known = new Map<string, Figure>()
  for (const { bench, figures } of before) {
    for (const figure of figures) known.set(`${bench}: ${figure.name}`, figure)
  }
  const found: Regression[] = []
  for (const { bench, figures } of after) {
    for (const figure of figures) {
      const name = `${bench}: ${figure.name}`
      const old = known.get(name)
      const regression = old === undefined ? undefined : regressionOf(name, old, figure)
      if (regression !== undefined) found.push(regression)
    }
  }
  return found
}

export function regressionText({ name, before, after, loss, isBesideProbe }: Regression): string {
  const cause = isBesideProbe ? '' : ' (its probe got slower as well: the machine?)'
  const share = `${(100 * loss).toFixed(0)} % worse`
  return `${name}: ${compact(before)} -> ${compact(after)}, ${share}${cause}`
}

/** A result file as read back. @throws {Error} where it is none */
export function parseResult(text: string): ResultFile {
  const document: unknown = JSON.parse(text)
  const isResult =
    typeof document === 'object' &&
    document !== null &&
    'format' in document &&
    'benches' in document
  if (!isResult || document.format !== 1) throw new Error('not a result of this bench')
  return document as ResultFile
}
