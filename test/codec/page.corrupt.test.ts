// Goal: damaged bytes are never believed, never hang, never crash and never make a reader allocate
// without bound. Method: small pages of every encoding; every bit of payload and meta flipped,
// every truncation, random metas; then payloads that lie behind a correct checksum, one for each
// rule a vector must keep.
import * as fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { ByteReader, VarveError } from '#base'
import { allocateColumn } from '#batch'
import type { Physical } from '#batch'
import { decodeRows, encodePage, encodings, integerMetaOf, readPageMeta } from '#codec'
import type { PageMeta } from '#codec'
import { hash32, loadKernels } from '#kernel'
import { columnOf, metaBytes } from './oracle.ts'
import type { Value } from './oracle.ts'

beforeAll(loadKernels)

interface Page {
  readonly meta: PageMeta
  readonly payload: Uint8Array
}

function pageOf(physical: Physical, values: readonly Value[], encoding?: number): Page {
  const column = columnOf(physical, values)
  const options = encoding === undefined ? { optional: true } : { optional: true, encoding }
  return encodePage(column, 0, values.length, options)
}

/** The same with slots and bitmaps entropy coded. */
function codedPage(physical: Physical, values: readonly Value[], encoding?: number): Page {
  const column = columnOf(physical, values)
  const forced = encoding === undefined ? {} : { encoding }
  const page = encodePage(column, 0, values.length, { optional: true, coded: true, ...forced })
  expect(page.meta.slotModel ?? page.meta.bitmapModel).toBeDefined()
  return { meta: page.meta, payload: page.payload.slice() }
}

const many = (count: number, value: (row: number) => Value): Value[] =>
  Array.from({ length: count }, (_, row) => value(row))

function pages(): Record<string, Page> {
  const steps = many(40, (row) => BigInt(row * row))
  const spiky = many(40, (row) => (row === 7 ? 5_000_000n : BigInt(row % 4)))
  const cents = many(40, (row) => (row === 3 ? 1 / 3 : row / 100))
  return {
    const: pageOf(
      'i64',
      many(9, () => 7n),
    ),
    for: pageOf('i64', steps, encodings.for),
    pfor: pageOf('i64', spiky, encodings.pfor),
    delta: pageOf('i64', steps, encodings.delta),
    deltaPatched: pageOf('i64', spiky, encodings.deltaPatched),
    dictionary: pageOf('i64', spiky, encodings.dictionary),
    rle: pageOf(
      'i64',
      many(60, (row) => BigInt(row >> 3)),
      encodings.rle,
    ),
    decimals: pageOf('f64', cents),
    raw: pageOf(
      'f64',
      many(9, (row) => Math.sqrt(row)),
      encodings.raw64,
    ),
    nulls: pageOf(
      'i32',
      many(30, (row) => (row % 3 === 0 ? null : row)),
    ),
    wide: pageOf(
      'i64',
      many(6, (row) => BigInt.asIntN(64, 0x9e3779b97f4a7c15n * BigInt(row))),
    ),
    texts: pageOf(
      'bytes',
      many(12, (row) => (row === 4 ? null : 'abc'.slice(row % 3))),
    ),
    numbers: pageOf(
      'bytes',
      many(12, (row) => `${row * 1000}`),
    ),
    compressed: pageOf(
      'f64',
      many(300, (row) => Math.sqrt(row >> 4)),
    ),
    absent: pageOf(
      'u8',
      many(5, () => null),
    ),
    coded: codedPage('i64', steps.concat(steps), encodings.delta),
    codedSpans: codedPage(
      'i64',
      many(90, (row) => BigInt((row % 40) ** 4)),
      encodings.for,
    ),
    codedCodes: codedPage(
      'f64',
      many(90, (row) => (row === 3 ? 1 / 3 : (row % 7) * 1000.5)),
      encodings.dictionary,
    ),
    codedBitmaps: codedPage(
      'i32',
      many(200, (row) => (row % 3 === 0 ? null : row % 5)),
      encodings.for,
    ),
    constBitmaps: codedPage(
      'u8',
      many(1100, (row) => (row % 2 === 0 ? null : 7)),
    ),
    vectors: pageOf(
      'i64',
      many(2200, (row) => BigInt(row % 1000)),
      encodings.for,
    ),
  }
}

/** Undefined where reading went through; anything but a VarveError fails the test. */
function tryRead(meta: Uint8Array, physical: Physical, rows: number, payload: Uint8Array) {
  try {
    const read = readPageMeta(new ByteReader(meta), physical, rows)
    // Residuals are no values: what stands for them is their inner page.
    decodePage({ meta: read.residual === undefined ? read : integerMetaOf(read), payload })
    return undefined
  } catch (error) {
    if (!(error instanceof VarveError)) throw error
    return error
  }
}

function decodePage({ meta, payload }: Page): void {
  const target = allocateColumn(meta.physical, meta.rowCount, { optional: true })
  decodeRows(meta, payload, 0, 0, meta.rowCount, target, 0, { series: 's' })
}

