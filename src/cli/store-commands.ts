// Commands about a whole store: ls, stats, seal, compact, verify, snapshot.
import { VarveError, systemClock } from '#base'
import cliProgress from 'cli-progress'
import { writeOptionsOf } from './engine.ts'
import type { Engine, ReadableStore, WritableStore, WriteOptions } from './engine.ts'
import { bytesText, countText, jsonText, paint, printFacts, printTable } from './output.ts'
import type { Output } from './output.ts'
import { printSeriesName } from './series-name.ts'

export interface JsonWord {
  readonly json?: boolean
}

async function reading<Result>(
  engine: Engine,
  directory: string,
  run: (store: ReadableStore) => Promise<Result> | Result,
): Promise<Result> {
  const store = await engine.openToRead(directory)
  try {
    return await run(store)
  } finally {
    await store.close()
  }
}

/** Opens a store that is there: a command that changes one never makes one. */
async function writing<Result>(
  engine: Engine,
  directory: string,
  run: (store: WritableStore) => Promise<Result>,
  options: WriteOptions = {},
): Promise<Result> {
  await reading(engine, directory, () => undefined)
  const store = await engine.openToWrite(directory, writeOptionsOf(options))
  try {
    return await run(store)
  } finally {
    await store.close()
  }
}

export async function listCommand(
  engine: Engine,
  output: Output,
  directory: string,
  words: JsonWord,
): Promise<void> {
  await reading(engine, directory, (store) => {
    const list = store.list()
    if (words.json === true) {
      output.write(`${jsonText(list)}\n`)
      return
    }
    printTable(
      output,
      ['series', 'rows', 'first', 'last', 'bytes'],
      list.map((info) => [
        printSeriesName({ ...info, timeframe: info.timeframe }),
        { right: `${info.rowsExact ? '' : '<= '}${countText(info.rows)}` },
        info.first === undefined ? '' : engine.iso(info.first),
        info.last === undefined ? '' : engine.iso(info.last),
        { right: bytesText(info.storedBytes) },
      ]),
    )
  })
}

function factText(name: string, value: unknown): string {
  if (typeof value !== 'number') return String(value)
  if (name.toLowerCase().includes('bytes')) return `${bytesText(value)} (${countText(value)})`
  return Number.isInteger(value) ? countText(value) : value.toFixed(3)
}

