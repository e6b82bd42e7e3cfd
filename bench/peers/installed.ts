// Which of the peers are there. They are installed by hand, beside their package.json, and found
// from there: neither the package nor its tests need them.
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { rootFolder } from '../support/machine.ts'
import { duckdb } from './duckdb.ts'
import type { Engine, LoadPeer, Peer } from './engine.ts'
import { hyparquet } from './hyparquet.ts'
import { lmdb } from './lmdb.ts'
import { sqlite } from './sqlite.ts'

export interface Installed {
  readonly engines: readonly Engine[]
  /** Versions of the packages that are used. */
  readonly versions: Readonly<Record<string, string>>
  /** Peers that are not there or cannot be loaded, by their first package, and why. */
  readonly missing: Readonly<Record<string, string>>
}

const peers: readonly Peer[] = [duckdb, hyparquet, sqlite, lmdb]

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0]!
}

function versionOf(folder: string, name: string): string {
  const path = join(folder, 'node_modules', name, 'package.json')
  if (!existsSync(path)) throw new Error('not installed')
  const { version } = JSON.parse(readFileSync(path, 'utf8')) as { readonly version: string }
  return version
}

/** Where the peers are installed: beside their package.json in the sources. */
export function peersFolder(): string {
  return join(rootFolder(), 'bench', 'peers')
}

/** Whether anybody installed peers at all: without, a bench of everything leaves them out. */
export function arePeersInstalled(): boolean {
  return existsSync(join(peersFolder(), 'node_modules'))
}

/**
 * Loads what is installed in `folder`, a folder with a node_modules.
 * A peer that fails to load is one of `missing`: the bench goes on without it.
 */
export async function installedIn(folder: string): Promise<Installed> {
  const find = createRequire(join(folder, 'package.json'))
  const load: LoadPeer = (name) => import(pathToFileURL(find.resolve(name)).href)
  const engines: Engine[] = []
  const versions: Record<string, string> = {}
  const missing: Record<string, string> = {}
  for (const peer of peers) {
    try {
      const own = peer.packages.map((name) => [name, versionOf(folder, name)] as const)
      engines.push(...(await peer.engines(load)))
      Object.assign(versions, Object.fromEntries(own))
    } catch (error) {
      missing[peer.packages[0]!] = messageOf(error)
    }
  }
  return { engines, versions, missing }
}
