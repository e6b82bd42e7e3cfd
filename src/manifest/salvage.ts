// What is left of a manifest where strict reading refuses it: the longest whole beginning of any
// manifest file of the store. Edits behind damage are counted, not applied: they build on what is
// lost. See salvage in room store, which finds on disk what the lost edits had named.
import { VarveError, silentLogger } from '#base'
import type { Logger } from '#base'
import { replaceFile } from '#vfs'
import type { Vfs } from '#vfs'
import { decodeChanges } from './edit.ts'
import { applyToHistory, emptyHistory, encodeManifest } from './history.ts'
import type { History } from './history.ts'
import {
  currentName,
  decodeCurrent,
  decodeHeader,
  encodeCurrent,
  encodeMark,
  endsWithMark,
  headerBytes,
  isMarkAt,
  manifestDirectory,
  manifestName,
  numberOfManifestName,
  recordAt,
  recordEndAt,
} from './layout.ts'
import type { ManifestRecord } from './layout.ts'

export interface ManifestDamage {
  readonly file: string
  readonly offset: number
  readonly message: string
}

export interface ManifestFound {
  /** The newest state that can be read; undefined where there is none at all. */
  readonly history: History | undefined
  /** The file it is from. */
  readonly file: string | undefined
  /** The newest edit that any whole record is of; more than the history's where edits are lost. */
  readonly editSeen: number
  /** Empty: strict reading takes it as it is. */
  readonly damage: readonly ManifestDamage[]
  /** Files that a rebuilt manifest takes the place of. */
  readonly files: readonly string[]
}

interface Beginning {
  readonly file: string
  readonly fileNumber: number
  readonly history: History
  readonly editSeen: number
  readonly damage: readonly ManifestDamage[]
}

/** Records looked for behind damage cost at most so many bytes of hashing per byte. */
const searchWorkMax = 64

function messageOf(error: unknown): string {
  if (error instanceof VarveError && error.code !== 'ERR_VERSION') return error.message
  throw error
}

function readWhole(vfs: Vfs, path: string): Uint8Array {
  const file = vfs.open(path, 'read')
  try {
    const bytes = new Uint8Array(file.size())
    return bytes.subarray(0, file.read(bytes, 0))
  } finally {
    file.close()
  }
}

/** The longest whole beginning of a file. @throws {VarveError} ERR_VERSION, ERR_IO */
function readBeginning(vfs: Vfs, file: string, fileNumber: number): Beginning {
  const bytes = readWhole(vfs, file)
  const damage: ManifestDamage[] = []
  let history = emptyHistory
  let at = headerBytes
  let hash: bigint | undefined
  let bornBytes = 0
  const note = (offset: number, message: string): void =>
    void damage.push({ file, offset, message })
  try {
    const header = decodeHeader(bytes, { file })
    at = header.bytes
    ;({ hash, bornBytes } = header)
    if (header.fileNumber !== fileNumber) note(0, 'a manifest under the name of another')
  } catch (error) {
    // The records are checked by themselves.
    note(0, messageOf(error))
  }
  while (at < bytes.length && !(hash !== undefined && isMarkAt(bytes, at, hash))) {
    const record = recordAt(bytes, at, fileNumber)
    const next = record === undefined ? undefined : after(history, record, hash, { file, at })
    if (record === undefined || next === undefined) break
    history = next
    ;({ hash, end: at } = record)
  }
  const editSeen = Math.max(history.state.editNumber, lastEditBehind(bytes, at, fileNumber))
  const isTorn = editSeen === history.state.editNumber && !endsWithMark(bytes, at)
  const isEnd = at >= bytes.length || (hash !== undefined && isMarkAt(bytes, at, hash)) || isTorn
  if (!isEnd) note(at, 'a record of the manifest is damaged')
  else if (at < bornBytes) note(at, 'the manifest is damaged where it was whole')
  // What is damaged was an edit, though nothing behind it may tell of it.
  const isLost = !isEnd || at < bornBytes
  const editLost = isLost ? history.state.editNumber + 1 : 0
  return { file, fileNumber, history, editSeen: Math.max(editSeen, editLost), damage }
}

