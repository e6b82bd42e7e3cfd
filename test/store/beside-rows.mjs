// The rows that the processes of these tests write and read: numbered from 0, in two series at once, so that a reader can
// tell of whatever it finds whether it is the rows 0 to some number, each once, each as it was given.
import { column, defineKind } from '../../dist/src/index.js'

export const tick = defineKind('tick', { columns: { value: column.i64(), noise: column.i32() } })
const start = 1_700_000_000_000_000_000n
const stepNs = 4_000_000_000n

/** Rows of neighbouring seals overlap in time, so that reads merge them. */
const timeOf = (value) => start + BigInt(value ^ 7) * stepNs

/** 32 bits that no encoding makes smaller (the end of MurmurHash3). */
function noiseOf(value) {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

/** The row of a number. */
export const rowOf = (value) => ({ time: timeOf(value), value, noise: noiseOf(value) })

/** The number of rows in the batches, which are all those below some number, in order of time. */
export function prefixOf(batches, symbol) {
  let rows = 0
  let valueMax = -1
  let before = -1n
  for (const { rowCount, columns } of batches) {
    for (let row = 0; row < rowCount; row += 1) {
      const value = Number(columns.value[row])
      const time = columns.time[row]
      if (time !== timeOf(value)) throw new Error(`${symbol}: a wrong row`)
      if (columns.noise[row] !== noiseOf(value)) throw new Error(`${symbol}: a wrong value`)
      if (time <= before) throw new Error(`${symbol}: a row is repeated, or out of order`)
      before = time
      if (value > valueMax) valueMax = value
    }
    rows += rowCount
  }
  // As many different rows as there are numbers up to the highest.
  if (rows !== valueMax + 1) throw new Error(`${symbol}: ${rows} rows up to ${valueMax}`)
  return rows
}
