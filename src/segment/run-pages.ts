// Where the pages of one run are, and their metas: from its footer, read whole and once; or, where the
// sparse index knows the run, meta by meta as they are asked for. A meta that is not what the index
// says sends us to the footer: the index is never needed.
import { ByteReader, VarveError } from '#base'
import type { Physical } from '#batch'
import { readPageMeta } from '#codec'
import type { PageMeta } from '#codec'
import { hash64 } from '#kernel'
import { timeColumnId } from '#schema'
import { blockCountOf, blockRowsOf, decodeFooter } from './footer.ts'
import type { RunFooter, RunLocation } from './footer.ts'
import type { IndexedPage, RunFacts } from './sparse-index.ts'

/** Where a run's bytes come from. Reading past the end, or fewer bytes than asked, is the source's to report. */
export interface RunBytes {
  /** For errors: the file's path. */
  readonly file: string
  /** For errors: the series' name. */
  readonly series: string
  /** Fills `target` from `offset` of the file. @throws {VarveError} ERR_CORRUPT where the file ends before. */
  read(target: Uint8Array, offset: number): void
}

export interface PlacedPage {
  readonly meta: PageMeta
  /** In the file. */
  readonly offset: number
  /** Where each chunk is held (held.ts); made when the first one is. */
  held: Float64Array | undefined
  /** The same bytes as integers, or as residuals; made when others refer to them (block-integers.ts). */
  integers: PlacedPage | undefined
}

/** A stored column as far as it is known. */
interface KnownColumn {
  readonly columnId: number
  readonly physical: Physical
  /** In the index. */
  readonly place: number
  dictionary: readonly string[] | undefined
  /** By block. */
  readonly pages: (PlacedPage | undefined)[]
}

/** Two metas with a gap up to this are read in one go. */
const gapBytesMax = 4096

export class RunPages {
  readonly #bytes: RunBytes
  readonly #info: RunLocation
  readonly #blockCount: number
  /** What the index says now: asked anew each time, its views are short-lived. */
  #factsOf: (() => RunFacts | undefined) | undefined
  #footer: RunFooter | undefined
  #columns: ReadonlyMap<number, KnownColumn> | undefined

  constructor(bytes: RunBytes, info: RunLocation, factsOf?: () => RunFacts | undefined) {
    this.#bytes = bytes
    this.#info = info
    this.#blockCount = blockCountOf(info.rowCount)
    this.#factsOf = factsOf
  }