function corruptDetails(run: () => void): Readonly<Record<string, unknown>> {
  try {
    run()
  } catch (error) {
    if (error instanceof VarveError && error.code === 'ERR_CORRUPT') return error.details
    throw error
  }
  throw new Error('damage was believed')
}

describe('a damaged payload', () => {
  it('is ERR_CORRUPT with its place at every flipped bit', () => {
    for (const [name, { meta, payload }] of Object.entries(pages())) {
      const step = payload.length > 600 ? 61 : 1
      for (let bit = 0; bit < payload.length * 8; bit += step) {
        const flipped = payload.slice()
        flipped[bit >> 3]! ^= 1 << (bit & 7)
        const details = corruptDetails(() => decodePage({ meta, payload: flipped }))
        expect(details, `${name} bit ${bit}`).toMatchObject({ series: 's' })
        expect(details['vector']).toBeTypeOf('number')
      }
    }
  })

  it('is ERR_CORRUPT at every length it is cut to', () => {
    for (const { meta, payload } of Object.values(pages())) {
      const step = payload.length > 600 ? 61 : 1
      for (let length = 0; length < payload.length; length += step) {
        corruptDetails(() => decodePage({ meta, payload: payload.subarray(0, length) }))
      }
    }
  })
})

describe('a damaged meta', () => {
  it('ends in a VarveError or in values, at every flipped bit', () => {
    for (const { meta, payload } of Object.values(pages())) {
      const bytes = metaBytes(meta)
      for (let bit = 0; bit < bytes.length * 8; bit += 1) {
        const flipped = bytes.slice()
        flipped[bit >> 3]! ^= 1 << (bit & 7)
        tryRead(flipped, meta.physical, meta.rowCount, payload)
      }
    }
  })

  it('is ERR_CORRUPT at every length it is cut to', () => {
    for (const { meta } of Object.values(pages())) {
      const bytes = metaBytes(meta)
      for (let length = 0; length < bytes.length; length += 1) {
        const reader = new ByteReader(bytes.subarray(0, length))
        corruptDetails(() => readPageMeta(reader, meta.physical, meta.rowCount))
      }
    }
  })

  it('may be any bytes at all', () => {
    const physicals = fc.constantFrom<Physical>('f64', 'i64', 'i32', 'u8', 'code', 'bytes')
    const first = fc.oneof(fc.integer({ min: 0, max: 15 }), fc.integer({ min: 32, max: 47 }))
    const head = fc.tuple(first, fc.integer({ min: 0, max: 255 }))
    const tail = fc.uint8Array({ maxLength: 80 })
    const rows = fc.constantFrom(1, 5, 1024, 3000, 65536)
    fc.assert(
      fc.property(physicals, head, tail, rows, (physical, [encoding, flags], bytes, rowCount) => {
        const meta = Uint8Array.of(encoding, flags, ...bytes)
        tryRead(meta, physical, rowCount, new Uint8Array(4096))
      }),
      { numRuns: 2000 },
    )
  })

  it('of a newer varve is ERR_VERSION', () => {
    const reserved = [5, 8, 12, 14, 15, 37, 47, 65, 129, 255]
    for (const encoding of reserved) {
      const error = tryRead(Uint8Array.of(encoding, 0, 0, 0), 'i64', 5, new Uint8Array(0))
      expect(error?.code, `encoding ${encoding}`).toBe('ERR_VERSION')
    }
    const scale = Uint8Array.of(encodings.for, 1, 0x80 + 2, 0)
    expect(tryRead(scale, 'f64', 5, new Uint8Array(0))?.code).toBe('ERR_VERSION')
  })

  it('is ERR_CORRUPT where its parts contradict each other', () => {
    const contradictions: Record<string, [Physical, number, number[]]> = {
      'RAW64 of an i64 column': ['i64', 5, [encodings.raw64, 2]],
      'decimals of an i64 column': ['i64', 5, [encodings.for, 1, 0]],
      'BYTES of a u8 column': ['u8', 5, [encodings.bytes, 2]],
      'an absent page with more flags': ['u8', 5, [0, 128 + 4]],
      'more absent rows than rows': ['u8', 5, [0, 4, 6, 0]],
      'no rows': ['u8', 0, [0, 128]],
      'too many rows': ['u8', 65537, [0, 128]],
      'a frame of 65 bits': ['u8', 2000, [encodings.for, 0, 0, 65]],
      'a number past its bound': ['i64', 5, [encodings.pfor, 0, 0, 1, 0, 0, 0, 33, 0, 0]],
      'coded slots of PFOR': ['i64', 5, [32 + encodings.pfor, 0, 1]],
      'a coded page of nothing': ['i64', 5, [32 + encodings.for, 0, 0]],
      'coded bits and all absent': ['i64', 5, [32, 128]],
      'tokens without places': ['i64', 5, [33, 0, 1, 0, 7, 0, 0, 2, 0, 0, 3, 9, 9, 20]],
      'tokens of too many places': ['i64', 5, [33, 0, 1, 0, 7, 0, 0, 1, 0, 0, 0x80, 0x20, 20]],
      'spans that do not rise': ['i64', 5, [33, 0, 1, 0, 7, 0, 0, 0, 2, 0, 4, 4, 0, 0, 20]],
      'bitmaps with spans': ['i64', 5, [33, 4, 2, 1, 0, 7, 0, 0, 0, 1, 0, 3, 0xff, 0x1f, 20]],
      'a dictionary without its bounds': ['i64', 5, [encodings.dictionary, 0, 0, 9, 0, 0, 1, 0]],
    }
    for (const [name, [physical, rows, bytes]] of Object.entries(contradictions)) {
      const error = tryRead(Uint8Array.from(bytes), physical, rows, new Uint8Array(0))
      expect(error?.code, name).toBe('ERR_CORRUPT')
    }
  })
})

