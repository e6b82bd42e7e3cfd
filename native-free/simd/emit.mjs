// The packed operations, AssemblyScript, all widths from one template: shifts are constants and a mini-block's 32 rows
// are unrolled. A mini-block is 128 values = 4 lanes x 32 rows of u32, W words a lane (see src/codec/README.md).

const widths = Array.from({ length: 33 }, (_, width) => width)

/** Constants come from memory: written where they are used, 18 bytes each, they would double the module. */
const constants = Array.from({ length: 33 }, (_, width) => 2 ** width - 1)
const head = 0x43300000

function constantLines() {
  const words = [...constants, head].map((word) => `0x${word.toString(16)}`)
  return `const constants = memory.data<u32>([${words.join(', ')}])\n`
}

const constant = (at) => `v128.load32_splat(constants, ${at * 4})`

function maskLine(width) {
  return width === 0 || width === 32 ? '' : `  const mask = ${constant(width)}\n`
}

/** Loads of the words that row `row` needs and that are not there yet. */
function wordLines(width, row, loaded) {
  const lines = []
  const first = (row * width) >>> 5
  const last = (row * width + width - 1) >>> 5
  for (let word = first; word <= last; word += 1) {
    if (loaded.has(word)) continue
    loaded.add(word)
    lines.push(`    const w${word} = v128.load(source, ${word * 16})\n`)
  }
  return lines.join('')
}

/** The four values of row `row`. */
function rowOf(width, row) {
  if (width === 0) return 'i32x4.splat(0)'
  const bit = row * width
  const word = bit >>> 5
  const shift = bit & 31
  const last = (bit + width - 1) >>> 5
  let value = shift === 0 ? `w${word}` : `i32x4.shr_u(w${word}, ${shift})`
  if (last !== word) value = `v128.or(${value}, i32x4.shl(w${last}, ${32 - shift}))`
  const isClean = width === 32 || shift + width === 32
  return isClean ? value : `v128.and(${value}, mask)`
}

function eachRow(width, line) {
  if (width === 0)
    return widths
      .slice(0, 32)
      .map((row) => line(row, rowOf(0, row)))
      .join('')
  const loaded = new Set()
  let text = ''
  for (let row = 0; row < 32; row += 1)
    text += wordLines(width, row, loaded) + line(row, rowOf(width, row))
  return text
}

/** One function a width, and one that picks it. */
function family(name, parameters, from, bodyOf) {
  const names = parameters.map((parameter) => parameter.split(':')[0]).join(', ')
  const list = parameters.join(', ')
  let text = ''
  for (const width of widths.slice(from)) {
    text += `function ${name}${width}(${list}): void {\n${bodyOf(width)}}\n`
  }
  text += `export function ${name}(width: i32, ${list}): void {\n  switch (width) {\n`
  for (const width of widths.slice(from))
    text += `    case ${width}: ${name}${width}(${names}); break\n`
  return `${text}  }\n}\n`
}

const minis = '  for (; minis > 0; minis -= 1) {\n'

function unpackBody(width) {
  const rows = eachRow(width, (row, value) => `    v128.store(units, ${value}, ${row * 16})\n`)
  return `${maskLine(width)}${minis}${rows}    source += ${16 * width}\n    units += 512\n  }\n`
}

/** Values up to 27 bits: 32 of them fit 32 bits. */
function sumBody(width) {
  const isNarrow = width <= 27
  let text = `${maskLine(width)}  let sum = i64x2.splat(0)\n${minis}`
  if (isNarrow) text += '    let even = i32x4.splat(0)\n    let odd = even\n'
  text += eachRow(width, (row, value) => {
    const name = row % 2 === 0 ? 'even' : 'odd'
    if (isNarrow) return `    ${name} = i32x4.add(${name}, ${value})\n`
    const wide = `i64x2.add(i64x2.extend_low_i32x4_u(v${row}), i64x2.extend_high_i32x4_u(v${row}))`
    return `    const v${row} = ${value}\n    sum = i64x2.add(sum, ${wide})\n`
  })
  if (isNarrow) {
    text += '    even = i32x4.add(even, odd)\n'
    text +=
      '    sum = i64x2.add(sum, i64x2.add(i64x2.extend_low_i32x4_u(even), i64x2.extend_high_i32x4_u(even)))\n'
  }
  text += `    source += ${16 * width}\n  }\n`
  return `${text}  store<u64>(out, i64x2.extract_lane(sum, 0) + i64x2.extract_lane(sum, 1))\n`
}

