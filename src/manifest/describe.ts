// A manifest file in words: what every part of it holds, for people and for the golden test. Reads
// damaged files too.
import { hexOf, VarveError } from '#base'
import type { Change } from './change.ts'
import { eachChange } from './edit.ts'
import { decodeHeader, isMarkAt, markBytes, recordAt, recordHeadBytes } from './layout.ts'
import type { ManifestRecord } from './layout.ts'

/** `bytes` bytes from `offset` of the file. The parts of a file follow each other without gaps. */
export interface DescribedPart {
  readonly offset: number
  readonly bytes: number
  readonly meaning: string
  /** The bytes are not what was written. */
  readonly isDamage: boolean
}

function hex64(hash: bigint): string {
  return hash.toString(16).padStart(16, '0')
}

function wordsOf(value: unknown): string {
  if (value instanceof Uint8Array) return hexOf(value)
  if (Array.isArray(value)) return `[${value.map(wordsOf).join(', ')}]`
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'object' && value !== null) return `{${wordsOfFields(value)}}`
  return String(value)
}

function wordsOfFields(fields: object): string {
  const words = Object.entries(fields).map(([field, value]: [string, unknown]) => {
    const isHash = typeof value === 'bigint' && /hash|fingerprint/i.test(field)
    return `${field} ${isHash ? hex64(value) : wordsOf(value)}`
  })
  return words.join(', ')
}

function wordsOfChange(change: Change): string {
  const { type, ...fields } = change
  return `${type}: ${wordsOfFields(fields)}`
}

/** What each part of a manifest file holds. Never throws for what the bytes are: from the first
 *  damaged part on, one last part says what is wrong. */
export function describeManifest(bytes: Uint8Array): DescribedPart[] {
  const parts: DescribedPart[] = []
  let at = 0
  const tell = (count: number, meaning: string, isDamage = false): void => {
    parts.push({ offset: at, bytes: count, meaning, isDamage })
    at += count
  }
  try {
    const header = decodeHeader(bytes, {})
    tell(4, 'magic "VMAN"')
    tell(2, 'format 1')
    tell(2, `header: ${header.bytes} bytes`)
    tell(8, 'required features: none')
    tell(8, 'optional features')
    tell(16, `store ${hexOf(header.storeId)}`)
    tell(8, `file number ${header.fileNumber}`)
    tell(8, `born with ${header.bornBytes} bytes`)
    if (header.bytes > at + 8) tell(header.bytes - 8 - at, 'of a later header')
    tell(8, `hash of the header ${hex64(header.hash)}`)
    let { hash } = header
    while (at < bytes.length) {
      if (isMarkAt(bytes, at, hash)) {
        tell(markBytes, 'mark: the record before is on the device')
        break
      }
      const record = recordAt(bytes, at, header.fileNumber)
      if (record === undefined) {
        tell(bytes.length - at, 'no whole record: torn, or damaged', true)
        break
      }
      describeRecord(record, at, hash, tell)
      ;({ hash } = record)
    }
  } catch (error) {
    if (!(error instanceof VarveError)) throw error
    tell(bytes.length - at, `${error.code}: ${error.message}`, true)
  }
  return parts
}

function describeRecord(
  record: ManifestRecord,
  at: number,
  before: bigint,
  tell: (count: number, meaning: string, isDamage?: boolean) => void,
): void {
  const { payload } = record
  const changes: { bytes: number; meaning: string }[] = []
  eachChange(payload, { at }, ({ change, id, bytes: count }) => {
    const words = change === undefined ? `optional change of type ${id}` : wordsOfChange(change)
    changes.push({ bytes: count, meaning: words })
  })
  tell(8, `hash of the record ${hex64(record.hash)}`)
  tell(4, 'magic "VEDT"')
  tell(4, `payload: ${payload.length} bytes`)
  tell(8, `edit ${record.editNumber}`)
  const isBroken = record.previous !== before
  const chain = isBroken ? ` WRONG, the record before has ${hex64(before)}` : ''
  tell(8, `previous hash ${hex64(record.previous)}${chain}`, isBroken)
  for (const change of changes) tell(change.bytes, change.meaning)
  const padding = record.end - at - recordHeadBytes - payload.length
  if (padding > 0) tell(padding, 'padding')
}
