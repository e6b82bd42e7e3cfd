// The footer of a run and the directory of a file in words, entry by entry. The bytes are drawn in
// footer.ts; they are given with what was decoded from them, so that their hash and form are known
// to be right.
import { ByteReader, hexOf } from '#base'
import { encodingName, presentOf, readPageMeta, ruleName, transforms } from '#codec'
import type { PageMeta } from '#codec'
import { columnSpecs, isoOf, partitionName, partitionWidthOf, placeColumnId } from '#schema'
import { seriesName } from '#schema'
import type { StoredColumn, StoredKind } from '#schema'
import { blockRowsOf, physicalNames } from './footer.ts'
import type { Directory, RunColumn, RunFooter, RunInfo } from './footer.ts'

/** The next `bytes` bytes and what they say. */
export interface Word {
  readonly bytes: number
  readonly meaning: string
}

/** Columns of a stored kind by id, those that every kind has included. */
export function columnsOf(schema: StoredKind | undefined): ReadonlyMap<number, StoredColumn> {
  const columns = new Map<number, StoredColumn>()
  for (const spec of schema === undefined ? [] : columnSpecs(schema)) columns.set(spec.id, spec)
  const place = {
    id: placeColumnId,
    name: '$place',
    type: 'i64',
    optional: false,
    scale: 0,
  } as const
  return columns.set(placeColumnId, place)
}

export function columnName(columns: ReadonlyMap<number, StoredColumn>, id: number): string {
  return columns.get(id)?.name ?? `column ${id}`
}

export function hex64(hash: bigint): string {
  return hash.toString(16).padStart(16, '0')
}

/** integer / 10^scale, every digit. */
function scaledText(integer: bigint, scale: number): string {
  if (scale === 0) return String(integer)
  const digits = String(integer < 0n ? -integer : integer).padStart(scale + 1, '0')
  return `${integer < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`
}

const bits = new DataView(new ArrayBuffer(8))

function doubleOf(value: bigint): number {
  bits.setBigInt64(0, value)
  return bits.getFloat64(0)
}

/** A value of a zone map as people write it: times as ISO 8601, decimals with their point,
 *  strings of a dictionary. */
function valueText(
  column: StoredColumn | undefined,
  page: PageMeta,
  strings: Strings,
  value: bigint,
) {
  if (page.transform === transforms.raw) return String(doubleOf(value))
  if (page.transform === transforms.decimal) return scaledText(value, page.scale)
  if (page.transform === transforms.textInteger) return `"${value}"`
  if (strings !== undefined) return JSON.stringify(strings[Number(value)] ?? `code ${value}`)
  if (column?.type === 'time') return isoOf(value)
  if (column?.type === 'decimal') return scaledText(value, column.scale)
  if (column?.type === 'bool') return String(value !== 0n)
  return String(value)
}

type Strings = readonly string[] | undefined

/** Vectors of a page with values that its zone map is about. */
function hasZone(page: PageMeta, vector: number): boolean {
  return presentOf(page, vector) - (page.exceptions?.[vector] ?? 0) > 0
}

/** Least and most of vectors [from, end), or '' where there is nothing to say. */
export function rangeText(
  column: StoredColumn | undefined,
  page: PageMeta,
  strings: Strings,
  from = 0,
  end = page.vectorCount,
): string {
  const { zone } = page
  if (zone === undefined || page.allAbsent) return ''
  const isRaw = page.transform === transforms.raw
  const isLess = (a: bigint, b: bigint): boolean => (isRaw ? doubleOf(a) < doubleOf(b) : a < b)
  let least: bigint | undefined
  let most: bigint | undefined
  for (let vector = from; vector < end; vector += 1) {
    if (!hasZone(page, vector)) continue
    const min = zone.min[vector]!
    const max = zone.max[vector]!
    if (least === undefined || isLess(min, least)) least = min
    if (most === undefined || isLess(most, max)) most = max
  }
  if (least === undefined || most === undefined) return ''
  if (least === most) return `, all ${valueText(column, page, strings, least)}`
  if (strings !== undefined) return `, ${strings.length} strings`
  return `, ${valueText(column, page, strings, least)} .. ${valueText(column, page, strings, most)}`
}

