// Aggregates and conditions over plain objects, written without a word of the engine: sums of decimals come from the
// digits that a double prints, buckets from dates.
export type Value = number | bigint | boolean | string | null
export interface PlainRow {
  readonly time: bigint
  readonly [column: string]: Value
}

type Test = Record<string, unknown>

const isAbsent = (value: Value, optional: boolean): boolean =>
  value === null || (optional && Number.isNaN(value))

function compare(value: Exclude<Value, null>, bound: unknown): number {
  if (typeof value === 'string' || typeof value === 'boolean')
    return value === bound ? 0 : Number.NaN
  const other = bound as number | bigint
  return value < other ? -1 : value > other ? 1 : value == other ? 0 : Number.NaN
}

/** Whether a value meets a condition. */
export function meets(value: Value, optional: boolean, condition: unknown): boolean {
  const test = (
    typeof condition === 'object' && condition !== null ? condition : { eq: condition }
  ) as Test
  const { absent, ...others } = test
  if (isAbsent(value, optional)) return absent === true && Object.keys(others).length === 0
  if (absent === true) return false
  const present = value as Exclude<Value, null>
  return Object.entries(others).every(([operator, bound]) => {
    if (operator === 'in') return (bound as unknown[]).some((each) => compare(present, each) === 0)
    const order = compare(present, bound)
    if (operator === 'ne') return order !== 0
    if (Number.isNaN(order)) return false
    return { eq: order === 0, lt: order < 0, lte: order <= 0, gt: order > 0, gte: order >= 0 }[
      operator as 'eq'
    ]
  })
}

/** A double as digits and a scale, where it prints as a decimal of at most 9 digits after the point. */
function digitsOf(value: number): { integer: bigint; scale: number } | undefined {
  if (!Number.isFinite(value)) return undefined
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value))
  if (match === null) throw new Error(`what is ${value}?`)
  const [, sign, whole = '', fraction = '', exponent = '0'] = match
  let integer = BigInt(whole + fraction)
  let scale = fraction.length - Number(exponent)
  if (scale < 0) {
    integer *= 10n ** BigInt(-scale)
    scale = 0
  }
  if (scale > 9 || integer >= 1n << 51n) return undefined
  return { integer: sign === '-' ? -integer : integer, scale }
}

const fraction = 18

/** The nearest double of integer / 10^18, through its digits. */
const doubleOf = (integer: bigint, scale: number): number => Number(`${integer}e-${scale}`)

/** Sum and sum of squares of the decimals in units of 10^-18, and the other doubles in order. */
function split(values: readonly (number | bigint)[], scale: number) {
  let sum = 0n
  let squares = 0n
  const reals: number[] = []
  let count = 0n
  for (const value of values) {
    const exact = typeof value === 'bigint' ? { integer: value, scale } : digitsOf(value)
    if (exact === undefined) {
      reals.push(value as number)
      continue
    }
    const unit = exact.integer * 10n ** BigInt(fraction - exact.scale)
    sum += unit
    squares += unit * unit
    count += 1n
  }
  return { sum, squares, reals, count }
}

function neumaier(values: readonly number[]): number {
  let sum = 0
  let rest = 0
  for (const value of values) {
    const next = sum + value
    rest += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum
    sum = next
  }
  return Number.isFinite(sum) ? sum + rest : sum
}

export function sumOf(values: readonly (number | bigint)[], scale = 0): number {
  const { sum, reals } = split(values, scale)
  const exact = doubleOf(sum, fraction)
  return reals.length === 0 ? exact : exact + neumaier(reals)
}

/** To within rounding: by two passes over doubles. */
export function deviationOf(values: readonly number[]): number {
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  const squares = values.reduce((a, b) => a + (b - mean) ** 2, 0)
  return Math.sqrt(squares / (values.length - 1))
}

const least = -(2n ** 63n)
const floor = (time: bigint, width: bigint, phase: bigint): bigint => {
  const within = (((time - phase) % width) + width) % width
  return time - within < least ? least : time - within
}

/** When the bucket of `time` opens. */
export function openOf(time: bigint, every: string): bigint {
  const [, count = '', unit = ''] = /^(\d+)(\D+)$/.exec(every) ?? []
  if (unit === 'mo') {
    const date = new Date(Number(floor(time, 1_000_000n, 0n) / 1_000_000n))
    const month = (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth()
    return BigInt(Date.UTC(1970, Math.floor(month / Number(count)) * Number(count))) * 1_000_000n
  }
  const seconds = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }[unit]!
  const width = BigInt(count) * BigInt(Math.round(seconds * 1000)) * 1_000_000n
  const monday = BigInt(Date.UTC(1970, 0, 5)) * 1_000_000n
  return floor(time, width, width % 604_800_000_000_000n === 0n ? monday % width : 0n)
}
