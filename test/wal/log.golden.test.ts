// Goal: no byte of the log format moves unseen. Method: a log with one append of two entries,
// closed; its bytes in words, compared with the example of src/wal/README.md, which is this test's
// output.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { hexOf } from '../../src/base/index.ts'
import { describeLog } from '../../src/wal/index.ts'
import { append, bytesOf, newBed } from './log-bed.ts'

const readme = new URL('../../src/wal/README.md', import.meta.url)

function annotate(bytes: Uint8Array): string {
  return describeLog(bytes)
    .map(({ offset, bytes: count, meaning }) => {
      const range = `${offset}..${offset + count}`.padStart(9)
      return `${range}  ${hexOf(bytes.subarray(offset, offset + count)).padEnd(32)}  ${meaning}`
    })
    .join('\n')
}

test('the example in the README is what is written', async () => {
  const bed = newBed('group', { manifestEdit: () => 3 })
  bed.log.beginAtomic()
  for (const [text, rowCount] of [
    ['AAPL 3', 2],
    ['MSFT', 1],
  ] as const) {
    const bytes = new TextEncoder().encode(text)
    const room = bed.log.reserve(bytes.length)
    room.bytes.set(bytes, room.offset)
    bed.log.commitEntry(7, rowCount, bytes.length)
  }
  bed.log.endAtomic()
  await bed.log.flush()
  await bed.log.close()
  const text = annotate(bytesOf(bed.vfs, bed.manifest.last.path))
  expect(readFileSync(readme, 'utf8')).toContain('```\n' + text + '\n```')
})

test('a padded file ends in zeros', async () => {
  const bed = newBed('sync')
  append(bed.log, 'one')
  const words = describeLog(bytesOf(bed.vfs, bed.manifest.last.path))
  expect(words.at(-1)?.meaning).toBe('zeros: the end')
  await bed.log.close()
})
