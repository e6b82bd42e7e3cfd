// Anything that holds rows of one series and can decode a slice of them: a run of a segment, a chunk of the head, the
// merged rows of several such. What reads are planned over. A source is in read order and holds no duplicates in
// itself.
import type { ColumnData } from './column-data.ts'

/** `Spec` names a column; sources agree on what that is. */
export interface RowSource<Spec> {
  readonly rowCount: number
  readonly timeMin: bigint
  readonly timeMax: bigint
  /** Sources of one series hold disjoint ranges of lsns: what arrived before what. */
  readonly lsnFirst: bigint
  /** The first row with a time at or after `time`. `next`: a later time that is asked for right after it. */
  lowerBound(time: bigint, next?: bigint): number
  /** Whether no row of the source has a value in the column, so that reading it would only fill in
   *  what absent rows read as. Where it is left out, nothing is known. */
  lacks?(spec: Spec): boolean
  /** The column itself, where its rows are those of the source from the first on: to be looked at while the source is
   *  read, and not to be written. Where it is left out, or undefined, there is only `read`. */
  inPlace?(spec: Spec): ColumnData | undefined
  /** Decodes rows [from, end), in read order, into `targets[i]` at `at`; absent columns read as absent. */
  read(
    specs: readonly Spec[],
    from: number,
    end: number,
    targets: readonly ColumnData[],
    at: number,
  ): void
}
