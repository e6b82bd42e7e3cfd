// CURRENT in words. Its one line is drawn in src/manifest/layout.ts:
//
//   varve-manifest 1 <file number, 12 digits> <xxh64 of the text before this space, 16 hex>\n
import { hash64 } from '#kernel'
import type { PlainPart } from './part.ts'

const pattern = /^(varve-manifest )(\d{1,9})( )(\d{12})( )([0-9a-f]{16})(\n)$/

/** What each part of CURRENT holds; one damaged part where it is not the line that is written. */
export function describeCurrent(bytes: Uint8Array): PlainPart[] {
  const text = String.fromCharCode(...bytes)
  const match = pattern.exec(text)
  if (match === null) {
    const meaning = 'no line that names a manifest: damaged'
    return [{ offset: 0, bytes: bytes.length, meaning, isDamage: true }]
  }
  const [, magic = '', format = '', space = '', number = '', gap = '', hash = ''] = match
  const hashed = bytes.subarray(0, bytes.length - gap.length - hash.length - 1)
  const isRight = hash64(hashed).toString(16).padStart(16, '0') === hash
  const parts: PlainPart[] = []
  let offset = 0
  const say = (word: string, meaning: string, isDamage = false): void => {
    parts.push({ offset, bytes: word.length, meaning, isDamage })
    offset += word.length
  }
  say(magic, 'magic "varve-manifest"')
  say(format, `format ${format}`)
  say(space, 'space')
  say(number, `the manifest is manifest/${number}.manifest`)
  say(gap, 'space')
  say(hash, `hash of the text before: ${hash} ${isRight ? 'right' : 'WRONG'}`, !isRight)
  say('\n', 'end of line')
  return parts
}
