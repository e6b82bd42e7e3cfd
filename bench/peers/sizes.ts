// Bytes a row: the same tables of trades, quotes and bars kept by every engine as it would keep
// them, at rest. What an engine says it holds is compared with the table before its files are
// weighed. Sizes do not vary: one run.
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { filesBelow } from '../support/bed.ts'
import { expectEqual, measure } from '../support/harness.ts'
import type { Figure, FigureSpec, Size } from '../support/harness.ts'
import { countsOf, headOf } from '../support/tables.ts'
import type { Table } from '../support/tables.ts'
import { besideVarve } from './beside.ts'
import type { Engine, Keep } from './engine.ts'

/** Rows of those engines that take rows one at a time. */
const rowWiseMax = 500_000
const floor = { atMost: 0.7, of: 'parquet, duckdb' } as const
const entropyName = 'entropy of the source'
/**
 * Bytes of a store that has nothing left to move out of its log. What holds no rows (locks, the
 * reserve of a full disk) is no part of them.
 */
function storedBytes(folder: string): number {
  return filesBelow(folder)
    .filter(({ path }) => !/(?:\/reserve|\/LOCK|-lock|-shm)$/.test(path))
    .reduce((sum, { bytes }) => sum + bytes, 0)
}

async function bytesPerRow(keep: Keep, table: Table, folder: string): Promise<number> {
  const kept = keep.isRowWise ? headOf(table, rowWiseMax) : table
  const own = mkdtempSync(join(folder, 'kept-'))
  const counts = await keep.keep(own, kept)
  const expected = countsOf(kept.columns)
  expectEqual(counts.join(' '), expected.join(' '), `${keep.name}, counts of ${table.name}`)
  const bytes = storedBytes(own)
  rmSync(own, { recursive: true })
  return bytes / kept.rowCount
}

/** A figure an engine and table, varve's first, which is to be smaller than Parquet. */
export async function measureSizes(
  size: Size,
  engines: readonly Engine[],
  tables: readonly Table[],
  folder: string,
): Promise<Figure[]> {
  const keeps = engines.flatMap((engine) => engine.keeps)
  const figures: Figure[] = []
  for (const table of tables) {
    const values: [string, number][] = []
    for (const keep of keeps) values.push([keep.name, await bytesPerRow(keep, table, folder)])
    if (table.entropyBytes !== undefined) values.push([entropyName, table.entropyBytes])
    const floors = values.some(([name]) => name === floor.of) ? [floor] : []
    const nameOf = (name: string): string => `stored, ${table.name}: ${name}`
    const spec: FigureSpec = { unit: 'bytes a row', better: 'less' }
    const isOurs = (name: string): boolean => name.startsWith('varve')
    const beside = besideVarve(values, [floor, { atMost: 1, of: entropyName }])
    const specs = Object.fromEntries(
      values.map(([name]) => [nameOf(name), isOurs(name) ? { ...spec, floor: floors } : spec]),
    )
    const readings = Object.fromEntries(values.map(([name]) => [nameOf(name), beside[name]!]))
    figures.push(...(await measure(size, 1, specs, async () => ({ elapsedMs: 0.001, readings }))))
  }
  return figures
}
