// Rows of CSV bytes as cells: where each cell of up to 4,096 rows starts and ends. Two ways to the
// same result: a scan that knows no quotes, and RFC 4180 (https://www.rfc-editor.org/rfc/rfc4180)
// for bytes that hold one.
//
// A row ends with LF or CRLF, the last one also with the end of the file. Empty lines are no rows.
// A cell that starts with a quote ends with one; inside, two quotes are one, and commas and line
// ends are text. A quote elsewhere is text.

/** Rows in a chunk: what is read, appended and remembered as one. Part of the resume scheme: never
 * changes. */
export const chunkRows = 4096

/** Longest row. A quote that is never closed is found out here, not at the end of a large file. */
export const rowBytesMax = 4 << 20

const comma = 44
const quote = 34
const lineFeed = 10
const carriageReturn = 13

/** What is wrong with the shape of a row, by row; most rows: 0. */
export const rowFault = { none: 0, tooFewCells: 1, tooManyCells: 2, afterQuote: 3, openQuote: 4 }

/** The cells of one chunk. Reused from chunk to chunk; `bytes` is a view that lives until the next
 * read. */
export interface Cells {
  /** Cells of a row: the header's. */
  readonly width: number
  rowCount: number
  /** What `starts` and `ends` index. */
  bytes: Uint8Array
  /** Cell c of row r is bytes[starts[r * width + c], ends[r * width + c]). */
  readonly starts: Int32Array
  readonly ends: Int32Array
  /** First byte of each row and the byte after its last (without its line end), in the source. */
  readonly rowStarts: Int32Array
  readonly rowEnds: Int32Array
  readonly faults: Uint8Array
  /** Cells found in each row; differs from `width` where faults says so. */
  readonly found: Int32Array
  /** First byte of the source after the last row taken. */
  next: number
  /** Line ends passed. */
  lines: number
  /** Some line end may be CRLF. */
  hasReturns: boolean
}

export function makeCells(width: number): Cells {
  return {
    width,
    rowCount: 0,
    bytes: new Uint8Array(0),
    starts: new Int32Array(chunkRows * width),
    ends: new Int32Array(chunkRows * width),
    rowStarts: new Int32Array(chunkRows),
    rowEnds: new Int32Array(chunkRows),
    faults: new Uint8Array(chunkRows),
    found: new Int32Array(chunkRows),
    next: 0,
    lines: 0,
    hasReturns: false,
  }
}

function endRow(cells: Cells, row: number, count: number, start: number, end: number): void {
  const { width } = cells
  cells.rowStarts[row] = start
  cells.rowEnds[row] = end
  cells.found[row] = count
  if (count === width) {
    cells.faults[row] = rowFault.none
    return
  }
  cells.faults[row] = count < width ? rowFault.tooFewCells : rowFault.tooManyCells
  for (let cell = count; cell < width; cell += 1) {
    cells.starts[row * width + cell] = 0
    cells.ends[row * width + cell] = 0
  }
}

/**
 * Takes up to 4,096 whole rows from `bytes[from, to)`, which hold no quote. `isEnd`: no more bytes
 * follow, so the last row needs no line end. Fills `cells`; its arrays index `bytes`.
 */
export function splitPlain(
  cells: Cells,
  bytes: Uint8Array,
  from: number,
  to: number,
  isEnd: boolean,
): void {
  const { starts, ends, width } = cells
  let row = 0
  let rowStart = from
  let cellStart = from
  let slot = 0 // where the next cell goes: row * width + cell
  let slotEnd = width
  let lines = 0
  let hasReturns = false
  for (let at = from; at < to; at += 1) {
    const byte = bytes[at]!
    if (byte > comma) continue
    if (byte === comma) {
      // Cells too many fall on the next row's slots, which that row writes itself.
      starts[slot] = cellStart
      ends[slot] = at
      slot += 1
      cellStart = at + 1
    } else if (byte === lineFeed) {
      lines += 1
      let end = at
      if (at > rowStart && bytes[at - 1] === carriageReturn) {
        end -= 1
        hasReturns = true
      }
      if (end > rowStart) {
        starts[slot] = cellStart
        ends[slot] = end
        endRow(cells, row, slot + 1 - slotEnd + width, rowStart, end)
        row += 1
        slotEnd += width
      }
      slot = slotEnd - width
      rowStart = at + 1
      cellStart = rowStart
      if (row === chunkRows) break
    }
  }
  if (isEnd && row < chunkRows && rowStart < to) {
    const end = bytes[to - 1] === carriageReturn ? to - 1 : to
    if (end > rowStart) {
      starts[slot] = cellStart
      ends[slot] = end
      endRow(cells, row, slot + 1 - slotEnd + width, rowStart, end)
      row += 1
    }
    rowStart = to
  }
  cells.bytes = bytes
  cells.rowCount = row
  cells.next = rowStart
  cells.lines = lines
  cells.hasReturns = hasReturns
}

