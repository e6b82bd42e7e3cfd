// A state and the earlier states that snapshots keep. A snapshot is one small record; its state is
// kept by reference.
import { assert, hexOf, VarveError, BugError } from '#base'
import type { Change, SnapshotCreated } from './change.ts'
import { diffStates } from './diff.ts'
import { encodeChanges } from './edit.ts'
import { encodeHeader, encodeRecord, headerBytes, recordBytes } from './layout.ts'
import { hash64 } from '#kernel'
import { applyEdit, emptyState } from './state.ts'
import type { EditSource, ManifestState } from './state.ts'

export interface SnapshotInfo {
  readonly name: string
  /** Epoch ns. */
  readonly createdAt: bigint
  /** SHA-256, hex. */
  readonly contentHash: string
  readonly rows: number
  readonly bytes: number
  readonly segments: number
}

export interface SnapshotEntry {
  readonly info: SnapshotInfo
  /** The edit it pins. */
  readonly edit: number
  /** Rows up to here belong to it. */
  readonly lsn: bigint
  readonly state: ManifestState
}

/** Immutable. */
export interface History {
  readonly state: ManifestState
  /** In order of creation. */
  readonly snapshots: ReadonlyMap<string, SnapshotEntry>
}

export const emptyHistory: History = { state: emptyState, snapshots: new Map() }

function entryOfSnapshot(change: SnapshotCreated, state: ManifestState): SnapshotEntry {
  const { name, createdAt, lsn, rows, bytes, segments } = change
  const info = { name, createdAt, contentHash: hexOf(change.contentHash), rows, bytes, segments }
  return { info, edit: state.editNumber, lsn, state }
}

function changeOfSnapshot({ info, lsn }: SnapshotEntry): SnapshotCreated {
  const contentHash = new Uint8Array(Buffer.from(info.contentHash, 'hex'))
  return { type: 'snapshotCreated', ...info, lsn, contentHash }
}

/** The history after the edit: applyEdit, and the snapshots the edit creates and drops. Pure;
 *  errors as applyEdit. */
export function applyToHistory(
  history: History,
  changes: readonly Change[],
  source: EditSource = {},
): History {
  const state = applyEdit(history.state, changes, source)
  let snapshots: Map<string, SnapshotEntry> | undefined
  const refuse = (message: string, name: string): never => {
    if (source.place === undefined) throw new BugError(`manifest edit: ${message}: ${name}`)
    throw new VarveError('ERR_CORRUPT', message, { ...source.place, snapshot: name })
  }
  for (const change of changes) {
    if (change.type !== 'snapshotCreated' && change.type !== 'snapshotDropped') continue
    snapshots ??= new Map(history.snapshots)
    const isKnown = snapshots.has(change.name)
    if (change.type === 'snapshotDropped') {
      if (!isKnown) refuse('no such snapshot to drop', change.name)
      snapshots.delete(change.name)
      continue
    }
    if (isKnown) refuse('two snapshots have one name', change.name)
    if (history.state.editNumber === 0) refuse('a snapshot of no state', change.name)
    snapshots.set(change.name, entryOfSnapshot(change, history.state))
  }
  return { state, snapshots: snapshots ?? history.snapshots }
}

/** The states of the history by rising edit number, each with the snapshots that pin it. */
export function keptStates(
  history: History,
): readonly { readonly state: ManifestState; readonly snapshots: readonly SnapshotEntry[] }[] {
  const pinned = new Map<number, { state: ManifestState; snapshots: SnapshotEntry[] }>()
  for (const entry of history.snapshots.values()) {
    const kept = pinned.get(entry.edit)
    if (kept === undefined) pinned.set(entry.edit, { state: entry.state, snapshots: [entry] })
    else kept.snapshots.push(entry)
  }
  const states = [...pinned.values()].sort((a, b) => a.state.editNumber - b.state.editNumber)
  const last = states.at(-1)
  assert(
    last === undefined || last.state.editNumber < history.state.editNumber,
    'manifest: a snapshot pins an earlier edit',
  )
  return [...states, { state: history.state, snapshots: [] }]
}

/** The edits of a rewritten file: one a kept state; replaying them gives the history again, with
 *  its edit numbers. */
export function rewrittenEdits(history: History): { editNumber: number; changes: Change[] }[] {
  let from = emptyState
  let pinning: readonly SnapshotEntry[] = []
  return keptStates(history).map(({ state, snapshots }) => {
    const [first, ...rest] = diffStates(from, state)
    const changes = [first as Change, ...pinning.map(changeOfSnapshot), ...rest]
    from = state
    pinning = snapshots
    return { editNumber: state.editNumber, changes }
  })
}

export interface ManifestBytes {
  readonly bytes: Uint8Array
  /** Of the last record. */
  readonly lastHash: bigint
}

/** A whole manifest file that holds the history and nothing else. */
export function encodeManifest(history: History, fileNumber: number): ManifestBytes {
  const edits = rewrittenEdits(history).map(({ editNumber, changes }) => {
    return { editNumber, payload: encodeChanges(changes) }
  })
  const bornBytes = edits.reduce((sum, { payload }) => sum + recordBytes(payload), headerBytes)
  const header = encodeHeader(history.state.storeId, fileNumber, bornBytes)
  const pieces = [header]
  let lastHash = hash64(header.subarray(0, header.length - 8))
  for (const { editNumber, payload } of edits) {
    const record = encodeRecord(fileNumber, editNumber, lastHash, payload)
    pieces.push(record.bytes)
    lastHash = record.hash
  }
  const bytes = new Uint8Array(Buffer.concat(pieces))
  assert(bytes.length === bornBytes, 'manifest: a file is as long as its header says')
  return { bytes, lastHash }
}
