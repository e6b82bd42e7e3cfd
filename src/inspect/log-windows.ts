// A log file in words, in windows of some MiB: a log may be larger than what one wants in memory at
// once, and its words take more room than its bytes. A window starts at a record; the file's header
// goes before it, since hashes are seeded with its file number.
import { VarveError, assert, limits } from '#base'
import { describeLog, fileHeaderBytes, readRowsEntry, rowsEntryType } from '#wal'
import type { LogWord } from '#wal'
import type { VfsFile } from '#vfs'
import type { PlainPart } from './part.ts'
import { readAt } from './part.ts'

const windowBytes = 4 << 20
const windowBytesMax = 2 * limits.logRecordBytesMax

/** What describeLog calls the bytes behind the last record: in a window, what follows is not seen
 *  yet. */
const restMeanings: ReadonlySet<string> = new Set(['no record', 'zeros: the end'])

/** One part a record; with `all` one a field and entry. */
export function* describeLogFile(file: VfsFile, all: boolean): Generator<PlainPart> {
  const size = file.size()
  const header = readAt(file, 0, fileHeaderBytes)
  if (size === 0)
    yield { offset: 0, bytes: 0, meaning: 'no header: the file is empty', isDamage: true }
  const headerWords = describeLog(header)
  yield* headerWords.map(judged)
  const chain: Chain = { hash: rightHashOf(headerWords) }
  let length = windowBytes
  for (let from = fileHeaderBytes; from < size;) {
    const bytes = readAt(file, from, length)
    const words = wordsOf(header, bytes, from)
    const last = words.at(-1)
    const isLastWindow = from + length >= size
    const rest = !isLastWindow && restMeanings.has(last?.meaning ?? '') ? last : undefined
    if (rest?.offset === from) {
      if (length >= windowBytesMax) {
        yield judged({ ...rest, bytes: size - from })
        return
      }
      length *= 2 // a record larger than the window, or zeros up to the end of it
      continue
    }
    const records = recordsOf(rest === undefined ? words : words.slice(0, -1))
    for (const told of records) {
      const record = linked(told, chain)
      if (!all) yield summaryOf(record, bytes, from)
      else for (let at = 0; at < record.length; at += 1) yield fieldOf(record, at, bytes, from)
    }
    from = rest?.offset ?? from + bytes.length
    length = windowBytes
  }
}

/** The words of a window, with offsets in the file. */
function wordsOf(header: Uint8Array, bytes: Uint8Array, from: number): LogWord[] {
  const joined = new Uint8Array(header.length + bytes.length)
  joined.set(header)
  joined.set(bytes, header.length)
  const words: LogWord[] = []
  for (const { offset, ...word } of describeLog(joined)) {
    if (offset >= header.length) words.push({ ...word, offset: offset - header.length + from })
  }
  return words
}

function judged(word: LogWord): PlainPart {
  const isDamage = /WRONG$|^no record$|^no entry$|^too short|^type: .*\?$/.test(word.meaning)
  return { ...word, isDamage }
}

const recordMagic = 'magic "VREC"'

/** What the next record must name as the one before: the hash of the newest group, or of the file's header;
 *  undefined behind one whose own hash is wrong, which was told there. */
interface Chain {
  hash: string | undefined
}

function rightHashOf(words: readonly LogWord[]): string | undefined {
  return /^([0-9a-f]{16}) right$/.exec(valueOf(words, 'hash'))?.[1]
}

/** The record, and where it does not follow the one before it, with a word that says so. */
function linked(record: readonly LogWord[], chain: Chain): readonly LogWord[] {
  if (record[1]?.meaning !== recordMagic) return record
  const { hash } = chain
  const isGroup = valueOf(record, 'type') === 'group'
  if (isGroup) chain.hash = rightHashOf(record)
  if (hash === undefined || valueOf(record, 'previousHash') === hash) return record
  return record.map((word) => {
    if (!word.meaning.startsWith('previousHash: ')) return word
    return { ...word, meaning: `${word.meaning}, but the group before has ${hash}: WRONG` }
  })
}

