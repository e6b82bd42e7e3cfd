// Stored vectors that small reads brought into memory and found right: the next question about the same
// minutes neither reads nor checks them again. They lie in a ring in the arena, where kernels unpack them
// as they are; what comes next overwrites the oldest. One ring a thread, for all stores.
//
// A place in the ring is a position in an endless log of what was ever put there: the vector at `position`
// is still there as long as less than the ring's bytes came after it. So nothing has to be told when it
// goes, and who holds a position asks.
import { arena } from '#kernel'

/** What a thread holds, at most. */
export const ringBytes = 8 << 20
/** Longer reads go past the ring: a scan does not push out what many small questions share. */
export const heldReadMax = 64 << 10

/** Room behind the ring: kernels read whole mini-blocks. */
const slackBytes = 1024
const alignBytes = 64

let ring: number | undefined
/** Where the log ends. The first ring is passed over: position 0 is where nothing is. */
let logEnd = ringBytes + alignBytes

/** A position for `bytes` bytes, at most heldReadMax; they are the caller's to fill, at once. */
export function claimHeld(bytes: number): number {
  ring ??= arena().claim(ringBytes + slackBytes)
  const inRing = logEnd % ringBytes
  if (inRing + bytes > ringBytes) logEnd += ringBytes - inRing
  const position = logEnd
  logEnd = Math.ceil((position + bytes) / alignBytes) * alignBytes
  return position
}

/** Whether what was put at `position` is there still. */
export function isHeld(position: number): boolean {
  return position + ringBytes >= logEnd
}

/** The address in the arena of a position that was claimed. */
export function heldAddress(position: number): number {
  return ring! + (position % ringBytes)
}
