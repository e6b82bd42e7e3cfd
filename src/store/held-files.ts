// Files that nothing names any more, and that a reader in another process may still read: they stay until its lease
// moves on or its process is gone, up to a limit.
//
// A file is named by the kept states (the newest, and those of snapshots) up to some edit, its drop. Whoever reads an
// edit before the drop may need it. Where the drop is not known, as after a restart, the edit at which the file was
// found without a name stands for it: that is later, so it keeps the file for more readers, never for fewer.
import type { Change } from '#manifest'

export interface UnnamedFile {
  readonly path: string
  readonly fileNumber: number
}

export interface HoldLimits {
  /** Longest that a file is kept for readers. */
  readonly msMax: number
  readonly bytesMax: number
}

/** What is asked of the disk. */
export interface Space {
  bytesOf(file: UnnamedFile): number
  limitsOf(heldBytes: number): HoldLimits
}

interface Held {
  readonly file: UnnamedFile
  /** The edit from which on nobody names it. */
  readonly drop: number
  readonly sinceMs: number
  readonly bytes: number
}

export interface Chosen {
  /** To be removed now. */
  readonly free: readonly UnnamedFile[]
  /** Of `free` those that a live reader may still have wanted. */
  readonly taken: readonly UnnamedFile[]
}

export class HeldFiles {
  /** Drops that edits told of, by file number. */
  readonly #drops = new Map<number, number>()
  #held = new Map<number, Held>()

  /** An edit is durable. */
  note(changes: readonly Change[], edit: number): void {
    for (const change of changes) {
      if (change.type === 'fileDropped' || change.type === 'logDropped') {
        this.#drops.set(change.fileNumber, edit)
      } else if (change.type === 'snapshotDropped') {
        // It may have been what named them until now.
        this.#drops.clear()
      }
    }
  }

  /** Files kept for readers alone. */
  get count(): number {
    return this.#held.size
  }

  get bytes(): number {
    let bytes = 0
    for (const held of this.#held.values()) bytes += held.bytes
    return bytes
  }

  /** Decides which of the files go. `oldest`: the oldest edit that a live reader reads; undefined where there is none.
   *  `edit`: the newest. */
  choose(
    unnamed: readonly UnnamedFile[],
    oldest: number | undefined,
    now: { readonly edit: number; readonly ms: number },
    space: Space,
  ): Chosen {
    const before = this.#held
    this.#held = new Map()
    const free: UnnamedFile[] = []
    for (const file of unnamed) {
      const { fileNumber } = file
      const known = before.get(fileNumber)
      const drop = known?.drop ?? this.#drops.get(fileNumber) ?? now.edit
      if (oldest === undefined || oldest >= drop) {
        free.push(file)
        continue
      }
      const held = known ?? { file, drop, sinceMs: now.ms, bytes: space.bytesOf(file) }
      this.#held.set(fileNumber, held)
    }
    // What is named again, by a restore, is dropped anew some day.
    this.#drops.clear()
    const taken = this.#held.size === 0 ? [] : this.#beyond(space.limitsOf(this.bytes), now.ms)
    return { free: [...free, ...taken], taken }
  }

  /** Takes out what is kept too long, then, the oldest first, what is too much. */
  #beyond({ msMax, bytesMax }: HoldLimits, nowMs: number): UnnamedFile[] {
    const taken: UnnamedFile[] = []
    let { bytes } = this
    const oldestFirst = [...this.#held.values()].sort(
      (a, b) => a.drop - b.drop || a.file.fileNumber - b.file.fileNumber,
    )
    for (const held of oldestFirst) {
      if (nowMs - held.sinceMs < msMax && bytes <= bytesMax) continue
      this.#held.delete(held.file.fileNumber)
      bytes -= held.bytes
      taken.push(held.file)
    }
    return taken
  }
}
