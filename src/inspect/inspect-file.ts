// Tells by its first bytes (or, where those are damaged, by its name) what a file of a store is,
// and describes it part by part. The rooms that write the bytes know what they mean; here they get
// one form.
import { VarveError } from '#base'
import { describeManifest } from '#manifest'
import { loadKernels } from '#kernel'
import { describeIndex, describeSegment } from '#segment'
import type { Vfs, VfsFile } from '#vfs'
import { describeCurrent } from './current.ts'
import { describeLogFile } from './log-windows.ts'
import { readAt } from './part.ts'
import type { PlainPart } from './part.ts'

export type FileForm = 'segment' | 'pack' | 'index' | 'log' | 'manifest' | 'current'

/** Parts follow each other without a gap. */
export interface InspectedPart extends PlainPart {
  /** The first bytes of the part, at most `hexBytesMax`, as hex digits. */
  readonly hex: string
}

export interface InspectedFile {
  readonly file: string
  readonly form: FileForm
  readonly bytes: number
  /** Read from the file while they are asked for, once: the file must stay open. */
  readonly parts: Iterable<InspectedPart>
  close(): void
}

export interface InspectOptions {
  /** Each vector of a page, each entry of a log, instead of one part for many. @default false */
  readonly all?: boolean
}

/** Bytes of a part that `hex` shows. */
export const hexBytesMax = 8

const formsByMagic: Readonly<Record<string, FileForm>> = {
  VSEG: 'segment',
  VPAK: 'pack',
  VIDX: 'index',
  VWAL: 'log',
  VMAN: 'manifest',
  varv: 'current',
}

function formByName(path: string): FileForm | undefined {
  if (path.endsWith('.segment')) return 'segment'
  if (path.endsWith('.pack')) return 'pack'
  if (path.endsWith('.index')) return 'index'
  if (path.endsWith('.wal')) return 'log'
  if (path.endsWith('.manifest')) return 'manifest'
  return /(?:^|[\\/])CURRENT$/.test(path) ? 'current' : undefined
}

const hint =
  'Give a file of a store: CURRENT, or one in segments/, packs/, index/, wal/ or manifest/.'

/**
 * Opens a file of a store to describe it. Damage gives parts that say so.
 *
 * @throws {VarveError} ERR_NOT_FOUND; ERR_ARGUMENT where it is no file of a store; ERR_IO
 */
export async function inspectFile(
  vfs: Vfs,
  path: string,
  options: InspectOptions = {},
): Promise<InspectedFile> {
  const stat = vfs.stat(path)
  if (stat === undefined) {
    throw new VarveError('ERR_NOT_FOUND', `there is no file ${path}`, { file: path })
  }
  if (stat.kind !== 'file') {
    throw new VarveError('ERR_ARGUMENT', `${path} is no file`, { file: path }, { hint })
  }
  await loadKernels()
  const file = vfs.open(path, 'read')
  try {
    const form = formsByMagic[latin1(readAt(file, 0, 4))] ?? formByName(path)
    if (form === undefined) {
      const message = `${path} is no file of a store: it starts otherwise than any`
      throw new VarveError('ERR_ARGUMENT', message, { file: path }, { hint })
    }
    const parts = withHex(file, partsOf(file, form, options.all ?? false))
    return { file: path, form, bytes: file.size(), parts, close: () => file.close() }
  } catch (error) {
    file.close()
    throw error
  }
}

function partsOf(file: VfsFile, form: FileForm, all: boolean): Iterable<PlainPart> {
  switch (form) {
    case 'segment':
    case 'pack':
      return describeSegment(file, { vectors: all })
    case 'index':
      return describeIndex(file)
    case 'log':
      return describeLogFile(file, all)
    case 'manifest':
      return describeManifest(readAt(file, 0, file.size()))
    case 'current':
      return describeCurrent(readAt(file, 0, currentBytesMax + 1))
  }
}

const currentBytesMax = 256

function* withHex(file: VfsFile, parts: Iterable<PlainPart>): Generator<InspectedPart> {
  for (const part of parts) {
    const shown = readAt(file, part.offset, Math.min(part.bytes, hexBytesMax))
    yield { ...part, hex: Buffer.from(shown).toString('hex') }
  }
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes)
}
