// inspect: what every part of a file of a store holds, in words, for people; it decides nothing.
export { inspectFile } from './inspect-file.ts'
export type { FileForm, InspectedFile, InspectedPart, InspectOptions } from './inspect-file.ts'