/** The four values of row `row` in the highest bits of their words; below them lies what may be anything. */
function topOf(width, row) {
  const bit = row * width
  const word = bit >>> 5
  const shift = bit & 31
  const spare = 32 - width - shift
  if (spare >= 0) return spare === 0 ? `w${word}` : `i32x4.shl(w${word}, ${spare})`
  return `v128.or(i32x4.shr_u(w${word}, ${-spare}), i32x4.shl(w${word + 1}, ${32 + spare}))`
}

/** low <= slot <= low + span is top - (low << (32 - W)) <= (span + 1 << (32 - W)) - 1, unsigned: what lies below the slots
 *  does not matter, and nothing is masked. Comparisons are signed, of words less 2^31, and say which are outside. */
function filterBody(width) {
  const spare = 32 - width
  let text =
    width === 32
      ? ''
      : `  if (low > 0x${(2 ** width - 1).toString(16)}) return memory.fill(bits, 0, <usize>minis << 4)\n`
  if (width < 32) text += `  span = min(span, 0x${(2 ** width - 1).toString(16)} - low)\n`
  text += `  const l = i32x4.splat((low << ${spare}) ^ 0x80000000)\n`
  text += `  const s = i32x4.splat(((span << ${spare}) | 0x${(2 ** spare - 1).toString(16)}) ^ 0x80000000)\n${minis}`
  const loaded = new Set()
  for (let row = 0; row < 32; row += 1) {
    text += wordLines(width, row, loaded)
    text += `    const c${row} = i32x4.gt_s(i32x4.sub(${topOf(width, row)}, l), s)\n`
    if (row % 4 < 3) continue
    const outside = [3, 2, 1, 0]
      .map((r) => `i32x4.bitmask(c${row - r}) << ${12 - 4 * r}`)
      .join(' | ')
    text += `    store<u16>(bits, ~(${outside}), ${(row >>> 2) * 2})\n`
  }
  return `${text}    source += ${16 * width}\n    bits += 16\n  }\n`
}

/** `slot` says what row `row` holds, of which the low bits are packed. */
function packRows(width, slot) {
  let text = `${minis}    let w = i32x4.splat(0)\n`
  for (let row = 0; row < 32; row += 1) {
    const shift = (row * width) & 31
    text += `    const v${row} = ${width < 32 ? `v128.and(${slot(row)}, mask)` : slot(row)}\n`
    text += shift === 0 ? `    w = v${row}\n` : `    w = v128.or(w, i32x4.shl(v${row}, ${shift}))\n`
    const word = (row * width) >>> 5
    if (((row + 1) * width) >>> 5 === word) continue
    text += `    v128.store(target, w, ${word * 16})\n`
    const over = ((row + 1) * width) & 31
    if (over > 0) text += `    w = i32x4.shr_u(v${row}, ${width - over})\n`
  }
  return `${text}    slots += 512\n    target += ${16 * width}\n  }\n`
}

const baseLine = '  const b = i32x4.splat(base)\n'

function packBody(width) {
  const slot = (row) => `i32x4.sub(v128.load(slots, ${row * 16}), b)`
  return `${maskLine(width)}${baseLine}${packRows(width, slot)}`
}

/** The word before the first makes slot 0 a 0, as long as it takes. */
function packStepsBody(width) {
  const step = (row) => `i32x4.sub(v128.load(at, ${row * 16 + 4}), v128.load(at, ${row * 16}))`
  const rows = packRows(width, (row) => `i32x4.sub(${step(row)}, b)`)
  return (
    `${maskLine(width)}${baseLine}  let at = units - 4\n  const kept = load<u32>(at)\n` +
    `  store<u32>(at, load<u32>(units) - base)\n${rows.replace('slots += 512', 'at += 512')}` +
    '  store<u32>(units - 4, kept)\n'
  )
}

const lowHalf = '0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23'
const highHalf = '8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31'

