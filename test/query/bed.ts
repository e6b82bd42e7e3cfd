// What the tests of the middle of the engine share: kinds with every type of column, rows as plain objects, chunks and
// sealed runs that hold them, and the slow twin that says which rows stand, in what order.
import * as fc from 'fast-check'
import { assert } from '#base'
import { absentCode, absentInt64, allocateColumn } from '#batch'
import type { ColumnData, RowSource } from '#batch'
import { HeadSeries, rulesOf } from '#head'
import type { Chunk, RowRules } from '#head'
import { chooseSlices } from '#query'
import { column, defineKind, fillValue, partitionEnd, partitionStart, storeKind } from '#schema'
import type { Column, ColumnSpec, Duplicates, Kind } from '#schema'
import { RunReader, SegmentWriter } from '#segment'
import type { FinishedFile, RunBytes, RunInfo } from '#segment'
import { memoryVfs } from '#vfs'
import type { VfsFile } from '#vfs'

export type Value = number | bigint | string | boolean | null
/** A row as the oracle sees it: `time`, and values by column name; null is absent. */
export type PlainRow = { readonly time: bigint } & { readonly [name: string]: Value }

export const dayNs = 86_400_000_000_000n
export const key = { kind: 'wide', symbol: 'TEST', timeframe: undefined }

/** One column of each type; `names` ending in Maybe are optional. */
export const wideColumns: Record<string, Column> = {
  real: column.f64(),
  realMaybe: column.f64().optional(),
  cents: column.decimal(2),
  centsMaybe: column.decimal(2).optional(),
  whole: column.i64(),
  wholeMaybe: column.i64().optional(),
  small: column.i32(),
  smallMaybe: column.i32().optional(),
  byte: column.u8(),
  flagMaybe: column.bool().optional(),
  symbolMaybe: column.symbol().optional(),
  textMaybe: column.text().optional(),
  jsonMaybe: column.json().optional(),
  clockMaybe: column.time().optional(),
}

export interface Rule {
  readonly order: readonly string[]
  readonly identity: readonly string[]
  readonly duplicates: Duplicates
}

export function wideKind(rule: Rule): Kind {
  const { order, identity, duplicates } = rule
  const columns = wideColumns as Record<string, Column> & { time?: never; received?: never }
  return defineKind('wide', { columns, order, identity, duplicates })
}

export function wideRules(rule: Rule): RowRules {
  return rulesOf(storeKind(wideKind(rule), 1, 1), 'day')
}

const realBits = fc.constantFrom(0, -0, 1.5, -2, Number.NaN, Infinity)

/** Values from small domains, so that rows meet. */
const valueArbitraries: Record<string, fc.Arbitrary<Value>> = {
  real: realBits,
  realMaybe: fc.constantFrom(null, 0, -0, 2.25),
  cents: fc.constantFrom(0, 1.25, -3.01),
  centsMaybe: fc.constantFrom(null, 1.25, 99),
  whole: fc.constantFrom(0n, -(2n ** 63n), 5n),
  wholeMaybe: fc.constantFrom(null, 1n, 2n, 2n ** 62n),
  small: fc.constantFrom(0, -7, 2 ** 31 - 1),
  smallMaybe: fc.constantFrom(null, 0, 1),
  byte: fc.constantFrom(0, 255),
  flagMaybe: fc.constantFrom(null, true, false),
  symbolMaybe: fc.constantFrom(null, 'buy', 'sell', 'é'),
  textMaybe: fc.constantFrom(null, '', 'a', 'naïve'),
  jsonMaybe: fc.constantFrom(null, '{"a":1}', '[]'),
  clockMaybe: fc.constantFrom(null, 0n, 7n),
}

const times = fc
  .tuple(fc.constantFrom(-dayNs, 0n, dayNs), fc.integer({ min: 0, max: 6 }))
  .map(([day, step]) => day + BigInt(step))

export const plainRow: fc.Arbitrary<PlainRow> = fc
  .record({ time: times, received: fc.constantFrom(null, 3n, 4n), ...valueArbitraries })
  .map((row) => row as PlainRow)

