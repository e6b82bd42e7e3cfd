// Goal: files go into series as the options say: mapping, times, values, absent, bad rows, what is
// in already, splits. Method: small files on a file system in memory, into a series in memory that
// keeps the store's rules for producers.
import { VarveError } from '#base'
import { importCsv } from '#ingest'
import type { ImportKind, ImportReport, ImportRequest, MappingOptions } from '#ingest'
import { bar, book10, column, defineKind, parseTime, quote, trade } from '#schema'
import { memoryVfs } from '#vfs'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { MemoryTarget } from './memory-target.ts'

type Options = Partial<Omit<ImportRequest, 'vfs' | 'path' | 'kind' | 'mapping'>>

async function importBytes(
  kind: ImportKind,
  bytes: Uint8Array,
  mapping: MappingOptions = {},
  options: Options = {},
): Promise<ImportReport> {
  const vfs = memoryVfs()
  vfs.makeDirectory('/files')
  const file = vfs.open('/files/a.csv', 'create')
  if (bytes.length > 0) file.write(bytes, 0)
  file.close()
  const own = new MemoryTarget()
  return importCsv({ vfs, path: '/files/a.csv', kind, mapping, target: () => own, ...options })
}

async function importText(
  kind: ImportKind,
  text: string,
  mapping: MappingOptions = {},
  options: Options = {},
): Promise<ImportReport> {
  return importBytes(kind, new TextEncoder().encode(text), mapping, options)
}

async function failure(promise: Promise<unknown>): Promise<VarveError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(VarveError)
  return error as VarveError
}

const at = (iso: string): bigint => parseTime(iso)

