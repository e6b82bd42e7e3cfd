// Scalar twins of narrow.as: one pass over values whose units, or whose slots, fit 32 bits.
const two32 = 4294967296
const two52 = 4503599627370496

export function narrowTwins(memory: ArrayBuffer) {
  const u16 = new Uint16Array(memory)
  const u32 = new Uint32Array(memory)
  const f64 = new Float64Array(memory)
  const i64 = new BigInt64Array(memory)
  const isSame = (a: number, b: number): boolean => Object.is(a, b) && !Number.isNaN(a)

  function putStats(units: readonly number[], out: number): void {
    const deltas = units.slice(1).map((unit, i) => unit - units[i]!)
    const sum = units.reduce((a, b) => a + (b - units[0]!), 0)
    const changes = deltas.filter((delta) => delta !== 0).length
    const [least, most] = [Math.min(...units), Math.max(...units)]
    const stats = [least, most, sum, Math.min(...deltas), Math.max(...deltas), changes]
    f64.set(stats, out >>> 3)
  }
  return {
    narrowDecimals(
      values: number,
      count: number,
      power: number,
      shift: number,
      multiplier: number,
      factor: number,
      units: number,
      out: number,
    ): number {
      const back = (d: number) => (factor === 0 ? d / power : d * multiplier * factor)
      const line = Array.from(f64.subarray(values >>> 3, (values >>> 3) + count))
      const wholes = line.map((value) => value * power + shift)
      const isNear = wholes.every((x) => x >= two52 && x < two52 + two32)
      if (!isNear || !line.every((value, i) => isSame(back(wholes[i]! - shift), value))) return -1
      u32.set(
        wholes.map((x) => x - two52),
        units >>> 2,
      )
      putStats(
        wholes.map((x) => x - two52),
        out,
      )
      return 0
    },
    i64Stats(values: number, count: number, origin: number, to: number, out: number): number {
      const line = Array.from(i64.subarray(values >>> 3, (values >>> 3) + count))
      const distances = line.map((value) => value - i64[origin >>> 3]!)
      const steps = line.slice(1).map((value, i) => value - line[i]!)
      const isFar = (each: bigint) => each < -(2n ** 51n) || each >= 2n ** 51n
      if (distances.some(isFar) || steps.some(isFar)) return -1
      putStats(distances.map(Number), out)
      u32.set([0, ...steps.map((step) => Number(BigInt.asUintN(32, step)))], to >>> 2)
      return 0
    },
    narrowSlots(units: number, count: number, base: number, slots: number): void {
      for (let i = 0; i < count; i += 1) u32[(slots >>> 2) + i] = u32[(units >>> 2) + i]! - base
    },
    narrowDeltaSlots(units: number, count: number, base: number, slots: number): void {
      const at = units >>> 2
      u32[slots >>> 2] = 0
      for (let i = 1; i < count; i += 1) {
        u32[(slots >>> 2) + i] = u32[at + i]! - u32[at + i - 1]! - base
      }
    },
    narrowDistinct(
      units: number,
      count: number,
      least: number,
      _range: number,
      most: number,
      _flags: number,
      codes: number,
      found: number,
    ): number {
      const distinct = new Set(u32.subarray(units >>> 2, (units >>> 2) + count))
      if (distinct.size > most) return most + 1
      const rising = [...distinct].map((unit) => unit - least).sort((a, b) => a - b)
      f64.set(rising, found >>> 3)
      for (const [code, unit] of rising.entries()) u16[(codes >>> 1) + unit] = code
      return rising.length
    },
    narrowCodes(units: number, count: number, least: number, codes: number, out: number): void {
      for (let i = 0; i < count; i += 1) {
        u32[(out >>> 2) + i] = u16[(codes >>> 1) + u32[(units >>> 2) + i]! - least]!
      }
    },
    lowSlots(values: number, count: number, base: number, slots: number): void {
      const at = values >>> 2
      for (let i = 0; i < count; i += 1) u32[(slots >>> 2) + i] = u32[at + i * 2]! - base
    },
  }
}
