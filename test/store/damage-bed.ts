// The store of the damage tests: every structure that can lie in a store's folder, in few rows; and its reads, each with
// what it answers, as bytes that can be compared.
import { Manifest } from '#manifest'
import { column, defineKind } from '#schema'
import type { ReadStore, ReadView, Store } from '#store'
import type { MemoryVfs } from '#vfs'
import { findLogPlace } from '#wal'
import { seededRandom } from '../support/manual-env.ts'
import { closeAll, makeBed, root } from './bed.ts'
import type { Bed } from './bed.ts'

const limits = { indexRunsMin: 1, logZeroBytes: 1024 }

export const note = defineKind('note', {
  columns: {
    price: column.f64().optional(),
    size: column.i32().optional(),
    side: column.symbol().optional(),
    count: column.decimal(2).optional(),
    text: column.text().optional(),
  },
})
const calm = defineKind('calm', { columns: { value: column.u8() } })

const startNs = 19_000n * 86_400_000_000_000n
const producerId = 'feed'

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** Rows whose texts no encoding makes smaller. */
function notes(random: () => number, from: number, count: number, textBytes: number) {
  const anything = (): string =>
    Array.from({ length: textBytes }, () => letters[Math.floor(random() * 64)]).join('')
  return Array.from({ length: count }, (_, at) => ({
    time: startNs + BigInt(from + at) * 1_000_000_000n,
    price: at % 9 === 4 ? -0 : Math.round(random() * 1e4) / 100,
    ...(at % 3 === 0 ? {} : { size: Math.floor(random() * 1000) }),
    ...(at % 4 === 0 ? {} : { side: at % 2 === 0 ? 'buy' : 'sell' }),
    count: (at * 5) / 100,
    text: anything(),
  }))
}

/** A large series, in a segment; its log is gone. */
async function withSegment(bed: Bed, seed: number): Promise<void> {
  const store = await bed.open({ durability: 'sync' })
  const time = BigInt64Array.from({ length: 16_384 }, (_, at) => startNs + BigInt(at) * 1000n)
  const value = Uint8Array.from(time, (_, at) => seed + (at >> 10))
  store.series(calm, 'ALL').append({ time, value })
  await store.seal()
  await closeAll(bed, store)
}

/** A pack, a snapshot that holds rows of the log, and a log with a torn end. */
async function withTornLog(bed: Bed, random: () => number): Promise<MemoryVfs> {
  const store = await bed.open({ durability: 'sync' })
  for (let at = 0; at < 4; at += 1) {
    const options = at === 0 ? { producer: { id: producerId, sequence: 41n } } : {}
    store.series(note, `N${at}`).append(notes(random, 0, 20, 220), options)
  }
  await store.seal()
  store.series(note, 'N1').append(notes(random, 10, 4, 200))
  await store.snapshot('morning')
  store.series(note, 'N2').append(notes(random, 10, 4, 200))
  await store.flush()
  const killed = bed.vfs.kill()
  await closeAll(bed, store)
  const path = `${root}/wal/${killed.list(`${root}/wal`).at(-1)}`
  const end = Math.ceil((read(killed, path).findLastIndex((byte) => byte !== 0) + 1) / 8) * 8
  const file = killed.open(path, 'write')
  file.write(
    Uint8Array.from({ length: 150 }, () => random() * 256),
    end,
  )
  file.close()
  return killed
}

/** A store that was closed, as the next process finds it; of `isKilled`, one whose power went before. The rows differ
 *  by seed, and so does the store's id. */
export async function everyStructure(seed: number, isKilled = false): Promise<Bed> {
  const random = seededRandom(seed)
  const first = makeBed({ limits, seed })
  await withSegment(first, seed)
  const bed = makeBed({ vfs: await withTornLog(first, random), limits, seed: seed + 1 })
  const store = await bed.open({ durability: 'sync' })
  for (const at of [4, 5]) store.series(note, `N${at}`).append(notes(random, 0, 20, 220))
  await store.seal()
  await store.snapshot('noon')
  const last = { producer: { id: producerId, sequence: 42n } }
  for (const at of [0, 4]) store.series(note, `N${at}`).append(notes(random, 30, 10, 220))
  store.series(note, 'N0').append(notes(random, 50, 2, 100), last)
  await store.flush()
  const reader = await bed.read()
  const cut = isKilled ? bed.vfs.crash() : undefined
  await store.close()
  const left = cut ?? bed.vfs.kill()
  await closeAll(bed, reader)
  // A process that was killed while it closed leaves its number in the lock.
  write(left, `${root}/LOCK`, new TextEncoder().encode('4711\n'))
  return makeBed({ vfs: left, limits, seed: seed + 2 })
}

/** Another process on these files. */
export function bedOn(vfs: MemoryVfs): Bed {
  return makeBed({ vfs, limits, seed: 9 })
}

/** The same for a copy: what is changed is its own. */
export function copyOf({ vfs }: Bed): Bed {
  return bedOn(vfs.kill())
}

/** Paths of all files, in order. */
export function pathsIn(vfs: MemoryVfs): string[] {
  const paths: string[] = []
  vfs.look((path) => void paths.push(path))
  return paths
}

export function read(vfs: MemoryVfs, path: string): Uint8Array {
  const file = vfs.open(path, 'read')
  const bytes = new Uint8Array(file.size())
  file.read(bytes, 0)
  file.close()
  return bytes
}

/** Puts a file there, in place of what was there. */
export function write(vfs: MemoryVfs, path: string, bytes: Uint8Array): void {
  if (vfs.stat(path) !== undefined) vfs.unlink(path)
  const file = vfs.open(path, 'create')
  file.write(bytes, 0)
  file.datasyncSync()
  file.close()
  vfs.syncDirectory(path.slice(0, path.lastIndexOf('/')))
}

