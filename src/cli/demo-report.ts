// What varve demo tells people.
import { time } from '../index.ts'
import type { DemoResult, DemoSymbol, Timed } from './demo-command.ts'
import { bytesText, countText, padRow, paint, printFacts, printTable } from './output.ts'
import type { Output } from './output.ts'
import { sparkline } from './sparkline.ts'

function secondsText(seconds: number): string {
  if (seconds < 0.001) return `${(seconds * 1e6).toFixed(0)} us`
  return seconds < 1
    ? `${(seconds * 1000).toFixed(seconds < 0.01 ? 2 : 0)} ms`
    : `${seconds.toFixed(2)} s`
}

function rateText({ rows, seconds }: Timed): string {
  const rate = rows / Math.max(seconds, 1e-6)
  return rate >= 1e6
    ? `${(rate / 1e6).toFixed(1)} million rows/s`
    : `${countText(Math.round(rate))} rows/s`
}

/** '13:30:00.000000123' of a day that is known. */
function clockText(ns: bigint): string {
  const digits = String(ns % 1_000_000_000n).padStart(9, '0')
  return `${time.iso(ns).slice(11, 19)}.${digits}`
}

/** An absent side of a quote is '-'. */
function priceText(price: number): string {
  return Number.isNaN(price) ? '-' : price.toFixed(2)
}

const chartColumns = 52

function printCharts(output: Output, symbols: readonly DemoSymbol[], isAscii: boolean): void {
  const width = symbols.reduce((most, { symbol }) => Math.max(most, symbol.length), 0)
  for (const { symbol, closes, last } of symbols) {
    const first = closes.find((close) => !Number.isNaN(close)) ?? last.price
    const change = 100 * (last.price / first - 1)
    const sign = change >= 0 ? '+' : ''
    const style = change >= 0 ? 'green' : 'red'
    const name = paint(output, 'bold', symbol.padEnd(width))
    const chart = paint(output, style, sparkline(closes, chartColumns, isAscii))
    const moved = paint(output, style, `${sign}${change.toFixed(2)} %`)
    output.write(`${name}  ${chart}  ${priceText(last.price).padStart(9)}  ${moved}\n`)
  }
  const busiest = symbols[0]
  if (busiest === undefined) return
  const volumes = sparkline(busiest.volumes, chartColumns, isAscii)
  const label = `volume of ${busiest.symbol}: busy at the open, quiet at noon`
  output.write(`${' '.repeat(width)}  ${paint(output, 'dim', volumes)}  ${label}\n`)
}

function heading(output: Output, text: string): void {
  output.write(`\n${paint(output, 'bold', text)}\n`)
}

function printFigures(output: Output, result: DemoResult): void {
  const { append, stats, sealSeconds, scan, snapshot, verify } = result
  const plain = `${result.smallerPercent.toFixed(0)} % smaller than plain columns`
  const parts = [
    `${countText(result.trades)} trades`,
    `${countText(result.quotes)} quotes`,
    `${countText(result.bars)} bars`,
  ].join(', ')
  const dollars = `$${countText(Math.round(scan.dollars))}`
  const whole = verify.ok ? 'whole' : 'DAMAGED'
  const checked = `${countText(verify.files)} files, ${bytesText(verify.bytes)}, every byte`
  const shares = [
    ['wrote', `${countText(append.rows)} rows: ${parts}`],
    ['', `${secondsText(append.seconds)}, ${rateText(append)}, every one of them durable`],
    [
      'sealed',
      `${secondsText(sealSeconds)}, ${bytesText(stats.storedBytes)} in ${stats.segments} segments`,
    ],
    ['', `${result.bytesARow.toFixed(1)} bytes a row, ${plain} (${bytesText(stats.plainBytes)})`],
    ['scanned', `${countText(scan.rows)} trades for what changed hands: ${dollars}`],
    ['', `${secondsText(scan.seconds)}, ${rateText(scan)}`],
    [
      'snapshot',
      `'${snapshot.name}' in ${secondsText(snapshot.seconds)}, no data copied; its content hash`,
    ],
    ['', `${snapshot.contentHash.slice(0, 32)}...`],
    ['', 'same seed, same rows: the same hash on every machine'],
    ['verified', `${checked}: ${secondsText(verify.seconds)}, ${whole}`],
  ] as const
  printFacts(output, shares)
}

