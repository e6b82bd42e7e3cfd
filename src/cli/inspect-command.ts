// varve inspect FILE: what every part of a segment, pack, index, log, manifest or CURRENT file
// holds, in words.
import { inspectFile } from '#inspect'
import type { InspectedPart } from '#inspect'
import { diskVfs } from '#vfs'
import { bytesText, countText, jsonText, padRow, paint } from './output.ts'
import type { Output } from './output.ts'

export interface InspectWords {
  readonly all?: boolean
  readonly json?: boolean
}

const hexDigits = 16

function hexText({ hex, bytes }: InspectedPart): string {
  return bytes * 2 > hex.length ? `${hex}..` : hex
}

/**
 * Runs varve inspect: parts are written as they are read, so that a large file needs no large
 * memory.
 *
 * @returns false where the file is damaged.
 */
export async function inspectCommand(
  output: Output,
  path: string,
  words: InspectWords,
): Promise<boolean> {
  const file = await inspectFile(diskVfs, path, { all: words.all === true })
  try {
    const { form, bytes, parts } = file
    return words.json === true
      ? writeJson(output, { file: path, form, bytes }, parts)
      : writeTable(output, `${path}: ${form}, ${bytesText(bytes)}`, bytes, parts)
  } finally {
    file.close()
  }
}

/** Parts in one document, a line each. */
function writeJson(
  output: Output,
  head: { readonly file: string; readonly form: string; readonly bytes: number },
  parts: Iterable<InspectedPart>,
): boolean {
  let damaged = 0
  let separator = '\n'
  output.write(`${jsonText(head).slice(0, -1)},"parts":[`)
  for (const part of parts) {
    if (part.isDamage) damaged += 1
    output.write(`${separator}${jsonText(part)}`)
    separator = ',\n'
  }
  output.write(`\n],"damaged":${damaged}}\n`)
  return damaged === 0
}

function writeTable(
  output: Output,
  title: string,
  bytes: number,
  parts: Iterable<InspectedPart>,
): boolean {
  const width = Math.max('offset'.length, String(bytes).length)
  const widths = [width, width, hexDigits + 2, 0]
  output.write(`${paint(output, 'bold', title)}\n`)
  output.write(paint(output, 'dim', padRow(['offset', 'bytes', 'hex', 'meaning'], widths)))
  let damaged = 0
  for (const part of parts) {
    if (part.isDamage) damaged += 1
    const cells = [{ right: String(part.offset) }, { right: String(part.bytes) }, hexText(part)]
    const start = padRow([...cells, '.'], widths).slice(0, -2) // what comes last is not padded
    const meaning = part.isDamage ? paint(output, 'red', `DAMAGE ${part.meaning}`) : part.meaning
    output.write(`${start}${meaning}\n`)
  }
  output.write(
    damaged === 0
      ? `${paint(output, 'green', 'whole')}: every hash in it is right\n`
      : `${paint(output, 'red', 'damaged')}: ${countText(damaged)} parts\n`,
  )
  return damaged === 0
}
