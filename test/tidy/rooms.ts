// The architecture as a table: each room and the rooms it may import, lowest room first.
// Adding a name here is an architectural decision; tidy.test.ts enforces the rest.
const ground = ['base', 'kernel', 'batch', 'schema', 'vfs', 'codec'] as const

export const rooms: Readonly<Record<string, readonly string[]>> = {
  base: [],
  kernel: ['base', 'native-free'],
  batch: ['base', 'kernel'],
  schema: ['base', 'batch'],
  vfs: ['base', 'kernel'],
  codec: ['base', 'kernel', 'batch'],
  segment: ground,
  wal: ground,
  manifest: ground,
  head: ['base', 'batch', 'schema'],
  query: ['base', 'kernel', 'batch', 'schema', 'codec', 'segment', 'head'],
  compact: [...ground, 'segment', 'head', 'query'],
  store: [...ground, 'segment', 'wal', 'manifest', 'head', 'query', 'compact'],
  ingest: ['base', 'batch', 'schema', 'vfs', 'kernel'],
  inspect: ['base', 'kernel', 'schema', 'vfs', 'segment', 'wal', 'manifest'],
  cli: ['base', 'schema', 'vfs', 'ingest', 'inspect', 'store', 'kernel'],
}

/** Packages a room alone may import. */
export const packages: Readonly<Record<string, readonly string[]>> = {
  kernel: ['lz4-napi', 'xxhash-wasm', 'fs-native-extensions', 'koffi'],
  compact: ['piscina'],
  cli: ['commander', 'cli-progress'],
}