/** How a page is stored: encoding, what its integers are, rows, what is absent. */
export function pageText(page: PageMeta): string {
  if (page.allAbsent) return `${page.rowCount} rows, all absent`
  const { transform } = page
  const scaled = transform === transforms.decimal ? ` of decimals with ${page.scale} digits` : ''
  const texts = transform === transforms.textInteger ? ' of texts that are integers' : ''
  const absent = sumOf(page.nulls)
  const beside = sumOf(page.exceptions)
  return [
    `${encodingName(page.encoding)}${scaled}${texts}${page.lz4 ? ' in LZ4' : ''}`,
    ...residualTexts(page),
    ...codedTexts(page),
    ...(page.gcd === 1n ? [] : [`steps of ${page.gcd}`]),
    `${page.rowCount} rows`,
    ...(absent === 0 ? [] : [`${absent} absent`]),
    ...(beside === 0 ? [] : [`${beside} as they are`]),
    `${page.payloadBytes} bytes`,
  ].join(', ')
}

/** Which columns tell of a page of residuals, and how these are stored. */
function residualTexts({ residual }: PageMeta): string[] {
  if (residual === undefined) return []
  const { rule, columnIds, inner } = residual
  const columns = `column${columnIds.length === 1 ? '' : 's'} ${columnIds.join(' and ')}`
  const stored = [encodingName(inner.encoding), ...codedTexts(inner)].join(', ')
  return [`${ruleName(rule)} of ${columns}, stored as ${stored}`]
}

/** What of a page is entropy coded. */
function codedTexts({ slotModel, bitmapModel }: PageMeta): string[] {
  const texts: string[] = []
  if (slotModel !== undefined) {
    texts.push(`entropy coded with ${slotModel.frequencies.length} tokens`)
  }
  if (bitmapModel !== undefined) texts.push('validity bits entropy coded')
  return texts
}

function sumOf(counts: Uint16Array | undefined): number {
  let sum = 0
  for (const count of counts ?? []) sum += count
  return sum
}

const stringsShown = 8

function dictionaryText(strings: readonly string[]): string {
  const shown = strings.slice(0, stringsShown).map((text) => JSON.stringify(text))
  const more = strings.length > stringsShown ? ', ...' : ''
  const count = strings.length === 1 ? '1 string' : `${strings.length} strings`
  return `${count}: ${shown.join(', ')}${more}`
}

/** The footer of a run, byte by byte. `footer` is what was decoded from `bytes`. */
export function footerWords(
  bytes: Uint8Array,
  footer: RunFooter,
  columns: ReadonlyMap<number, StoredColumn>,
): Word[] {
  const reader = new ByteReader(bytes)
  const words: Word[] = []
  let told = 0
  const say = (meaning: string): void => {
    words.push({ bytes: reader.offset - told, meaning })
    told = reader.offset
  }
  reader.varint()
  say(`rowCount: ${footer.rowCount}`)
  reader.varint()
  say(`dataOffset: ${footer.dataOffset}`)
  reader.varint()
  say(`columnCount: ${footer.columns.length}`)
  for (const column of footer.columns) columnWords(reader, column, footer.rowCount, columns, say)
  return words
}

function columnWords(
  reader: ByteReader,
  column: RunColumn,
  rowCount: number,
  columns: ReadonlyMap<number, StoredColumn>,
  say: (meaning: string) => void,
): void {
  const name = columnName(columns, column.columnId)
  reader.varint()
  say(`column ${column.columnId}: ${name}`)
  const physical = physicalNames[reader.u8()]
  say(`stored as ${String(physical)}`)
  if (column.dictionary !== undefined) {
    reader.varint()
    for (let code = 0; code < column.dictionary.length; code += 1) reader.string()
    say(dictionaryText(column.dictionary))
  }
  column.pages.forEach((page, block) => {
    readPageMeta(reader, column.physical, blockRowsOf(rowCount, block))
    const range = rangeText(columns.get(column.columnId), page, column.dictionary)
    say(`meta of block ${block}: ${pageText(page)}${range}`)
  })
}

