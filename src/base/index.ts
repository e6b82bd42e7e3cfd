// base: words every other room may use without thinking.
export { VarveError, BugError, assert, assertNever, errorCodes } from './errors.ts'
export type { ErrorCode, VarveErrorOptions } from './errors.ts'
export { ByteWriter, ByteReader, hexOf, bytesOfHex } from './bytes.ts'
export { systemClock, systemRandom, systemScheduler } from './clock.ts'
export type { Clock, RandomSource, Scheduler, Timer } from './clock.ts'
export { limits } from './limits.ts'
export { silentLogger } from './logger.ts'
export type { Logger } from './logger.ts'
