// koffi, an optional add-on: functions of the C library. Loaded when first asked for.
import { createRequire } from 'node:module'
import { isNativeAllowed } from './native.ts'

/** What this room uses of it. */
export interface Koffi {
  load(path: null): { func(prototype: string): (...parameters: unknown[]) => unknown }
  address(buffer: ArrayBuffer): bigint | number
  view(address: bigint, bytes: number): ArrayBuffer
  errno(): number
}

let isTried = false
let koffi: Koffi | undefined
let failure: unknown

/** undefined where add-ons may not be loaded, or where it has no build for this machine. */
export function loadKoffi(): Koffi | undefined {
  if (isTried || !isNativeAllowed()) return koffi
  isTried = true
  try {
    koffi = createRequire(import.meta.url)('koffi') as Koffi
  } catch (cause) {
    failure = cause // kernelInfo() tells.
  }
  return koffi
}

/** Why it could not be loaded, where that was tried and failed. */
export function koffiFailure(): unknown {
  return failure
}
