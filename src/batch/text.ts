// Short strings into bytes. Most symbols and ids are a few ASCII letters, for which calling an encoder costs more than
// the letters do.
const encoder = new TextEncoder()
const shortUnitsMax = 64

/** Puts the UTF-8 of a well-formed string at `at` of `bytes`, which has room for 3 bytes a UTF-16 unit. Returns how
 *  many bytes it took. */
export function putText(text: string, bytes: Uint8Array, at: number): number {
  if (putShort(text, bytes, at)) return text.length
  return encoder.encodeInto(text, bytes.subarray(at)).written
}

/** The same for short ASCII. False where it is none; what was put is then to be put again. */
function putShort(text: string, bytes: Uint8Array, at: number): boolean {
  const { length } = text
  if (length > shortUnitsMax) return false
  for (let index = 0; index < length; index += 1) {
    const unit = text.charCodeAt(index)
    if (unit >= 0x80) return false
    bytes[at + index] = unit
  }
  return true
}
