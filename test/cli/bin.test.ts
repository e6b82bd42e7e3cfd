// Goal: the bin does with a real store what the command line promises, from import to restore.
// Method: the built program in processes of its own, on small files, in a temporary folder; every
// answer as JSON.
import { spawnSync } from 'node:child_process'
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bin, scratchFolder, varve, varveJson } from './built.ts'

let folder = ''
beforeAll(() => {
  folder = scratchFolder()
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const start = 1_700_000_000_000_000_000n

function trades(rows: number, change?: (row: number) => string | undefined): string {
  const lines = Array.from(
    { length: rows },
    (_, row) =>
      change?.(row) ?? `${start + BigInt(row)},${row / 4},${row},${row % 2 === 0 ? 'Q' : ''}`,
  )
  return `ts_ns,price,size,venue\n${lines.join('\n')}\n`
}

interface Listed {
  readonly kind: string
  readonly symbol: string
  readonly timeframe?: string
  readonly rows: number
  readonly first: string
  readonly last: string
}

describe('a store from the command line', () => {
  const store = (): string => join(folder, 'store')

  test('import, and again', () => {
    const csv = file('trades.csv', trades(10_000))
    expect(varveJson('import', store(), 'trade/BTC%2FUSDT', csv)).toMatchObject({
      rows: 10_000,
      duplicates: 0,
      bad: [],
      time: 'ts_ns',
    })
    expect(varveJson('import', store(), 'trade/BTC%2FUSDT', csv)).toMatchObject({
      rows: 0,
      duplicates: 10_000,
    })
  })

  test('ls and stats', () => {
    const [listed] = varveJson('ls', store()) as Listed[]
    expect(listed).toMatchObject({
      kind: 'trade',
      symbol: 'BTC/USDT',
      rows: 10_000,
      first: String(start),
      last: String(start + 9999n),
    })
    expect(varveJson('stats', store())).toMatchObject({ series: 1, rows: 10_000 })
    expect(varve('ls', store()).stdout).toContain('trade/BTC%2FUSDT')
  })

  test('query and latest', () => {
    const series = 'trade/BTC%2FUSDT'
    const from = ['--from', String(start + 5n), '--to', String(start + 8n)]
    expect(varveJson('query', store(), series, ...from, '--columns', 'size,venue')).toEqual(
      [5, 6, 7].map((row) => ({
        time: String(start + BigInt(row)),
        size: row,
        venue: row % 2 === 0 ? 'Q' : null,
      })),
    )
    const newest = varveJson(
      'query',
      store(),
      series,
      '--reverse',
      '--limit',
      '2',
      '--columns',
      'size',
    )
    expect(newest).toEqual(
      [9999, 9998].map((row) => ({ time: String(start + BigInt(row)), size: row })),
    )
    expect(varveJson('latest', store(), series)).toMatchObject({ size: 9999 })
    expect(varveJson('latest', store(), series, '--count', '3')).toMatchObject([
      { size: 9997 },
      { size: 9998 },
      { size: 9999 },
    ])
    expect(varve('query', store(), series, '--limit', '3').stdout.split('\n')).toHaveLength(5)
    expect(varve('query', store(), 'trade/NONE')).toMatchObject({ status: 1 })
    expect(varve('query', store(), series, '--columns', 'prise').stderr).toContain('price')
  })

  test('what query writes as CSV, import reads as the same rows', () => {
    const csv = varve('query', store(), 'trade/BTC%2FUSDT', '--format', 'csv').stdout
    const copy = join(folder, 'copy')
    varveJson('import', copy, 'trade/BTC%2FUSDT', file('back.csv', csv))
    expect(varve('query', copy, 'trade/BTC%2FUSDT', '--format', 'csv').stdout).toBe(csv)
  })

  test('seal, compact, verify', () => {
    expect(varve('seal', store()).status).toBe(0)
    expect(varve('compact', store()).status).toBe(0)
    expect(varveJson('verify', store())).toMatchObject({ ok: true, damage: [] })
    expect(varveJson('stats', store())).toMatchObject({ rows: 10_000 })
  })

  test('snapshots: create, ls, query, restore, drop', () => {
    const series = 'trade/BTC%2FUSDT'
    const made = varveJson('snapshot', 'create', store(), 'one') as { contentHash: string }
    expect(made.contentHash).toMatch(/^[0-9a-f]{64}$/)
    expect(varve('snapshot', 'create', store(), 'one').status).toBe(1)
    const late = `ts_ns,price,size\n${start + 10_000n},1,10000\n`
    varveJson('import', store(), series, file('late.csv', late))
    expect(varveJson('latest', store(), series)).toMatchObject({ size: 10_000 })
    expect(
      varveJson('query', store(), series, '--snapshot', 'one', '--reverse', '--limit', '1'),
    ).toMatchObject([{ size: 9999 }])
    varveJson('snapshot', 'restore', store(), 'one')
    expect(varveJson('latest', store(), series)).toMatchObject({ size: 9999 })
    const names = (varveJson('snapshot', 'ls', store()) as { name: string }[]).map(
      ({ name }) => name,
    )
    expect(names).toContain('one')
    expect(names.some((name) => name.startsWith('before-restore-'))).toBe(true)
    varveJson('snapshot', 'drop', store(), 'one')
    expect(varve('snapshot', 'drop', store(), 'one').status).toBe(1)
  })

  test('damage: verify ends with 1 and names the file', () => {
    const copy = join(folder, 'damaged')
    varveJson('import', copy, 'trade/X', file('x.csv', trades(5000)))
    varve('seal', copy)
    const files = readdirSync(copy, { recursive: true })
      .map((name) => join(copy, String(name)))
      .filter((path) => statSync(path).isFile())
      .toSorted((a, b) => statSync(b).size - statSync(a).size)
    const largest = files.find((path) => /[/\\](?:segments|packs)[/\\]/.test(path))
    if (largest === undefined) throw new Error('a sealed store has a segment or a pack')
    const bytes = readFileSync(largest)
    const at = Math.floor(bytes.length / 3)
    bytes[at] = bytes[at]! ^ 0x55
    writeFileSync(largest, bytes)
    const { status, stdout } = varve('verify', copy, '--json')
    expect(status).toBe(1)
    const report = JSON.parse(stdout) as { ok: boolean; damage: unknown[] }
    expect(report.ok).toBe(false)
    expect(report.damage.length).toBeGreaterThan(0)

    // Mended: what is whole is there, and the rest is told.
    const dry = varve('salvage', copy, '--dry-run')
    expect(dry.status).toBe(1)
    expect(dry.stdout).toContain('nothing was changed')
    expect(varve('verify', copy).status).toBe(1)
    const mended = varveJson('salvage', copy) as { rowsLost: number; quarantined: string[] }
    expect(mended.rowsLost).toBeGreaterThan(0)
    expect(mended.rowsLost).toBeLessThanOrEqual(5000)
    expect(mended.quarantined).toHaveLength(1)
    expect(varve('verify', copy).status).toBe(0)
    expect(varve('salvage', copy)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('nothing to salvage'),
    })
    expect(varve('salvage', join(folder, 'nowhere')).status).toBe(1)
  })
})

test('a bad row stops the import, what came before stays, the mended file goes on', () => {
  const store = join(folder, 'mended')
  const broken = file(
    'broken.csv',
    trades(9000, (row) => (row === 6000 ? '1,x,1,' : undefined)),
  )
  const { status, stderr } = varve('import', store, 'trade/A', broken)
  expect(status).toBe(1)
  expect(stderr.trim().split('\n').at(-1)).toMatch(
    /line 6002, price: .*6,000 rows before it went in/,
  )
  expect(varveJson('ls', store)).toMatchObject([{ rows: 6000 }])
  const mended = file('broken.csv', trades(9000))
  expect(varveJson('import', store, 'trade/A', mended)).toMatchObject({
    rows: 3000,
    duplicates: 6000,
  })
  expect(varveJson('ls', store)).toMatchObject([{ rows: 9000 }])
})

test("a kind of one's own is known to later commands from the store", () => {
  const store = join(folder, 'own')
  const kind = file(
    'kind.json',
    '{"name":"funding","columns":{"rate":"decimal(4)","note":"text?"}}',
  )
  const csv = file(
    'funding.csv',
    'time_ms,rate,note\n1700000000000,0.0125,"a, b"\n1700000000001,-0.0001,\n',
  )
  varveJson('import', store, 'funding/BTC', csv, '--kind', kind)
  expect(varveJson('query', store, 'funding/BTC', '--columns', 'rate,note')).toEqual([
    { time: '1700000000000000000', rate: 0.0125, note: 'a, b' },
    { time: '1700000000001000000', rate: -0.0001, note: null },
  ])
})

test('one file, many series, one pass', () => {
  const store = join(folder, 'split')
  const csv = file(
    'split.csv',
    'ts_ns,s,open,high,low,close\n1,A/B,1,1,1,1\n2,C,2,2,2,2\n3,A/B,3,3,3,3\n',
  )
  expect(varveJson('import', store, 'bar/*/1m', csv, '--symbol', 's')).toMatchObject({ rows: 3 })
  const listed = varveJson('ls', store) as Listed[]
  expect(listed.map(({ symbol, timeframe, rows }) => [symbol, timeframe, rows])).toEqual(
    expect.arrayContaining([
      ['A/B', '1m', 2],
      ['C', '1m', 1],
    ]),
  )
})

test('exit codes; a store that is not there is not made', () => {
  const nowhere = join(folder, 'nowhere')
  for (const words of [['ls'], ['stats'], ['seal'], ['compact'], ['verify'], ['snapshot', 'ls']]) {
    const { status, stderr } = varve(...words, nowhere)
    expect(status, words.join(' ')).toBe(1)
    expect(stderr.trim().split('\n')).toHaveLength(1)
  }
  expect(readdirSync(folder)).not.toContain('nowhere')
  expect(varve('ls').status).toBe(2)
  expect(varve('--help').status).toBe(0)
})

test('a reader that has enough is no failure', () => {
  const store = join(folder, 'store')
  const script = `${process.execPath} ${bin} query ${store} trade/BTC%2FUSDT --format csv | head -1; echo "\${PIPESTATUS[0]}"`
  const { stdout, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' })
  expect(stdout.split('\n')[1]).toBe('0')
  expect(stderr).toBe('')
})
