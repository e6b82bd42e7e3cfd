// How a compaction that may run on another thread ended, as plain data: errors lose their class on
// the way between threads, so they are told as their parts and put together again.
import { BugError, VarveError } from '#base'
import type { ErrorCode } from '#base'
import type { DraftFile } from './write-files.ts'

export type Outcome =
  | {
      readonly end: 'done'
      readonly drafts: readonly DraftFile[]
      /** Of the thread that did it. */
      readonly threadId: number
    }
  | { readonly end: 'cancelled' }
  | { readonly end: 'failed'; readonly failure: Failure }

/** What a thread answers. */
export type ThreadOutcome =
  | Outcome
  /** A thread in the background got next to no time: what it had done is dropped. */
  | { readonly end: 'starved' }

interface Failure {
  readonly message: string
  readonly stack: string | undefined
  /** undefined: no error of ours, a bug. */
  readonly code: ErrorCode | undefined
  readonly details: Readonly<Record<string, unknown>>
  readonly hint: string | undefined
}

/** Thrown by `check` where a flag is raised. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled'
}

/** Thrown by `check` on a thread that gets next to no time. */
export class Starved extends Error {
  override readonly name = 'Starved'
}

/** A flag that the threads of this process share: who raises it wants the work to end soon. */
export type CancelFlag = Int32Array

export function cancelFlag(): CancelFlag {
  return new Int32Array(new SharedArrayBuffer(4))
}

export function raise(flag: CancelFlag): void {
  Atomics.store(flag, 0, 1)
}

export function isRaised(flag: CancelFlag): boolean {
  return Atomics.load(flag, 0) !== 0
}

/** What a failure on a thread is to those who wait. */
export function threadOutcomeOf(error: unknown): ThreadOutcome {
  return error instanceof Starved ? { end: 'starved' } : outcomeOf(error)
}

/** What a failure is to those who wait. */
export function outcomeOf(error: unknown): Outcome {
  if (error instanceof Cancelled) return { end: 'cancelled' }
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  const ours = error instanceof VarveError ? error : undefined
  const details = plain(ours?.details ?? {})
  return { end: 'failed', failure: { message, stack, code: ours?.code, details, hint: ours?.hint } }
}

/** Details that can be sent: numbers and words as they are, anything else in words. */
function plain(details: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const isPlain = (value: unknown): boolean =>
    value === undefined || ['string', 'number', 'bigint', 'boolean'].includes(typeof value)
  return Object.fromEntries(
    Object.entries(details).map(([name, value]) => [name, isPlain(value) ? value : String(value)]),
  )
}

export function errorOf({ message, stack, code, details, hint }: Failure): Error {
  if (code === undefined) return new BugError(`compaction: ${stack ?? message}`)
  return new VarveError(code, message, details, hint === undefined ? {} : { hint })
}
