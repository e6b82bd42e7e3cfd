// Column types: what a value means, and how it is held in memory.
import { VarveError } from '#base'
import type { Physical } from '#batch'

export type ColumnType =
  'f64' | 'decimal' | 'i64' | 'i32' | 'u8' | 'bool' | 'symbol' | 'text' | 'json' | 'time'

/** One column of a kind. Made with `column.*`; `$value` exists for types only. */
export interface Column<
  Type extends ColumnType = ColumnType,
  Optional extends boolean = boolean,
  // eslint-disable-next-line typescript/no-explicit-any -- the bound that lets any value type in
  Value = any,
> {
  readonly type: Type
  readonly isOptional: Optional
  /** Decimals: digits after the point. Others: 0. */
  readonly scale: number
  readonly $value?: Value
  /** The same column, which a row may leave out. */
  optional(): Column<Type, true, Value>
}

function make<Type extends ColumnType, Value>(type: Type, scale = 0): Column<Type, false, Value> {
  const optional: Column<Type, true, Value> = Object.freeze({
    type,
    scale,
    isOptional: true as const,
    optional: () => optional,
  })
  return Object.freeze({ type, scale, isOptional: false as const, optional: () => optional })
}

/** The largest scale of a decimal: 10^18 is the last power of ten that fits in an int64. */
export const decimalScaleMax = 18

/**
 * The types a column can have.
 *
 * f64: any double, bit for bit; in an optional one NaN is absent. decimal(k): exactly k decimals, stored as int64
 * integers, read as the nearest double; takes a decimal string, or a number that is the nearest double of such a
 * decimal. i64: bigint. i32, u8: whole numbers. bool. symbol: a short repeated string, dictionary encoded. text: any
 * string. json: anything JSON.stringify keeps. time: a second clock, epoch nanoseconds.
 */
export const column = {
  f64: (): Column<'f64', false, number> => make('f64'),
  decimal(scale: number): Column<'decimal', false, number> {
    if (!Number.isInteger(scale) || scale < 0 || scale > decimalScaleMax) {
      throw new VarveError(
        'ERR_ARGUMENT',
        `a decimal has 0 to ${decimalScaleMax} digits after the point, not ${String(scale)}`,
        { expected: `0..${decimalScaleMax}`, actual: scale },
      )
    }
    return make('decimal', scale)
  },
  i64: (): Column<'i64', false, bigint> => make('i64'),
  i32: (): Column<'i32', false, number> => make('i32'),
  u8: (): Column<'u8', false, number> => make('u8'),
  bool: (): Column<'bool', false, boolean> => make('bool'),
  symbol: <const Value extends string = string>(): Column<'symbol', false, Value> => make('symbol'),
  text: (): Column<'text', false, string> => make('text'),
  json: <Value = unknown>(): Column<'json', false, Value> => make('json'),
  time: (): Column<'time', false, bigint> => make('time'),
}

const physicals: Record<ColumnType, Physical> = {
  f64: 'f64',
  decimal: 'i64',
  i64: 'i64',
  i32: 'i32',
  u8: 'u8',
  bool: 'u8',
  symbol: 'code',
  text: 'bytes',
  json: 'bytes',
  time: 'i64',
}

/** How values of a column type are held in memory and handed to the codec. */
export function physicalOf(type: ColumnType): Physical {
  return physicals[type]
}

export function isColumnType(text: string): text is ColumnType {
  return Object.hasOwn(physicals, text)
}
