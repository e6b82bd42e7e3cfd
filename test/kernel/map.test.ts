// Goal: mapped memory is the file, is given back, and no view of it can end the process.
// Method: a real file; what is mapped is read from the process's own list of mappings, in this process
// and in one that may collect garbage at will. Skipped where the machine maps nothing.
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BugError } from '#base'
import { mapFile, mapKind } from '#kernel'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'varve-map-'))
  path = join(folder, 'mapped.bin')
  writeFileSync(
    path,
    Uint8Array.from({ length: 10_000 }, (_, at) => at % 251),
  )
})
afterEach(() => rmSync(folder, { recursive: true }))

function mappedCount(): number {
  return readFileSync('/proc/self/maps', 'utf8').split(path).length - 1
}

describe.skipIf(mapKind() !== 'mmap')('a mapped file', () => {
  it('is the file, stays after its descriptor and its name, and is unmapped twice in peace', () => {
    const descriptor = openSync(path, 'r')
    const map = mapFile(descriptor, 10_000)!
    closeSync(descriptor)
    rmSync(path)
    expect(map.bytes.length).toBe(10_000)
    expect(map.bytes.byteOffset % 8).toBe(0)
    expect(map.bytes.every((byte, at) => byte === at % 251)).toBe(true)
    map.unmap()
    map.unmap()
    expect(() => map.bytes).toThrow(BugError)
  })

  it('is refused by the system as an error, not as an address', () => {
    const closed = openSync(path, 'r')
    closeSync(closed)
    expect(() => mapFile(closed, 10_000)).toThrowError(
      expect.objectContaining({
        code: 'ERR_IO',
        details: { operation: 'mmap', errno: 9, bytes: 10_000 },
      }),
    )
    expect(() => mapFile(closed, 0)).toThrow(BugError)
  })

  it.skipIf(process.platform !== 'linux')('shows in the process while it is held', () => {
    const descriptor = openSync(path, 'r')
    const map = mapFile(descriptor, 10_000)!
    closeSync(descriptor)
    expect(mappedCount()).toBe(1)
    map.unmap()
  })

  it.skipIf(process.platform !== 'linux')('is gone when its last view is, and not before', () => {
    const child = fileURLToPath(new URL('map-child.mjs', import.meta.url))
    const run = spawnSync(process.execPath, ['--expose-gc', child, path], { encoding: 'utf8' })
    expect(run.stderr).toBe('')
    expect(run.status).toBe(0)
    const said = JSON.parse(run.stdout) as Record<string, unknown>
    // A view that somebody kept is either detached or still readable: never a fault.
    expect([[0], [1, 7]]).toContainEqual(said['kept'])
    expect(said).toMatchObject({ whileHeld: 200, atEnd: 0 })
  })
})
