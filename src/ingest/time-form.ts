// How the cells of a time column are written: found from the options, the column's name and its
// first value.
import { VarveError } from '#base'
import { quoted } from './bad-rows.ts'
import type { Cells } from './cells.ts'
import type { TimeForm } from './columns.ts'
import { unitOfName } from './mapping.ts'
import type { EpochUnit, MappingOptions } from './mapping.ts'
import { parseNumber } from './numbers.ts'
import { formatReader, isoReader, naiveTime } from './time-text.ts'
import type { TimeReader } from './time-text.ts'
import { timeZone } from './time-zone.ts'

const placesOf: Record<EpochUnit, 0 | 3 | 6 | 9> = { ns: 0, us: 3, ms: 6, s: 9 }

/** A time column's form, with a description for people and for the mapping's hash. */
export interface DescribedForm {
  readonly form: TimeForm
  /** 'ns', 'ISO 8601, America/New_York', ...; the same for the same meaning. */
  readonly text: string
  /** The unit was not said anywhere, but told from the first value. */
  readonly isGuess: boolean
}

/** The unit an epoch of that size is in, between 1973 and 2262; these ranges do not meet. */
function unitOfSize(value: number): EpochUnit | undefined {
  const size = Math.abs(value)
  if (size >= 1e8 && size < 1e11) return 's'
  if (size >= 1e11 && size < 1e14) return 'ms'
  if (size >= 1e14 && size < 1e17) return 'us'
  return size >= 1e17 && size < 1e19 ? 'ns' : undefined
}

const scratch = new Int32Array(2)

/** What a cell's text says of its column: an epoch, a time as text, one without a zone, or
 * nothing. */
type Hint =
  | { readonly is: 'epoch'; readonly at: number; readonly value: number }
  | { readonly is: 'text'; readonly at: number }
  | { readonly is: 'naive'; readonly at: number }

/** The first cell of the column that says anything: one bad cell does not decide how all are
 * read. */
function firstHint(cells: Cells, cell: number, read: TimeReader): Hint | undefined {
  for (let row = 0; row < cells.rowCount; row += 1) {
    const at = row * cells.width + cell
    const start = cells.starts[at]!
    const end = cells.ends[at]!
    if (start === end) continue
    const value = parseNumber(cells.bytes, start, end)
    if (value !== undefined && Number.isFinite(value)) return { is: 'epoch', at, value }
    const reason = read(cells.bytes, start, end, scratch, 0)
    if (reason === '') return { is: 'text', at }
    if (reason === naiveTime) return { is: 'naive', at }
  }
  return undefined
}

function epochForm(unit: EpochUnit, isGuess = false): DescribedForm {
  return { form: { form: 'epoch', places: placesOf[unit] }, text: unit, isGuess }
}

function textForm(read: TimeReader, text: string): DescribedForm {
  return { form: { form: 'text', read }, text, isGuess: false }
}

/**
 * The form of one time column.
 *
 * @param csvName the column's name in the file.
 * @param name the column's name in the kind ('time' for the event time).
 * @throws {VarveError} ERR_ARGUMENT where it cannot be told: an integer of no known unit, a time
 * without a zone.
 */
export function timeForm(
  csvName: string,
  name: string,
  cell: number,
  cells: Cells,
  options: MappingOptions,
): DescribedForm {
  const zone = options.timeZone === undefined ? undefined : timeZone(options.timeZone)
  const zoneText = zone === undefined ? '' : `, ${zone.name}`
  if (name === 'time' && options.timeFormat !== undefined) {
    const read = formatReader(options.timeFormat, zone)
    if (zone === undefined) throw needsZone(csvName, `--time-format ${options.timeFormat}`)
    return textForm(read, `${options.timeFormat}${zoneText}`)
  }
  const asked = options.units?.[csvName] ?? options.units?.[name]
  if (asked !== undefined) return epochForm(asked)
  const read = isoReader(zone)
  const hint = firstHint(cells, cell, read)
  if (hint?.is === 'naive') throw needsZone(csvName, quoted(cells, hint.at))
  if (hint?.is === 'text') return textForm(read, `ISO 8601${zoneText}`)
  const named = unitOfName(csvName)
  if (named !== undefined) return epochForm(named)
  if (hint === undefined) return textForm(read, `ISO 8601${zoneText}`)
  const guessed = unitOfSize(hint.value)
  if (guessed !== undefined) return epochForm(guessed, true)
  throw new VarveError(
    'ERR_ARGUMENT',
    `column ${csvName} holds ${quoted(cells, hint.at)}, a time in no unit that can be told`,
    { column: csvName },
    { hint: `Give --unit ${csvName}=ns, us, ms or s, or --time-format for a date without dashes.` },
  )
}

function needsZone(csvName: string, actual: string): VarveError {
  return new VarveError(
    'ERR_ARGUMENT',
    `the times of column ${csvName} (${actual}) have no zone`,
    { column: csvName, actual },
    { hint: 'Say which clock they are of: --time-zone UTC, --time-zone America/New_York, ...' },
  )
}
