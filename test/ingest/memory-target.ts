// A series in memory with the store's rules for producers: rows keep the order they arrive in. For
// tests of the import alone.
import type { ImportColumns, ImportTarget } from '#ingest'

type List = ArrayLike<unknown> & { at?: (index: number) => unknown }

function valueAt(column: unknown, index: number): unknown {
  const list = column as List
  return ArrayBuffer.isView(column) || Array.isArray(column) ? list[index] : list.at?.(index)
}

export class MemoryTarget implements ImportTarget {
  /** Values by column; a column that an append does not give is absent: undefined. */
  readonly columns = new Map<string, unknown[]>()
  readonly producers = new Map<string, bigint>()
  /** Row counts of the appends. */
  readonly appends: number[] = []
  rowCount = 0

  append(
    columns: ImportColumns,
    { producer }: { readonly producer: { readonly id: string; readonly sequence: number } },
  ): { readonly rows: number } {
    const known = this.producers.get(producer.id)
    if (known !== undefined && BigInt(producer.sequence) <= known) return { rows: 0 }
    this.producers.set(producer.id, BigInt(producer.sequence))
    const count = columns.time.length
    for (const [name, column] of Object.entries(columns)) {
      if ((column as List).length !== count) throw new Error(`${name} has another length`)
      let values = this.columns.get(name)
      if (values === undefined) {
        values = []
        this.columns.set(name, values)
      }
      while (values.length < this.rowCount) values.push(undefined)
      for (let index = 0; index < count; index += 1) values.push(valueAt(column, index))
    }
    this.rowCount += count
    this.appends.push(count)
    return { rows: count }
  }

  accepted(producerId: string): bigint | undefined {
    return this.producers.get(producerId)
  }

  /** All rows, columns in the order given. */
  rows(...names: string[]): unknown[][] {
    return Array.from({ length: this.rowCount }, (_, row) =>
      names.map((name) => this.columns.get(name)?.[row]),
    )
  }
}