const scaledHead =
  '  const s = i32x4.splat(step)\n' +
  `  const h = ${constant(constants.length)}\n` +
  '  const o = f64x2.splat(4503599627370496.0 - start)\n' +
  '  const f = f64x2.splat(factor)\n'

/** Four u32 below the high word of 2^52 are 2^52 + u32: (start + u32) * factor in a subtraction and a product. */
function storeScaled(name, row) {
  const scaled = (half) => `f64x2.mul(f64x2.sub(i8x16.shuffle(${name}, h, ${half}), o), f)`
  return (
    `    v128.store(out, ${scaled(lowHalf)}, ${row * 32})\n` +
    `    v128.store(out, ${scaled(highHalf)}, ${row * 32 + 16})\n`
  )
}

/** out[i] = (start + step * slot) * factor, f64. */
function scaledBody(width) {
  let text = `${maskLine(width)}${scaledHead}${minis}`
  text += eachRow(width, (row, value) => {
    const name = `x${row}`
    return `    const ${name} = i32x4.mul(${value}, s)\n${storeScaled(name, row)}`
  })
  return `${text}    source += ${16 * width}\n    out += 1024\n  }\n`
}

/** A loop of narrowDecimals (narrow.as): four values to units, what comes back of them, their bounds and the sum of the bits
 *  of 2^52 + unit. Each kind is a function of its own, so that it has registers for what it holds. */
function narrowLoop(name, isScaled, back) {
  const whole = (value) =>
    isScaled ? `f64x2.add(f64x2.mul(${value}, p), s)` : `f64x2.add(${value}, s)`
  const backOf = (half) => back(`f64x2.sub(${half}(u, head), s)`)
  return `function ${name}(values: usize, end: usize, power: f64, shift: f64, multiplier: f64, factor: f64, at: usize, out: usize): i32 {
  const p = f64x2.splat(power)
  const s = f64x2.splat(shift)
  const m = f64x2.splat(multiplier)
  const f = f64x2.splat(factor)
  const head = i32x4.splat(0x${head.toString(16)})
  let bad = i64x2.splat(0)
  let sum = bad
  let least = i32x4.splat(-1)
  let most = bad
  for (; at < end; at += 16, values += 32) {
    const v = v128.load(values)
    const w = v128.load(values, 16)
    const x = ${whole('v')}
    const y = ${whole('w')}
    const u = lowWords(x, y)
    v128.store(at, u)
    sum = i64x2.add(sum, i64x2.add(x, y))
    least = i32x4.min_u(least, u)
    most = i32x4.max_u(most, u)
    const a = v128.xor(${backOf('headedLow')}, v)
    const b = v128.xor(${backOf('headedHigh')}, w)
    bad = v128.or(bad, v128.or(a, b))
  }
  store<u32>(out, leastOfU32(least))
  store<u32>(out, mostOfU32(most), 4)
  store<i64>(out, i64x2.extract_lane(sum, 0) + i64x2.extract_lane(sum, 1), 8)
  return i32(v128.any_true(bad))
}
`
}

function narrowLoops() {
  return [
    narrowLoop('narrowWhole', false, (d) => d),
    narrowLoop('narrowProducts', true, (d) => `f64x2.mul(f64x2.mul(${d}, m), f)`),
    narrowLoop('narrowQuotients', true, (d) => `f64x2.div(${d}, p)`),
  ].join('\n')
}

/** AssemblyScript source of all packed operations. */
export function emit() {
  return [
    constantLines(),
    narrowLoops(),
    family('unpack', ['source: usize', 'minis: i32', 'units: usize'], 0, unpackBody),
    family('pack', ['slots: usize', 'minis: i32', 'base: u32', 'target: usize'], 1, packBody),
    family(
      'packSteps',
      ['units: usize', 'minis: i32', 'base: u32', 'target: usize'],
      1,
      packStepsBody,
    ),
    family('sum', ['source: usize', 'minis: i32', 'out: usize'], 0, sumBody),
    family(
      'filter',
      ['source: usize', 'minis: i32', 'low: u32', 'span: u32', 'bits: usize'],
      1,
      filterBody,
    ),
    family(
      'scaledSlots',
      ['source: usize', 'minis: i32', 'step: u32', 'start: f64', 'factor: f64', 'out: usize'],
      0,
      scaledBody,
    ),
  ].join('\n')
}
