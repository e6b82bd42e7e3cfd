// A persistent map from whole numbers to values: changing it gives a new map that shares what did
// not change.
//
// Entries stand on shelves of 256 by number; a map is the sorted list of its shelves. An edit
// copies the shelves it touches and the list, so it costs O(changed + n / 256), and two maps are
// compared by comparing shelves by reference. The shape depends on the content alone (empty shelves
// are not kept), so equal content is structurally equal.
import { assert } from '#base'

export const shelfEntries = 256

type Shelf<T> = readonly (T | undefined)[]

/** Immutable. `get` is O(log(n / 256)). */
export class Numbered<T> {
  readonly size: number
  /** Sorted; shelf s holds the numbers [256 s, 256 s + 256). */
  readonly shelfIndexes: readonly number[]
  readonly shelves: readonly Shelf<T>[]

  constructor(size: number, shelfIndexes: readonly number[], shelves: readonly Shelf<T>[]) {
    this.size = size
    this.shelfIndexes = shelfIndexes
    this.shelves = shelves
  }

  static empty<T>(): Numbered<T> {
    return new Numbered<T>(0, [], [])
  }

  shelf(shelfIndex: number): Shelf<T> | undefined {
    let from = 0
    let end = this.shelfIndexes.length
    while (from < end) {
      const middle = (from + end) >>> 1
      if (this.shelfIndexes[middle]! < shelfIndex) from = middle + 1
      else end = middle
    }
    return this.shelfIndexes[from] === shelfIndex ? this.shelves[from] : undefined
  }

  get(id: number): T | undefined {
    return this.shelf(Math.floor(id / shelfEntries))?.[id % shelfEntries]
  }

  has(id: number): boolean {
    return this.get(id) !== undefined
  }

  /** Every value once, by rising number. */
  values(): T[] {
    const found: T[] = []
    for (const shelf of this.shelves) {
      for (const value of shelf) if (value !== undefined) found.push(value)
    }
    return found
  }

  /** The largest number in use; -1 where there is none. */
  idLast(): number {
    const shelf = this.shelves.at(-1)
    if (shelf === undefined) return -1
    const shelfIndex = this.shelfIndexes.at(-1) as number
    return shelfIndex * shelfEntries + shelf.findLastIndex((value) => value !== undefined)
  }
}

/** Changes to come on top of a Numbered; `finish()` gives the new one. The base is never touched.
 *  */
export class NumberedDraft<T> {
  readonly #base: Numbered<T>
  readonly #owned = new Map<number, (T | undefined)[]>()
  #size: number

  constructor(base: Numbered<T>) {
    this.#base = base
    this.#size = base.size
  }

  get(id: number): T | undefined {
    const owned = this.#owned.get(Math.floor(id / shelfEntries))
    return owned === undefined ? this.#base.get(id) : owned[id % shelfEntries]
  }

  #own(id: number): (T | undefined)[] {
    const shelfIndex = Math.floor(id / shelfEntries)
    let shelf = this.#owned.get(shelfIndex)
    if (shelf === undefined) {
      shelf =
        this.#base.shelf(shelfIndex)?.slice() ??
        Array.from({ length: shelfEntries }, (): T | undefined => undefined)
      this.#owned.set(shelfIndex, shelf)
    }
    return shelf
  }

  set(id: number, value: T): void {
    assert(Number.isSafeInteger(id) && id >= 0, 'a number of an entry is a whole number')
    const shelf = this.#own(id)
    if (shelf[id % shelfEntries] === undefined) this.#size += 1
    shelf[id % shelfEntries] = value
  }

  delete(id: number): void {
    const shelf = this.#own(id)
    if (shelf[id % shelfEntries] !== undefined) this.#size -= 1
    shelf[id % shelfEntries] = undefined
  }

  /** The base itself where nothing was touched. */
  finish(): Numbered<T> {
    if (this.#owned.size === 0) return this.#base
    const fresh = [...this.#owned].sort((a, b) => a[0] - b[0])
    const shelfIndexes: number[] = []
    const shelves: Shelf<T>[] = []
    let at = 0
    const keepBefore = (shelfIndex: number): void => {
      for (; at < this.#base.shelves.length; at += 1) {
        const index = this.#base.shelfIndexes[at]!
        if (index >= shelfIndex) return
        shelfIndexes.push(index)
        shelves.push(this.#base.shelves[at]!)
      }
    }
    for (const [shelfIndex, shelf] of fresh) {
      keepBefore(shelfIndex)
      if (this.#base.shelfIndexes[at] === shelfIndex) at += 1
      if (shelf.every((value) => value === undefined)) continue
      shelfIndexes.push(shelfIndex)
      shelves.push(shelf)
    }
    keepBefore(Infinity)
    return new Numbered(this.#size, shelfIndexes, shelves)
  }
}

/** Calls `visit` for every number whose values differ by reference. Equal shelves cost one
 *  comparison. */
export function eachDifference<T>(
  from: Numbered<T>,
  to: Numbered<T>,
  visit: (before: T | undefined, after: T | undefined) => void,
): void {
  if (from === to) return
  let a = 0
  let b = 0
  while (a < from.shelves.length || b < to.shelves.length) {
    const indexFrom = from.shelfIndexes[a] ?? Infinity
    const indexTo = to.shelfIndexes[b] ?? Infinity
    const before = indexFrom <= indexTo ? from.shelves[a] : undefined
    const after = indexTo <= indexFrom ? to.shelves[b] : undefined
    if (indexFrom <= indexTo) a += 1
    if (indexTo <= indexFrom) b += 1
    if (before === after) continue
    for (let place = 0; place < shelfEntries; place += 1) {
      if (before?.[place] !== after?.[place]) visit(before?.[place], after?.[place])
    }
  }
}

/** A persistent set of text keys with a number each, to which keys are only ever added. Layers of
 *  maps, each at least twice as large as the next: a lookup asks O(log n) maps, adding n keys one
 *  by one copies O(n log n) entries. */
export class KeyIndex {
  readonly #layers: readonly ReadonlyMap<string, number>[]

  constructor(layers: readonly ReadonlyMap<string, number>[] = []) {
    this.#layers = layers
  }

  get(key: string): number | undefined {
    for (const layer of this.#layers) {
      const id = layer.get(key)
      if (id !== undefined) return id
    }
    return undefined
  }

  with(added: ReadonlyMap<string, number>): KeyIndex {
    if (added.size === 0) return this
    const layers = [...this.#layers]
    let top: Map<string, number> = new Map(added)
    for (let last = layers.at(-1); last !== undefined; last = layers.at(-1)) {
      if (last.size >= top.size * 2) break
      top = new Map([...last, ...top])
      layers.pop()
    }
    return new KeyIndex([...layers, top])
  }
}
