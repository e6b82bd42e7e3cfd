// Goal: quotes change nothing about what a file means; and whatever a file's life is (it grows, stops at bad rows, is
// mended, is packed, is imported again), its rows end up in the series once, in order.
// Method: random tables imported as they are and with every cell quoted; random lives of a file, with the rows that
// should be there kept in a plain list.
import { VarveError } from '#base'
import { importCsv } from '#ingest'
import type { ImportReport } from '#ingest'
import { column, defineKind, trade } from '#schema'
import type { Kind } from '#schema'
import { memoryVfs } from '#vfs'
import * as fc from 'fast-check'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { MemoryTarget } from './memory-target.ts'

async function importInto(
  target: MemoryTarget,
  kind: Kind,
  bytes: Uint8Array,
  bad: 'stop' | 'list',
): Promise<ImportReport> {
  const vfs = memoryVfs()
  const file = vfs.open('/a.csv', 'create')
  file.write(bytes, 0)
  file.close()
  return importCsv({ vfs, path: '/a.csv', kind, mapping: {}, bad, target: () => target })
}

const everything = defineKind('everything', {
  columns: {
    f: column.f64().optional(),
    d: column.decimal(3).optional(),
    n: column.i64().optional(),
    i: column.i32().optional(),
    b: column.bool().optional(),
    s: column.symbol().optional(),
    t: column.text(),
  },
})
const names = ['time_us', 'f', 'd', 'n', 'i', 'b', 's', 't']

const cell = fc.oneof(
  fc.constantFrom('', '0', '-0', '1', 'true', 'x', '1e5', 'nan', ' 7 ', '1.2345', '9'.repeat(20)),
  fc.integer().map(String),
  fc.double({ noNaN: true }).map(String),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
)
const row = fc.array(cell, { minLength: names.length, maxLength: names.length })

test('a file with quotes reads as the same file without', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 30 }), async (rows) => {
      // The first row decides how times are read: it is a plain one.
      const all = [names, ['1', ...names.slice(1).map(() => '')], ...rows]
      const encoder = new TextEncoder()
      const plain = encoder.encode(all.map((cells) => cells.join(',')).join('\n'))
      const quoted = encoder.encode(
        all.map((cells) => cells.map((text) => `"${text}"`).join(',')).join('\r\n'),
      )
      const [one, two] = [new MemoryTarget(), new MemoryTarget()]
      const report = await importInto(one, everything, plain, 'list')
      expect(await importInto(two, everything, quoted, 'list')).toEqual(report)
      expect(two.columns).toEqual(one.columns)
      expect(report.rows + report.badRows).toBe(all.length - 1)
    }),
    { numRuns: 150 },
  )
})

/** One moment in the life of a file: it has so many rows, one of them may be broken. */
const moment = fc.record({
  grows: fc.oneof(fc.nat(6000), fc.constantFrom(0, 1, 4095, 4096, 4097)),
  breaks: fc.option(fc.nat(), { nil: undefined, freq: 2 }),
  isPacked: fc.boolean(),
  hasReturns: fc.boolean(),
})

test('rows are in once, in order, whatever happened to the file before', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(moment, { minLength: 1, maxLength: 6 }), async (moments) => {
      const target = new MemoryTarget()
      let length = 1
      let inSeries = 0
      for (const { grows, breaks, isPacked, hasReturns } of moments) {
        length += grows
        // Only what is not in yet can be broken: a change of what is in would be other content.
        const broken =
          breaks === undefined || inSeries >= length
            ? -1
            : inSeries + (breaks % (length - inSeries))
        const end = hasReturns ? '\r\n' : '\n'
        const lines = Array.from({ length }, (_, at) => `${at},${at === broken ? 'x' : at},1`)
        const bytes = new TextEncoder().encode(['ts_ns,price,size', ...lines, ''].join(end))
        let report: ImportReport | undefined
        try {
          report = await importInto(target, trade, isPacked ? gzipSync(bytes) : bytes, 'stop')
        } catch (error) {
          if (!(error instanceof VarveError)) throw error
          expect(error.details).toMatchObject({ line: broken + 2, rows: broken - inSeries })
        }
        const expected = broken >= 0 ? broken : length
        if (broken < 0)
          expect(report).toMatchObject({ rows: length - inSeries, duplicates: inSeries })
        inSeries = expected
        expect(target.rowCount).toBe(inSeries)
        const prices = target.columns.get('price') ?? []
        expect(prices.every((price, at) => price === at)).toBe(true)
      }
    }),
    { numRuns: 25 },
  )
})