describe('mapping', () => {
  test('same names map themselves, also in snake case; the rest is told', async () => {
    const target = new MemoryTarget()
    const csv = 'ts_ns,bid,bid_size,ASK,askSize,extra\n5,1.5,10,2.5,20,x\n'
    const report = await importText(quote, csv, {}, { target: () => target })
    expect(target.rows('time', 'bid', 'bidSize', 'ask', 'askSize')).toEqual([
      [5n, 1.5, 10, 2.5, 20],
    ])
    expect(report.mapped).toMatchObject({ time: 'ts_ns', timeForm: 'ns', unused: ['extra'] })
    expect(report).toMatchObject({ rows: 1, duplicates: 0, badRows: 0 })
  })

  test('an exact name wins over a loose one, two loose ones are refused', async () => {
    const target = new MemoryTarget()
    await importText(quote, 'ts_ns,bid_size,bidSize\n1,7,8\n', {}, { target: () => target })
    expect(target.rows('bidSize')).toEqual([[8]])
    const error = await failure(importText(quote, 'ts_ns,bid_size,BIDSIZE\n1,7,8\n'))
    expect(error.message).toContain('bid_size and BIDSIZE could both be bidSize')
    expect(error.hint).toContain('--map')
  })

  test('patterns map many columns', async () => {
    const target = new MemoryTarget()
    const names = [...'0123456789'].flatMap((level) => [`bid_px_${level}`, `ask_px_${level}`])
    const csv = `ts_ns,update_id,${names.join(',')}\n1,99,${names.map((_, index) => index).join(',')}\n`
    const map = { 'bidPrice*': 'bid_px_*', 'askPrice*': 'ask_px_*', sequence: 'update_id' }
    await importText(book10, csv, { map }, { target: () => target })
    expect(target.rows('sequence', 'bidPrice0', 'askPrice9')).toEqual([[99n, 0, 19]])
  })

  test('what does not fit is refused with a hint', async () => {
    const csv = 'ts_ns,price,qty\n1,2,3\n'
    const cases: [MappingOptions, RegExp, RegExp][] = [
      [{}, /kind trade needs size/, /--map size=/],
      [{ map: { size: 'qtty' } }, /no column qtty/, /Did you mean qty/],
      [{ map: { sise: 'qty' } }, /has no column sise/, /Did you mean size/],
      [{ map: { size: 'qty' }, set: { size: '1' } }, /both --set and --map/, /one source/],
      [{ map: { size: 'qty' }, absent: { price: ['0'] } }, /price is required/, /./],
      [{ map: { size: 'qty' }, absent: { venue: ['0'] } }, /gives venue no values/, /--map venue/],
      [{ map: { size: 'qty' }, values: { sid: { 0: 'buy' } } }, /no column sid/, /side/],
      [{ map: { size: 'qty' }, time: 'when' }, /--time: the file has no column when/, /ts_ns/],
      [{ map: { size: 'qty' }, units: { tz: 'ms' } }, /--unit tz/, /ts_ns/],
      [{ map: { 'si*': 'nothing_*' } }, /fits no column/, /ts_ns/],
      [{ map: { time: 'ts_ns', size: 'qty' } }, /no column time/, /--time/],
    ]
    for (const [mapping, message, hint] of cases) {
      const error = await failure(importText(trade, csv, mapping))
      expect(error.code).toBe('ERR_ARGUMENT')
      expect(error.message).toMatch(message)
      expect(error.hint).toMatch(hint)
    }
  })

  test('constants, values and absent values', async () => {
    const target = new MemoryTarget()
    const csv = 'ts_ms,price,size,maker\n1,2,3,0\n2,2,3,1\n3,2,3,\n'
    const mapping: MappingOptions = {
      map: { side: 'maker' },
      set: { venue: 'XNAS', received: '2024-01-01T00:00:00Z' },
      values: { side: { 0: 'buy', 1: 'sell' } },
    }
    await importText(trade, csv, mapping, { target: () => target })
    const received = at('2024-01-01T00:00:00Z')
    expect(target.rows('time', 'side', 'venue', 'received')).toEqual([
      [1_000_000n, 'buy', 'XNAS', received],
      [2_000_000n, 'sell', 'XNAS', received],
      [3_000_000n, null, 'XNAS', received],
    ])
    const sided = new MemoryTarget()
    const absent = { bid: ['0'], bidSize: ['0', '-1'], venue: ['?'] }
    await importText(
      quote,
      'ts_ns,bid,bidSize,venue\n1,0.00,-1,?\n2,-0,3,Q\n',
      { absent },
      { target: () => sided },
    )
    expect(sided.rows('bid', 'bidSize', 'venue')).toEqual([
      [Number.NaN, Number.NaN, null],
      [Number.NaN, 3, 'Q'],
    ])
  })

  test('every column type, present and absent', async () => {
    const kind = defineKind('all', {
      columns: {
        f: column.f64().optional(),
        d: column.decimal(2).optional(),
        n: column.i64().optional(),
        i: column.i32().optional(),
        u: column.u8().optional(),
        b: column.bool().optional(),
        s: column.symbol().optional(),
        t: column.text().optional(),
        j: column.json().optional(),
        w: column.time().optional(),
      },
    })
    const target = new MemoryTarget()
    const csv = [
      'time_ns,f,d,n,i,u,b,s,t,j,w',
      '1,1.5,2.50,9007199254740993,-5,255,true,X,"a ""b"", c","{""k"": [1, 2]}",2024-01-01T00:00:00Z',
      '2,,,,,,,,,,',
      '',
    ].join('\n')
    await importText(kind, csv, {}, { target: () => target })
    const absent = -(2n ** 63n)
    expect(target.rows(...'fdniubstjw')).toEqual([
      [
        1.5,
        2.5,
        9007199254740993n,
        -5,
        255,
        1,
        'X',
        'a "b", c',
        { k: [1, 2] },
        at('2024-01-01T00:00:00Z'),
      ],
      [Number.NaN, Number.NaN, absent, null, null, null, null, null, null, absent],
    ])
    const bad: [string, RegExp][] = [
      ['1,x,,,,,,,,,', /f: "x" is no number/],
      ['1,,2.505,,,,,,,,', /d: "2.505" has more than 2 decimals/],
      ['1,,,1.5,,,,,,,', /n: "1.5" is no 64-bit integer/],
      ['1,,,,2147483648,,,,,,', /i: "2147483648" is no i32/],
      ['1,,,,,256,,,,,', /u: "256" is no u8/],
      ['1,,,,,,maybe,,,,', /b: "maybe" is no bool/],
      ['1,,,,,,,,,{,', /j: "{" is no JSON/],
      ['x,,,,,,,,,,', /time: "x" is no epoch time/],
      [',,,,,,,,,,', /time: empty, and time is required/],
      ['1,2', /2 cells where the header has 11/],
    ]
    for (const [row, reason] of bad) {
      const error = await failure(importText(kind, `time_ns,f,d,n,i,u,b,s,t,j,w\n${row}\n`))
      expect(error.message).toMatch(reason)
      expect(error.details['line']).toBe(2)
    }
  })
})

