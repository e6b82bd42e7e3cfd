// What the contract's types must infer and refuse. Copy it to test/types/ importing from 'varve'; `npm run typecheck` compiles it.
import { bar, book10, column, defineKind, open, trade, type Batch, type Kind } from 'varve'

const db = await open('x')
const reader = await open('x', { mode: 'read' })
const minutes = db.series(bar, 'SPY', '1m')
const batch = minutes.range({ columns: ['close', 'source'] })
const close: Float64Array = batch.columns.close
const source: string | null = batch.columns.source.at(0)
const codes: Uint32Array = batch.columns.source.codes
for (const row of batch) { const price: number = row.close; const time: bigint = row.time; void [price, time] }
const high: Float64Array = minutes.range().columns.high
const received: BigInt64Array = minutes.range().columns.received
minutes.append({ time: 1, open: 1, high: 1, low: 1, close: 1, volume: 1 })
minutes.append([{ time: 'x', open: 1, high: 1, low: 1, close: 1, volume: 1, source: null }])
minutes.append({ time: new BigInt64Array(1), open: [1], high: [1], low: [1], close: new Float64Array(1), volume: [1] })
minutes.append(minutes.range().columns)
const tape = db.series(trade, 'SPY')
tape.append({ time: 1, price: 1, size: 1, side: 'buy' })
const side: 'buy' | 'sell' | null | undefined = tape.latest()?.side
const best: Float64Array = db.series(book10, 'B').range().columns.bidPrice0
const fund = defineKind('fund', {
  columns: { metric: column.symbol<'eps' | 'pe'>(), value: column.decimal(2).optional(), count: column.i64().optional(), note: column.json<{ a: number }>() },
  identity: ['metric', 'time'], duplicates: 'last',
})
const funds = db.series(fund, 'A')
funds.append({ time: 1, metric: 'eps', value: '1.20', note: { a: 1 } })
const row = funds.at(1)
const metric: 'eps' | 'pe' | undefined = row?.metric
const count: bigint | null | undefined = row?.count
const a: number | undefined = row?.note.a
function vwap(x: Batch<typeof trade, 'price' | 'size'>): number { return x.columns.price[0]! * x.columns.size[0]! }
vwap(tape.range({ columns: ['price', 'size'] }))
db.append([{ series: tape, rows: { time: 1, price: 1, size: 1 } }, { series: minutes, rows: [] }])
// @ts-expect-error a column that was not asked for
batch.columns.open
// @ts-expect-error a column that does not exist
minutes.range({ columns: ['clsoe'] })
// @ts-expect-error missing columns
minutes.append({ time: 1, open: 1 })
// @ts-expect-error a column too many
minutes.append({ time: 1, open: 1, high: 1, low: 1, close: 1, volume: 1, clsoe: 2 })
// @ts-expect-error bars have a timeframe
db.series(bar, 'SPY')
// @ts-expect-error trades have none
db.series(trade, 'SPY', '1m')
// @ts-expect-error not a timeframe
db.series(bar, 'SPY', '1 minute')
// @ts-expect-error readers cannot write
reader.series(trade, 'X').append
// @ts-expect-error not a side
tape.append({ time: 1, price: 1, size: 1, side: 'bid' })
// @ts-expect-error not a metric
funds.append({ time: 1, metric: 'foo', note: { a: 1 } })
// @ts-expect-error time is there already
defineKind('z', { columns: { time: column.time() } })
// @ts-expect-error identity names a column that does not exist
defineKind('z', { columns: { a: column.f64() }, identity: ['b'] })
const dynamic: Kind = trade
const anything = reader.series(dynamic, 'X').range().columns['anything']
void [close, source, codes, high, received, side, best, metric, count, a, anything]
