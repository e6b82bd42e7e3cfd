// Goal: the commands in src/ingest/README.md, run by the built program into one real store, give
// every row of every file back, bit for bit and in order, through the package's API.
// Method: the rows read back are compared with an independent reading of the files, sorted by time
// and, among equal times, by the kind's order and then as they came.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dataFolder, importLines, naiveReading } from '../ingest/naive-reading.ts'
import type { Expected } from '../ingest/naive-reading.ts'
import { packageEntry, scratchFolder, varve, varveJson } from './built.ts'

interface Values extends ArrayLike<unknown> {
  at(index: number): unknown
}
interface Store {
  series(
    kind: unknown,
    symbol: string,
    timeframe?: string,
  ): {
    range(): { rowCount: number; columns: Record<string, Values> }
  }
  close(): Promise<void>
}
interface Package {
  open(path: string, options: { mode: 'read' }): Promise<Store>
  readonly [kind: string]: unknown
}

const lines = importLines()
let store = ''
beforeAll(() => {
  store = join(scratchFolder(), 'store')
})
afterAll(() => {
  rmSync(join(store, '..'), { recursive: true, force: true })
})

/** Rows as a store reads them: by time, by sequence where the file has one, by place in the
 * file. */
function readOrder({ rowCount, columns }: Expected): Int32Array {
  const time = columns['time'] as BigInt64Array
  const sequence = columns['sequence'] as BigInt64Array | undefined
  const order = Int32Array.from({ length: rowCount }, (_, row) => row)
  return order.sort((a, b) => {
    if (time[a]! !== time[b]!) return time[a]! < time[b]! ? -1 : 1
    if (sequence !== undefined && sequence[a]! !== sequence[b]!)
      return sequence[a]! < sequence[b]! ? -1 : 1
    return a - b
  })
}

test.skipIf(dataFolder === undefined).each(lines)('$series from $file', async (line) => {
  const expected = naiveReading(line)
  const words = ['import', store, line.series, join(dataFolder ?? '', line.file), ...line.options]
  expect(varveJson(...words)).toMatchObject({ rows: expected.rowCount, duplicates: 0, bad: [] })
  const varvePackage = (await import(packageEntry)) as Package
  const [kind = '', symbol = '', timeframe] = line.series.split('/')
  const opened = await varvePackage.open(store, { mode: 'read' })
  try {
    const { rowCount, columns } = opened.series(varvePackage[kind], symbol, timeframe).range()
    expect(rowCount).toBe(expected.rowCount)
    const order = readOrder(expected)
    for (const [name, values] of Object.entries(expected.columns)) {
      const actual = columns[name]
      if (actual === undefined) throw new Error(`no column ${name}`)
      for (let row = 0; row < rowCount; row += 1) {
        const value = actual.at(row)
        const wanted = values[order[row]!]
        if (Object.is(value, wanted)) continue
        throw new Error(`row ${row}, ${name}: ${String(value)}, not ${String(wanted)}`)
      }
    }
  } finally {
    await opened.close()
  }
})

test.skipIf(dataFolder === undefined)(
  'the store is whole, and all of it again adds nothing',
  () => {
    expect(varve('verify', store)).toMatchObject({ status: 0 })
    for (const line of lines) {
      const words = [
        'import',
        store,
        line.series,
        join(dataFolder ?? '', line.file),
        ...line.options,
      ]
      expect(varveJson(...words)).toMatchObject({ rows: 0 })
    }
  },
  // A process for each of 35 files.
  240_000,
)