export const anyRule: fc.Arbitrary<Rule> = fc.oneof(
  fc.record({
    order: fc.uniqueArray(fc.constantFrom('wholeMaybe', 'real', 'small', 'centsMaybe'), {
      maxLength: 2,
    }),
    identity: fc.uniqueArray(
      fc.constantFrom('time', 'real', 'wholeMaybe', 'small', 'symbolMaybe', 'textMaybe'),
      { minLength: 1, maxLength: 3 },
    ),
    duplicates: fc.constantFrom<Duplicates>('first', 'last', 'keep'),
  }),
  fc.constantFrom<Rule>(
    { order: [], identity: ['time'], duplicates: 'last' },
    { order: ['real'], identity: ['time', 'real'], duplicates: 'last' },
    { order: ['wholeMaybe'], identity: ['symbolMaybe'], duplicates: 'last' },
    { order: [], identity: [], duplicates: 'keep' },
  ),
)

/** The value that is put in for a plain one: json columns take what their text says. */
function inputOf(spec: ColumnSpec, value: Value | undefined): unknown {
  return spec.type === 'json' && typeof value === 'string' ? JSON.parse(value) : value
}

/** Appends rows to a head as one call. */
export function appendTo(head: HeadSeries, rows: readonly PlainRow[], lsn: bigint): Chunk {
  const filling = head.reserve(rows.length)
  for (const spec of head.rules.specs) {
    const isGiven = rows.some((row) => (row[spec.name] ?? null) !== null)
    if (!isGiven && spec.optional && filling.chunk.columns[spec.index] === undefined) continue
    const target = filling.chunk.column(spec)
    rows.forEach((row, at) => {
      const value = inputOf(spec, row[spec.name])
      fillValue(spec, value, target, filling.at + at, { series: 'test' }, at)
    })
  }
  head.commit(filling, rows.length, lsn)
  return filling.chunk
}

export function headOf(rules: RowRules, rows: readonly PlainRow[], lsn: bigint): HeadSeries {
  const head = new HeadSeries(rules)
  if (rows.length > 0) appendTo(head, rows, lsn)
  return head
}

const bitsOf = new DataView(new ArrayBuffer(8))

/** Equal texts are equal bits; the NaNs of optional columns are one. */
export function textOf(value: unknown): string {
  if (typeof value !== 'number')
    return typeof value === 'object' ? JSON.stringify(value) : `${value}`
  bitsOf.setFloat64(0, value)
  return `${bitsOf.getBigUint64(0).toString(16)}`
}

interface Standing {
  row: PlainRow
  readonly place: number
}

function orderCompare(order: readonly ColumnSpec[], a: PlainRow, b: PlainRow): number {
  for (const { name, optional } of order) {
    const [x, y] = [a[name] ?? null, b[name] ?? null]
    const [noX, noY] = [x, y].map((v) => v === null || (optional ? false : Number.isNaN(v)))
    if (noX || noY) {
      if (noX && noY) continue
      return noX ? -1 : 1
    }
    if (x! < y!) return -1
    if (x! > y!) return 1
  }
  return 0
}

/** The rows that stand, in read order: SEMANTICS, word by word. `arrived` is in order of arrival. */
export function standingRows(rules: RowRules, arrived: readonly PlainRow[]): PlainRow[] {
  const { kind, partitionWidth } = rules
  const names = new Map(rules.specs.map((spec) => [spec.id, spec.name]))
  const identity = kind.identity.map((id) => names.get(id)!)
  const standing: Standing[] = []
  const known = new Map<string, Standing>()
  arrived.forEach((row, place) => {
    const isOwn =
      kind.duplicates === 'keep' || identity.some((name) => (row[name] ?? null) === null)
    const scope = partitionStart(partitionWidth, row.time)
    const text = `${scope}|${identity.map((name) => textOf(row[name])).join('|')}`
    const earlier = isOwn ? undefined : known.get(text)
    if (earlier === undefined) {
      const entry = { row, place }
      standing.push(entry)
      if (!isOwn) known.set(text, entry)
    } else if (kind.duplicates === 'last') earlier.row = row
  })
  standing.sort((a, b) => {
    if (a.row.time !== b.row.time) return a.row.time < b.row.time ? -1 : 1
    return orderCompare(rules.order, a.row, b.row) || a.place - b.place
  })
  return standing.map(({ row }) => row)
}

/** What `row()` of a batch gives for a plain row. */
export function rowOut(specs: readonly ColumnSpec[], row: PlainRow): Record<string, unknown> {
  const out: Record<string, unknown> = {}
  for (const spec of specs) {
    const value = row[spec.name] ?? null
    const isNumber = spec.type === 'f64' || spec.type === 'decimal'
    if (value === null) out[spec.name] = isNumber ? Number.NaN : null
    else out[spec.name] = inputOf(spec, value)
  }
  return out
}

