// Goal: no bench rots, and none measures wrong answers. Method: every bench runs at smoke size, in
// this process; its digest must be the one of the rows it was made from, and its result must have
// the shape that results/ holds. The command runs on the build, as `npm run bench` does. Speed is
// not looked at: a busy machine must not fail a test.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { run as kernels } from '../../bench/codec/kernels.bench.ts'
import { run as page } from '../../bench/codec/page.bench.ts'
import { run as limits } from '../../bench/limits/limits.bench.ts'
import { run as peers } from '../../bench/peers/peers.bench.ts'
import { run as aggregates } from '../../bench/query/aggregates.bench.ts'
import { run as filters } from '../../bench/query/filters.bench.ts'
import { run as native } from '../../bench/query/native.bench.ts'
import { run as append } from '../../bench/store/append.bench.ts'
import { run as latency } from '../../bench/store/latency.bench.ts'
import { run as latest } from '../../bench/store/latest.bench.ts'
import { run as log } from '../../bench/store/log.bench.ts'
import { run as open } from '../../bench/store/open.bench.ts'
import { run as range } from '../../bench/store/range.bench.ts'
import { run as replay } from '../../bench/store/replay.bench.ts'
import { run as seal } from '../../bench/store/seal.bench.ts'
import { floorsOf } from '../../bench/support/harness.ts'
import type { BenchResult, Figure } from '../../bench/support/harness.ts'
import { parseResult } from '../../bench/support/report.ts'

const command = fileURLToPath(new URL('../../dist/bench/run.js', import.meta.url))
let folder = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'varve-test-'))
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** A figure of one run: finite, beside probes that took time, without a verdict. */
function expectWhole(figure: Figure): void {
  const { name, median, samples, probes, verdict, unit } = figure
  expect(samples, name).toHaveLength(1)
  expect(Number.isFinite(median), name).toBe(true)
  expect(unit, name).not.toBe('')
  expect(verdict, name).toBe('none')
  for (const probe of probes) {
    expect(probe.samples, name).toHaveLength(1)
    expect(probe.ratio, `${name} beside ${probe.name}`).toBeGreaterThanOrEqual(0)
    expect(Number.isFinite(probe.ratio), `${name} beside ${probe.name}`).toBe(true)
  }
}

const benches = [
  { name: 'limits', run: limits, digest: 'a6b68fee', figures: 9, floors: 0 },
  { name: 'kernels', run: kernels, digest: '8aae7344', figures: 33, floors: 15 },
  { name: 'append', run: append, digest: '0f52524b', figures: 24, floors: 2 },
  { name: 'latency', run: latency, digest: 'e353fcef', figures: 6, floors: 2 },
  { name: 'range', run: range, digest: '588d6f8f', figures: 5, floors: 2 },
  { name: 'latest', run: latest, digest: '5dddec02', figures: 3, floors: 1 },
  { name: 'seal', run: seal, digest: '50633dbd', figures: 1, floors: 1 },
  { name: 'open', run: open, digest: '2c9b240a', figures: 2, floors: 2 },
  { name: 'log', run: log, digest: '8cf7e01f', figures: 2, floors: 1 },
  { name: 'replay', run: replay, digest: '2855eb97', figures: 6, floors: 4 },
  { name: 'page', run: page, digest: '0fa060c5', figures: 30, floors: 0 },
  { name: 'filters', run: filters, digest: '4dabf0d4', figures: 18, floors: 0 },
  { name: 'aggregates', run: aggregates, digest: '4e9eaeae', figures: 7, floors: 1 },
  { name: 'native', run: native, digest: 'e55ea3c9', figures: 5, floors: 5 },
] as const

describe('every bench at smoke size', () => {
  test.each(benches)('$name', async ({ name, run, digest, figures, floors }) => {
    const result: BenchResult = await run('smoke', { folder })
    expect(result).toMatchObject({ bench: name, size: 'smoke', runs: 1, digest })
    expect(result.figures).toHaveLength(figures)
    expect(result.figures.filter(({ floor }) => floor !== undefined)).toHaveLength(floors)
    for (const figure of result.figures) expectWhole(figure)
    expect(new Set(result.figures.map((figure) => figure.name)).size).toBe(figures)
    expect(readdirSync(folder), 'stores left behind').toEqual([])
  })
})

const peersDigest = '682c20a3'
/** Two feeds, four questions, two of them again with loops, three tables at two levels and what they hold. */
const figuresOfVarve = 17

/** A package of a peer as npm would have left it, in a folder of its own. */
function fakePeer(name: string, source: string): string {
  const root = mkdtempSync(join(tmpdir(), 'varve-test-'))
  const own = join(root, 'node_modules', name)
  mkdirSync(own, { recursive: true })
  const description = { name, version: '0.0.1', type: 'module', main: 'index.js' }
  writeFileSync(join(own, 'package.json'), JSON.stringify(description))
  writeFileSync(join(own, 'index.js'), source)
  return root
}

