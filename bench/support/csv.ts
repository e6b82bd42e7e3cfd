// Columns of numbers out of a CSV file, without the import of the package: what is measured must not
// prepare its own rows. Cells are plain decimals or whole numbers, one header line, no quotes.

const [comma, lineEnd, point, zero] = [44, 10, 46, 48]

export interface CsvColumns {
  /** One column as integers. */
  readonly whole: BigInt64Array
  /** The others as the doubles nearest to their decimals. */
  readonly values: readonly Float64Array[]
}

function placeOf(names: readonly string[], name: string): number {
  const at = names.indexOf(name)
  if (at < 0) throw new Error(`the file has no column ${name}`)
  return at
}

/** A last line counts without its end too. */
function linesIn(bytes: Uint8Array): number {
  let lines = 0
  for (let at = 0; at < bytes.length; at += 1) if (bytes[at] === lineEnd) lines += 1
  return bytes.length === 0 || bytes.at(-1) === lineEnd ? lines : lines + 1
}

const powers = Float64Array.from({ length: 23 }, (_, k) => Number(`1e${k}`))
const exactMax = 2 ** 53

/** The number in bytes [from, end): one division of exact doubles where it can be. */
function numberIn(bytes: Buffer, from: number, end: number): number {
  let digits = 0
  let scale = -1
  for (let at = from; at < end; at += 1) {
    const byte = bytes[at]!
    if (byte === point && scale < 0) scale = 0
    else if (byte >= zero && byte <= zero + 9) {
      digits = digits * 10 + byte - zero
      if (scale >= 0) scale += 1
    } else return Number(bytes.toString('latin1', from, end))
  }
  if (digits >= exactMax || scale > 22) return Number(bytes.toString('latin1', from, end))
  return scale > 0 ? digits / powers[scale]! : digits
}

/** Reads the columns of these names. */
export function csvColumns(
  bytes: Buffer,
  wholeName: string,
  valueNames: readonly string[],
): CsvColumns {
  const headerEnd = bytes.indexOf(lineEnd)
  const names = bytes.toString('latin1', 0, headerEnd).split(',')
  const wholeAt = placeOf(names, wholeName)
  const targets: (Float64Array | undefined)[] = names.map(() => undefined)
  const rowCount = linesIn(bytes.subarray(headerEnd + 1))
  const whole = new BigInt64Array(rowCount)
  const values = valueNames.map((name) => {
    const column = new Float64Array(rowCount)
    targets[placeOf(names, name)] = column
    return column
  })
  let at = headerEnd + 1
  for (let row = 0; row < rowCount; row += 1) {
    for (let column = 0; column < names.length; column += 1) {
      let end = at
      while (end < bytes.length && bytes[end] !== comma && bytes[end] !== lineEnd) end += 1
      const target = targets[column]
      if (target !== undefined) target[row] = numberIn(bytes, at, end)
      else if (column === wholeAt) whole[row] = BigInt(bytes.toString('latin1', at, end))
      at = end + 1
    }
  }
  return { whole, values }
}
