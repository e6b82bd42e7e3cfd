// Goal: the command line's grammar: exit codes, one-line errors, help with an example everywhere,
// forms of output. Method: commands run in this process on a store in memory; what they write is
// looked at.
import { column, defineKind, parseTime } from '#schema'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type {
  EngineBatch,
  EngineSeries,
  Query,
  WritableSeries,
  WritableStore,
} from '../../src/cli/engine.ts'
import { run } from '../../src/cli/program.ts'
import { MemoryTarget } from '../ingest/memory-target.ts'
import { captured, fakeEngine } from './fake-engine.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'varve-cli-'))
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
  readonly targets: ReadonlyMap<string, MemoryTarget>
}

async function cli(words: readonly string[], changes: Partial<WritableStore> = {}): Promise<Ran> {
  const targets = new Map<string, MemoryTarget>()
  const engine = fakeEngine((...name) => {
    const key = name.filter((part) => part !== undefined).join(' ')
    const target = targets.get(key) ?? new MemoryTarget()
    targets.set(key, target)
    return target
  }, changes)
  const { output, written, noted } = captured()
  const code = await run(words, engine, output)
  return { code, out: written.join(''), err: noted.join(''), targets }
}

const commands = [
  ['demo'],
  ['inspect'],
  ['import'],
  ['ls'],
  ['stats'],
  ['query'],
  ['latest'],
  ['seal'],
  ['compact'],
  ['verify'],
  ['salvage'],
  ['snapshot', 'create'],
  ['snapshot', 'ls'],
  ['snapshot', 'drop'],
  ['snapshot', 'restore'],
]

describe('usage', () => {
  test.each(commands)('%s %s has help with an example', async (...words) => {
    const { code, out } = await cli([...words.filter((word) => word !== undefined), '--help'])
    expect(code).toBe(0)
    expect(out).toContain('Example')
    expect(out).toContain(`$ varve ${words.join(' ')}`)
    expect(out).toContain('--json')
  })

  test('the program has help with an example', async () => {
    expect(await cli(['--help'])).toMatchObject({
      code: 0,
      out: expect.stringContaining('$ varve import'),
    })
    expect((await cli(['snapshot', '--help'])).out).toContain('$ varve snapshot')
  })

  test('wrong usage is 2, with one line', async () => {
    const csv = file('ok.csv', 'ts_ns,price,size\n1,2,3\n')
    const cases: string[][] = [
      ['nonsense'],
      ['inspect'],
      ['demo', 'store'],
      ['ls'],
      ['ls', 'store', '--nonsense'],
      ['query', 'store', 'trade'],
      ['query', 'store', 'trade/SPY', '--format', 'xml'],
      ['query', 'store', 'trade/SPY', '--limit', '-1'],
      ['query', 'store', 'trade/SPY', '--from', 'yesterday'],
      ['query', 'store', 'trade/SPY/1m'],
      ['query', 'store', 'bar/SPY'],
      ['import', 'store', 'trade/*', csv],
      ['import', 'store', 'trade/SPY', csv, '--symbol', 'price'],
      ['import', 'store', 'treid/SPY', csv],
      ['import', 'store', 'trade/SPY', csv, '--bad', 'maybe'],
      ['import', 'store', 'trade/SPY', csv, '--map', 'price'],
      ['import', 'store', 'trade/SPY', csv, '--unit', 'ts_ns=h'],
      ['import', 'store', 'trade/SPY', csv, '--values', 'side'],
      ['import', 'store', 'trade/SPY', csv, '--skip-lines', 'x'],
      ['import', 'store', 'trade/SPY', csv, '--map', '__proto__=price'],
      ['import', 'store', 'trade/SPY', csv, '--values', '__proto__:a=b'],
    ]
    for (const words of cases) {
      const { code, err, out } = await cli(words)
      expect(code, words.join(' ')).toBe(2)
      expect(err.trim().split('\n'), words.join(' ')).toHaveLength(1)
      expect(out).toBe('')
    }
  })

  test('a failure is 1, with one line that says what, where and what to do', async () => {
    const bad = file('bad.csv', 'ts_ns,price,size\n1,2,3\n2,x,3\n')
    const stopped = await cli(['import', 'store', 'trade/SPY', bad])
    expect(stopped.code).toBe(1)
    expect(stopped.err.trim().split('\n').at(-1)).toMatch(
      /^varve: .*bad\.csv, line 3, price: "x" is no number; 1 rows before it went in\. Mend .*\[ERR_SCHEMA\]$/,
    )
    const missing = await cli(['import', 'store', 'trade/SPY', join(folder, 'none.csv')])
    expect(missing).toMatchObject({ code: 1, err: expect.stringContaining('there is no file') })
    const unknown = await cli(['query', 'store', 'trade/SPY'])
    expect(unknown).toMatchObject({
      code: 1,
      err: expect.stringContaining('there is no series trade/SPY'),
    })
  })
})