/** As much of lmdb as is used, in memory; it loses the row number `lost`, counted from 0. */
function fakeLmdb(lost: number): string {
  return fakePeer(
    'lmdb',
    `const stores = new Map()
    export function open({ path }) {
      if (!stores.has(path)) stores.set(path, [])
      const held = stores.get(path)
      let count = 0
      const within = (key, { start, end, reverse }) =>
        reverse
          ? start === undefined || Buffer.compare(key, start) <= 0
          : (start === undefined || Buffer.compare(key, start) >= 0) &&
            (end === undefined || Buffer.compare(key, end) < 0)
      return {
        async put(key, value) { if (count++ !== ${lost}) held.push({ key, value }) },
        async transaction(work) { work() },
        getRange(options) {
          const found = held.filter(({ key }) => within(key, options))
          if (options.reverse) found.reverse()
          return found.slice(0, options.limit)
        },
        flushed: Promise.resolve(true),
        async close() {},
      }
    }`,
  )
}

describe('peers', () => {
  const inFake = async (root: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work()
    } finally {
      rmSync(root, { recursive: true })
    }
  }

  test('varve beside those that are installed', async () => {
    const result = await peers('smoke', { folder })
    expect(result).toMatchObject({ bench: 'peers', runs: 1, digest: peersDigest })
    expect(result.figures.length).toBeGreaterThanOrEqual(figuresOfVarve)
    for (const figure of result.figures) {
      expectWhole(figure)
      const beside = figure.probes.map(({ name }) => name)
      if (!figure.name.endsWith(': varve')) expect(beside, figure.name).toContain('varve')
      for (const { of } of floorsOf(figure)) expect(beside, figure.name).toContain(of)
    }
    expect(new Set(result.figures.map(({ name }) => name)).size).toBe(result.figures.length)
    expect(readdirSync(folder), 'stores left behind').toEqual([])
  })

  test('varve alone, where none is installed', async () => {
    const result = await peers('smoke', { folder }, join(folder, 'nobody'))
    expect(result.digest).toBe(peersDigest)
    expect(result.figures).toHaveLength(figuresOfVarve)
    for (const name of ['@duckdb/node-api', 'hyparquet', 'better-sqlite3', 'lmdb']) {
      expect(result.notes[`without ${name}:`]).toBe('not installed')
    }
    expect(result.notes['install in bench/peers:']).toContain('npm install')
  })

  test('a peer that does not load is left out, and the reason told', async () => {
    const root = fakePeer('better-sqlite3', 'throw new Error("no bindings file")')
    await inFake(root, async () => {
      const result = await peers('smoke', { folder }, root)
      expect(result.figures).toHaveLength(figuresOfVarve)
      expect(result.notes['without better-sqlite3:']).toBe('no bindings file')
    })
  })

  test('a peer with the right answers has figures, one without has none', async () => {
    const right = fakeLmdb(-1)
    await inFake(right, async () => {
      const result = await peers('smoke', { folder }, right)
      expect(result.notes['lmdb']).toBe('0.0.1')
      const names = result.figures.map(({ name }) => name)
      expect(names.filter((name) => name.includes('lmdb, rows'))).toHaveLength(8)
      expect(names.filter((name) => name.includes('lmdb, blocks'))).toHaveLength(8)
      const judged = result.figures.filter((figure) => floorsOf(figure).length > 0)
      expect(judged.map(({ name }) => name)).toEqual([
        'ingest: varve',
        'one-minute range, mean: varve',
        'last value: varve',
      ])
    })
    const wrong = fakeLmdb(777)
    await inFake(wrong, async () => {
      const lost = /^lmdb, rows, sum of what was put in: expected \d+, got \d+$/
      await expect(peers('smoke', { folder }, wrong)).rejects.toThrow(lost)
    })
    expect(readdirSync(folder), 'stores left behind').toEqual([])
  })
})

function bench(...words: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...words], {
    encoding: 'utf8',
    env: { ...process.env, VARVE_DATA: '' },
  })
  return { status, stdout, stderr }
}

describe('the command', () => {
  test('prints a table, writes a result, and finds what is worse than before', () => {
    const out = join(folder, 'result.json')
    const words = ['--size', 'smoke', '--only', 'latest,seal', '--folder', folder]
    const first = bench(...words, '--out', out, '--commit', 'abc')
    expect(first.stderr).toBe('')
    expect(first.status).toBe(0)
    expect(first.stdout).toMatch(/^latest, smoke, 1 runs\n {2}figure +median/)
    expect(first.stdout).toContain('digest 5dddec02')
    const written = parseResult(readFileSync(out, 'utf8'))
    expect(written.benches.map((result) => result.bench)).toEqual(['latest', 'seal'])
    expect(written.machine).toMatchObject({ commit: 'abc', node: process.versions.node })
    expect(Object.keys(written.machine.kernels)).toContain('lz4')
    expect(written.machine.cores).toBeGreaterThan(0)

    // A past in which everything took no time at all: the present is worse.
    const benchesBefore = written.benches.map((result) => ({
      ...result,
      figures: result.figures.map((figure) => ({ ...figure, median: 1e-9, deviation: 0 })),
    }))
    writeFileSync(out, JSON.stringify({ ...written, benches: benchesBefore }))
    const other = join(folder, 'other.json')
    const second = bench(...words, '--out', other, '--compare', out)
    expect(second.status).toBe(1)
    expect(second.stdout).toMatch(/^worse: seal: sealing 10,000 series of 400 rows: /m)
  })

  test('refuses what it does not know', () => {
    const unknown = bench('--only', 'nothing')
    expect(unknown.status).toBe(2)
    expect(unknown.stderr).toContain(
      'there are limits, kernels, append, latency, range, latest, seal, open',
    )
    expect(bench('--runs', '0').status).toBe(2)
    expect(bench('--size', 'huge').status).toBe(2)
  })
})