describe('times', () => {
  test('the column with its unit in its name comes first, the finest first', async () => {
    const cases: [string, string][] = [
      ['date,exch_ts_ms,ts_ns', 'ts_ns'],
      ['local_time,timestamp', 'timestamp'],
      ['local_ts_ns,exch_ts_ms', 'local_ts_ns'],
      ['local_ts_ns,ts_ns', 'ts_ns'],
      ['latency_ns,time', 'time'],
      ['open_time,close_time', 'open_time'],
      ['DATE', 'DATE'],
    ]
    for (const [names, expected] of cases) {
      const cells = names.split(',').map(() => '1400000000000')
      const report = await importText(quote, `${names}\n${cells.join(',')}\n`)
      expect(report.mapped.time, names).toBe(expected)
    }
    const error = await failure(importText(quote, 'bid,ask\n1,2\n'))
    expect(error.message).toContain('no column of the file looks like the time')
  })

  test('units: from the option, the name, the size', async () => {
    const cases: [string, string, MappingOptions, bigint, string][] = [
      ['ts_us', '1700000000000001', {}, 1700000000000001000n, 'us'],
      ['time', '1700000000', {}, 1700000000000000000n, 's'],
      ['time', '1700000000.25', {}, 1700000000250000000n, 's'],
      ['time', '1700000000123', {}, 1700000000123000000n, 'ms'],
      ['time', '1700000000123456789', {}, 1700000000123456789n, 'ns'],
      ['time', '1700000000123', { units: { time: 'us' } }, 1700000000123000n, 'us'],
      ['ts_ms', '17', { units: { ts_ms: 's' } }, 17_000_000_000n, 's'],
    ]
    for (const [name, cell, mapping, ns, form] of cases) {
      const target = new MemoryTarget()
      const report = await importText(quote, `${name},bid\n${cell},1\n`, mapping, {
        target: () => target,
      })
      expect(target.rows('time')).toEqual([[ns]])
      expect(report.mapped.timeForm).toBe(form)
    }
    const error = await failure(importText(quote, 'time,bid\n20131007,1\n'))
    expect(error.hint).toContain('--unit time=')
  })

  test('a naive time is refused with a hint, a zone and a format are used', async () => {
    const csv = 'date,bid\n2019-07-17 09:30:00,1\n'
    const error = await failure(importText(quote, csv))
    expect(error.message).toContain('have no zone')
    expect(error.hint).toContain('--time-zone')
    const target = new MemoryTarget()
    const timeZone = 'America/New_York'
    await importText(quote, csv, { timeZone }, { target: () => target })
    const timeFormat = 'yyyy-MM-dd hh-a'
    await importText(
      quote,
      'date,bid\n2019-10-17 09-PM,1\n',
      { timeZone, timeFormat },
      { target: () => target },
    )
    expect(target.rows('time')).toEqual([
      [at('2019-07-17T13:30:00Z')],
      [at('2019-10-18T01:00:00Z')],
    ])
    const needed = await failure(
      importText(quote, 'date,bid\n2019-10-17 09-PM,1\n', { timeFormat }),
    )
    expect(needed.hint).toContain('--time-zone')
  })
})

describe('files', () => {
  test('BOM, CRLF, banner, empty lines, no last line end, gzip: all the same rows', async () => {
    const rows = 'ts_ns,price,size\n1,2.5,3\n2,2.5,4\n'
    const files: [Uint8Array, MappingOptions][] = [
      [new TextEncoder().encode(rows), {}],
      [new TextEncoder().encode(`\ufeff${rows}`), {}],
      [new TextEncoder().encode(rows.replaceAll('\n', '\r\n')), {}],
      [new TextEncoder().encode(rows.trimEnd()), {}],
      [new TextEncoder().encode(rows.replace('\n2', '\n\n\r\n2')), {}],
      [new TextEncoder().encode(`from "somewhere\n${rows}`), { skipLines: 1 }],
      [new TextEncoder().encode('"ts_ns","price","size"\n"1","2.5","3"\n2,"2.5",4\n'), {}],
      [gzipSync(rows), {}],
    ]
    for (const [bytes, mapping] of files) {
      const target = new MemoryTarget()
      await importBytes(trade, bytes, mapping, { target: () => target })
      expect(target.rows('time', 'price', 'size')).toEqual([
        [1n, 2.5, 3],
        [2n, 2.5, 4],
      ])
    }
  })

  test('what is no CSV is refused', async () => {
    for (const text of ['', '\n', '\0\0\0', 'a;b;c\n1;2;3\n']) {
      const error = await failure(importText(trade, text))
      expect(error.code).toBe('ERR_SCHEMA')
      expect(error.hint).toBeDefined()
    }
    const error = await failure(importBytes(trade, Uint8Array.of(0xff, 0xfe, 65, 0)))
    expect(error.message).toContain('UTF-16')
  })

  test('a gzip cut short is damage; what came before is in, and the whole file goes on from there', async () => {
    const lines = Array.from({ length: 60_000 }, (_, row) => `${row},${(row * 7919) % 1000},1`)
    const bytes = gzipSync(`ts_ns,price,size\n${lines.join('\n')}\n`)
    const target = new MemoryTarget()
    const error = await failure(
      importBytes(trade, bytes.subarray(0, bytes.length - 100), {}, { target: () => target }),
    )
    expect(error.code).toBe('ERR_CORRUPT')
    const report = await importBytes(trade, bytes, {}, { target: () => target })
    expect(report.rows + report.duplicates).toBe(60_000)
    expect(target.rows('time').map(([time]) => Number(time))).toEqual(lines.map((_, row) => row))
  })
})

