// Goal: the same promises on a real disk, clock and event loop.
// Method: logs in a temporary folder; a loop that never yields; recovery by reading the files back.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { limits, silentLogger, systemClock, systemScheduler } from '../../src/base/index.ts'
import { loadKernels } from '../../src/kernel/index.ts'
import { diskVfs, memoryVfs } from '../../src/vfs/index.ts'
import type { Vfs } from '../../src/vfs/index.ts'
import { createLog, logFileName, readLog } from '../../src/wal/index.ts'
import type { LogMode, LogWriter } from '../../src/wal/index.ts'
import { append, storeId } from './log-bed.ts'

let folder = ''
beforeEach(async () => {
  await loadKernels()
  folder = mkdtempSync(join(tmpdir(), 'varve-wal-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const env = { clock: systemClock, scheduler: systemScheduler, logger: silentLogger }

function newLog(vfs: Vfs, mode: LogMode, root: string): { log: LogWriter; paths: string[] } {
  const paths: string[] = []
  const log = createLog(
    { vfs, ...env },
    {
      mode,
      epoch: 1,
      storeId,
      rotateBytes: 1 << 20,
      nextFile: () => ({
        number: paths.length + 1,
        path: join(root, logFileName(paths.length + 1)),
      }),
      onNewFile: ({ path }) => paths.push(path),
      manifestEdit: () => 1,
    },
  )
  return { log, paths }
}

function countRows(paths: readonly string[]): number {
  let count = 0
  for (const [index, path] of paths.entries()) {
    readLog(diskVfs, path, { fileNumber: index + 1, storeId }, (entry) => (count += entry.rowCount))
  }
  return count
}

test.each(['group', 'sync', 'os'] as const)(
  'mode %s: append, rotate, close, read',
  async (mode) => {
    const { log, paths } = newLog(diskVfs, mode, folder)
    for (let row = 0; row < 300; row += 1) {
      append(log, 'x'.repeat(10_000))
      if (row % 20 === 0) await log.whenDurable(log.lsnEnd)
    }
    await log.flush()
    expect(log.durableLsnEnd).toBe(log.lsnEnd)
    await log.close()
    expect(paths.length).toBeGreaterThan(2)
    expect(countRows(paths)).toBe(300)
  },
)

test('a loop that never yields: rows become durable meanwhile, within the bound', async () => {
  const { log, paths } = newLog(diskVfs, 'group', folder)
  const start = performance.now()
  let rows = 0
  let unsyncedMax = 0
  let confirmations = 0
  let durable = log.durableLsnEnd
  while (performance.now() - start < 300) {
    append(log, 'x'.repeat(200))
    rows += 1
    unsyncedMax = Math.max(unsyncedMax, log.unsyncedBytes)
    if (log.durableLsnEnd > durable) confirmations += 1
    durable = log.durableLsnEnd
  }
  expect(confirmations).toBeGreaterThan(3)
  expect(unsyncedMax).toBeLessThan(2 * limits.groupBytesMax + 1000)
  await log.flush()
  await log.close()
  expect(countRows(paths)).toBe(rows)
})

test('nobody has to listen to diagnostics', async () => {
  const vfs = memoryVfs()
  const { log } = newLog(vfs, 'sync', '/')
  vfs.fail({ operation: 'write' })
  expect(() => append(log, 'refused')).toThrow(expect.objectContaining({ code: 'ERR_IO' }))
  await log.close()
})
