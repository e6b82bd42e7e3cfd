// Goal: what is wrong is refused with a code, the place and a hint, and leaves no trace. Method: tables of wrong calls on
// a store that holds something; after each the store must read and hash as before, also once it was opened again.
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { VarveError } from '#base'
import { loadKernels } from '#kernel'
import { bar, column, defineKind, trade } from '#schema'
import { openStore } from '#store'
import type { Store } from '#store'
import { closeAll, makeBed, root } from './bed.ts'
import type { Bed } from './bed.ts'

beforeAll(() => loadKernels())

const print = defineKind('print', {
  columns: {
    price: column.decimal(2),
    size: column.f64(),
    count: column.i32().optional(),
    level: column.u8().optional(),
    isBuy: column.bool().optional(),
    venue: column.symbol().optional(),
    id: column.text().optional(),
    extra: column.json().optional(),
    sent: column.time().optional(),
    big: column.i64().optional(),
  },
})
const now = 1_700_000_000_000_000_000n
const good = { time: now, price: '1.25', size: 2 }

/** Calls with whatever a user without a type checker may give. */
type Loose = Record<string, (...given: unknown[]) => unknown>
const loose = (thing: object): Loose => {
  const call = (name: string | symbol): unknown => {
    const method: unknown = Reflect.get(thing, name, thing)
    return typeof method === 'function' ? method.bind(thing) : method
  }
  return new Proxy({}, { get: (_, name) => call(name) }) as Loose
}

let bed: Bed
let store: Store

beforeEach(async () => {
  bed = makeBed()
  store = await bed.open({ durability: 'sync' })
  store.series(print, 'AAPL').append([good, { ...good, count: 3, venue: 'X' }])
  await store.seal()
  store.series(print, 'AAPL').append({ ...good, time: now - 5n })
})

async function failureOf(action: () => unknown): Promise<VarveError> {
  try {
    await action()
  } catch (error) {
    expect(error).toBeInstanceOf(VarveError)
    return error as VarveError
  }
  return expect.fail('it was taken')
}