function csvOf(
  rows: number,
  change: (row: number) => string | undefined = () => undefined,
): string {
  const lines = Array.from({ length: rows }, (_, row) => change(row) ?? `${row},${row / 4},${row}`)
  return `ts_ns,price,size\n${lines.join('\n')}\n`
}

describe('bad rows', () => {
  test('stop: the rows before are in, the error says where', async () => {
    const target = new MemoryTarget()
    const csv = csvOf(10_000, (row) => (row === 5000 ? '5000,oops,1' : undefined))
    const error = await failure(importText(trade, csv, {}, { target: () => target }))
    expect(error.code).toBe('ERR_SCHEMA')
    expect(error.message).toContain(
      'line 5002, price: "oops" is no number; 5,000 rows before it went in',
    )
    expect(error.details).toMatchObject({ line: 5002, column: 'price', rows: 5000 })
    expect(target.rowCount).toBe(5000)
  })

  test('stop, mend, again: goes on from there, also where line ends changed', async () => {
    for (const badRow of [0, 1, 4095, 4096, 5000, 9999]) {
      const target = new MemoryTarget()
      const broken = csvOf(10_000, (row) => (row === badRow ? `${row},,1` : undefined))
      await failure(importText(trade, broken, {}, { target: () => target }))
      await failure(importText(trade, broken, {}, { target: () => target }))
      expect(target.rowCount).toBe(badRow)
      const report = await importText(
        trade,
        csvOf(10_000).replaceAll('\n', '\r\n'),
        {},
        { target: () => target },
      )
      expect(report).toMatchObject({ rows: 10_000 - badRow, duplicates: badRow })
      expect(target.rows('size').map(([size]) => size)).toEqual(
        Array.from({ length: 10_000 }, (_, row) => row),
      )
    }
  })

  test('list: good rows are in, bad ones told with line, column and reason', async () => {
    const target = new MemoryTarget()
    const csv = csvOf(9000, (row) => (row % 4000 === 7 ? `${row},"a ""quote""",1` : undefined))
    const report = await importText(trade, csv, {}, { bad: 'list', target: () => target })
    expect(report).toMatchObject({ rows: 8997, badRows: 3 })
    expect(report.bad).toEqual(
      [7, 4007, 8007].map((row) => ({
        line: row + 2,
        column: 'price',
        reason: String.raw`"a \"quote\"" is no number`,
      })),
    )
    expect(target.rowCount).toBe(8997)
    const again = await importText(trade, csv, {}, { bad: 'list', target: () => target })
    expect(again).toMatchObject({ rows: 0, duplicates: 8997, badRows: 3 })
  })

  test('lines are counted through quoted line ends and empty lines', async () => {
    const kind = defineKind('note', { columns: { text: column.text(), n: column.i32() } })
    const csv = 'ts_ns,text,n\n1,"two\nlines",1\n\n2,plain,x\n'
    const report = await importText(kind, csv, {}, { bad: 'list' })
    expect(report.bad).toEqual([{ line: 5, column: 'n', reason: '"x" is no i32' }])
  })
})