/** Words record by record; what is no record stands alone. */
function recordsOf(words: readonly LogWord[]): LogWord[][] {
  const records: LogWord[][] = []
  words.forEach((word, at) => {
    const startsRecord = words[at + 1]?.meaning === recordMagic
    if (startsRecord || records.length === 0 || restMeanings.has(word.meaning)) records.push([word])
    else records.at(-1)?.push(word)
  })
  return records
}

function valueOf(record: readonly LogWord[], name: string): string {
  const start = `${name}: `
  return record.find(({ meaning }) => meaning.startsWith(start))?.meaning.slice(start.length) ?? ''
}

/** An entry of appended rows in words; `word` is the one that stands for its bytes. */
function entryText(word: LogWord, bytes: Uint8Array, from: number): string {
  const at = word.offset - from
  const entry = readRowsEntry(bytes.subarray(at, at + word.bytes), {})
  const { seriesId, schemaId, columnCount, producer, definition } = entry
  return [
    `rows of series ${seriesId}, schema ${schemaId}, ${columnCount} columns`,
    ...(producer === undefined
      ? []
      : [`producer ${JSON.stringify(producer.id)} at ${producer.sequence}`]),
    ...(definition === undefined ? [] : ['with the definition of the series']),
  ].join(', ')
}

/** `record[at]` on its own; the bytes of appended rows are told from what stands in them. */
function fieldOf(
  record: readonly LogWord[],
  at: number,
  bytes: Uint8Array,
  from: number,
): PlainPart {
  const word = record[at]
  assert(word !== undefined, 'a field is one of its record')
  const type = record[at - typeBeforeEntry]?.meaning
  if (word.meaning !== 'entry' || type !== `entry type: ${rowsEntryType}`) return judged(word)
  return toldOrDamaged(word, () => entryText(word, bytes, from))
}

/** An entry's type stands that many words before its bytes. */
const typeBeforeEntry = 3

const seriesShown = 8

/** A whole record as one part. */
function summaryOf(record: readonly LogWord[], bytes: Uint8Array, from: number): PlainPart {
  const first = record[0]
  assert(first !== undefined, 'a record has words')
  if (record[1]?.meaning !== recordMagic) return judged(first)
  const whole: LogWord = {
    offset: first.offset,
    bytes: record.reduce((sum, word) => sum + word.bytes, 0),
    meaning: '',
  }
  const damaged = record.map(judged).filter(({ isDamage }) => isDamage)
  const type = valueOf(record, 'type')
  if (damaged.length > 0) {
    const what = damaged.map(({ meaning }) => meaning).join('; ')
    return { ...whole, meaning: `record, ${type}: ${what}`, isDamage: true }
  }
  if (type !== 'group') {
    const place = `synced up to byte ${valueOf(record, 'syncedOffset')}`
    const lsn = `before lsn ${valueOf(record, 'syncedLsnEnd')}`
    return { ...whole, meaning: `${type}: ${place}, ${lsn}; hash right`, isDamage: false }
  }
  return toldOrDamaged(whole, () => {
    const rows = valueOf(record, 'rowCount')
    const start = valueOf(record, 'lsnFirst')
    return `group: ${rows} rows from lsn ${start}, ${entriesText(record, bytes, from)}; hash right`
  })
}

function entriesText(record: readonly LogWord[], bytes: Uint8Array, from: number): string {
  const entries = record.filter(({ meaning }) => meaning === 'entry')
  if (entries.length === 1 && entries[0] !== undefined) return entryText(entries[0], bytes, from)
  const numbers = new Set<number>()
  for (const { offset, bytes: count } of entries) {
    numbers.add(readRowsEntry(bytes.subarray(offset - from, offset - from + count), {}).seriesId)
  }
  const shown = [...numbers].slice(0, seriesShown).join(', ')
  return `${entries.length} entries of series ${shown}${numbers.size > seriesShown ? ', ...' : ''}`
}

function toldOrDamaged(word: LogWord, tell: () => string): PlainPart {
  try {
    return { ...word, meaning: tell(), isDamage: false }
  } catch (error) {
    if (!(error instanceof VarveError)) throw error
    return { ...word, meaning: `damaged: ${error.message}`, isDamage: true }
  }
}