describe('import', () => {
  test('says how the file was read and what came of it', async () => {
    const csv = file('a.csv', 'ts_ns,price,size,extra\n1,2,3,4\n')
    const { code, out, err } = await cli(['import', 'store', 'trade/SPY', csv])
    expect(code).toBe(0)
    expect(err).toContain('time from ts_ns, ns; price, size')
    expect(err).toContain('not imported: extra')
    expect(out).toMatch(/^1 rows from .*a\.csv/)
  })

  test('--json gives one document; many files; bad rows listed', async () => {
    const one = file('one.csv', 'ts_ns,price,size\n1,2,3\n1,,3\n')
    const two = file('two.csv', 'ts_ns,price,size\n2,2,3\n')
    const { code, out, err } = await cli([
      'import',
      's',
      'trade/SPY',
      one,
      two,
      one,
      '--bad',
      'list',
      '--json',
    ])
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(JSON.parse(out)).toMatchObject({
      rows: 2,
      duplicates: 1,
      badRows: 2,
      bad: [
        { file: one, line: 3, column: 'price', reason: 'empty, and price is required' },
        { file: one, line: 3 },
      ],
      seconds: expect.any(Number) as number,
      time: 'ts_ns',
    })
  })

  test('symbols: escapes, splits; timeframes in their one form', async () => {
    const csv = file('s.csv', 'ts_ns,s,open,high,low,close\n1,A/B,1,1,1,1\n2,C,1,1,1,1\n')
    const one = await cli(['import', 's', 'bar/BTC%2FUSDT/60m', csv])
    expect([...one.targets.keys()]).toEqual(['bar BTC/USDT 1h'])
    const split = await cli(['import', 's', 'bar/*/1m', csv, '--symbol', 's'])
    expect([...split.targets.keys()]).toEqual(['bar A/B 1m', 'bar C 1m'])
  })

  test("a kind of one's own", async () => {
    const kind = file(
      'kind.json',
      '{"name":"funding","columns":{"rate":"decimal(4)","n":"i32?"},"order":["n"],"identity":["time"],"duplicates":"last"}',
    )
    const csv = file('f.csv', 'time_ms,rate\n1,0.0125\n')
    const { code, targets, err } = await cli(['import', 's', 'funding/BTC', csv, '--kind', kind])
    expect({ code, err }).toMatchObject({ code: 0 })
    expect(targets.get('funding BTC')?.rows('time', 'rate')).toEqual([[1_000_000n, 0.0125]])
    const broken: [string, RegExp][] = [
      ['{', /is no JSON/],
      ['[]', /is an object/],
      ['{"name":"funding","columns":{"rate":"float"}}', /column rate: "float" is none of/],
      ['{"name":"funding","columns":{"rate":"decimal"}}', /"decimal"/],
      ['{"name":"funding","columns":{"rate":"f64"},"more":1}', /no part more/],
      ['{"name":"funding","columns":{"rate":"f64"},"order":["x"]}', /order names 'x'/],
      ['{"name":"other","columns":{"rate":"f64"}}', /--kind defines other/],
    ]
    for (const [text, message] of broken) {
      const failed = await cli([
        'import',
        's',
        'funding/BTC',
        csv,
        '--kind',
        file('broken.json', text),
      ])
      expect(failed.code).toBe(2)
      expect(failed.err).toMatch(message)
    }
  })
})

const kind = defineKind('mixed', {
  columns: {
    f: column.f64().optional(),
    d: column.decimal(2),
    n: column.i64().optional(),
    s: column.symbol().optional(),
    j: column.json().optional(),
    r: column.f64(),
  },
})
const rows = [
  {
    time: parseTime('2024-01-01T00:00:00Z'),
    received: null,
    f: Number.NaN,
    d: 1e-7,
    n: 9007199254740993n,
    s: 'a,"b"',
    j: { k: 1 },
    r: -0,
  },
  {
    time: parseTime('2024-01-02T00:00:00.5Z'),
    received: 5n,
    f: 0.1,
    d: 2.5,
    n: null,
    s: null,
    j: null,
    r: 1e300,
  },
]

