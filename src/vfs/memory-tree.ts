// Names in the memory twin. The live tree is what every caller sees. The device has its own tree,
// and a journal holds the changes of names that did not reach it yet, oldest first:
//
//   edit = [ (directory, name) -> node or nothing, ... ]     a rename is one edit: both or neither
//
// An edit reaches the device only after every earlier edit of the same (directory, name); beyond
// that a power cut keeps any subset. syncDirectory takes the edits of a directory and what they
// wait for.
import type { Content } from './memory-content.ts'

export interface FileNode {
  readonly kind: 'file'
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

type Edit = readonly NameChange[]

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
    for (const { directory, name } of edit) {
      const names = this.#names.get(directory) ?? new Set<string>()
      this.#names.set(directory, names.add(name))
    }
  }

  meets(edit: Edit): boolean {
    return edit.some(({ directory, name }) => this.#names.get(directory)?.has(name) === true)
  }
}

export class Journal {
  #edits: Edit[] = []

  /** Changes names in the live tree at once, together. */
  record(edit: Edit): void {
    for (const change of edit) set(change.directory.live, change)
    this.#edits.push(edit)
  }

  /** The same edits, told of copied nodes. */
  clone(copyOf: (node: Node) => Node, directoryOf: (at: DirectoryNode) => DirectoryNode): Journal {
    const journal = new Journal()
    journal.#edits = this.#edits.map((edit) =>
      edit.map(({ directory, name, node }) => ({
        directory: directoryOf(directory),
        name,
        node: node === undefined ? undefined : copyOf(node),
      })),
    )
    return journal
  }

  /** The names of `directory` reach the device, with the edits they wait for. */
  sync(directory: DirectoryNode): void {
    const places = new Places()
    const taken = new Set<Edit>()
    for (const edit of this.#edits.toReversed()) {
      if (!edit.some((change) => change.directory === directory) && !places.meets(edit)) continue
      places.add(edit)
      taken.add(edit)
    }
    for (const edit of this.#edits) {
      if (taken.has(edit)) for (const change of edit) set(change.directory.device, change)
    }
    this.#edits = this.#edits.filter((edit) => !taken.has(edit))
  }

  /** The device's names in a directory as a power cut may leave them, for all directories at once.
   *  */
  namesAfterCut(random: (() => number) | undefined): (at: DirectoryNode) => Map<string, Node> {
    const changed = new Map<DirectoryNode, Map<string, Node>>()
    const lost = new Places()
    if (random === undefined) return (directory) => directory.device
    for (const edit of this.#edits) {
      if (lost.meets(edit) || random() < 0.5) {
        lost.add(edit)
        continue
      }
      for (const change of edit) {
        const names = changed.get(change.directory) ?? new Map(change.directory.device)
        set(names, change)
        changed.set(change.directory, names)
      }
    }
    return (directory) => changed.get(directory) ?? directory.device
  }
}