/** Writes the whole report. */
export function printDemo(output: Output, result: DemoResult, isAscii: boolean): void {
  heading(output, `A day of a made-up market, ${result.day} (seed ${result.seed})`)
  printCharts(output, result.symbols, isAscii)
  heading(output, 'What the store did')
  printFigures(output, result)
  heading(output, 'Newest rows, from memory')
  printTable(
    output,
    ['series', 'last', 'size', 'bid', 'ask', 'time'],
    result.symbols.map(({ symbol, last, newestQuote }) => [
      symbol,
      { right: priceText(last.price) },
      { right: String(last.size) },
      { right: priceText(newestQuote.bid) },
      { right: priceText(newestQuote.ask) },
      clockText(last.time),
    ]),
  )
  printMinute(output, result)
  printCorrections(output, result)
  printNext(output, result)
}

function printMinute(output: Output, { minute, bars5 }: DemoResult): void {
  const first = `${countText(minute.rows)} trades in ${secondsText(minute.seconds)}`
  const found = `${first}, then in ${secondsText(minute.againSeconds)}`
  heading(output, `One minute of ALFA: ${found} (equal times: one sweep)`)
  printTable(
    output,
    ['time', 'price', 'size', 'venue', 'conditions'],
    minute.first.map(({ time: ns, price, size, venue, conditions }) => [
      clockText(ns),
      { right: priceText(price) },
      { right: String(size) },
      venue ?? '',
      conditions ?? '',
    ]),
  )
  heading(output, 'The first bars of ALFA')
  printTable(
    output,
    ['time', 'open', 'high', 'low', 'close', 'volume'],
    bars5.map((row) => [
      clockText(row.time).slice(0, 5),
      ...[row.open, row.high, row.low, row.close].map((price) => ({ right: priceText(price) })),
      { right: countText(row.volume) },
    ]),
  )
}

function printCorrections(output: Output, { late, corrected, snapshot }: DemoResult): void {
  heading(output, 'What came late')
  const at = clockText(late.time)
  output.write(
    `A trade of ${at} was told of after the close: ${countText(late.after.size)} at ` +
      `${priceText(late.after.price)}.\n` +
      `The last trade at that time was ${countText(late.before.size)} ` +
      `(${clockText(late.before.time)}), now it is the late one: no sort, no rewrite.\n` +
      'The bar of that minute was sent again with it, and replaced the first one:\n',
  )
  const widths = [22, 10, 8]
  const line = (name: string, row: DemoResult['corrected']['now']): void => {
    const cells = [name, { right: countText(row.volume) }, { right: String(row.tradeCount) }]
    output.write(`  ${padRow(cells, widths)}`)
  }
  output.write(`  ${padRow(['', { right: 'volume' }, { right: 'trades' }], widths)}`)
  line(`in snapshot '${snapshot.name}'`, corrected.snapshot)
  line('in the store', corrected.now)
}

function printNext(output: Output, { directory, seconds }: DemoResult): void {
  output.write('\n')
  if (directory === undefined) {
    output.write(
      `${secondsText(seconds)} in all; the temporary folder is gone. Keep one and look around:\n` +
        '  varve demo --dir ./demo-store\n',
    )
    return
  }
  output.write(
    `${secondsText(seconds)} in all. The store is in ${directory}:\n` +
      `  varve ls ${directory}\n` +
      `  varve query ${directory} trade/BTC%2FUSDT --limit 10\n` +
      `  varve inspect ${directory}/CURRENT\n`,
  )
}
