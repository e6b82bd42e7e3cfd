// Goal: the commands in src/ingest/README.md import every file of the public data set, all rows,
// value by value. Method: each command runs as `varve import` does, into a series that compares
// what it is given, append by append, with an independent reading of the file.
import type { ImportColumns, ImportTarget } from '#ingest'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { run } from '../../src/cli/program.ts'
import { captured, fakeEngine } from '../cli/fake-engine.ts'
import { dataFolder, importLines, naiveReading } from './naive-reading.ts'
import type { Expected } from './naive-reading.ts'

/** Compares appends with what is expected, in order; the first difference throws. */
class ComparingTarget implements ImportTarget {
  readonly #expected: Expected
  rowCount = 0
  names: readonly string[] = []

  constructor(expected: Expected) {
    this.#expected = expected
  }

  append(columns: ImportColumns): { readonly rows: number } {
    const count = columns.time.length
    this.names = Object.keys(columns)
    for (const [name, expected] of Object.entries(this.#expected.columns)) {
      const actual = columns[name] as ArrayLike<unknown> & { at(index: number): unknown }
      for (let index = 0; index < count; index += 1) {
        const value = actual.at(index)
        if (Object.is(value, expected[this.rowCount + index])) continue
        throw new Error(
          `row ${this.rowCount + index}, ${name}: ${String(value)}, not ${String(expected[this.rowCount + index])}`,
        )
      }
    }
    this.rowCount += count
    return { rows: count }
  }

  accepted(): undefined {
    return undefined
  }
}

const lines = importLines()

test('the README has a command for every file of its kinds', () => {
  expect(lines.length).toBeGreaterThan(30)
  expect(new Set(lines.map((line) => line.series)).size).toBe(lines.length)
  if (dataFolder === undefined) return
  const files = ['bars', 'trades', 'quotes', 'book'].flatMap((folder) =>
    readdirSync(join(dataFolder ?? '', folder), { recursive: true })
      .map((name) => join(folder, String(name)))
      .filter((name) => name.endsWith('.csv.gz') && !name.endsWith('_l2.csv.gz')),
  )
  expect(lines.map((line) => line.file).toSorted()).toEqual(files.toSorted())
})

test.skipIf(dataFolder === undefined).each(lines)('$series from $file', async (line) => {
  const expected = naiveReading(line)
  const target = new ComparingTarget(expected)
  const names: unknown[] = []
  const engine = fakeEngine((...name) => {
    names.push(...name)
    return target
  })
  const { output, written, noted } = captured()
  const words = [
    'import',
    '/nowhere',
    line.series,
    join(dataFolder ?? '', line.file),
    ...line.options,
    '--json',
  ]
  expect(await run(words, engine, output), noted.join('')).toBe(0)
  expect(JSON.parse(written.join(''))).toMatchObject({
    rows: expected.rowCount,
    duplicates: 0,
    bad: [],
  })
  expect(target.rowCount).toBe(expected.rowCount)
  expect(target.names.toSorted()).toEqual(Object.keys(expected.columns).toSorted())
  expect(names.filter((part) => part !== undefined).join('/')).toBe(line.series)
})