describe('what is in already', () => {
  test('the same content adds nothing, plain or gzip', async () => {
    const target = new MemoryTarget()
    await importText(trade, csvOf(9000), {}, { target: () => target })
    expect(target.appends).toEqual([4096, 4096, 808])
    const again = await importBytes(trade, gzipSync(csvOf(9000)), {}, { target: () => target })
    expect(again).toMatchObject({ rows: 0, duplicates: 9000 })
    expect(target.rowCount).toBe(9000)
  })

  test('a file that grew adds what is new, one that differs adds from the difference on', async () => {
    for (const rows of [100, 4096, 5000, 8192]) {
      const target = new MemoryTarget()
      await importText(trade, csvOf(rows), {}, { target: () => target })
      const grown = await importText(trade, csvOf(rows + 5000), {}, { target: () => target })
      expect(grown, String(rows)).toMatchObject({ rows: 5000, duplicates: rows })
    }
    const target = new MemoryTarget()
    await importText(trade, csvOf(9000), {}, { target: () => target })
    const other = csvOf(9000, (row) => (row === 5000 ? '5000,1.25,1' : undefined))
    const report = await importText(trade, other, {}, { target: () => target })
    expect(report).toMatchObject({ rows: 9000 - 4096, duplicates: 4096 })
  })

  test('another mapping is other content', async () => {
    const target = new MemoryTarget()
    const csv = 'ts_ns,price,size,px\n1,2,3,4\n'
    await importText(trade, csv, {}, { target: () => target })
    const report = await importText(trade, csv, { map: { price: 'px' } }, { target: () => target })
    expect(report).toMatchObject({ rows: 1, duplicates: 0 })
    const spelled = await importText(
      trade,
      csv,
      { map: { price: 'price' }, time: 'ts_ns' },
      { target: () => target },
    )
    expect(spelled).toMatchObject({ rows: 0, duplicates: 1 })
  })

  test('an import that died between two appends goes on', async () => {
    for (const dies of [1, 2, 3]) {
      const target = new MemoryTarget()
      const append = target.append.bind(target)
      let count = 0
      target.append = (columns, options) => {
        count += 1
        if (count === dies) throw new VarveError('ERR_IO', 'the disk went away')
        return append(columns, options)
      }
      await failure(importText(trade, csvOf(9000), {}, { target: () => target }))
      target.append = append
      await importText(trade, csvOf(9000), {}, { target: () => target })
      expect(target.rows('size').map(([size]) => size)).toEqual(
        Array.from({ length: 9000 }, (_, row) => row),
      )
    }
  })
})

describe('one file, many series', () => {
  const symbols = ['SPY', 'BRK/B', 'IBM']
  const csv = (rows: number, badRow = -1): string =>
    `ts_ns,ticker,price,size\n${Array.from({ length: rows }, (_, row) => `${row},${symbols[(row * row) % 3]},${row === badRow ? 'x' : row},1`).join('\n')}\n`

  test('each symbol gets its rows in order; again, grown and mended adds only what is new', async () => {
    const targets = new Map<string, MemoryTarget>()
    const target = (symbol: string | undefined): MemoryTarget => {
      const known = targets.get(symbol ?? '') ?? new MemoryTarget()
      targets.set(symbol ?? '', known)
      return known
    }
    const mapping = { symbol: 'ticker' }
    await failure(importText(trade, csv(9000, 6000), mapping, { target }))
    expect([...targets.values()].reduce((sum, { rowCount }) => sum + rowCount, 0)).toBe(6000)
    const report = await importText(trade, csv(9000), mapping, { target })
    expect(report).toMatchObject({ rows: 3000, duplicates: 6000 })
    expect(await importText(trade, csv(9000), mapping, { target })).toMatchObject({ rows: 0 })
    expect([...targets.keys()].toSorted()).toEqual(['BRK/B', 'SPY'])
    for (const [symbol, { rows }] of [...targets].map(
      ([name, own]) => [name, { rows: own.rows('price') }] as const,
    )) {
      const expected = Array.from({ length: 9000 }, (_, row) => row).filter(
        (row) => symbols[(row * row) % 3] === symbol,
      )
      expect(rows.map(([price]) => price)).toEqual(expected)
    }
  })

  test('a row without a symbol is bad', async () => {
    const report = await importText(
      trade,
      'ts_ns,s,price,size\n1,,1,1\n2,A,1,1\n',
      { symbol: 's' },
      { bad: 'list' },
    )
    expect(report).toMatchObject({
      rows: 1,
      bad: [{ line: 2, column: 'symbol', reason: 'no symbol' }],
    })
  })
})

test('progress and abort', async () => {
  const seen: number[] = []
  await importText(
    bar,
    'ts_ns,open,high,low,close\n1,1,1,1,1\n',
    {},
    { onProgress: ({ done, total, rows }) => seen.push(done, total, rows) },
  )
  expect(seen).toEqual([36, 36, 1])
  const signal = AbortSignal.abort(new VarveError('ERR_CLOSED', 'stopped'))
  const error = await failure(
    importText(bar, 'ts_ns,open,high,low,close\n1,1,1,1,1\n', {}, { signal }),
  )
  expect(error.message).toBe('stopped')
})
