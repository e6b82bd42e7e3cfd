// Reading over a view, for those who own one: the store, a reader, a snapshot.
import type { Kind, SeriesKey } from '#schema'
import type { SeriesInfo } from './contract.ts'
import { listSeries } from './info.ts'
import { kindOfStored } from './kind-of.ts'
import { keyOf } from './names.ts'
import { closedError } from './closed.ts'
import { SeriesReader } from './series-reader.ts'
import type { ViewOwner } from './series-reader.ts'

type Make<Handle> = (kind: Kind, key: SeriesKey) => Handle

/** A handle on a series; checks the kind against the stored one. */
export function makeHandle<Handle>(
  owner: ViewOwner,
  make: Make<Handle>,
  kind: Kind,
  symbol: unknown,
  timeframe: unknown,
): Handle {
  const key = keyOf(kind, symbol, timeframe)
  owner.view().catalog.check(kind)
  return make(kind, key)
}

export function listOf(
  owner: ViewOwner,
  filter?: { kind?: string; symbol?: string; timeframe?: string },
): SeriesInfo[] {
  return listSeries(owner.view(), filter)
}

export function kindNamed(owner: ViewOwner, name: string): Kind | undefined {
  const stored = owner.view().catalog.kind(name)
  return stored === undefined ? undefined : kindOfStored(stored)
}

/** A view of a snapshot, as users hold it. */
export class SnapshotReader {
  readonly #owner: ViewOwner
  readonly #release: () => void
  #isClosed = false

  constructor(owner: ViewOwner, release: () => void) {
    this.#owner = {
      scheduler: owner.scheduler,
      pin: (view) => owner.pin(view),
      view: () => {
        if (this.#isClosed) throw closedError('snapshot view')
        return owner.view()
      },
    }
    this.#release = release
  }

  series(kind: Kind, symbol: string, timeframe?: string): SeriesReader {
    const make: Make<SeriesReader> = (own, key) => new SeriesReader(this.#owner, own, key)
    return makeHandle(this.#owner, make, kind, symbol, timeframe)
  }

  list(filter?: { kind?: string; symbol?: string; timeframe?: string }): SeriesInfo[] {
    return listOf(this.#owner, filter)
  }

  kindOf(name: string): Kind | undefined {
    return kindNamed(this.#owner, name)
  }

  close(): void {
    this.#isClosed = true
    this.#release()
  }
}