/** One cell read by readCell: shared, to allocate nothing. */
const scanned = { next: 0, lines: 0, target: 0, fault: 0, isWhole: true }

/** Copies the cell at bytes[from) to `target` at `scanned.target`, without its quotes; stops at the
 * comma or line end. */
function readCell(bytes: Uint8Array, from: number, to: number, target: Uint8Array): void {
  let at = from
  let into = scanned.target
  scanned.fault = rowFault.none
  scanned.isWhole = true
  if (at < to && bytes[at] === quote) {
    at += 1
    for (;;) {
      if (at >= to) {
        scanned.isWhole = false
        break
      }
      const byte = bytes[at]!
      at += 1
      if (byte === quote) {
        if (at < to && bytes[at] === quote) at += 1
        else break
      } else if (byte === lineFeed) scanned.lines += 1
      target[into] = byte
      into += 1
    }
    const closed = at
    while (at < to && bytes[at] !== comma && bytes[at] !== lineFeed) at += 1
    const isLineEnd = at === closed + 1 && bytes[closed] === carriageReturn
    if (at > closed && !isLineEnd) scanned.fault = rowFault.afterQuote
  } else {
    while (at < to) {
      const byte = bytes[at]!
      if (byte === comma || byte === lineFeed) break
      target[into] = byte
      into += 1
      at += 1
    }
    const isRowEnd = at >= to || bytes[at] === lineFeed
    if (isRowEnd && into > scanned.target && target[into - 1] === carriageReturn) into -= 1
  }
  scanned.target = into
  scanned.next = at
}

/**
 * As splitPlain, for bytes with quotes. Cells are copied to `scratch` without their quotes (it must
 * be at least as long as `to - from`), and the arrays index it. A quoted cell that is still open at
 * `to` is an incomplete row, unless `isEnd`, or unless the row is longer than rowBytesMax: then it
 * is a row with a fault that ends at its line's end.
 */
export function splitQuoted(
  cells: Cells,
  bytes: Uint8Array,
  from: number,
  to: number,
  isEnd: boolean,
  scratch: Uint8Array,
): void {
  const { starts, ends, width } = cells
  let row = 0
  let at = from
  let lines = 0
  scanned.target = 0
  while (at < to && row < chunkRows) {
    const rowStart = at
    const targetBefore = scanned.target
    let cell = 0
    let fault = rowFault.none
    let isWhole = true
    scanned.lines = 0
    for (;;) {
      const start = scanned.target
      readCell(bytes, at, to, scratch)
      if (scanned.fault !== rowFault.none) fault = scanned.fault
      if (!scanned.isWhole) isWhole = false
      if (cell < width) {
        starts[row * width + cell] = start
        ends[row * width + cell] = scanned.target
      }
      cell += 1
      at = scanned.next
      if (at >= to || bytes[at] === lineFeed) break
      at += 1
    }
    if (at >= to && !isEnd && (isWhole || at - rowStart <= rowBytesMax)) {
      at = rowStart
      break
    }
    if (!isWhole) {
      fault = rowFault.openQuote
      scanned.lines = 0
      const lineEnd = bytes.indexOf(lineFeed, rowStart)
      at = lineEnd < 0 || lineEnd >= to ? to : lineEnd
      scanned.target = targetBefore
    }
    lines += scanned.lines + (at < to ? 1 : 0)
    const end = at > rowStart && bytes[at - 1] === carriageReturn ? at - 1 : at
    if (end > rowStart) {
      endRow(cells, row, cell, rowStart, end)
      if (fault !== rowFault.none) cells.faults[row] = fault
      row += 1
    }
    at = at < to ? at + 1 : to
  }
  cells.bytes = scratch
  cells.rowCount = row
  cells.next = at
  cells.lines = lines
  cells.hasReturns = true
}