/** What the store holds, in every word it has for it. */
async function fingerprint(name: string): Promise<unknown> {
  const { contentHash, rows } = await store.snapshot(name)
  await store.dropSnapshot(name)
  return {
    contentHash,
    rows,
    list: store.list(),
    kinds: ['print', 'fresh', 'trade', 'bar'].map((kind) => JSON.stringify(store.kindOf(kind))),
    read: JSON.stringify([...store.series(print, 'AAPL').range()], (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    ),
  }
}

/** Refused, and no trace of it: not now, and not after the store was opened again. */
async function leavesNoTrace(action: () => unknown): Promise<VarveError> {
  const before = await fingerprint('before')
  const error = await failureOf(action)
  expect(await fingerprint('after')).toEqual(before)
  await closeAll(bed, store)
  store = await bed.open({ durability: 'sync' })
  expect(await fingerprint('opened')).toEqual(before)
  await closeAll(bed, store)
  return error
}

describe('rows that do not fit', () => {
  const cases: [string, Record<string, unknown>, string, string][] = [
    ['a text for a number', { size: '2' }, 'ERR_SCHEMA', 'size'],
    ['a required column left out', { size: undefined }, 'ERR_SCHEMA', 'size'],
    ['null for a required column', { price: null }, 'ERR_SCHEMA', 'price'],
    ['a decimal with too many digits', { price: '1.255' }, 'ERR_SCHEMA', 'price'],
    ['a double that is no such decimal', { price: 1.2500001 }, 'ERR_SCHEMA', 'price'],
    ['a decimal beyond int64', { price: '92233720368547758.08' }, 'ERR_SCHEMA', 'price'],
    ['NaN for a required decimal', { price: Number.NaN }, 'ERR_SCHEMA', 'price'],
    ['a fraction for an i32', { count: 1.5 }, 'ERR_SCHEMA', 'count'],
    ['an i32 too large', { count: 2 ** 31 }, 'ERR_SCHEMA', 'count'],
    ['a u8 below 0', { level: -1 }, 'ERR_SCHEMA', 'level'],
    ['a word for a bool', { isBuy: 'yes' }, 'ERR_SCHEMA', 'isBuy'],
    ['a number for a symbol', { venue: 5 }, 'ERR_SCHEMA', 'venue'],
    ['half a surrogate pair', { id: '\ud800' }, 'ERR_SCHEMA', 'id'],
    ['a json that cannot be', { extra: 5n }, 'ERR_SCHEMA', 'extra'],
    ['a function for json', { extra: () => 1 }, 'ERR_SCHEMA', 'extra'],
    ['an i64 as a double past 2^53', { big: 2 ** 60 }, 'ERR_SCHEMA', 'big'],
    ['a bigint beyond int64', { big: 2n ** 63n }, 'ERR_SCHEMA', 'big'],
    ['a text that is no time', { sent: 'yesterday' }, 'ERR_SCHEMA', 'sent'],
    ['a time beyond int64', { time: 2n ** 63n }, 'ERR_SCHEMA', 'time'],
    ['a time of NaN', { time: Number.NaN }, 'ERR_SCHEMA', 'time'],
    ['a time without zone', { time: '2024-03-15T09:30:00' }, 'ERR_SCHEMA', 'time'],
    ['no time', { time: undefined }, 'ERR_SCHEMA', 'time'],
    ['an invalid Date', { time: new Date(Number.NaN) }, 'ERR_SCHEMA', 'time'],
    ['a column that is not there', { pirce: 5 }, 'ERR_SCHEMA', 'pirce'],
  ]
  test.each(cases)('%s', async (_, change, code, name) => {
    const rows = [good, { ...good, ...change }]
    const error = await leavesNoTrace(() => loose(store.series(print, 'AAPL'))['append']!(rows))
    expect(error).toMatchObject({ code, details: { column: name } })
    expect(error.hint ?? '').not.toBe('')
    expect(error.retryable).toBe(false)
    if (name !== 'pirce') expect(error.details).toMatchObject({ row: 1, series: 'print/AAPL' })
    else expect(error.hint).toContain("'price'")
  })

  test('columns of unequal length, lists that are none, an empty batch', async () => {
    const time = BigInt64Array.of(now, now)
    const append = (given: unknown): unknown => loose(store.series(print, 'AAPL'))['append']!(given)
    const cases: [unknown, object][] = [
      [
        { time, price: [1.25], size: [1, 2] },
        { code: 'ERR_SCHEMA', details: { column: 'price' } },
      ],
      [
        { time, price: [1.25, 2], size: 5 },
        { code: 'ERR_SCHEMA', details: { column: 'size' } },
      ],
      [
        { time, price: [1.25, 2] },
        { code: 'ERR_SCHEMA', details: { column: 'size' } },
      ],
      [{ time, price: [1, 2], size: [1, 2], sise: [1, 2] }, { details: { column: 'sise' } }],
      [
        { time: Float64Array.of(1, Number.NaN), price: [1, 2], size: [1, 2] },
        { code: 'ERR_SCHEMA' },
      ],
      [{ time, price: [1, 2], size: [1, 2], isBuy: Uint8Array.of(1, 2) }, { code: 'ERR_SCHEMA' }],
      [[], { code: 'ERR_ARGUMENT' }],
      [{ time: new BigInt64Array(0), price: [], size: [] }, { code: 'ERR_ARGUMENT' }],
      [undefined, { code: 'ERR_ARGUMENT' }],
      [null, { code: 'ERR_ARGUMENT' }],
      ['rows', { code: 'ERR_ARGUMENT' }],
      [[good, null], { code: 'ERR_SCHEMA' }],
      [[[good]], { code: 'ERR_SCHEMA' }],
    ]
    const before = await fingerprint('before')
    for (const [given, expected] of cases) {
      expect(await failureOf(() => append(given))).toMatchObject(expected)
    }
    expect(await fingerprint('after')).toEqual(before)
    await closeAll(bed, store)
  })

  test('a producer that is none', async () => {
    const series = loose(store.series(print, 'AAPL'))
    const wrong = [null, 5, {}, { id: '', sequence: 1 }, { id: 'a', sequence: 1.5 }]
    const more = [
      { id: 'x'.repeat(257), sequence: 1 },
      { id: 'a', sequence: 2n ** 63n },
      { id: 'a' },
    ]
    for (const producer of [...wrong, ...more]) {
      const error = await failureOf(() => series['append']!(good, { producer }))
      expect(error).toMatchObject({ code: 'ERR_ARGUMENT', details: { series: 'print/AAPL' } })
    }
    await closeAll(bed, store)
  })
})

describe('what only a refused append would have defined', () => {
  const fresh = defineKind('fresh', { columns: { value: column.f64() } })

  test('a kind and its series', async () => {
    const error = await leavesNoTrace(() =>
      store.append([
        { series: store.series(fresh, 'NEW'), rows: { time: now, value: 1 } },
        { series: store.series(fresh, 'NEWER'), rows: { time: now, value: 'x' } },
      ]),
    )
    expect(error).toMatchObject({ code: 'ERR_SCHEMA', details: { series: 'fresh/NEWER' } })
  })

  test('a column: another type may have its name then, and its place', async () => {
    const text = defineKind('print', {
      columns: { ...print.columns, added: column.text().optional() },
    })
    const number = defineKind('print', {
      columns: { ...print.columns, added: column.i64().optional() },
    })
    const bad = [
      { ...good, added: 'x' },
      { ...good, size: 'bad' },
    ]
    await failureOf(() => loose(store.series(text, 'AAPL'))['append']!(bad))
    store.series(number, 'AAPL').append([{ ...good, added: 7n }])
    expect(store.series(number, 'AAPL').latest()).toMatchObject({ added: 7n })
    expect(
      [...store.series(number, 'AAPL').range().columns.added].filter((at) => at === 7n),
    ).toEqual([7n])
    await closeAll(bed, store)
  })

  test('series of another store, or of nothing', async () => {
    const other = makeBed()
    const otherStore = await other.open()
    const cases: unknown[] = [undefined, null, [], 'x', [null], [{}], [{ series: 5, rows: good }]]
    cases.push([{ series: otherStore.series(print, 'AAPL'), rows: good }])
    for (const entries of cases) {
      const error = await failureOf(() => loose(store)['append']!(entries))
      expect(error.code).toBe('ERR_ARGUMENT')
    }
    await closeAll(other, otherStore)
    await closeAll(bed, store)
  })
})

describe('names', () => {
  test('symbols that are refused', async () => {
    const wrong = [
      '',
      'a\0b',
      'a\nb',
      'x'.repeat(300),
      'é'.repeat(65),
      '\ud800',
      5,
      null,
      undefined,
    ]
    for (const symbol of wrong) {
      const error = await failureOf(() => loose(store)['series']!(print, symbol))
      expect(error.code).toBe('ERR_ARGUMENT')
      expect(error.hint).toContain('128 bytes')
    }
    await closeAll(bed, store)
  })

  test('symbols that are names like any other', async () => {
    const symbols = [
      'BTC/USDT:USDT',
      '..',
      '.',
      'CON',
      'BACpL',
      'BACPL',
      'ß'.repeat(64),
      '%2F',
      'a b',
    ]
    for (const [at, symbol] of symbols.entries()) {
      store.series(print, symbol).append({ ...good, count: at })
    }
    for (const turn of ['head', 'sealed', 'opened']) {
      for (const [at, symbol] of symbols.entries()) {
        expect(store.series(print, symbol).latest(), turn).toMatchObject({ count: at })
        expect(store.list({ symbol })).toHaveLength(1)
      }
      if (turn === 'head') await store.seal()
      else if (turn === 'sealed') {
        await closeAll(bed, store)
        store = await bed.open()
      }
    }
    await closeAll(bed, store)
  })

  test('kinds and timeframes', async () => {
    const series = loose(store)['series']!
    for (const kind of [undefined, null, 5, 'trade', {}]) {
      expect((await failureOf(() => series(kind, 'A'))).code).toBe('ERR_ARGUMENT')
    }
    expect((await failureOf(() => series(bar, 'SPY'))).hint).toContain('third argument')
    for (const timeframe of ['', '1', 'm', '0m', 5, '1.5m', '1y']) {
      expect((await failureOf(() => series(bar, 'SPY', timeframe))).code).toBe('ERR_ARGUMENT')
    }
    expect((await failureOf(() => series(trade, 'SPY', '1m'))).code).toBe('ERR_ARGUMENT')
    const other = defineKind('print', { columns: { price: column.f64(), size: column.f64() } })
    const error = await failureOf(() => store.series(other, 'AAPL'))
    expect(error).toMatchObject({ code: 'ERR_SCHEMA', details: { column: 'price' } })
    await closeAll(bed, store)
  })

  test('snapshots', async () => {
    for (const name of ['', 'a\0', 'x'.repeat(129), '\udfff', 5, undefined]) {
      expect((await failureOf(() => loose(store)['snapshot']!(name))).code).toBe('ERR_ARGUMENT')
    }
    await store.snapshot('../x')
    expect(await failureOf(() => store.snapshot('../x'))).toMatchObject({
      code: 'ERR_EXISTS',
      details: { snapshot: '../x' },
    })
    const twice = [store.snapshot('twice'), store.snapshot('twice')]
    expect((await failureOf(() => Promise.all(twice))).code).toBe('ERR_EXISTS')
    for (const name of ['none', '', 5, undefined]) {
      for (const call of ['restore', 'dropSnapshot', 'at']) {
        const error = await failureOf(() => loose(store)[call]!(name))
        expect(error.code).toBe('ERR_NOT_FOUND')
        expect(error.hint).toContain('../x')
      }
    }
    await closeAll(bed, store)
  })
})

describe('questions', () => {
  const wrong: [string, unknown, string][] = [
    ['a limit below 0', { limit: -1 }, 'ERR_ARGUMENT'],
    ['a limit of a half', { limit: 0.5 }, 'ERR_ARGUMENT'],
    ['an offset of NaN', { offset: Number.NaN }, 'ERR_ARGUMENT'],
    ['a last that is a text', { last: '5' }, 'ERR_ARGUMENT'],
    ['a time that is none', { from: 'today' }, 'ERR_ARGUMENT'],
    ['a time beyond int64', { to: 2n ** 64n }, 'ERR_ARGUMENT'],
    ['a null time', { to: null }, 'ERR_ARGUMENT'],
    ['a column that is not there', { columns: ['prise'] }, 'ERR_SCHEMA'],
    ['columns that are no list', { columns: 'price' }, 'ERR_ARGUMENT'],
    ['a column that is no name', { columns: [5] }, 'ERR_SCHEMA'],
    ['no object', null, 'ERR_ARGUMENT'],
    ['a number', 5, 'ERR_ARGUMENT'],
  ]
  test.each(wrong)('%s', async (_, query, code) => {
    for (const symbol of ['AAPL', 'NOBODY']) {
      const series = loose(store.series(print, symbol))
      for (const call of ['range', 'scan', 'count']) {
        const isForRows =
          typeof query === 'object' && query !== null && !('from' in query) && !('to' in query)
        if (call === 'count' && isForRows) continue
        expect((await failureOf(() => series[call]!(query))).code, call).toBe(code)
      }
    }
    await closeAll(bed, store)
  })

  test('at, latestRows, batchRows', async () => {
    const series = loose(store.series(print, 'AAPL'))
    for (const time of [undefined, null, 'x', Number.NaN, 2n ** 63n]) {
      expect((await failureOf(() => series['at']!(time))).code).toBe('ERR_ARGUMENT')
    }
    for (const count of [-1, 0.5, 'x', null]) {
      expect((await failureOf(() => series['latestRows']!(count))).code).toBe('ERR_ARGUMENT')
    }
    for (const batchRows of [0, -1, 1.5, 2 ** 30]) {
      expect((await failureOf(() => series['scan']!({ batchRows }))).code).toBe('ERR_ARGUMENT')
    }
    await closeAll(bed, store)
  })
})

describe('opening', () => {
  const open = (path: unknown, options?: unknown): Promise<unknown> =>
    openStore(path as string, options as object, bed.env)

  test('paths and options', async () => {
    const options = [
      { mode: 'append' },
      { durability: 'always' },
      { recovery: 'hope' },
      { groupDelayMs: -1 },
      { groupDelayMs: '5' },
      { groupDelayMs: Number.NaN },
      null,
    ]
    for (const each of options) {
      expect((await failureOf(() => open('/other', each))).code).toBe('ERR_ARGUMENT')
    }
    for (const path of ['', 'a\0b', 5, null]) {
      expect((await failureOf(() => open(path))).code).toBe('ERR_ARGUMENT')
    }
    expect(bed.vfs.stat('/other')).toBeUndefined()
    bed.vfs.open('/file', 'create').close()
    const error = await failureOf(() => open('/file'))
    expect(error).toMatchObject({ code: 'ERR_ARGUMENT', details: { file: '/file' } })
    await expect(open('/other', { signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow(
      'no',
    )
    await closeAll(bed, store)
  })

  test('a second writer, a reader on nothing', async () => {
    const second = await failureOf(() => bed.open())
    expect(second).toMatchObject({
      code: 'ERR_LOCKED',
      retryable: true,
      details: { pid: process.pid },
    })
    const nothing = await failureOf(() => open('/nothing', { mode: 'read' }))
    expect(nothing).toMatchObject({ code: 'ERR_NOT_FOUND', details: { file: '/nothing' } })
    bed.vfs.makeDirectory('/empty')
    expect((await failureOf(() => open('/empty', { mode: 'read' }))).code).toBe('ERR_NOT_FOUND')
    await closeAll(bed, store)
  })

  test('after close nothing is answered, and closing again is', async () => {
    await store.snapshot('s')
    const series = store.series(print, 'AAPL')
    const view = store.at('s')
    const held = view.series(print, 'AAPL')
    const scan = series.scan({ batchRows: 1 })[Symbol.iterator]()
    scan.next()
    const reader = await bed.read()
    const read = reader.series(print, 'AAPL')
    const closing = store.close()
    expect(store.state).toBe('closed')
    const early = [() => series.append(good), () => store.seal(), () => series.latest()]
    for (const action of early) expect((await failureOf(action)).code).toBe('ERR_CLOSED')
    await closing
    await store.close()
    await reader.close()
    await reader.close()
    const actions: (() => unknown)[] = [
      ...early,
      () => series.range(),
      () => series.info,
      () => series.count(),
      () => held.range(),
      () => view.list(),
      () => store.list(),
      () => store.series(print, 'AAPL'),
      () => store.flush(),
      () => store.compact(),
      () => store.snapshot('t'),
      () => store.restore('s'),
      () => store.dropSnapshot('s'),
      () => store.at('s'),
      () => store.snapshots(),
      () => store.stats(),
      () => store.verify(),
      () => store.refresh(),
      () => store.append([{ series, rows: good }]),
      () => reader.list(),
      () => reader.refresh(),
      () => reader.stats(),
      () => reader.verify(),
      () => reader.at('s'),
      () => read.range(),
    ]
    for (const action of actions) expect((await failureOf(action)).code).toBe('ERR_CLOSED')
    view.close()
    await closeAll(bed)
    expect(bed.vfs.stat(root)?.kind).toBe('directory')
  })
})
