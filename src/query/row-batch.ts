// The batch that reads return: columns as typed arrays, rows made only when asked for.
import { VarveError, assertNever } from '#base'
import {
  absentInt64,
  allocateColumn,
  bareBuffer,
  fillAbsent,
  halvesOf,
  rowCapacity,
  validityBits,
} from '#batch'
import type { ColumnData } from '#batch'
import {
  doubleOfScaled,
  doublesOfScaled,
  parseTime,
  partitionStart,
  rememberPresence,
} from '#schema'
import type { Batch, ColumnSpec, Kind, TimeInput } from '#schema'
import { Symbols, Texts, symbolAt, textAt } from './values.ts'

type UserColumn = Float64Array | BigInt64Array | Int32Array | Uint8Array | Symbols | Texts

/** A column of a batch that was read. */
export interface FilledColumn {
  readonly spec: ColumnSpec
  readonly data: ColumnData
}

/** What stands behind one column of a batch; no data for an optional column that is absent in every
 *  row: its arrays are made when somebody asks for them. */
export interface BatchColumn {
  readonly spec: ColumnSpec
  readonly data: ColumnData | undefined
}

/** `columns[0]` is time. Arrays may be longer than `rowCount`; users get views of the first rows. */
export class RowBatch implements Batch<Kind, string> {
  readonly rowCount: number
  readonly columns: Batch<Kind, string>['columns']
  readonly #columns: BatchColumn[]
  readonly #time: BigInt64Array

  constructor(columns: readonly BatchColumn[], rowCount: number) {
    this.rowCount = rowCount
    this.#columns = columns.slice()
    const users: Record<string, UserColumn> = {}
    for (const { spec, data } of columns) {
      if (data === undefined) defineAbsent(users, spec, () => this.#filled(spec.name))
      else users[spec.name] = userColumn({ spec, data }, rowCount)
    }
    this.columns = users as Batch<Kind, string>['columns']
    this.#time = users['time'] as BigInt64Array
  }

  #column(name: string): BatchColumn {
    for (const column of this.#columns) if (column.spec.name === name) return column
    throw new VarveError('ERR_SCHEMA', `the batch has no column '${name}'`, { column: name })
  }

  /** The column with its arrays, made now where they are not there yet. */
  #filled(name: string): FilledColumn {
    const column = this.#column(name)
    const { spec, data } = column
    if (data !== undefined) return { spec, data }
    const options = { optional: spec.optional, bytesExpected: 0, isOverwritten: true }
    const absent = allocateColumn(spec.physical, this.rowCount, options)
    fillAbsent(absent, 0, this.rowCount)
    const filled = { spec, data: absent }
    this.#columns[this.#columns.indexOf(column)] = filled
    return filled
  }

  valid(name: string): Uint8Array | undefined {
    const { spec, data } = this.#column(name)
    if (data === undefined) {
      return this.rowCount === 0 ? undefined : new Uint8Array((this.rowCount + 7) >> 3)
    }
    return spec.optional ? validityBits(data, 0, this.rowCount) : undefined
  }