/** The page with changed bytes, or a changed meta, and checksums that fit. */
function lie(page: Page, change: (bytes: Uint8Array) => void, other?: Partial<PageMeta>): Page {
  const payload = page.payload.slice()
  change(payload)
  const meta = { ...page.meta, ...other }
  const checksums = meta.checksums.map((_, c) =>
    hash32(payload.subarray(meta.chunkStarts[c], meta.chunkStarts[c + 1])),
  )
  return { meta: { ...meta, checksums }, payload }
}

/** Undefined where it decodes. */
function tryDecode(page: Page): VarveError | undefined {
  try {
    decodePage(page)
    return undefined
  } catch (error) {
    if (error instanceof VarveError) return error
    throw error
  }
}

describe('an entropy coded vector that lies behind a correct checksum', () => {
  const names = ['coded', 'codedSpans', 'codedCodes', 'codedBitmaps', 'constBitmaps']

  it('ends in its place or in values, whatever its bytes', () => {
    const all = pages()
    let caught = 0
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.nat(), fc.uint8Array(), (name, at, noise) => {
        const page = all[name]!
        const from = at % page.payload.length
        const changed = noise.subarray(0, page.payload.length - from)
        const error = tryDecode(lie(page, (bytes) => bytes.set(changed, from)))
        if (error === undefined) return
        expect(error.code).toBe('ERR_CORRUPT')
        expect(error.details).toMatchObject({ series: 's' })
        caught += 1
      }),
      { numRuns: 1000 },
    )
    expect(caught).toBeGreaterThan(500)
  })

  it('is ERR_CORRUPT where its stream is longer or shorter than its tokens', () => {
    const all = pages()
    for (const name of names) {
      const { meta, payload } = all[name]!
      for (const by of [-1, 1, -20]) {
        const codedBytes = meta.codedBytes.map((bytes, v) => (v === 0 ? bytes + by : bytes))
        const shifted = meta.vectorStarts.map((start, v) => (v === 0 ? start : start + by))
        const longer = new Uint8Array(payload.length + Math.max(by, 0))
        longer.set(payload)
        const starts = { vectorStarts: shifted, chunkStarts: shifted }
        const page = lie({ meta: { ...meta, codedBytes, ...starts }, payload: longer }, () => {})
        expect(tryDecode(page)?.code, `${name} ${by}`).toBe('ERR_CORRUPT')
      }
    }
  })
})

describe('a vector that lies behind a correct checksum', () => {
  const expectLie = (page: Page): void => {
    expect(corruptDetails(() => decodePage(page))).toMatchObject({ series: 's', vector: 0 })
  }
  const ending = (bytes: Uint8Array, ...tail: number[]) =>
    bytes.set(tail, bytes.length - tail.length)

  it('is ERR_CORRUPT whatever the rule', () => {
    const all = pages()
    expectLie(lie(all['pfor']!, (bytes) => ending(bytes, 40, 0, 0, 0, 0, 0)))
    expectLie(lie(all['deltaPatched']!, (bytes) => bytes.fill(255)))
    expectLie(lie(all['decimals']!, (bytes) => ending(bytes, 40, 0, 0, 0, 0, 0, 0, 0, 0, 0)))
    expectLie(lie(all['rle']!, (bytes) => bytes.fill(0)))
    expectLie(lie(all['rle']!, (bytes) => bytes.fill(255)))
    expectLie(lie(all['nulls']!, (bytes) => (bytes[0] = 0)))
    expectLie(lie(all['dictionary']!, (bytes) => bytes.fill(255)))
    expectLie(lie(all['texts']!, (bytes) => (bytes[2]! ^= 255)))
    expectLie(lie(all['compressed']!, (bytes) => bytes.fill(255)))
    const wide = all['wide']!
    expectLie({ ...wide, meta: { ...wide.meta, widths: Uint8Array.of(64), physical: 'i32' } })
    expectLie({
      ...wide,
      meta: { ...wide.meta, widths: Uint8Array.of(64), physical: 'f64', transform: 1 },
    })
  })
})
