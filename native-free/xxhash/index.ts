// xxhash: the scalar twin of xxhash-wasm, its oracle and the last resort.
export { xxh64, xxh64Low32 } from './xxh64.ts'
