// The bytes of one file in the memory twin, twice: as every reader sees them, and as the device has
// them; between the two the changes that were not synced yet.
//
//   device bytes --> change 1 --> change 2 --> ... --> change n == live bytes
//                    \_________________ ________________/
//                                      V
//                 a power cut keeps any subset of these, writes torn at 512-byte sectors
//
// After a failed sync the page cache calls its pages clean though they never reached the device:
// the live bytes keep those changes, the device never gets them, and the next sync succeeds (seen
// on ext4).

export const sectorBytes = 512

type Change =
  | {
      readonly serial: number
      readonly kind: 'write'
      readonly at: number
      readonly bytes: Uint8Array
    }
  | { readonly serial: number; readonly kind: 'truncate'; readonly bytes: number }

/** Bytes that grow; bytes past `length` are zero. */
class Bytes {
  #room = new Uint8Array(0)
  length = 0

  get view(): Uint8Array {
    return this.#room.subarray(0, this.length)
  }

  #reserve(end: number): void {
    if (end <= this.#room.length) return
    const grown = new Uint8Array(Math.max(end, this.#room.length * 2, 64))
    grown.set(this.view)
    this.#room = grown
  }

  write(bytes: Uint8Array, at: number): void {
    if (bytes.length === 0) return
    this.#reserve(at + bytes.length)
    this.#room.set(bytes, at)
    this.length = Math.max(this.length, at + bytes.length)
  }

  resize(length: number): void {
    this.#reserve(length)
    if (length < this.length) this.#room.fill(0, length, this.length)
    this.length = length
  }
}

export class Content {
  readonly #live = new Bytes()
  readonly #device = new Bytes()
  #changes: Change[] = []
  #serial = 0

  /** A content that is live and on the device alike. */
  static of(bytes: Uint8Array): Content {
    const content = new Content()
    content.#live.write(bytes, 0)
    content.#device.write(bytes, 0)
    return content
  }

  /** The same bytes, live and on the device, and the same changes between them. */
  clone(): Content {
    const content = Content.of(this.#device.view)
    content.#live.resize(0)
    content.#live.write(this.#live.view, 0)
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

  /** The device as a power cut may leave it; `random` gives numbers in [0, 1). */
  deviceAfterCut(random: (() => number) | undefined): Uint8Array {
    if (random === undefined || this.#changes.length === 0) return this.#device.view.slice()
    const torn = new Bytes()
    torn.write(this.#device.view, 0)
    for (const change of this.#changes) applyTorn(torn, change, random)
    return torn.view.slice()
  }
}

function apply(target: Bytes, change: Change): void {
  if (change.kind === 'write') target.write(change.bytes, change.at)
  else target.resize(change.bytes)
}

/** A quarter each: nothing of it, all of it, some sectors of it, only the growth of the file. */
function applyTorn(target: Bytes, change: Change, random: () => number): void {
  const fate = random()
  if (fate < 0.25) return
  if (fate < 0.5 || change.kind === 'truncate') {
    apply(target, change)
    return
  }
  const { at, bytes } = change
  const end = at + bytes.length
  if (fate >= 0.75) {
    // The size reached the device and the data did not: old sectors of others may show through.
    const from = Math.max(at, target.length)
    if (from >= end) return
    const grown = new Uint8Array(end - from)
    if (random() < 0.5) for (let i = 0; i < grown.length; i++) grown[i] = Math.floor(random() * 256)
    target.write(grown, from)
    return
  }
  let from = at
  while (from < end) {
    const to = Math.min(end, from - (from % sectorBytes) + sectorBytes)
    if (random() < 0.5) target.write(bytes.subarray(from - at, to - at), from)
    from = to
  }
}
