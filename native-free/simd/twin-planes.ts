// The scalar twins of planes.as: byte planes of true reals, and what a zone map says of them.
import type { SimdKernels } from './contract.ts'

type PlaneKernels = Pick<SimdKernels, 'toPlanes' | 'fromPlanes' | 'realZone'>

export function planeTwins(memory: ArrayBuffer): PlaneKernels {
  const u8 = new Uint8Array(memory)
  return {
    toPlanes(values, count, planes) {
      for (let i = 0; i < count; i += 1) {
        for (let p = 0; p < 8; p += 1) u8[planes + p * count + i] = u8[values + i * 8 + p]!
      }
    },
    fromPlanes(planes, count, values) {
      for (let i = 0; i < count; i += 1) {
        for (let p = 0; p < 8; p += 1) u8[values + i * 8 + p] = u8[planes + p * count + i]!
      }
    },
    realZone(values, count, out, step) {
      const view = new DataView(memory)
      const valueOf = (i: number): number => view.getFloat64(values + i * 8, true)
      let least = 0
      let most = 0
      for (let i = 1; i < count; i += 1) {
        const value = valueOf(i)
        if (value < valueOf(least) || Number.isNaN(valueOf(least))) least = i
        if (value > valueOf(most) || Number.isNaN(valueOf(most))) most = i
      }
      for (const [field, i] of [least, most, 0, count - 1].entries()) {
        u8.copyWithin(out + field * step, values + i * 8, values + i * 8 + 8)
      }
    },
  }
}