  #corrupt(message: string, details: Record<string, unknown> = {}): VarveError {
    const { file, series } = this.#bytes
    return new VarveError('ERR_CORRUPT', message, { file, series, ...details })
  }

  /** The index's facts, as long as the footer was not needed. */
  #facts(): RunFacts | undefined {
    return this.#factsOf?.()
  }

  /** First and last time of each vector, by the index; a view not to be kept. */
  vectors(): BigInt64Array | undefined {
    const vectors = this.#facts()?.vectors
    return vectors === undefined || vectors.length === 0 ? undefined : vectors
  }

  /** Everything, verified. @throws {VarveError} ERR_CORRUPT, ERR_VERSION, ERR_IO */
  footer(): RunFooter {
    if (this.#footer !== undefined) return this.#footer
    const { footerOffset, footerBytes, footerHash } = this.#info
    const bytes = new Uint8Array(footerBytes)
    this.#bytes.read(bytes, footerOffset)
    const actual = hash64(bytes)
    if (actual !== footerHash) {
      throw this.#corrupt('the hash of a run footer differs', {
        offset: footerOffset,
        expected: footerHash,
        actual,
      })
    }
    const footer = decodeFooter(bytes, { file: this.#bytes.file, offset: footerOffset })
    this.#columns = this.#placed(footer)
    this.#footer = footer
    return footer
  }

  #placed(footer: RunFooter): ReadonlyMap<number, KnownColumn> {
    const known = footer.columns.map(({ columnId, physical, dictionary }, place): KnownColumn => ({
      columnId,
      physical,
      place,
      dictionary,
      pages: [],
    }))
    let offset = footer.dataOffset
    for (let block = 0; block < this.#blockCount; block += 1) {
      footer.columns.forEach(({ pages }, place) => {
        const meta = pages[block]!
        known[place]!.pages.push({ meta, offset, held: undefined, integers: undefined })
        offset += meta.payloadBytes
      })
    }
    const { rowCount, dataBytes } = this.#info
    if (footer.rowCount !== rowCount || offset !== footer.dataOffset + dataBytes) {
      throw this.#corrupt('the run footer and the manifest tell of other rows or bytes')
    }
    const time = footer.columns.find(({ columnId }) => columnId === timeColumnId)
    if (time?.physical !== 'i64' || time.pages.some((page) => page.zone === undefined)) {
      throw this.#corrupt('the run has no column of times')
    }
    return new Map(known.map((column) => [column.columnId, column]))
  }

  /** The stored columns by id: from what the index says, else from the footer. */
  #known(): ReadonlyMap<number, KnownColumn> {
    if (this.#columns !== undefined) return this.#columns
    const indexed = this.#facts()?.columns ?? []
    const hasTime = indexed.some(
      ({ columnId, physical }) => columnId === timeColumnId && physical === 'i64',
    )
    if (!hasTime) {
      this.footer()
      return this.#columns!
    }
    this.#columns = new Map(
      indexed.map(({ columnId, physical }, place) => [
        columnId,
        { columnId, physical, place, dictionary: undefined, pages: [] },
      ]),
    )
    return this.#columns
  }

  /** How a column is stored; undefined where it is not. */
  physicalOf(columnId: number): Physical | undefined {
    return this.#known().get(columnId)?.physical
  }

  /** What the codes of a code column stand for. */
  dictionaryOf(columnId: number): readonly string[] {
    const column = this.#known().get(columnId)!
    column.dictionary ??= this.#readDictionary(column)
    // The footer, where it had to be read, has replaced the column.
    return column.dictionary ?? this.#known().get(columnId)!.dictionary!
  }

  #readDictionary({ place }: KnownColumn): readonly string[] | undefined {
    const indexed = this.#facts()?.columns[place]
    if (indexed === undefined) return this.#giveUp()
    const { dictionaryAt, dictionaryBytes, dictionaryHash } = indexed
    if (dictionaryAt + dictionaryBytes > this.#info.footerBytes) return this.#giveUp()
    const bytes = new Uint8Array(dictionaryBytes)
    this.#bytes.read(bytes, this.#info.footerOffset + dictionaryAt)
    if (hash64(bytes) !== dictionaryHash) return this.#giveUp()
    return this.#believed(bytes, (reader) => {
      const dictionary: string[] = []
      for (let left = reader.count(); left > 0; left -= 1) dictionary.push(reader.string())
      return dictionary
    })
  }

  /** What part of a footer says; where it says nothing sensible the index meant another part, or the footer is damaged,
   *  which its own hash will tell. */
  #believed<Said>(bytes: Uint8Array, read: (reader: ByteReader) => Said): Said | undefined {
    const reader = new ByteReader(bytes, { file: this.#bytes.file, part: 'run footer' })
    try {
      const said = read(reader)
      reader.expectEnd()
      return said
    } catch (error) {
      if (!(error instanceof VarveError)) throw error
      return this.#giveUp()
    }
  }

  /** The index and the file tell of other bytes: the footer, with a hash in the manifest, decides. */
  #giveUp(): undefined {
    this.#factsOf = undefined
    this.footer()
    return undefined
  }

  /** The pages of the columns, stored ones, in one block; `columnIds` rise. */
  pagesOf(block: number, columnIds: readonly number[]): PlacedPage[] {
    const pages: PlacedPage[] = []
    const known = this.#known()
    for (const columnId of columnIds) {
      const page = known.get(columnId)!.pages[block]
      if (page === undefined) return this.#pagesRead(block, columnIds)
      pages.push(page)
    }
    return pages
  }

  #pagesRead(block: number, columnIds: readonly number[]): PlacedPage[] {
    const known = this.#known()
    const wanted = columnIds.map((columnId) => known.get(columnId)!)
    this.#readMetas(
      block,
      wanted.filter(({ pages }) => pages[block] === undefined),
    )
    // The footer, where it had to be read, has replaced the columns.
    const columns = this.#known()
    return columnIds.map((columnId) => columns.get(columnId)!.pages[block]!)
  }

  /** Neighbouring metas are read together. */
  #readMetas(block: number, columns: readonly KnownColumn[]): void {
    const facts = this.#facts()
    if (facts === undefined || facts.columns.length === 0) return this.#giveUp()
    const wanted = columns.map((column) => ({ column, page: facts.page(block, column.place) }))
    const { footerOffset, footerBytes } = this.#info
    for (let from = 0; from < wanted.length;) {
      const start = wanted[from]!.page.metaAt
      let end = start
      let to = from
      while (to < wanted.length && wanted[to]!.page.metaAt - end <= gapBytesMax) {
        end = wanted[to]!.page.metaAt + wanted[to]!.page.metaBytes
        to += 1
      }
      if (start > end || end > footerBytes) return this.#giveUp()
      const bytes = new Uint8Array(end - start)
      this.#bytes.read(bytes, footerOffset + start)
      for (; from < to; from += 1) {
        const { column, page } = wanted[from]!
        const at = page.metaAt - start
        const placed = this.#placePage(column, block, page, bytes.subarray(at, at + page.metaBytes))
        if (placed === undefined) return this.#giveUp()
        column.pages[block] = placed
      }
    }
  }

  #placePage(
    { columnId, physical }: KnownColumn,
    block: number,
    { offset, metaHash }: IndexedPage,
    bytes: Uint8Array,
  ): PlacedPage | undefined {
    if (hash64(bytes) !== metaHash) return undefined
    const rowCount = blockRowsOf(this.#info.rowCount, block)
    const meta = this.#believed(bytes, (reader) => readPageMeta(reader, physical, rowCount))
    if (meta === undefined) return undefined
    if (columnId === timeColumnId && meta.zone === undefined) return undefined
    return offset + meta.payloadBytes <= this.#info.footerOffset
      ? { meta, offset, held: undefined, integers: undefined }
      : undefined
  }
}
