// Goal: no byte of a manifest moves unnoticed.
// Method: a small store is made; its file and CURRENT, annotated, are compared with what stands in
// src/manifest/README.md. Every byte must be explained.
import { readFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { loadKernels } from '#kernel'
import { describeManifest, Manifest } from '#manifest'
import { memoryVfs } from '#vfs'
import { encodeCurrent } from '../../src/manifest/layout.ts'
import { annotate, bytesOf, smallStore } from './small-store.ts'

beforeAll(() => loadKernels())

test('the annotated bytes are those of the README', () => {
  const vfs = memoryVfs()
  smallStore(vfs).close()
  const text = annotate(bytesOf(vfs, '/s/manifest/000000000001.manifest'))
  const page = readFileSync(new URL('../../src/manifest/README.md', import.meta.url), 'utf8')
  const example = /<!-- example -->\n+```\n([^]*?)\n```/.exec(page)?.[1]
  expect(text).toBe(example)
  const current = new TextDecoder().decode(bytesOf(vfs, '/s/CURRENT'))
  expect(page).toContain(current.trim())
  expect(new TextDecoder().decode(encodeCurrent(1))).toBe(current)
})

test('the bytes of version 1 open for ever', () => {
  const page = readFileSync(new URL('../../src/manifest/README.md', import.meta.url), 'utf8')
  const example = /<!-- example -->\n+```\n([^]*?)\n```/.exec(page)?.[1] ?? ''
  const hex = example.split('\n').map((line) => /^[0-9. ]{10} ([0-9a-f]+)/.exec(line)?.[1] ?? '')
  const vfs = memoryVfs()
  const made = smallStore(vfs)
  const file = vfs.open('/s/manifest/000000000001.manifest', 'write')
  file.truncate(0)
  file.write(new Uint8Array(Buffer.from(hex.join(''), 'hex')), 0)
  file.close()
  const opened = Manifest.open({ vfs }, '/s', { readOnly: true })
  expect(opened.state).toEqual(made.state)
  expect(opened.snapshots).toEqual(made.snapshots)
})

test('a damaged file is described up to the damage', () => {
  const vfs = memoryVfs()
  smallStore(vfs).close()
  const bytes = bytesOf(vfs, '/s/manifest/000000000001.manifest')
  bytes[200] = (bytes[200] as number) ^ 1
  expect(describeManifest(bytes).at(-1)?.meaning).toBe('no whole record: torn, or damaged')
  bytes[3] = 0
  expect(describeManifest(bytes)).toEqual([
    {
      offset: 0,
      bytes: bytes.length,
      meaning: 'ERR_CORRUPT: this is not a manifest',
      isDamage: true,
    },
  ])
})