  times(unit: 'ns' | 'ms' = 'ns', origin?: TimeInput): Float64Array {
    const target = new Float64Array(bareBuffer(this.rowCount * 8))
    if (this.rowCount === 0) return target
    if (unit === 'ms') return millisecondsOf(this.#time, target)
    if (unit !== 'ns') {
      throw new VarveError('ERR_ARGUMENT', `times are in 'ns' or 'ms', not ${String(unit)}`)
    }
    const from = origin === undefined ? partitionStart('day', this.#time[0]!) : parseTime(origin)
    const halves = halvesOf(this.#time)
    const low = Number(BigInt.asUintN(32, from))
    const high = Number(from >> 32n)
    for (let row = 0; row < target.length; row += 1) {
      target[row] = (halves[row * 2 + 1]! - high) * 0x1_0000_0000 + ((halves[row * 2]! >>> 0) - low)
    }
    return target
  }

  scaled(name: string): { values: BigInt64Array; scale: number } {
    const { spec, data } = this.#filled(name)
    if (spec.type !== 'decimal' || data.physical !== 'i64') {
      throw new VarveError('ERR_ARGUMENT', `column '${name}' is ${spec.type}, not a decimal`, {
        column: name,
      })
    }
    return { values: data.values.subarray(0, this.rowCount), scale: spec.scale }
  }

  row(index: number): ReturnType<Batch<Kind, string>['row']> {
    if (!Number.isInteger(index) || index < 0 || index >= this.rowCount) {
      throw new VarveError('ERR_ARGUMENT', `row ${index} of a batch of ${this.rowCount}`, {
        actual: index,
      })
    }
    return this.#rowOf(index) as ReturnType<Batch<Kind, string>['row']>
  }

  #rowOf(index: number): Record<string, unknown> {
    const row: Record<string, unknown> = {}
    for (const { spec, data } of this.#columns) putValue(row, spec, data, index)
    return row
  }

  *[Symbol.iterator](): IterableIterator<ReturnType<Batch<Kind, string>['row']>> {
    for (let index = 0; index < this.rowCount; index += 1) {
      yield this.#rowOf(index) as ReturnType<Batch<Kind, string>['row']>
    }
  }
}

/** A column that becomes an own array, always the same one, at the first look at it. */
function defineAbsent(
  users: Record<string, UserColumn>,
  spec: ColumnSpec,
  fill: () => FilledColumn,
): void {
  let made: UserColumn | undefined
  Object.defineProperty(users, spec.name, {
    enumerable: true,
    configurable: true,
    get() {
      if (made === undefined) {
        const column = fill()
        made = userColumn(column, rowCapacity(column.data))
      }
      return made
    },
  })
}

function userColumn({ spec, data }: FilledColumn, rowCount: number): UserColumn {
  switch (data.physical) {
    case 'f64':
      return firstRows(data.values, rowCount)
    case 'i64': {
      if (spec.type !== 'decimal') return firstRows(data.values, rowCount)
      const doubles = new Float64Array(bareBuffer(rowCount * 8))
      doublesOfScaled(data.values, 0, rowCount, spec.scale, spec.optional, doubles, 0)
      return doubles
    }
    case 'i32':
    case 'u8': {
      const values = firstRows(data.values, rowCount)
      const present = data.present?.subarray(0, rowCount)
      if (present?.includes(0) === true) rememberPresence(values, present)
      return values
    }
    case 'code':
      return new Symbols(firstRows(data.values, rowCount), data.dictionary)
    case 'bytes':
      return new Texts(data, rowCount, spec.type === 'json')
    default:
      return assertNever(data)
  }
}

function firstRows<A extends Float64Array | BigInt64Array | Int32Array | Uint8Array | Uint32Array>(
  values: A,
  rowCount: number,
): A {
  return values.length === rowCount ? values : (values.subarray(0, rowCount) as A)
}

/** One row of some columns, as an object; a column that is not there reads as absent. */
export function rowValues(
  specs: readonly ColumnSpec[],
  columnOf: (spec: ColumnSpec) => ColumnData | undefined,
  index: number,
): Record<string, unknown> {
  const row: Record<string, unknown> = {}
  for (const spec of specs) putValue(row, spec, columnOf(spec), index)
  return row
}

function putValue(
  row: Record<string, unknown>,
  spec: ColumnSpec,
  data: ColumnData | undefined,
  index: number,
): void {
  if (data === undefined) {
    row[spec.name] = spec.type === 'f64' || spec.type === 'decimal' ? Number.NaN : null
  } else row[spec.name] = valueOf(spec, data, index)
}

function valueOf(spec: ColumnSpec, data: ColumnData, index: number): unknown {
  switch (data.physical) {
    case 'f64':
      return data.values[index]
    case 'i64': {
      const value = data.values[index]!
      const isAbsent = spec.optional && value === absentInt64
      if (spec.type === 'decimal') return isAbsent ? Number.NaN : doubleOfScaled(value, spec.scale)
      return isAbsent ? null : value
    }
    case 'i32':
    case 'u8':
      if (data.present?.[index] === 0) return null
      return spec.type === 'bool' ? data.values[index] === 1 : data.values[index]
    case 'code':
      return symbolAt(data, index)
    case 'bytes':
      return textAt(data, index, spec.type === 'json')
    default:
      return assertNever(data)
  }
}

/** Epoch ms as doubles: whole milliseconds are exact, the rest is a fraction. 2^32 is 4,294 x 10^6 + 967,296, so that
 *  the halves of an int64 are divided by 10^6 with every step below 2^53. */
function millisecondsOf(time: BigInt64Array, target: Float64Array): Float64Array {
  const halves = halvesOf(time)
  for (let row = 0; row < target.length; row += 1) {
    const high = halves[row * 2 + 1]!
    const rest = high * 967_296 + (halves[row * 2]! >>> 0)
    const whole = Math.floor(rest / 1e6)
    target[row] = high * 4294 + whole + (rest - whole * 1e6) / 1e6
  }
  return target
}
