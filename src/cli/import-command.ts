// varve import DIR SERIES FILE...: CSV files into a series, or into one series a symbol.
import { BugError, VarveError, systemClock } from '#base'
import { importCsv } from '#ingest'
import type { BadRow, ImportProgress, ImportReport, MappedFile } from '#ingest'
import type { Kind } from '#schema'
import { diskVfs } from '#vfs'
import cliProgress from 'cli-progress'
import { importKind } from './engine.ts'
import { writeOptionsOf } from './engine.ts'
import type { Engine, WritableStore, WriteOptions } from './engine.ts'
import { mappingOptions } from './import-options.ts'
import type { ImportWords } from './import-options.ts'
import { parseKindFile } from './kind-file.ts'
import { countText, jsonText, paint } from './output.ts'
import type { Output } from './output.ts'
import { checkTimeframe, parseSeriesName } from './series-name.ts'

export interface ImportArguments extends ImportWords, WriteOptions {
  readonly bad?: 'stop' | 'list'
  readonly kind?: string
  readonly json?: boolean
}

interface FileReport extends ImportReport {
  readonly file: string
}

const kindFileBytesMax = 1 << 20

function readText(path: string): string {
  const file = diskVfs.open(path, 'read')
  try {
    const bytes = new Uint8Array(Math.min(file.size(), kindFileBytesMax))
    return new TextDecoder().decode(bytes.subarray(0, file.read(bytes, 0)))
  } finally {
    file.close()
  }
}

/** The kind a series is of: a file's, the store's, a built-in one. */
export function kindNamed(
  engine: Engine,
  store: Pick<WritableStore, 'kindOf'>,
  name: string,
  fromFile?: Kind,
): Kind {
  if (fromFile !== undefined) {
    if (fromFile.name === name) return fromFile
    throw new VarveError(
      'ERR_ARGUMENT',
      `--kind defines ${fromFile.name}, the series is of ${name}`,
      {
        expected: name,
        actual: fromFile.name,
      },
    )
  }
  const kind =
    store.kindOf(name) ?? (Object.hasOwn(engine.kinds, name) ? engine.kinds[name] : undefined)
  if (kind !== undefined) return kind
  throw new VarveError(
    'ERR_ARGUMENT',
    `there is no kind ${name}`,
    { actual: name },
    {
      hint: `Built in: ${Object.keys(engine.kinds).join(', ')}. --kind FILE.json brings your own.`,
    },
  )
}

/** Draws a bar on standard error while a file is read; does nothing where that is no terminal. */
function progressBar(output: Output): { show(progress: ImportProgress): void; stop(): void } {
  if (!output.isNoteTerminal) return { show() {}, stop() {} }
  const bar = new cliProgress.SingleBar({
    format: '{bar} {percentage}%  {rows} rows  {eta_formatted} left',
    barsize: 30,
    clearOnComplete: true,
    stopOnComplete: false,
  })
  let isStarted = false
  return {
    show({ done, total, rows }) {
      const payload = { rows: countText(rows) }
      if (isStarted) bar.update(done, payload)
      else bar.start(total, done, payload)
      isStarted = true
    },
    stop() {
      if (isStarted) bar.stop()
    },
  }
}

function describeMapping(output: Output, file: string, mapped: MappedFile): void {
  const guess = mapped.isTimeGuess ? ' (by the size of its first value; --unit says otherwise)' : ''
  const columns = Object.entries(mapped.columns).map(([name, csv]) =>
    name === csv ? name : `${name} from ${csv}`.replace(' from =', ' = '),
  )
  output.note(
    `${file}: time from ${mapped.time}, ${mapped.timeForm}${guess}; ${columns.join(', ')}\n`,
  )
  const unused = mapped.unused.filter((name) => name !== '')
  if (unused.length > 0) output.note(`${file}: not imported: ${unused.join(', ')}\n`)
}

const badRowsShown = 1000

function describeReport(output: Output, report: FileReport, seconds: number): void {
  const rate = seconds > 0 ? `, ${countText(Math.round(report.rows / seconds))} rows/s` : ''
  const known = report.duplicates === 0 ? '' : `, ${countText(report.duplicates)} were in already`
  const bad = report.badRows === 0 ? '' : `, ${countText(report.badRows)} bad rows left out`
  output.write(
    `${paint(output, 'bold', countText(report.rows))} rows from ${report.file}${known}${bad} ` +
      `(${seconds.toFixed(2)} s${rate})\n`,
  )
  for (const { line, column, reason } of report.bad.slice(0, badRowsShown)) {
    output.write(`  line ${line}${column === '' ? '' : `, ${column}`}: ${reason}\n`)
  }
  const left = report.badRows - Math.min(report.bad.length, badRowsShown)
  if (left > 0) output.write(`  and ${countText(left)} more (--json lists them)\n`)
}

