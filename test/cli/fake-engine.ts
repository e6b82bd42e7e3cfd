// An engine whose stores are series in memory: enough for the commands that import. For tests of
// the command line that need no store.
import { defineKind } from '#schema'
import { bar, book10, isoOf, parseTime, quote, quoteBar, trade } from '#schema'
import type { Engine, WritableSeries, WritableStore } from '../../src/cli/engine.ts'
import type { Output } from '../../src/cli/output.ts'
import type { ImportTarget } from '#ingest'

export interface Captured {
  readonly output: Output
  readonly written: string[]
  readonly noted: string[]
}

export function captured(): Captured {
  const written: string[] = []
  const noted: string[] = []
  const output: Output = {
    write: (text) => void written.push(text),
    note: (text) => void noted.push(text),
    isTerminal: false,
    isNoteTerminal: false,
  }
  return { output, written, noted }
}

function unused(): never {
  throw new Error('not part of this engine')
}

/** `target` gives the series of a name; `changes` are parts of the store that a test brings
 * itself. */
export function fakeEngine(
  target: (kind: string, symbol: string, timeframe?: string) => ImportTarget,
  changes: Partial<WritableStore> = {},
): Engine {
  const store: WritableStore = {
    kindOf: () => undefined,
    list: () => [],
    stats: unused,
    verify: unused,
    snapshots: () => [],
    at: unused,
    seal: unused,
    compact: unused,
    snapshot: unused,
    restore: unused,
    dropSnapshot: unused,
    flush: () => Promise.resolve(),
    close: () => Promise.resolve(),
    series(kind, symbol, timeframe): WritableSeries {
      const own = target(kind.name, symbol, timeframe)
      return {
        info: { kind: kind.name, symbol, rows: 0, rowsExact: true, storedBytes: 0 },
        scan: unused,
        latest: unused,
        latestRows: unused,
        append: (columns, options) => own.append(columns, options),
        accepted: (id) => own.accepted(id),
      }
    },
    ...changes,
  }
  return {
    openToRead: () => Promise.resolve(store),
    openToWrite: () => Promise.resolve(store),
    salvage: (_, { isDryRun }) =>
      Promise.resolve({
        isDryRun,
        files: 1,
        findings: [],
        rowsRescued: 0,
        rowsLost: 0,
        quarantined: [],
      }),
    kinds: { bar, quoteBar, trade, quote, book10 },
    defineKind: (name, definition) =>
      defineKind<string, typeof definition.columns, boolean>(name, definition),
    ns: parseTime,
    iso: isoOf,
  }
}