/** Columns of rows [from, end) of plain rows, as a run holds them; `spec.id` 2 (place) is the row number. */
export function columnsOf(
  specs: readonly ColumnSpec[],
  rows: readonly PlainRow[],
  from = 0,
  end = rows.length,
): ColumnData[] {
  return specs.map((spec) => {
    const target = allocateColumn(spec.physical, end - from, {
      optional: spec.optional,
      bytesExpected: 0,
    })
    for (let row = from; row < end; row += 1) {
      const value = spec.id === 2 ? BigInt(row) : inputOf(spec, rows[row]![spec.name])
      fillValue(spec, value, target, row - from, { series: 'test' }, row)
    }
    return target
  })
}

/** A cell, so that equal texts are equal cells whatever the dictionary. */
export function cellText(data: ColumnData, row: number): string {
  switch (data.physical) {
    case 'f64':
      return textOf(data.values[row])
    case 'i64':
      return data.values[row] === absentInt64 ? 'absent' : `${data.values[row]}`
    case 'code': {
      const code = data.values[row]!
      return code === absentCode ? 'absent' : `"${data.dictionary[code]}"`
    }
    case 'bytes': {
      if (data.present?.[row] === 0) return 'absent'
      const bytes = data.bytes.subarray(data.offsets[row], data.offsets[row + 1])
      return `"${new TextDecoder().decode(bytes)}"`
    }
    default:
      return data.present?.[row] === 0 ? 'absent' : `${data.values[row]}`
  }
}

export function runBytesOf(file: VfsFile): RunBytes & { reads: [offset: number, bytes: number][] } {
  const reads: [number, number][] = []
  return {
    file: file.path,
    series: 'wide/TEST',
    reads,
    read(target, offset) {
      reads.push([offset, target.length])
      assert(file.read(target, offset) === target.length, 'the test file is whole')
    },
  }
}

/** A run as a source, as the store makes them. */
export function runSource(reader: RunReader, info: RunInfo): RowSource<ColumnSpec> {
  const { rowCount, timeMin, timeMax, lsnFirst } = info
  return {
    rowCount,
    timeMin,
    timeMax,
    lsnFirst,
    lowerBound: (time) => reader.lowerBound(time),
    lacks: ({ id }) => !reader.has(id),
    read: (specs, from, end, targets, at) => reader.read(specs, from, end, targets, at),
  }
}

export const everything = {
  limit: Number.MAX_SAFE_INTEGER,
  offset: 0,
  last: Number.MAX_SAFE_INTEGER,
  isReverse: false,
}

/** Seals sources: one run a partition, in a segment in memory. Returns them as sources. */
export function sealed(
  rules: RowRules,
  sources: readonly RowSource<ColumnSpec>[],
  lsns: readonly [first: bigint, last: bigint],
): { runs: RowSource<ColumnSpec>[]; file: VfsFile; finished: FinishedFile } {
  const file = memoryVfs().open('/run.segment', 'create')
  const writer = new SegmentWriter(file, {
    fileKind: 'segment',
    fileNumber: 1,
    storeId: new Uint8Array(16),
  })
  const specs = new HeadSeries(rules).storedSpecs
  for (const partition of [-dayNs, 0n, dayNs]) {
    const to = partitionEnd('day', partition)
    const wanted = { ...everything, from: partition, to }
    const slices = [...chooseSlices({ sources, rules }, wanted)]
    const rowCount = slices.reduce((sum, { from, end }) => sum + end - from, 0)
    if (rowCount === 0) continue
    const columns = specs.map((spec) =>
      allocateColumn(spec.physical, rowCount, { optional: spec.optional, bytesExpected: 0 }),
    )
    let at = 0
    for (const { source, from, end } of slices) {
      source.read(specs, from, end, columns, at)
      at += end - from
    }
    const [lsnFirst, lsnLast] = lsns
    const start = { seriesId: 1, key, schema: rules.kind, specs, partition, lsnFirst, lsnLast }
    writer.beginRun({ ...start, sortOrder: 'time' })
    writer.addBlock(columns, 0, rowCount)
    writer.endRun()
  }
  const finished = writer.finish()
  const bytes = runBytesOf(file)
  const runs = finished.runs.map((info) => runSource(new RunReader(bytes, info), info))
  return { runs, file, finished }
}
