// A WebAssembly module of two functions, made here byte by byte: it reads memory as fast as 128-bit
// loads can, and copies within memory. The measure of what operators in WebAssembly could do if
// they did nothing but read; the package has no use for it, so it is no kernel.

/** What is used of the engine's WebAssembly; its full types come with the DOM's alone. */
declare const WebAssembly: {
  readonly Module: new (source: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: Exports }
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer }
  read(from: number, end: number, rounds: number): bigint
  copy(to: number, from: number, bytes: number): void
}

/** A memory and what is done to it. Addresses and lengths are multiples of 128. */
export interface Reader {
  readonly memory: ArrayBuffer
  /** The sum of the 64-bit words in [from, end), wrapped, taken `rounds` times and added up. */
  read(from: number, end: number, rounds: number): bigint
  /** memory.copy */
  copy(to: number, from: number, bytes: number): void
}

const pageBytes = 65536
const [i32, i64, v128, nothing] = [0x7f, 0x7e, 0x7b, 0x40]
/** Independent sums: an addition must not wait for the one before. */
const sums = 8

/** LEB128, unsigned. */
function leb(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)]
}

/** LEB128, signed, of what is not negative. */
function signed(value: number): number[] {
  return value < 64 ? [value] : [(value & 127) | 128, ...signed(value >> 7)]
}

const get = (local: number): number[] => [0x20, local]
const set = (local: number): number[] => [0x21, local]
const tee = (local: number): number[] => [0x22, local]
const constant = (value: number): number[] => [0x41, ...signed(value)]
const loop = (code: readonly number[]): number[] => [0x03, nothing, ...code, 0x0b]
const repeatIf = [0x0d, 0]
const [add32, subtract32, isBelow, add64] = [0x6a, 0x6b, 0x49, 0x7c]
/** v128.load, aligned to 16 bytes. */
const load = (offset: number): number[] => [0xfd, 0x00, 0x04, ...leb(offset)]
const addWords = [0xfd, 0xce, 0x01]
const word = (lane: number): number[] => [0xfd, 0x1d, lane]

function readCode(): number[] {
  const [from, end, rounds, at, first] = [0, 1, 2, 3, 4]
  const step = Array.from({ length: sums }, (_, index) =>
    [get(first + index), get(at), load(16 * index), addWords, set(first + index)].flat(),
  ).flat()
  const forth = [...get(at), ...constant(16 * sums), add32, ...tee(at), ...get(end), isBelow]
  const pass = [...get(from), ...set(at), ...loop([...step, ...forth, ...repeatIf])]
  const again = [...get(rounds), ...constant(1), subtract32, ...tee(rounds), ...repeatIf]
  const others = Array.from({ length: sums - 1 }, (_, index) => [
    ...get(first + 1 + index),
    ...addWords,
  ]).flat()
  const total = [...get(first), ...others, ...set(first)]
  const folded = [...get(first), ...word(0), ...get(first), ...word(1), add64]
  return [...loop([...pass, ...again]), ...total, ...folded]
}

const copyCode = [...get(0), ...get(1), ...get(2), 0xfc, 0x0a, 0, 0]

function section(id: number, content: readonly number[]): number[] {
  return [id, ...leb(content.length), ...content]
}

function text(name: string): number[] {
  return [name.length, ...new TextEncoder().encode(name)]
}

function body(locals: readonly number[], code: readonly number[]): number[] {
  const content = [...locals, ...code, 0x0b]
  return [...leb(content.length), ...content]
}

function moduleBytes(pages: number): Uint8Array {
  const head = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]
  const types = [2, 0x60, 3, i32, i32, i32, 1, i64, 0x60, 3, i32, i32, i32, 0]
  const functions = [2, 0, 1]
  const memories = [1, 1, ...leb(pages), ...leb(pages)]
  const names = [3, ...text('memory'), 2, 0, ...text('read'), 0, 0, ...text('copy'), 0, 1]
  const bodies = [2, ...body([2, 1, i32, sums, v128], readCode()), ...body([0], copyCode)]
  return Uint8Array.from(
    [
      head,
      section(1, types),
      section(3, functions),
      section(5, memories),
      section(7, names),
      section(10, bodies),
    ].flat(),
  )
}

/** A reader of `bytes` bytes, rounded up to 64 KiB. They are zeros that nobody touched yet. */
export function readerOf(bytes: number): Reader {
  const module = new WebAssembly.Module(moduleBytes(Math.ceil(bytes / pageBytes)))
  const { read, copy, memory } = new WebAssembly.Instance(module).exports
  return { memory: memory.buffer, read, copy }
}
