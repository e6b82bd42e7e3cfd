// The bytes of one file in the memory twin, twice: as every reader sees them, and as the device has
// them; between the two the changes that were not synced yet.
//
//   device bytes --> change 1 --> change 2 --> ... --> change n == live bytes
//                    \_________________ ________________/
//                                      V
//                 a power cut gives each of these its fate: see memory-cut.ts
//
// After a failed sync the page cache calls its pages clean though they never reached the device:
// the live bytes keep those changes, the device never gets them, and the next sync succeeds (seen
// on ext4).

import { fillNoise } from './memory-cut.ts'
import type { Cut, PendingEffect } from './memory-cut.ts'

type Change =
  | {
      readonly serial: number
      readonly kind: 'write'
      readonly at: number
      readonly bytes: Uint8Array
    }
  | { readonly serial: number; readonly kind: 'truncate'; readonly bytes: number }

/** Bytes that grow; bytes past `length` are zero. Copies share the room until one of them writes. */
class Bytes {
  #room = new Uint8Array(0)
  #isShared = false
  length = 0

  get view(): Uint8Array {
    return this.#room.subarray(0, this.length)
  }

  copy(): Bytes {
    const copy = new Bytes()
    copy.#room = this.#room
    copy.length = this.length
    copy.#isShared = this.#isShared = true
    return copy
  }

  /** Room of its own up to `end`. */
  #reserve(end: number): void {
    if (end <= this.#room.length && !this.#isShared) return
    const isLarger = end > this.#room.length
    const bytes = isLarger ? Math.max(end, this.#room.length * 2, 64) : this.#room.length
    const grown = new Uint8Array(bytes)
    grown.set(this.view)
    this.#room = grown
    this.#isShared = false
  }

  write(bytes: Uint8Array, at: number): void {
    if (bytes.length === 0) return
    this.#reserve(at + bytes.length)
    this.#room.set(bytes, at)
    this.length = Math.max(this.length, at + bytes.length)
  }

  resize(length: number): void {
    if (length === this.length) return
    this.#reserve(length)
    if (length < this.length) this.#room.fill(0, length, this.length)
    this.length = length
  }
}

export class Content {
  #live = new Bytes()
  #device = new Bytes()
  #changes: Change[] = []
  #serial = 0

  /** A content that is live and on the device alike. */
  static #of(bytes: Bytes): Content {
    const content = new Content()
    content.#live = bytes.copy()
    content.#device = bytes
    return content
  }

  /** The same bytes, live and on the device, and the same changes between them. */
  clone(): Content {
    const content = new Content()
    content.#live = this.#live.copy()
    content.#device = this.#device.copy()
    content.#changes = [...this.#changes]
    content.#serial = this.#serial
    return content
  }

  get size(): number {
    return this.#live.length
  }

  /** The bytes a reader sees; valid until the next change. */
  get live(): Uint8Array {
    return this.#live.view
  }

  /** Number of the newest change: what a sync that is called now will cover. */
  get serial(): number {
    return this.#serial
  }

  write(bytes: Uint8Array, at: number): void {
    this.#live.write(bytes, at)
    this.#changes.push({ serial: ++this.#serial, kind: 'write', at, bytes: bytes.slice() })
  }

  truncate(bytes: number): void {
    if (bytes === this.#live.length) return
    this.#live.resize(bytes)
    this.#changes.push({ serial: ++this.#serial, kind: 'truncate', bytes })
  }

  #takeChanges(serial: number): Change[] {
    const taken = this.#changes.filter((change) => change.serial <= serial)
    this.#changes = this.#changes.slice(taken.length)
    return taken
  }

  /** Everything up to `serial` reaches the device. */
  sync(serial: number): void {
    for (const change of this.#takeChanges(serial)) apply(this.#device, change)
  }

  /** A sync failed: what it covered, and had not reached the device, never will. */
  loseUnsynced(serial: number): void {
    this.#takeChanges(serial)
  }

  /** What has not reached the device, oldest first. `file` and `name` tell whose changes they are. */
  pending(file: number, name: string): PendingEffect[] {
    return this.#changes.map((change) => effectOf(change, file, name))
  }

  /** The file as a power cut leaves it; without one nothing that was not synced. */
  afterCut(cut: Cut | undefined, file: number, name: string): Content {
    const left = this.#device.copy()
    if (cut !== undefined) {
      for (const change of this.#changes) applyCut(left, change, cut, effectOf(change, file, name))
    }
    return Content.#of(left)
  }
}

function effectOf(change: Change, file: number, name: string): PendingEffect {
  const id = `${file}.${change.serial}`
  if (change.kind === 'truncate') {
    const { bytes } = change
    return { id, kind: 'data', operation: 'truncate', name, from: bytes, to: bytes }
  }
  const { at, bytes } = change
  return { id, kind: 'data', operation: 'write', name, from: at, to: at + bytes.length }
}

function apply(target: Bytes, change: Change): void {
  if (change.kind === 'write') target.write(change.bytes, change.at)
  else target.resize(change.bytes)
}

function applyCut(target: Bytes, change: Change, cut: Cut, effect: PendingEffect): void {
  const fate = cut.fateOf(effect)
  if (fate === 'lost') return
  if (fate === 'kept' || change.kind === 'truncate') {
    apply(target, change)
    return
  }
  const { at, bytes } = change
  if ('pieces' in fate) {
    for (const [from, to] of fate.pieces) target.write(bytes.subarray(from - at, to - at), from)
    return
  }
  // The size reached the device and the data did not.
  const from = Math.max(at, target.length)
  if (from >= effect.to) return
  const grown = new Uint8Array(effect.to - from)
  fillNoise(grown, fate.grown)
  target.write(grown, from)
}