/** VARVE_FLIPS: 'all' flips every bit, 'k/n' every bit of each n-th byte from the k-th on (n such parts are all), a
 *  number about one in so many; else few are flipped. */
const flips = process.env['VARVE_FLIPS']
const [part, parts] = flips === 'all' ? [0, 1] : (flips?.split('/').map(Number) ?? [])
export const isDeep = flips !== undefined
export const seed = Number(process.env['VARVE_SEED'] ?? 1)

interface BitsWanted {
  /** About one in so many, where VARVE_FLIPS says nothing; other ones with another seed. */
  readonly step: number
  /** Never more than one in so many. */
  readonly stepMin?: number
  readonly random: () => number
}

/** Places of bits, as byte and bit, in bytes [from, end). */
export function* bitsOf(
  from: number,
  end: number,
  { step, stepMin = 1, random }: BitsWanted,
): Generator<[number, number]> {
  if (part !== undefined && parts !== undefined && stepMin === 1) {
    const first = from + ((((part - from) % parts) + parts) % parts)
    for (let at = first; at < end; at += parts) {
      for (let bit = 0; bit < 8; bit += 1) yield [at, bit]
    }
    return
  }
  const wanted = Math.max(stepMin, parts === undefined ? Number(flips ?? step) : 1)
  for (let bit = from * 8 + Math.floor(random() * wanted); bit < end * 8;) {
    yield [bit >> 3, bit & 7]
    bit += 1 + Math.floor(random() * (2 * wanted - 1))
  }
}

/** One bit of a file, flipped until the result is called. */
export function flip({ vfs }: Bed, path: string, at: number, bit: number): () => void {
  const file = vfs.open(path, 'write')
  const byte = new Uint8Array(1)
  const turn = (): void => {
    file.read(byte, at)
    byte[0]! ^= 1 << bit
    file.write(byte, at)
    file.datasyncSync()
  }
  turn()
  return () => {
    turn()
    file.close()
  }
}

/** Where in each log file the rows end that some state reads from it; what is behind says nothing. */
export function logEnds({ vfs }: Bed): Map<string, number> {
  const manifest = Manifest.open({ vfs }, root, { readOnly: true })
  const ends = new Map<string, number>()
  for (const { state, lsn } of [
    ...manifest.snapshots.values(),
    { state: manifest.state, lsn: -1n },
  ]) {
    const { storeId } = manifest.state
    for (const { fileNumber, end } of state.logs.values()) {
      const path = `${root}/wal/${String(fileNumber).padStart(12, '0')}.wal`
      const next = { previousHash: -1n, firstLsn: lsn + 1n }
      const offset = end?.endOffset ?? findLogPlace(vfs, path, { fileNumber, storeId }, next).offset
      ends.set(path, Math.max(offset, ends.get(path) ?? 0))
    }
  }
  manifest.close()
  return ends
}

/** Parts that are compared one by one. */
export type Answer = readonly (string | Uint8Array)[]

/** One read, of now or of a snapshot. */
export interface Probe {
  readonly name: string
  ask(store: ReadStore): Answer
}

function rowsOf(view: ReadView, kindName: string, symbol: string): Answer {
  const series = view.series(kindName === 'note' ? note : calm, symbol)
  const { columns, rowCount } = series.range()
  const answer: (string | Uint8Array)[] = [`${rowCount} ${series.count()}`]
  for (const [name, values] of Object.entries(columns)) {
    if (ArrayBuffer.isView(values)) {
      answer.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    } else answer.push(`${name} ${[...(values as Iterable<unknown>)].join()}`)
  }
  const middle = series.at(startNs + 5_000_000_000n)
  for (const row of [series.latest(), middle]) {
    const { time, ...rest } = row ?? {}
    answer.push(`${time} ${JSON.stringify(rest)}`)
  }
  return answer
}

/** Every read of the store: what there is, the rows of each series, the snapshots and their rows. */
export function probesOf(store: ReadStore): Probe[] {
  const told = (view: ReadView): Answer =>
    view.list().map(({ kind, symbol, rows }) => `${kind} ${symbol} ${rows}`)
  const probes: Probe[] = [
    { name: 'store', ask: (asked) => [`${asked.durableLsn}`, ...told(asked)] },
    {
      name: 'snapshots',
      ask: (asked) =>
        asked.snapshots().map(({ name, rows, contentHash }) => `${name} ${rows} ${contentHash}`),
    },
  ]
  for (const { kind, symbol } of store.list()) {
    probes.push({ name: `${kind} ${symbol}`, ask: (asked) => rowsOf(asked, kind, symbol) })
  }
  for (const { name } of store.snapshots()) {
    const asking = (ask: (view: ReadView) => Answer) => (asked: ReadStore) => {
      const view = asked.at(name)
      try {
        return ask(view)
      } finally {
        view.close()
      }
    }
    probes.push({ name, ask: asking(told) })
    const view = store.at(name)
    for (const { kind, symbol } of view.list()) {
      const ask = asking((asked) => rowsOf(asked, kind, symbol))
      probes.push({ name: `${name}: ${kind} ${symbol}`, ask })
    }
    view.close()
  }
  return probes
}

/** What only a writer tells. */
export function acceptedBy(store: Store): string {
  return `${store.series(note, 'N0').accepted(producerId)}`
}

export function isSame(one: Answer, other: Answer): boolean {
  const isSamePart = (part: string | Uint8Array, at: number): boolean => {
    const against = other[at]!
    if (typeof part === 'string' || typeof against === 'string') return part === against
    return Buffer.compare(part, against) === 0
  }
  return one.length === other.length && one.every(isSamePart)
}
