// Goal: whatever bytes a file holds, an import ends: with the rows it could read, or with a
// VarveError; never with a hang, an endless buffer or another error.
// Method: random bytes, CSV with bytes changed, gzip with bytes changed or cut, long rows, quotes
// that never close.
import { VarveError } from '#base'
import { importCsv } from '#ingest'
import type { ImportReport } from '#ingest'
import { quote, trade } from '#schema'
import type { Kind } from '#schema'
import { memoryVfs } from '#vfs'
import * as fc from 'fast-check'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { MemoryTarget } from './memory-target.ts'

const target = new MemoryTarget()

async function outcome(kind: Kind, bytes: Uint8Array): Promise<ImportReport | VarveError> {
  const vfs = memoryVfs()
  const file = vfs.open('/a.csv', 'create')
  if (bytes.length > 0) file.write(bytes, 0)
  file.close()
  const own = new MemoryTarget()
  try {
    return await importCsv({
      vfs,
      path: '/a.csv',
      kind,
      mapping: {},
      bad: 'list',
      target: () => own,
    })
  } catch (error) {
    if (error instanceof VarveError) return error
    throw error
  }
}

const rows = Array.from({ length: 300 }, (_, row) => `${row},${row / 8},${row},"V${row % 7}"`).join(
  '\n',
)
const csv = new TextEncoder().encode(`ts_ns,price,size,venue\n${rows}\n`)
const header = 'ts_ns,price,size,venue\n'.length

test('random bytes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
      expect(await outcome(quote, bytes)).toBeDefined()
    }),
    { numRuns: 200 },
  )
})

test('changed bytes: every row is in or listed', async () => {
  const change = fc.tuple(fc.nat(csv.length - 1 - header), fc.constantFrom(...'",\n\r\0x9 \xff'))
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 20 }), async (changes) => {
      const bytes = csv.slice()
      for (const [at, text] of changes) bytes[header + at] = text.charCodeAt(0)
      const report = await outcome(trade, bytes)
      expect(report).not.toBeInstanceOf(VarveError)
      const { rows: good, badRows, bad } = report as ImportReport
      expect(bad).toHaveLength(badRows)
      expect(good + badRows).toBeGreaterThan(0)
    }),
    { numRuns: 100 },
  )
})

test('gzip with changed or missing bytes is ERR_CORRUPT, or reads as it was', async () => {
  const packed = new Uint8Array(gzipSync(csv)) // a Buffer's slice() would be a view of it
  const whole = await outcome(trade, packed)
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 2, max: packed.length - 1 }), // the first two say that it is gzip
      fc.nat(255),
      fc.boolean(),
      async (at, byte, isCut) => {
        const bytes = isCut ? packed.subarray(0, Math.max(at, 3)) : packed.slice()
        if (!isCut) bytes[at] = byte
        const result = await outcome(trade, bytes)
        if (result instanceof VarveError)
          expect(['ERR_CORRUPT', 'ERR_SCHEMA']).toContain(result.code)
        else expect(result).toEqual(whole)
      },
    ),
    { numRuns: 150 },
  )
})

test('a quote that never closes costs one row, wherever the buffer ends', async () => {
  const row = '1,"2",3,V\n'
  const count = 600_000 // 6 MB: more than one buffer, and more than the longest row
  const text = `ts_ns,price,size,venue\n${row.repeat(10)}1,2,3,"open\n${row.replaceAll('"', '').repeat(count)}`
  const report = await outcome(trade, new TextEncoder().encode(text))
  expect(report).toMatchObject({
    rows: count + 10,
    bad: [{ line: 12, column: '', reason: 'a quote is never closed' }],
  })
})

test('a row without an end is refused before it fills the memory', async () => {
  const bytes = new Uint8Array(20 << 20).fill(49)
  bytes.set(new TextEncoder().encode('ts_ns,price,size\n'))
  const result = await outcome(trade, bytes)
  expect(result).toMatchObject({
    code: 'ERR_SCHEMA',
    message: expect.stringContaining('a row of more than') as string,
  })
})

test('quoted cells read the same across the ends of the buffer', async () => {
  const vfs = memoryVfs()
  const count = 120_000
  const texts = Array.from({ length: count }, (_, row) => `"${row},"",\r\n${'z'.repeat(row % 60)}"`)
  const file = vfs.open('/a.csv', 'create')
  file.write(
    new TextEncoder().encode(
      `ts_ns,price,size,conditions\n${texts.map((text, row) => `${row},1,"${row}",${text}`).join('\n')}`,
    ),
    0,
  )
  file.close()
  const report = await importCsv({
    vfs,
    path: '/a.csv',
    kind: trade,
    mapping: {},
    target: () => target,
  })
  expect(report).toMatchObject({ rows: count, badRows: 0 })
  const sizes = target.columns.get('size') ?? []
  const conditions = target.columns.get('conditions') ?? []
  for (let row = 0; row < count; row += 1) {
    if (sizes[row] !== row) throw new Error(`row ${row}: size ${String(sizes[row])}`)
    const expected = `${row},",\r\n${'z'.repeat(row % 60)}`
    if (conditions[row] !== expected) throw new Error(`row ${row}: ${String(conditions[row])}`)
  }
})
