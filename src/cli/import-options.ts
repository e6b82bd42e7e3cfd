// The words of `varve import` to mapping options.
import { VarveError } from '#base'
import type { EpochUnit, MappingOptions } from '#ingest'

function refused(option: string, hint: string): VarveError {
  return new VarveError('ERR_ARGUMENT', `${option} cannot be read`, { actual: option }, { hint })
}

/** `a=b` at its first `=`; both parts must hold something. */
function pair(option: string, text: string, hint: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 1 || at === text.length - 1) throw refused(`${option} ${text}`, hint)
  const name = text.slice(0, at)
  if (name === '__proto__') throw refused(`${option} ${text}`, hint)
  return [name, text.slice(at + 1)]
}

function putOnce(
  record: Record<string, string>,
  option: string,
  name: string,
  value: string,
): void {
  if (Object.hasOwn(record, name)) {
    throw refused(`${option} ${name}=${value}`, `${name} is given twice; give it once.`)
  }
  record[name] = value
}

/** Texts of the options that can be given several times; undefined: not given. */
export interface ImportWords {
  readonly map?: readonly string[]
  readonly time?: string
  readonly unit?: readonly string[]
  readonly timeZone?: string
  readonly timeFormat?: string
  readonly skipLines?: string
  readonly set?: readonly string[]
  readonly values?: readonly string[]
  readonly absent?: readonly string[]
  readonly symbol?: string
}

function parseMap(words: readonly string[]): Record<string, string> {
  const map: Record<string, string> = {}
  for (const word of words) {
    for (const part of word.split(',')) {
      putOnce(
        map,
        '--map',
        ...pair('--map', part, 'Write --map column=csvColumn,column=csvColumn.'),
      )
    }
  }
  return map
}

function isUnit(text: string): text is EpochUnit {
  return text === 'ns' || text === 'us' || text === 'ms' || text === 's'
}

function parseUnits(words: readonly string[]): Record<string, EpochUnit> {
  const units: Record<string, EpochUnit> = {}
  for (const word of words) {
    for (const part of word.split(',')) {
      const hint = 'Write --unit COLUMN=ns, us, ms or s.'
      const [name, unit] = pair('--unit', part, hint)
      if (!isUnit(unit)) throw refused(`--unit ${part}`, hint)
      units[name] = unit
    }
  }
  return units
}

function parseValues(words: readonly string[]): Record<string, Record<string, string>> {
  const hint = 'Write --values column:csv=value,csv=value, such as side:0=buy,1=sell.'
  const values: Record<string, Record<string, string>> = {}
  for (const word of words) {
    const at = word.indexOf(':')
    if (at < 1) throw refused(`--values ${word}`, hint)
    const [name] = pair('--values', word.replace(':', '='), hint)
    const ofColumn = (values[name] ??= {})
    for (const part of word.slice(at + 1).split(',')) {
      putOnce(ofColumn, '--values', ...pair('--values', part, hint))
    }
  }
  return values
}

/**
 * Mapping options from the words of the command line.
 *
 * @throws {VarveError} ERR_ARGUMENT naming the option.
 */
export function mappingOptions(words: ImportWords): MappingOptions {
  const set: Record<string, string> = {}
  for (const word of words.set ?? []) {
    putOnce(set, '--set', ...pair('--set', word, 'Write --set column=value.'))
  }
  const absent: Record<string, string[]> = {}
  for (const word of words.absent ?? []) {
    const [name, value] = pair('--absent', word, 'Write --absent column=value.')
    ;(absent[name] ??= []).push(value)
  }
  const skipLines =
    words.skipLines === undefined ? undefined : wholeNumber('--skip-lines', words.skipLines)
  return {
    map: parseMap(words.map ?? []),
    units: parseUnits(words.unit ?? []),
    values: parseValues(words.values ?? []),
    set,
    absent,
    ...(words.time === undefined ? {} : { time: words.time }),
    ...(words.timeZone === undefined ? {} : { timeZone: words.timeZone }),
    ...(words.timeFormat === undefined ? {} : { timeFormat: words.timeFormat }),
    ...(words.symbol === undefined ? {} : { symbol: words.symbol }),
    ...(skipLines === undefined ? {} : { skipLines }),
  }
}

/** @throws {VarveError} ERR_ARGUMENT unless `text` is a whole number from 0 on. */
export function wholeNumber(option: string, text: string): number {
  const value = Number(text)
  if (/^\d{1,15}$/.test(text)) return value
  throw refused(`${option} ${text}`, 'Give a whole number from 0 on.')
}