function stored(seen: Query[] = []): Partial<WritableStore> {
  const batch = (all: readonly object[]): EngineBatch => ({
    rowCount: all.length,
    row: (index) => all[index] ?? {},
  })
  const info = {
    kind: 'mixed',
    symbol: 'A/B',
    rows: 2,
    rowsExact: true,
    storedBytes: 10,
    first: rows[0]!.time,
    last: rows[1]!.time,
  }
  const series: EngineSeries = {
    info,
    *scan(query) {
      seen.push(query)
      yield batch(rows.slice(0, 1))
      yield batch(rows.slice(1))
    },
    latest: () => rows[1],
    latestRows: (count) => batch(rows.slice(-count)),
  }
  return {
    kindOf: (name) => (name === 'mixed' ? kind : undefined),
    list: () => [info],
    series: () => series as WritableSeries,
  }
}

describe('reading', () => {
  test('JSON: 64-bit integers as strings, absent as null', async () => {
    const seen: Query[] = []
    const words = [
      'query',
      's',
      'mixed/A%2FB',
      '--json',
      '--from',
      '2024-01-01',
      '--to',
      '1704240000000000000',
      '--limit',
      '5',
      '--reverse',
      '--columns',
      'f,time,d',
    ]
    const { code, out } = await cli(words, stored(seen))
    expect(code).toBe(0)
    expect(JSON.parse(out)).toEqual([
      {
        time: '1704067200000000000',
        received: null,
        f: null,
        d: 1e-7,
        n: '9007199254740993',
        s: 'a,"b"',
        j: { k: 1 },
        r: 0,
      },
      {
        time: '1704153600500000000',
        received: '5',
        f: 0.1,
        d: 2.5,
        n: null,
        s: null,
        j: null,
        r: 1e300,
      },
    ])
    expect(seen).toEqual([
      {
        from: rows[0]!.time,
        to: 1704240000000000000n,
        limit: 5,
        reverse: true,
        columns: ['f', 'd'],
      },
    ])
  })

  test('CSV: a header, quotes where needed, nothing for absent, exact decimals, times in ns', async () => {
    const { out } = await cli(['query', 's', 'mixed/A%2FB', '--format', 'csv'], stored())
    expect(out).toBe(
      [
        'time,received,f,d,n,s,j,r',
        '1704067200000000000,,,0.00,9007199254740993,"a,""b""","{""k"":1}",-0',
        '1704153600500000000,5,0.1,2.50,,,,1e+300',
        '',
      ].join('\n'),
    )
  })

  test('a table for people', async () => {
    const { out } = await cli(['query', 's', 'mixed/A%2FB'], stored())
    expect(out).toContain('time')
    expect(out).toContain('2024-01-01T00:00:00Z')
    expect(out).toContain('2024-01-02T00:00:00.500Z')
  })

  test('latest: one row, or a list with --count', async () => {
    const one = await cli(['latest', 's', 'mixed/A%2FB', '--json'], stored())
    expect(JSON.parse(one.out)).toMatchObject({ time: '1704153600500000000', f: 0.1 })
    const two = await cli(['latest', 's', 'mixed/A%2FB', '--json', '--count', '2'], stored())
    expect(JSON.parse(two.out)).toHaveLength(2)
  })

  test('ls: names as the command line takes them', async () => {
    expect((await cli(['ls', 's'], stored())).out).toContain('mixed/A%2FB')
    expect(JSON.parse((await cli(['ls', 's', '--json'], stored())).out)).toEqual([
      {
        kind: 'mixed',
        symbol: 'A/B',
        rows: 2,
        rowsExact: true,
        storedBytes: 10,
        first: '1704067200000000000',
        last: '1704153600500000000',
      },
    ])
  })

  test('verify: damage is 1, and listed', async () => {
    const damage = [
      { file: '000001.seg', series: 'trade/SPY', block: 3, column: 'price', message: 'checksum' },
    ]
    const verify = (): Promise<{
      ok: boolean
      files: number
      bytes: number
      damage: typeof damage
    }> => Promise.resolve({ ok: false, files: 2, bytes: 2048, damage })
    const { code, out } = await cli(['verify', 's'], { verify })
    expect(code).toBe(1)
    expect(out).toContain('damage 000001.seg, trade/SPY, block 3, column price: checksum')
    expect(JSON.parse((await cli(['verify', 's', '--json'], { verify })).out)).toMatchObject({
      ok: false,
      damage,
    })
  })
})