interface ImportPlan {
  readonly series: string
  readonly words: ImportArguments
  readonly fromFile: Kind | undefined
  readonly output: Output
}

async function importFile(
  engine: Engine,
  store: WritableStore,
  plan: ImportPlan,
  file: string,
): Promise<FileReport> {
  const { series, words, output } = plan
  const name = parseSeriesName(series)
  const kind = kindNamed(engine, store, name.kind, plan.fromFile)
  checkTimeframe(series, kind, name)
  const bar = progressBar(output)
  try {
    const report = await importCsv({
      vfs: diskVfs,
      path: file,
      kind: importKind(kind),
      mapping: mappingOptions(words),
      bad: words.bad ?? 'stop',
      target(symbol) {
        const wanted = symbol ?? name.symbol
        if (wanted === undefined) throw new BugError('a series of * has a symbol column')
        return store.series(kind, wanted, name.timeframe)
      },
      onMapped: (mapped) => {
        if (words.json !== true) describeMapping(output, file, mapped)
      },
      onProgress: bar.show,
    })
    return { ...report, file }
  } finally {
    bar.stop()
  }
}

function checkSymbolOption(series: string, words: ImportArguments): void {
  const isSplit = parseSeriesName(series).symbol === undefined
  if (isSplit === (words.symbol !== undefined)) return
  throw new VarveError(
    'ERR_ARGUMENT',
    isSplit ? `${series} needs --symbol COLUMN` : `--symbol goes with kind/*, not ${series}`,
    { actual: series },
    { hint: 'kind/* --symbol COLUMN splits a file by that column.' },
  )
}

/** Runs the command. What went in before a failure is durable when it throws. */
export async function importCommand(
  engine: Engine,
  output: Output,
  directory: string,
  series: string,
  files: readonly string[],
  words: ImportArguments,
): Promise<void> {
  checkSymbolOption(series, words)
  mappingOptions(words) // refused before a store is made
  for (const file of files) {
    if (diskVfs.stat(file)?.kind === 'file') continue
    throw new VarveError('ERR_NOT_FOUND', `there is no file ${file}`, { file })
  }
  const fromFile =
    words.kind === undefined ? undefined : parseKindFile(engine, words.kind, readText(words.kind))
  const plan: ImportPlan = { series, words, fromFile, output }
  if (fromFile === undefined) kindKnownBeforeOpening(engine, directory, series)
  const store = await engine.openToWrite(directory, writeOptionsOf(words))
  const reports: FileReport[] = []
  const start = systemClock.monotonicMs()
  try {
    for (const file of files) {
      const fileStart = systemClock.monotonicMs()
      const report = await importFile(engine, store, plan, file)
      reports.push(report)
      const seconds = (systemClock.monotonicMs() - fileStart) / 1000
      if (words.json !== true) describeReport(output, report, seconds)
    }
  } finally {
    await store.close() // makes every row durable, also in a store opened with 'memory'
  }
  const seconds = (systemClock.monotonicMs() - start) / 1000
  if (words.json === true) output.write(`${jsonText(summary(reports, seconds))}\n`)
}

/** A typing mistake in the kind must not leave an empty store behind. */
function kindKnownBeforeOpening(engine: Engine, directory: string, series: string): void {
  const { kind } = parseSeriesName(series)
  if (diskVfs.stat(directory) !== undefined) return // the store may know it
  kindNamed(engine, { kindOf: () => undefined }, kind)
}

interface Summary {
  readonly rows: number
  readonly duplicates: number
  readonly badRows: number
  readonly bad: readonly (BadRow & { readonly file: string })[]
  readonly seconds: number
  readonly time: string | undefined
  readonly files: readonly object[]
}

function summary(reports: readonly FileReport[], seconds: number): Summary {
  const sum = (part: (report: FileReport) => number): number =>
    reports.reduce((total, report) => total + part(report), 0)
  return {
    rows: sum((report) => report.rows),
    duplicates: sum((report) => report.duplicates),
    badRows: sum((report) => report.badRows),
    bad: reports.flatMap(({ file, bad }) => bad.map((row) => ({ file, ...row }))),
    seconds,
    time: reports[0]?.mapped.time,
    files: reports.map(({ file, rows, duplicates, badRows, mapped }) => ({
      file,
      rows,
      duplicates,
      badRows,
      ...mapped,
    })),
  }
}