function after(
  history: History,
  record: ManifestRecord,
  previous: bigint | undefined,
  place: { file: string; at: number },
): History | undefined {
  if (previous !== undefined && record.previous !== previous) return undefined
  try {
    const changes = decodeChanges(record.payload, place)
    return applyToHistory(history, changes, { editNumber: record.editNumber, place })
  } catch (error) {
    messageOf(error)
    return undefined
  }
}

/** The highest edit of whole records at or after `from`; 0 where there are none. */
function lastEditBehind(bytes: Uint8Array, from: number, fileNumber: number): number {
  let work = (bytes.length - from) * searchWorkMax
  let last = 0
  for (let at = from; at < bytes.length && work > 0; at += 8) {
    const end = recordEndAt(bytes, at)
    if (end === undefined) continue
    work -= end - at
    last = Math.max(last, recordAt(bytes, at, fileNumber)?.editNumber ?? 0)
  }
  return last
}

/** Reads all there is, and changes nothing. @throws {VarveError} ERR_VERSION, ERR_IO */
export function surveyManifest(vfs: Vfs, root: string): ManifestFound {
  const directory = `${root}/${manifestDirectory}`
  const names = vfs.stat(directory) === undefined ? [] : vfs.list(directory)
  const beginnings = names.flatMap((name) => {
    const fileNumber = numberOfManifestName(name)
    return fileNumber === undefined ? [] : [readBeginning(vfs, `${directory}/${name}`, fileNumber)]
  })
  const damage: ManifestDamage[] = []
  const named = currentOf(vfs, root, damage)
  const current = beginnings.find(({ fileNumber }) => fileNumber === named)
  if (named !== undefined && current === undefined) {
    const file = `${directory}/${manifestName(named)}`
    damage.push({ file, offset: 0, message: 'the manifest that CURRENT names is missing' })
  }
  const isSound = current !== undefined && current.damage.length === 0
  let best = isSound ? current : undefined
  // Of several as good the one that was named, then the newest file.
  for (const each of current === undefined ? beginnings : [current, ...beginnings]) {
    if (isSound) break
    const edit = best?.history.state.editNumber ?? 0
    const isNewer = edit > 0 && each.fileNumber > best!.fileNumber && best !== current
    const { editNumber } = each.history.state
    if (editNumber > edit || (editNumber === edit && isNewer)) best = each
  }
  return {
    history: best?.history,
    file: best?.file,
    editSeen: Math.max(0, ...(isSound ? [current] : beginnings).map(({ editSeen }) => editSeen)),
    damage: [...damage, ...(isSound ? [] : beginnings.flatMap((each) => each.damage))],
    files: beginnings.map(({ file }) => file),
  }
}

function currentOf(vfs: Vfs, root: string, damage: ManifestDamage[]): number | undefined {
  const file = `${root}/${currentName}`
  if (vfs.stat(file) === undefined) {
    damage.push({ file, offset: 0, message: 'CURRENT is missing' })
    return undefined
  }
  try {
    return decodeCurrent(readWhole(vfs, file), { file })
  } catch (error) {
    damage.push({ file, offset: 0, message: messageOf(error) })
    return undefined
  }
}

/** Makes a new manifest file of the history, and CURRENT name it; the files before it are removed
 *  then. Until CURRENT is replaced everything is as it was. @throws {VarveError} ERR_IO,
 *  ERR_DISK_FULL */
export function rebuildManifest(
  { vfs, logger = silentLogger }: { readonly vfs: Vfs; readonly logger?: Logger },
  root: string,
  history: History,
): void {
  const directory = `${root}/${manifestDirectory}`
  vfs.makeDirectory(directory)
  const names = vfs.list(directory)
  const numbers = names.map((name) => numberOfManifestName(name) ?? 0)
  const fileNumber = Math.max(0, ...numbers) + 1
  const { bytes, lastHash } = encodeManifest(history, fileNumber)
  const path = `${directory}/${manifestName(fileNumber)}`
  const file = vfs.open(path, 'create')
  try {
    file.write(bytes, 0)
    file.datasyncSync()
    file.write(encodeMark(lastHash), bytes.length)
  } finally {
    file.close()
  }
  vfs.syncDirectory(directory)
  replaceFile(vfs, `${root}/${currentName}`, encodeCurrent(fileNumber))
  for (const name of names) {
    try {
      vfs.unlink(`${directory}/${name}`)
    } catch (error) {
      logger.warn({ manifest: name, error }, 'an old manifest stays')
    }
  }
}
