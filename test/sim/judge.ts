// Opens what was left of a store, looks at all of it, goes on with it, and says what is there. The same files give the
// same answer, so that what was found is compared with many moments.
import type { Store } from '#store'
import type { MemoryVfs } from '#vfs'
import { expectNothingOpen, makeBed, root } from '../store/bed.ts'
import type { Bed } from '../store/bed.ts'
import { smallLimits } from './life.ts'
import type { Mode, Moment } from './life.ts'
import { Violation, checkProducers, handleOf, keyOf, partsOf, rowsOf } from './rows.ts'

export interface Found {
  readonly key: string
  readonly snapshots: ReadonlyMap<string, { readonly key: string; readonly hash: string }>
  readonly tornBytes: number
}

/** How far a store is looked at, by chance that the files decide. */
export interface Look {
  readonly mode: Mode
  /** Everything is verified, every hash. */
  readonly isVerified: boolean
  /** Appends a row, closes, cuts the power and opens again. */
  readonly goesOn: boolean
  /** Told when the store is open: what is there now stays. */
  readonly onOpen?: (key: string) => void
}

/** @throws {Violation} where the store cannot be opened, or says what cannot be */
export async function findIn(vfs: MemoryVfs, look: Look): Promise<Found> {
  const bed = makeBed({ vfs, limits: smallLimits, seed: 5 })
  let store: Store
  try {
    store = await bed.open({ durability: look.mode })
  } catch (cause) {
    throw new Violation('I7', `what a crash may leave does not open: ${String(cause)}`, { cause })
  }
  try {
    const key = keyOf(store)
    look.onOpen?.(key)
    checkQuarantine(store, vfs)
    checkProducers(store, key)
    const snapshots = snapshotsOf(store)
    if (look.isVerified) await checkWhole(store)
    const { tornBytes } = store.recovery
    const added = look.goesOn ? addTo(store) : 0
    await store.close()
    await expectNothingOpen(bed)
    if (look.goesOn) await checkClosed(bed, `${key} ${added}`.trim(), look.mode)
    return { key, snapshots, tornBytes }
  } catch (cause) {
    if (cause instanceof Violation) throw cause
    throw new Violation('I7', `a store that opened fails: ${String(cause)}`, { cause })
  }
}

/** Torn bytes are set aside, as they were, and reported. */
function checkQuarantine({ recovery }: Store, vfs: MemoryVfs): void {
  const { tornBytes, quarantined } = recovery
  if (tornBytes === 0) return
  let bytes = 0
  for (const path of quarantined) bytes += vfs.stat(path)?.bytes ?? 0
  if (bytes < tornBytes) throw new Violation('I8', `${tornBytes} torn bytes, ${bytes} set aside`)
}

function snapshotsOf(store: Store): Map<string, { key: string; hash: string }> {
  const found = new Map<string, { key: string; hash: string }>()
  for (const { name, contentHash } of store.snapshots()) {
    const view = store.at(name)
    found.set(name, { key: keyOf(view), hash: contentHash })
    view.close()
  }
  return found
}

async function checkWhole(store: Store): Promise<void> {
  const { damage } = await store.verify()
  if (damage.length > 0) throw new Violation('I7', `damage: ${JSON.stringify(damage)}`)
}

const numberAdded = 10_000

/** A row more; its number says that it came after everything else. */
function addTo(store: Store): number {
  const entries = partsOf(numberAdded).map((part) => ({
    series: handleOf(store, part.series),
    rows: rowsOf(numberAdded, part),
  }))
  store.append(entries)
  return numberAdded
}

/** close() is durable in every mode, and an open after it repairs nothing. */
async function checkClosed({ vfs }: Bed, key: string, mode: Mode): Promise<void> {
  const again = makeBed({ vfs: vfs.crash(), limits: smallLimits, seed: 6 })
  const store = await again.open({ durability: mode })
  const found = keyOf(store)
  const { tornBytes, quarantined } = store.recovery
  if (found !== key) throw new Violation('I14', `closed with [${key}], found [${found}]`)
  if (tornBytes > 0 || quarantined.length > 0) {
    throw new Violation('I14', `an open after close set ${quarantined.join(', ')} aside`)
  }
  checkProducers(store, key)
  await store.close()
  checkLeftovers(again)
}

const folders = ['wal', 'segments', 'packs', 'manifest']

/** What nothing names is gone after a clean life. */
export function checkLeftovers({ vfs }: Bed): void {
  for (const folder of folders) {
    const names = vfs.list(`${root}/${folder}`)
    const drafts = names.filter((name) => name.endsWith('.draft'))
    if (drafts.length > 0) throw new Violation('I9', `leftovers: ${drafts.join(', ')}`)
    if (folder === 'manifest' && names.length > 1) {
      throw new Violation('I9', `manifests that nothing names: ${names.join(', ')}`)
    }
  }
}

/** A reader of what was left, before any writer repaired it: undefined where there is no store yet. */
export async function readerFinds(vfs: MemoryVfs): Promise<string | undefined> {
  const bed = makeBed({ vfs, limits: smallLimits, seed: 7 })
  try {
    const reader = await bed.read()
    const key = keyOf(reader)
    for (const { name } of reader.snapshots()) {
      const view = reader.at(name)
      keyOf(view)
      view.close()
    }
    await reader.close()
    await expectNothingOpen(bed)
    return key
  } catch (cause) {
    if ((cause as { code?: string }).code === 'ERR_NOT_FOUND') return undefined
    if (cause instanceof Violation) throw cause
    throw new Violation('I6', `a reader fails: ${String(cause)}`, { cause })
  }
}

/** @throws {Violation} where what was found is not what may be there */
export function compare(found: Found, moment: Moment, left: 'cut' | 'kill'): void {
  const allowed = moment[left]
  if (!allowed.includes(found.key)) throw lossOf(found.key, allowed, moment)
  for (const [name, { key, hash, must }] of moment.snapshots) {
    const there = found.snapshots.get(name)
    if (there === undefined) {
      if (must) throw new Violation('I5', `snapshot ${name} is gone`)
      continue
    }
    if (there.key !== key) throw new Violation('I5', `${name} holds [${there.key}], not [${key}]`)
    if (hash !== undefined && hash !== there.hash)
      throw new Violation('I5', `${name}: hash changed`)
  }
  for (const [name, { key }] of found.snapshots) {
    if (!moment.snapshots.has(name) && !(name.startsWith('before-') && moment.ever.has(key))) {
      throw new Violation('I5', `snapshot ${name} with [${key}] was never taken`)
    }
  }
}

function lossOf(key: string, allowed: readonly string[], { ever, mode }: Moment): Violation {
  const may = allowed.map((each) => `[${each}]`).join(', ')
  const place = `mode ${mode}: found [${key}], may be ${may}`
  const first = allowed[0] ?? ''
  const numbers = new Set(key.split(' '))
  if (first !== '' && first.split(' ').some((number) => !numbers.has(number))) {
    return new Violation('I1', `acknowledged rows are lost, ${place}`)
  }
  if (ever.has(key)) return new Violation('I3', `not a state of now, ${place}`)
  return new Violation('I2', `what never was appeared, ${place}`)
}
