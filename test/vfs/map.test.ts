// Goal: the same bytes mapped and read, counted holders, and a file that is not what it should be is told.
// Method: one file on the disk, on the disk behind another port, and on the memory twin.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BugError } from '#base'
import { mapKind } from '#kernel'
import { diskVfs, mapOrRead, memoryVfs } from '#vfs'
import type { Vfs } from '#vfs'

const content = Uint8Array.from({ length: 5000 }, (_, at) => (at * 7) % 256)
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'varve-map-'))
  writeFileSync(join(folder, 'whole'), content)
})
afterEach(() => rmSync(folder, { recursive: true }))

function memoryTwin(): Vfs {
  const vfs = memoryVfs()
  vfs.makeDirectory(folder)
  const file = vfs.open(join(folder, 'whole'), 'create')
  file.write(content, 0)
  file.close()
  return vfs
}

const ports: readonly [string, () => Vfs, string][] = [
  ['the disk', () => diskVfs, mapKind()],
  ['another port over the disk', () => ({ ...diskVfs }), 'read'],
  ['the memory twin', memoryTwin, 'read'],
]

describe.each(ports)('a whole file on %s', (_, port, how) => {
  it('is there until its last holder lets go', () => {
    const whole = mapOrRead(port(), join(folder, 'whole'), content.length)
    expect(whole.how).toBe(how)
    expect(whole.bytes.byteOffset % 8).toBe(0)
    expect(Buffer.compare(whole.bytes, content)).toBe(0)
    if (how === 'read') expect(whole.bytes.buffer).toBeInstanceOf(SharedArrayBuffer)
    whole.retain()
    whole.release()
    expect(whole.bytes[1]).toBe(7)
    whole.release()
    expect(() => whole.bytes).toThrow(BugError)
    expect(() => whole.retain()).toThrow(BugError)
    expect(() => whole.release()).toThrow(BugError)
  })

  it('is refused where it has another size, or is not there', () => {
    const vfs = port()
    for (const bytes of [content.length - 1, content.length + 1]) {
      expect(() => mapOrRead(vfs, join(folder, 'whole'), bytes)).toThrowError(
        expect.objectContaining({
          code: 'ERR_CORRUPT',
          details: { file: join(folder, 'whole'), expected: bytes, actual: content.length },
        }),
      )
    }
    expect(() => mapOrRead(vfs, join(folder, 'none'), 8)).toThrowError(
      expect.objectContaining({ code: 'ERR_NOT_FOUND' }),
    )
    expect(() => mapOrRead(vfs, join(folder, 'whole'), 0)).toThrow(BugError)
  })
})
