// native: the read questions with native add-ons and without them, VARVE_NATIVE=off, in processes
// of their own that take turns. A figure is that of the process without add-ons, beside the other.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { inFolder, sealedTrades } from '../support/bed.ts'
import { digestOf, expectEqual, hexOf, measure, runsOf } from '../support/harness.ts'
import type {
  BenchResult,
  FigureSpec,
  Outcome,
  Reading,
  RunOptions,
  Size,
} from '../support/harness.ts'
import { rootFolder } from '../support/machine.ts'
import { makeTrades, minuteNs } from '../support/workload.ts'
import type { Trades } from '../support/workload.ts'
import { minuteStartsOf } from './native-minutes.ts'

const sizes = {
  smoke: { rows: 20_000, minutes: 10 },
  full: { rows: 2_000_000, minutes: 500 },
} as const

const other = 'with add-ons'
/** A tenth is what two runs of the same code differ by here: less is nothing lost. */
const keeps = { atLeast: 0.9, of: other } as const
const perSecond = { unit: 'rows/s', better: 'more', floor: keeps } as const

const specs = {
  'range, first touch': perSecond,
  'range, warm': perSecond,
  'one-minute range, mean': { unit: 'us', better: 'less', floor: { atMost: 1 / 0.9, of: other } },
  'sum of a column': perSecond,
  'one-minute bars': perSecond,
} as const satisfies Record<string, FigureSpec>

type Name = keyof typeof specs

interface Says {
  readonly firstMs: number
  readonly warmMs: number
  readonly minutesMs: number
  readonly sumMs: number
  readonly barsMs: number
  readonly digest: number
  readonly kernels: Readonly<Record<string, string>>
}

/** Children run from the build, also where the bench itself runs from the sources. */
const childFile = join(rootFolder(), 'dist', 'bench', 'query', 'native-child.js')

function asked(folder: string, minutes: number, isOff: boolean): Says {
  const env = { ...process.env, VARVE_NATIVE: isOff ? 'off' : '' }
  const words = [childFile, folder, String(minutes)]
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8', env })
  if (status !== 0) throw new Error(`a process of the native bench failed: ${stderr}`)
  return JSON.parse(stdout) as Says
}

/** What both processes must say, by plain loops. */
function digestOfTrades({ time, price, size }: Trades, minutes: number): number {
  const found = minuteStartsOf(time, minutes).reduce(
    (rows, from) => rows + countWithin(time, from, from + minuteNs),
    0n,
  )
  const volumes: number[] = []
  let minute = -1n
  time.forEach((at, row) => {
    if (at / minuteNs !== minute) volumes.push(0)
    minute = at / minuteNs
    volumes[volumes.length - 1]! += size[row]!
  })
  const sum = size.reduce((total, value) => total + value, 0)
  return digestOf([
    time,
    price,
    size,
    Float64Array.from(volumes),
    Float64Array.of(sum, Number(found)),
  ])
}

function countWithin(time: BigInt64Array, from: bigint, to: bigint): bigint {
  let low = 0
  let high = time.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (time[middle]! < from) low = middle + 1
    else high = middle
  }
  let end = low
  while (end < time.length && time[end]! < to) end += 1
  return BigInt(end - low)
}

function valuesOf(says: Says, rows: number, minutes: number): Record<Name, number> {
  const rate = (ms: number): number => (rows / ms) * 1000
  return {
    'range, first touch': rate(says.firstMs),
    'range, warm': rate(says.warmMs),
    'one-minute range, mean': (says.minutesMs / minutes) * 1000,
    'sum of a column': rate(says.sumMs),
    'one-minute bars': rate(says.barsMs),
  }
}

export async function run(size: Size, options: RunOptions = {}): Promise<BenchResult> {
  const runs = runsOf(size, options)
  const { rows, minutes } = sizes[size]
  const trades = makeTrades(rows, 71)
  const digest = digestOfTrades(trades, minutes)
  const notes: Record<string, number | string> = { rows }
  return inFolder(options, async (folder) => {
    await sealedTrades(`${folder}/store`, 'SPY', trades)
    const figures = await measure(size, runs, specs, async (turn): Promise<Outcome<Name>> => {
      const says = new Map<boolean, Says>()
      for (const isOff of turn % 2 === 0 ? [true, false] : [false, true]) {
        const own = asked(`${folder}/store`, minutes, isOff)
        expectEqual(own.digest, digest, `digest with${isOff ? 'out' : ''} add-ons`)
        says.set(isOff, own)
        const { map, simd } = own.kernels
        notes[isOff ? 'without' : 'with'] = `map ${map}, simd ${simd}`
      }
      const off = valuesOf(says.get(true)!, rows, minutes)
      const on = valuesOf(says.get(false)!, rows, minutes)
      const beside = (name: Name): Reading => ({
        value: off[name],
        probes: [{ name: other, value: on[name] }],
      })
      const readings = {
        'range, first touch': beside('range, first touch'),
        'range, warm': beside('range, warm'),
        'one-minute range, mean': beside('one-minute range, mean'),
        'sum of a column': beside('sum of a column'),
        'one-minute bars': beside('one-minute bars'),
      }
      return { elapsedMs: says.get(true)!.firstMs, readings }
    })
    expectEqual(notes['without'], 'map read, simd wasm', 'kernels without add-ons')
    return { bench: 'native', size, runs, figures, digest: hexOf(digest), notes }
  })
}
