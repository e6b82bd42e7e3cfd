// Which CSV column goes to which column of a kind. Rules in README.md; everything ambiguous or
// unknown is refused here, before a row is read.
import { VarveError } from '#base'
import type { ImportKind } from './target.ts'

/** How the user wants a file read; every part has a default. */
export interface MappingOptions {
  /** Column of the kind to CSV column; both may have one `*`, standing for the same text. */
  readonly map?: Readonly<Record<string, string>>
  /** CSV column of the event time. */
  readonly time?: string
  /** CSV column (or column of the kind) to its unit. */
  readonly units?: Readonly<Record<string, EpochUnit>>
  readonly timeZone?: string
  readonly timeFormat?: string
  readonly skipLines?: number
  /** Column to the value all rows have. */
  readonly set?: Readonly<Record<string, string>>
  /** Column to (CSV text to value). */
  readonly values?: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** Column to the values that mean none. */
  readonly absent?: Readonly<Record<string, readonly string[]>>
  /** CSV column that names the symbol of each row: one file, many series. */
  readonly symbol?: string
}

export type EpochUnit = 'ns' | 'us' | 'ms' | 's'

/** A column of the kind and its source, before anything is known about the cells. */
export interface MappedColumn {
  readonly name: string
  readonly type: ImportKind['columns'][string]['type']
  readonly isOptional: boolean
  readonly scale: number
  readonly source: { readonly cell: number } | { readonly constant: string }
}

export interface Mapping {
  readonly columns: readonly MappedColumn[]
  /** Indexes of CSV columns. */
  readonly timeCell: number
  readonly symbolCell: number | undefined
  /** CSV columns that go nowhere. */
  readonly unused: readonly string[]
}

function refused(message: string, hint: string, details: Record<string, unknown> = {}): VarveError {
  return new VarveError('ERR_ARGUMENT', message, details, { hint })
}

/** Names are the same without case, `_`, `-`, '.' and blanks: bid_size, BidSize and bidSize. */
function loose(name: string): string {
  return name.toLowerCase().replace(/[_\-. ]/g, '')
}

/** Edits from one name to another; for hints only. */
function distance(a: string, b: string): number {
  let before = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row]
    for (let at = 1; at <= b.length; at += 1) {
      const change = (before[at - 1] ?? 0) + (a[row - 1] === b[at - 1] ? 0 : 1)
      current.push(Math.min(change, (before[at] ?? 0) + 1, (current[at - 1] ?? 0) + 1))
    }
    before = current
  }
  return before[b.length] ?? 0
}

function nearest(name: string, names: readonly string[]): string {
  const ranked = names
    .map((candidate) => ({ candidate, far: distance(loose(name), loose(candidate)) }))
    .toSorted((a, b) => a.far - b.far)
  const best = ranked[0]
  return best === undefined || best.far > 3 ? '' : `Did you mean ${best.candidate}? `
}

/** Every kind's columns, and `received`, which every kind has. */
export function columnsOf(kind: ImportKind): ImportKind['columns'] {
  return { ...kind.columns, received: { type: 'time', isOptional: true, scale: 0 } }
}

class MappingBuilder {
  readonly #kind: ImportKind
  readonly #columns: ImportKind['columns']
  readonly #header: readonly string[]
  /** Column of the kind to CSV index, as asked for. */
  readonly asked = new Map<string, number>()

  constructor(kind: ImportKind, header: readonly string[]) {
    this.#kind = kind
    this.#columns = columnsOf(kind)
    this.#header = header
  }

  /** Index of a CSV column. */
  cell(name: string, option: string): number {
    const index = this.#header.indexOf(name)
    if (index >= 0) return index
    const folded = this.#header.flatMap((other, at) => (loose(other) === loose(name) ? [at] : []))
    if (folded.length === 1) return folded[0]!
    throw refused(
      `${option}: the file has no column ${name}`,
      `${nearest(name, this.#header)}It has ${this.#header.join(', ')}.`,
      { column: name },
    )
  }

