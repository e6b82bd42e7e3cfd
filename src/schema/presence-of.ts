// Which rows of an i32, u8 or bool array that a batch gave out are present. Those types have no absent value of their
// own, so that a column read from a batch could not be given back as it is; the array is remembered instead.

const known = new WeakMap<object, Uint8Array>()

/** Remembers one byte a row (1 present) for an array that is given to a user. */
export function rememberPresence(array: Int32Array | Uint8Array, present: Uint8Array): void {
  known.set(array, present)
}

/** One byte a row, or undefined where nothing is known: all are present. */
export function presenceOf(array: unknown): Uint8Array | undefined {
  return typeof array === 'object' && array !== null ? known.get(array) : undefined
}
