// Bytes a row of real data in a store that is sealed and compacted: segments whole, footers and
// index included. Sizes do not vary: one run.
import { inFolder, storedTable } from '../support/bed.ts'
import { measure } from '../support/harness.ts'
import type { Figure, FigureSpec, RunOptions, Size } from '../support/harness.ts'
import { plainBytesPerRow, realTables } from '../support/tables.ts'

const most: Readonly<Record<string, number>> = {
  'SPY trades': 2.8,
  'IBM quotes': 2.6,
  'EURUSD quotes': 2.6,
  'BTC top of book': 7.6,
}

export async function realSizes(size: Size, options: RunOptions): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const table of options.data === undefined ? [] : realTables(options.data)) {
    const { bytes } = await inFolder(options, (folder) => storedTable(`${folder}/store`, table))
    const atMost = most[table.name]
    const spec: FigureSpec = {
      unit: 'bytes a row',
      better: 'less',
      ...(atMost === undefined ? {} : { floor: { atMost } }),
    }
    const title = `stored: ${table.name}`
    const value = bytes / table.rowCount
    const probes = [{ name: 'plain columns', value: plainBytesPerRow(table) }]
    const specs = { [title]: spec }
    const readings = { [title]: { value, probes } }
    figures.push(...(await measure(size, 1, specs, async () => ({ elapsedMs: 0.001, readings }))))
  }
  return figures
}