  checkColumn(name: string, option: string): void {
    if (Object.hasOwn(this.#columns, name)) return
    const names = Object.keys(this.#columns)
    throw refused(
      `${option}: kind ${this.#kind.name} has no column ${name}`,
      name === 'time'
        ? 'The time has an option of its own: --time COLUMN.'
        : `${nearest(name, names)}It has ${names.join(', ')}.`,
      { column: name },
    )
  }

  map(column: string, csv: string): void {
    const option = `--map ${column}=${csv}`
    if (!column.includes('*')) {
      this.checkColumn(column, option)
      this.#ask(column, this.cell(csv, option), option)
      return
    }
    const [before, after, ...more] = column.split('*')
    const [csvBefore, csvAfter, ...csvMore] = csv.split('*')
    if (more.length > 0 || csvMore.length > 0 || csvAfter === undefined) {
      throw refused(`${option}: one * on each side`, 'For example bidPrice*=bid_px_*.')
    }
    let count = 0
    for (const name of Object.keys(this.#columns)) {
      const fits = name.startsWith(before!) && name.endsWith(after!)
      if (!fits || name.length < before!.length + after!.length) continue
      const star = name.slice(before!.length, name.length - after!.length)
      const index = this.#header.indexOf(`${csvBefore}${star}${csvAfter}`)
      if (index < 0) continue
      this.#ask(name, index, option)
      count += 1
    }
    if (count > 0) return
    throw refused(`${option} fits no column`, `The file has ${this.#header.join(', ')}.`)
  }

  #ask(column: string, index: number, option: string): void {
    if (this.asked.has(column)) {
      throw refused(`${option}: ${column} is mapped twice`, 'Give each column one source.')
    }
    this.asked.set(column, index)
  }

  /** The CSV column that maps itself to `column`, undefined where there is none. */
  own(column: string, taken: ReadonlySet<number>): number | undefined {
    const exact = this.#header.indexOf(column)
    if (exact >= 0 && !taken.has(exact)) return exact
    const found = this.#header.flatMap((name, index) =>
      loose(name) === loose(column) && !taken.has(index) ? [index] : [],
    )
    if (found.length < 2) return found[0]
    const names = found.map((index) => this.#header[index]).join(' and ')
    throw refused(
      `${names} could both be ${column}`,
      `Say which: --map ${column}=${this.#header[found[0]!]}`,
    )
  }
}

/** The unit a column's name ends with: ts_ns, exchTimeMs. */
export function unitOfName(name: string): EpochUnit | undefined {
  const match = /(?:[_\-. ](ns|us|ms|s)|[a-z](Ns|Us|Ms))$/.exec(
    /^[^a-z]*$/.test(name) ? name.toLowerCase() : name,
  )
  const unit = match?.[1] ?? match?.[2]?.toLowerCase()
  return unit === 'ns' || unit === 'us' || unit === 'ms' || unit === 's' ? unit : undefined
}

const unitRank: Record<EpochUnit, number> = { ns: 0, us: 1, ms: 2, s: 3 }
const timeWord = /(?:ts|time|timestamp|date|stamp|epoch)/i
const plainNames = ['timestamp', 'time', 'datetime', 'ts', 'date', 'eventtime', 'opentime']

/**
 * The event time's column: one that has its unit in its name first, finest unit first (`ts_ns`,
 * `time_ns`, `timestamp_ns` before other names of that unit); then timestamp, time, datetime, ts,
 * date; then a name that ends with one of these. Among equals, the first in the file. undefined
 * where nothing looks like a time.
 */
export function findTime(
  header: readonly string[],
  taken: ReadonlySet<number>,
): number | undefined {
  let best: number | undefined
  let bestRank = Infinity
  for (const [index, name] of header.entries()) {
    if (taken.has(index)) continue
    const unit = unitOfName(name)
    const stem = loose(unit === undefined ? name : name.slice(0, -unit.length))
    let rank = Infinity
    if (unit !== undefined && timeWord.test(stem)) {
      rank = unitRank[unit] * 2 + (plainNames.includes(stem) ? 0 : 1)
    } else if (plainNames.includes(stem)) rank = 100 + plainNames.indexOf(stem)
    else if (/(?:^|[_\-. a-z])(?:ts|time|timestamp|date|datetime)$/i.test(name)) rank = 200
    if (rank < bestRank) {
      best = index
      bestRank = rank
    }
  }
  return best
}

function checkHeader(header: readonly string[]): void {
  for (const [index, name] of header.entries()) {
    if (header.indexOf(name) !== index && name !== '') {
      throw refused(`the header has ${name} twice`, 'Give the columns of the file different names.')
    }
  }
}

function timeCellOf(
  builder: MappingBuilder,
  header: readonly string[],
  options: MappingOptions,
  taken: ReadonlySet<number>,
): number {
  if (options.time !== undefined) return builder.cell(options.time, '--time')
  const found = findTime(header, taken)
  if (found !== undefined) return found
  throw refused(
    'no column of the file looks like the time of its rows',
    `Say which it is with --time COLUMN; the file has ${header.join(', ')}.`,
  )
}

/**
 * Decides where each column of `kind` comes from.
 *
 * @throws {VarveError} ERR_ARGUMENT naming the option or column that does not fit, with what to
 * give instead.
 */
export function resolveMapping(
  kind: ImportKind,
  header: readonly string[],
  options: MappingOptions,
): Mapping {
  checkHeader(header)
  const builder = new MappingBuilder(kind, header)
  for (const [column, csv] of Object.entries(options.map ?? {})) builder.map(column, csv)
  const optionsByColumn = {
    '--set': options.set,
    '--values': options.values,
    '--absent': options.absent,
  }
  for (const [option, given] of Object.entries(optionsByColumn)) {
    for (const column of Object.keys(given ?? {})) builder.checkColumn(column, option)
  }
  const taken = new Set(builder.asked.values())
  const symbolCell =
    options.symbol === undefined ? undefined : builder.cell(options.symbol, '--symbol')
  if (symbolCell !== undefined) taken.add(symbolCell)
  const timeCell = timeCellOf(builder, header, options, taken)
  taken.add(timeCell)

  const columns: MappedColumn[] = []
  const used = new Set(taken)
  for (const [name, { type, isOptional, scale }] of Object.entries(columnsOf(kind))) {
    const constant = options.set?.[name]
    const asked = builder.asked.get(name)
    if (constant !== undefined && asked !== undefined) {
      throw refused(`${name} has both --set and --map`, 'Give each column one source.')
    }
    const cell = constant === undefined ? (asked ?? builder.own(name, taken)) : undefined
    if (constant !== undefined) {
      columns.push({ name, type, isOptional, scale, source: { constant } })
    } else if (cell !== undefined) {
      used.add(cell)
      columns.push({ name, type, isOptional, scale, source: { cell } })
    } else if (!isOptional) {
      throw refused(
        `kind ${kind.name} needs ${name}, and the file has no such column`,
        `Say which it is with --map ${name}=COLUMN; the file has ${header.join(', ')}.`,
        { column: name },
      )
    }
  }
  checkUses(columns, options, header)
  const unused = header.filter((_, index) => !used.has(index))
  return { columns, timeCell, symbolCell, unused }
}

/** Options about a column that gets nothing, or cannot be absent, are mistakes. */
function checkUses(
  columns: readonly MappedColumn[],
  options: MappingOptions,
  header: readonly string[],
): void {
  const byName = new Map(columns.map((column) => [column.name, column]))
  const given = [
    ...Object.keys(options.values ?? {}).map((name) => ['--values', name] as const),
    ...Object.keys(options.absent ?? {}).map((name) => ['--absent', name] as const),
  ]
  for (const [option, name] of given) {
    const column = byName.get(name)
    if (column === undefined || 'constant' in column.source) {
      throw refused(
        `${option} ${name}: the file gives ${name} no values`,
        `Say where they are with --map ${name}=COLUMN; the file has ${header.join(', ')}.`,
        { column: name },
      )
    }
    if (option === '--absent' && !column.isOptional) {
      throw refused(`--absent ${name}: ${name} is required`, 'Leave the option out.')
    }
  }
  for (const name of Object.keys(options.units ?? {})) {
    if (name === 'time' || byName.has(name) || header.includes(name)) continue
    throw refused(`--unit ${name}: no such column`, `The file has ${header.join(', ')}.`)
  }
}
