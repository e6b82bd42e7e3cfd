// Names in the memory twin. The live tree is what every caller sees. The device has its own tree,
// and a journal holds the changes of names that did not reach it yet, oldest first:
//
//   edit = [ (directory, name) -> node or nothing, ... ]     a rename is one edit: both or neither
//
// An edit reaches the device only after every earlier edit of the same (directory, name); beyond
// that a power cut keeps any subset. syncDirectory takes the edits of a directory and what they
// wait for.
import type { Content } from './memory-content.ts'
import type { Cut, PendingEffect } from './memory-cut.ts'
import type { OperationName } from './memory-fault.ts'

export interface FileNode {
  readonly kind: 'file'
  /** Tells files apart, also in copies of the tree. */
  readonly inode: number
  readonly content: Content
  /** Names in the live tree plus open handles; at 0 nobody can reach the bytes any more. */
  references: number
}

export interface DirectoryNode {
  readonly kind: 'directory'
  readonly live: Map<string, Node>
  readonly device: Map<string, Node>
}

export type Node = FileNode | DirectoryNode

interface NameChange {
  readonly directory: DirectoryNode
  readonly name: string
  /** undefined: the name goes. */
  readonly node: Node | undefined
}

interface Edit {
  readonly serial: number
  readonly operation: OperationName
  readonly changes: readonly NameChange[]
}

export function emptyDirectory(): DirectoryNode {
  return { kind: 'directory', live: new Map(), device: new Map() }
}

function set(names: Map<string, Node>, change: NameChange): void {
  if (change.node === undefined) names.delete(change.name)
  else names.set(change.name, change.node)
}

/** The (directory, name) pairs of some edits, to ask whether another edit touches one of them. */
class Places {
  readonly #names = new Map<DirectoryNode, Set<string>>()

  add(edit: Edit): void {
    for (const { directory, name } of edit.changes) {
      const names = this.#names.get(directory) ?? new Set<string>()
      this.#names.set(directory, names.add(name))
    }
  }

  meets({ changes }: Edit): boolean {
    return changes.some(({ directory, name }) => this.#names.get(directory)?.has(name) === true)
  }
}

function effectOf({ serial, operation, changes }: Edit): PendingEffect {
  const name = changes.at(-1)?.name ?? ''
  return { id: `names.${serial}`, kind: 'names', operation, name, from: 0, to: 0 }
}

export class Journal {
  #edits: Edit[] = []
  #serial = 0

  /** Changes names in the live tree at once, together. */
  record(operation: OperationName, changes: readonly NameChange[]): void {
    for (const change of changes) set(change.directory.live, change)
    this.#edits.push({ serial: ++this.#serial, operation, changes })
  }

  /** The same edits, told of copied nodes. */
  clone(copyOf: (node: Node) => Node, directoryOf: (at: DirectoryNode) => DirectoryNode): Journal {
    const journal = new Journal()
    journal.#serial = this.#serial
    journal.#edits = this.#edits.map((edit) => ({
      ...edit,
      changes: edit.changes.map(({ directory, name, node }) => ({
        directory: directoryOf(directory),
        name,
        node: node === undefined ? undefined : copyOf(node),
      })),
    }))
    return journal
  }

  /** Edits that have not reached the device, oldest first. */
  pending(): PendingEffect[] {
    return this.#edits.map(effectOf)
  }

  /** Nodes that pending edits name, whether a tree holds them or not. */
  named(): Node[] {
    const changes = this.#edits.flatMap((edit) => edit.changes)
    return changes.flatMap(({ node }) => (node === undefined ? [] : [node]))
  }

  /** The names of `directory` reach the device, with the edits they wait for. */
  sync(directory: DirectoryNode): void {
    const places = new Places()
    const taken = new Set<Edit>()
    for (const edit of this.#edits.toReversed()) {
      const isHere = edit.changes.some((change) => change.directory === directory)
      if (!isHere && !places.meets(edit)) continue
      places.add(edit)
      taken.add(edit)
    }
    for (const edit of this.#edits) {
      if (taken.has(edit)) for (const change of edit.changes) set(change.directory.device, change)
    }
    this.#edits = this.#edits.filter((edit) => !taken.has(edit))
  }

  /** The device's names in a directory as a power cut leaves them, for all directories at once.
   *  What waits for a lost edit is lost too. */
  namesAfterCut(cut: Cut | undefined): (at: DirectoryNode) => Map<string, Node> {
    const changed = new Map<DirectoryNode, Map<string, Node>>()
    const lost = new Places()
    if (cut === undefined) return (directory) => directory.device
    for (const edit of this.#edits) {
      if (lost.meets(edit) || cut.fateOf(effectOf(edit)) === 'lost') {
        lost.add(edit)
        continue
      }
      for (const change of edit.changes) {
        const names = changed.get(change.directory) ?? new Map(change.directory.device)
        set(names, change)
        changed.set(change.directory, names)
      }
    }
    return (directory) => changed.get(directory) ?? directory.device
  }
}