/** 'storedBytes' to 'stored bytes'. */
function words(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

function printObject(output: Output, value: object): void {
  printFacts(
    output,
    Object.entries(value).map(([name, part]) => [words(name), factText(name, part)]),
  )
}

export async function statsCommand(
  engine: Engine,
  output: Output,
  directory: string,
  { json }: JsonWord,
): Promise<void> {
  await reading(engine, directory, (store) => {
    const stats = store.stats()
    if (json === true) output.write(`${jsonText(stats)}\n`)
    else printObject(output, stats)
  })
}

export async function sealCommand(
  engine: Engine,
  output: Output,
  directory: string,
  { json }: JsonWord,
): Promise<void> {
  await writing(engine, directory, async (store) => {
    await store.seal()
    const stats = store.stats()
    if (json === true) output.write(`${jsonText(stats)}\n`)
    else printObject(output, stats)
  })
}

export async function compactCommand(
  engine: Engine,
  output: Output,
  directory: string,
  words: JsonWord & Pick<WriteOptions, 'level'>,
): Promise<void> {
  const compact = async (store: WritableStore): Promise<void> => {
    const start = systemClock.monotonicMs()
    const report = await store.compact()
    const seconds = (systemClock.monotonicMs() - start) / 1000
    if (words.json === true) output.write(`${jsonText({ ...report, seconds })}\n`)
    else printObject(output, report)
  }
  await writing(engine, directory, compact, words)
}

/** Runs varve verify; false where there is damage. */
export async function verifyCommand(
  engine: Engine,
  output: Output,
  directory: string,
  { json }: JsonWord,
): Promise<boolean> {
  return reading(engine, directory, async (store) => {
    const bar = output.isNoteTerminal
      ? new cliProgress.SingleBar({
          format: '{bar} {percentage}%',
          barsize: 30,
          clearOnComplete: true,
        })
      : undefined
    bar?.start(1, 0)
    const report = await store.verify({
      onProgress({ done, total }) {
        bar?.setTotal(total)
        bar?.update(done)
      },
    })
    bar?.stop()
    if (json === true) {
      output.write(`${jsonText(report)}\n`)
      return report.ok
    }
    for (const { file, series, block, column, message } of report.damage) {
      const place = [
        file,
        ...(series === undefined ? [] : [series]),
        ...(block === undefined ? [] : [`block ${block}`]),
        ...(column === undefined ? [] : [`column ${column}`]),
      ]
      output.write(`${paint(output, 'red', 'damage')} ${place.join(', ')}: ${message}\n`)
    }
    const size = `${countText(report.files)} files, ${bytesText(report.bytes)}`
    output.write(
      report.ok
        ? `${paint(output, 'green', 'whole')}: ${size}\n`
        : `${countText(report.damage.length)} places damaged in ${size}\n`,
    )
    return report.ok
  })
}

export interface SalvageWords extends JsonWord {
  readonly dryRun?: boolean
}

/** Says what is damaged, what of it is saved and what is lost; does it, but in a dry run. False
 *  where a dry run found damage. */
export async function salvageCommand(
  engine: Engine,
  output: Output,
  directory: string,
  words: SalvageWords,
): Promise<boolean> {
  const report = await engine.salvage(directory, { isDryRun: words.dryRun === true })
  const isClean = report.findings.length === 0 || !report.isDryRun
  if (words.json === true) {
    output.write(`${jsonText(report)}\n`)
    return isClean
  }
  if (report.findings.length === 0) {
    output.write(`${paint(output, 'green', 'whole')}: nothing to salvage\n`)
    return isClean
  }
  const timeText = (ns: bigint | undefined): string => (ns === undefined ? '' : engine.iso(ns))
  printTable(
    output,
    ['file', 'series', 'from', 'to', 'rows lost', 'done', 'what'],
    report.findings.map(({ file, series = '', from, to, rows, done, message }) => [
      file,
      series,
      timeText(from),
      timeText(to),
      { right: rows === undefined || done === 'adopted' ? '' : countText(rows) },
      done,
      message,
    ]),
  )
  const { rowsRescued, rowsLost, quarantined } = report
  output.write(
    `${countText(rowsRescued)} rows of damaged files ${report.isDryRun ? 'can be ' : ''}`,
  )
  output.write(`saved, ${countText(rowsLost)} lost\n`)
  for (const file of quarantined) output.write(`set aside: ${file}\n`)
  if (report.isDryRun) output.write('nothing was changed: run it again without --dry-run\n')
  return isClean
}

export async function snapshotListCommand(
  engine: Engine,
  output: Output,
  directory: string,
  { json }: JsonWord,
): Promise<void> {
  await reading(engine, directory, (store) => {
    const list = store.snapshots()
    if (json === true) {
      output.write(`${jsonText(list)}\n`)
      return
    }
    printTable(
      output,
      ['snapshot', 'created', 'rows', 'bytes', 'content hash'],
      list.map(({ name, createdAt, rows, bytes, contentHash }) => [
        name,
        engine.iso(createdAt),
        { right: countText(rows) },
        { right: bytesText(bytes) },
        contentHash,
      ]),
    )
  })
}

export type SnapshotAction = 'create' | 'drop' | 'restore'

export async function snapshotCommand(
  engine: Engine,
  output: Output,
  action: SnapshotAction,
  directory: string,
  name: string,
  { json }: JsonWord,
): Promise<void> {
  await writing(engine, directory, async (store) => {
    let result: object
    if (action === 'create') {
      const info = await store.snapshot(name)
      result = info
      if (json !== true) output.write(`${info.name} ${info.contentHash}\n`)
    } else {
      if (!store.snapshots().some((info) => info.name === name)) {
        throw new VarveError(
          'ERR_NOT_FOUND',
          `there is no snapshot ${name}`,
          { actual: name },
          {
            hint: 'varve snapshot ls lists what there is.',
          },
        )
      }
      if (action === 'drop') await store.dropSnapshot(name)
      else await store.restore(name)
      result = { name, done: action }
      if (json !== true) output.write(`${name} ${action === 'drop' ? 'dropped' : 'restored'}\n`)
    }
    if (json === true) output.write(`${jsonText(result)}\n`)
  })
}
