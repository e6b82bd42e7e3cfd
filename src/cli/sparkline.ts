// A line of a chart in one line of text.
const blocks = '\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588'
const plain = '_.-=+*#@'

/** `values` squeezed into `width` columns (the mean of each), lowest to highest; NaN is a gap. */
export function sparkline(values: readonly number[], width: number, isAscii = false): string {
  const signs = isAscii ? plain : blocks
  const columns = Math.min(width, values.length)
  const means: number[] = []
  for (let column = 0; column < columns; column += 1) {
    const from = Math.floor((column * values.length) / columns)
    const end = Math.floor(((column + 1) * values.length) / columns)
    const part = values.slice(from, end).filter((value) => !Number.isNaN(value))
    means.push(part.reduce((sum, value) => sum + value, 0) / part.length)
  }
  const known = means.filter((mean) => !Number.isNaN(mean))
  const least = Math.min(...known)
  const range = Math.max(...known) - least
  return means
    .map((mean) => {
      if (Number.isNaN(mean)) return ' '
      const level = range === 0 ? 0 : Math.floor(((mean - least) / range) * signs.length)
      return signs[Math.min(level, signs.length - 1)] ?? ' '
    })
    .join('')
}