/** The directory, entry by entry. `directory` is what was decoded from `bytes`. */
export function directoryWords(bytes: Uint8Array, directory: Directory): Word[] {
  const reader = new ByteReader(bytes)
  const words: Word[] = []
  let told = 0
  const say = (meaning: string): void => {
    words.push({ bytes: reader.offset - told, meaning })
    told = reader.offset
  }
  reader.varint()
  say(`schemas: ${directory.schemas.length}`)
  for (const schema of directory.schemas) {
    passSchema(reader)
    say(schemaText(schema))
  }
  reader.varint()
  say(`series: ${directory.series.length}`)
  for (const { seriesId, key } of directory.series) {
    reader.varint()
    for (let at = 0; at < 3; at += 1) reader.string()
    say(`series ${seriesId}: ${seriesName(key)}`)
  }
  reader.varint()
  say(`runs: ${directory.runs.length}`)
  const nameOf = runNames(directory)
  directory.runs.forEach((run, index) => {
    passRun(reader)
    say(`run ${index}: ${runText(run, nameOf(run))}`)
  })
  return words
}

function passSchema(reader: ByteReader): void {
  reader.varint()
  reader.varint()
  reader.string()
  reader.varint()
  reader.bytes(2)
  const columns = reader.varint()
  for (let at = 0; at < columns; at += 1) {
    reader.varint()
    reader.string()
    reader.string()
    reader.bytes(2)
  }
  for (let list = 0; list < 2; list += 1) {
    const ids = reader.varint()
    for (let at = 0; at < ids; at += 1) reader.varint()
  }
}

function passRun(reader: ByteReader): void {
  const partitionToLsn = 8
  for (let field = 0; field < partitionToLsn; field += 1) reader.varint64()
  reader.u8()
  const plainToFooter = 5
  for (let field = 0; field < plainToFooter; field += 1) reader.varint64()
  reader.bytes(8 + 32)
}

function schemaText(schema: StoredKind): string {
  const columns = columnsOf(schema)
  const names = (ids: readonly number[]): string =>
    ids.map((id) => columnName(columns, id)).join(' ')
  const own = schema.columns.map(({ id, name, type, optional, scale }) => {
    const exact = type === 'decimal' ? `decimal(${scale})` : type
    return `${id} ${name} ${exact}${optional ? '?' : ''}`
  })
  return [
    `schema ${schema.schemaId}: kind ${schema.kindId} ${schema.name}, version ${schema.version}`,
    ...(schema.timeframed ? ['with a timeframe'] : []),
    `columns ${own.join('; ')}`,
    ...(schema.order.length === 0 ? [] : [`order ${names(schema.order)}`]),
    ...(schema.identity.length === 0 ? [] : [`identity ${names(schema.identity)}`]),
    `duplicates ${schema.duplicates}`,
  ].join(', ')
}

/** Names such as 'trade/SPY 2013-10-07' for the runs of a directory; for people. */
export function runNames({ series }: Directory): (run: RunInfo) => string {
  const keys = new Map(series.map(({ seriesId, key }) => [seriesId, key]))
  return ({ seriesId, partition }) => {
    const key = keys.get(seriesId)
    if (key === undefined) return `series ${seriesId}`
    return `${seriesName(key)} ${partitionName(partitionWidthOf(key.timeframe), partition)}`
  }
}

function lsnText(lsn: bigint): string {
  return `epoch ${lsn >> 40n} row ${lsn & ((1n << 40n) - 1n)}`
}

function runText(run: RunInfo, name: string): string {
  return [
    `${name}, schema ${run.schemaId}, ${run.rowCount} rows`,
    `${isoOf(run.timeMin)} .. ${isoOf(run.timeMax)}`,
    `lsn ${lsnText(run.lsnFirst)} .. ${lsnText(run.lsnLast)}`,
    `in order of ${run.sortOrder}`,
    `plain ${run.plainBytes} bytes, stored ${run.dataBytes} at ${run.dataOffset}`,
    `footer ${run.footerBytes} at ${run.footerOffset} with hash ${hex64(run.footerHash)}`,
    `content hash ${hexOf(run.contentHash)}`,
  ].join(', ')
}
