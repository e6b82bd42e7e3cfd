// vfs: files, directory sync, locks, and a twin in memory that can crash.
export { diskVfs } from './disk.ts'
export { memoryVfs } from './memory.ts'
export type { MemoryVfs, MemoryVfsOptions, FaultRule, Operation, OperationName } from './memory.ts'
export { replaceFile, draftPathOf } from './durable.ts'
export { mapOrRead } from './map.ts'
export type { FileBytes } from './map.ts'
export { FileCache } from './handles.ts'
export type { Vfs, VfsFile, VfsLock, FileStat, LockHolder, OpenMode } from './port.ts'
