// Reads a whole sparse index and checks every hash in it, and that what it says of the runs it knows is
// what their footers say.
import { VarveError } from '#base'
import { tableEntryAt } from './describe-index.ts'
import { bodyOfFooter, isEmptyBody } from './run-places.ts'
import { SparseIndex, bodyShape, findRun, indexHeaderBytes, runEntryBytes } from './sparse-index.ts'
import type { IndexPart, IndexedKey } from './sparse-index.ts'

export interface IndexChecks {
  /** What the index must agree with: it is of this store, and named after this edit. */
  readonly storeId: Uint8Array
  readonly manifestEdit: number
  /** Runs that are read; those that the index does not know are passed over. */
  readonly runs: readonly IndexedKey[]
  /** The bytes of a run's footer, not believed yet; undefined where they cannot be read, which is the
   *  damage of another file. */
  footer(run: IndexedKey): Uint8Array | undefined
}

/** Everything that is wrong with an index, one sentence each. Bad bytes give sentences, never an
 *  exception. `bytes`: the file, 8-byte aligned. */
export function verifyIndex(bytes: Uint8Array, file: string, checks: IndexChecks): string[] {
  const damage: string[] = []
  const note = (error: unknown): void => {
    if (!(error instanceof VarveError)) throw error
    const { offset } = error.details
    damage.push(`${error.message}${offset === undefined ? '' : ` (offset ${String(offset)})`}`)
  }
  let index: SparseIndex
  try {
    index = new SparseIndex(bytes, file)
  } catch (error) {
    note(error)
    return damage
  }
  const { header } = index
  const isOurs =
    header.manifestEdit === checks.manifestEdit &&
    header.storeId.every((byte, at) => byte === checks.storeId[at])
  if (!isOurs) return ['the index is of another store or edit']
  const parts = new Map<number, IndexPart>()
  const table = bytes.subarray(header.tableOffset)
  let before = -1
  let end = indexHeaderBytes
  let runCount = 0
  let vectorCount = 0
  for (let at = 0; at < header.seriesCount; at += 1) {
    const entry = tableEntryAt(table, at, header)
    if (!entry.isRight) {
      damage.push(`the hash of an index entry differs (offset ${entry.offset})`)
      continue
    }
    if (entry.seriesId <= before) damage.push(`series out of order (offset ${entry.offset})`)
    before = entry.seriesId
    try {
      const part = index.part(entry.seriesId)
      if (part !== undefined) parts.set(entry.seriesId, part)
    } catch (error) {
      note(error)
      continue
    }
    end += entry.partBytes
    runCount += entry.runCount
    for (let run = 0; run < entry.runCount; run += 1) {
      const part = parts.get(entry.seriesId)
      if (part !== undefined) vectorCount += bodyShape(part, run * runEntryBytes).vectorCount
    }
  }
  const isCounted =
    end === header.tableOffset && runCount === header.runCount && vectorCount === header.vectorCount
  if (damage.length === 0 && !isCounted) damage.push('the header counts other parts than there are')
  for (const run of checks.runs) {
    const part = parts.get(run.seriesId)
    const problem = part && disagreement(index, part, run, checks)
    if (problem !== undefined) damage.push(problem)
  }
  return damage
}

function disagreement(
  index: SparseIndex,
  part: IndexPart,
  run: IndexedKey,
  checks: IndexChecks,
): string | undefined {
  const at = findRun(part, run)
  if (at === undefined) return undefined
  const place = `file ${run.fileNumber} run ${run.runIndex}`
  const facts = index.find(run)
  if (facts === undefined) return `what it keeps of ${place} has a form that is not written`
  if (isEmptyBody(run)) return facts.body.length === 0 ? undefined : `too much kept of ${place}`
  const footer = checks.footer(run)
  if (footer === undefined) return undefined
  let expected: Uint8Array
  try {
    expected = bodyOfFooter(footer, run, {}).bytes
  } catch (error) {
    if (!(error instanceof VarveError)) throw error
    return undefined // damage of the run's own file, which is checked by itself
  }
  const isSame = Buffer.compare(expected, facts.body) === 0
  return isSame ? undefined : `it tells of ${place} what the footer does not`
}
