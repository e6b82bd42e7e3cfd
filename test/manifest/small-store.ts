// The small store of the golden and the damage tests: one kind, one series, one run, one snapshot.
import { assert, hexOf } from '#base'
import { describeManifest, Manifest, type Change, type RunEntry } from '#manifest'
import type { Vfs } from '#vfs'
import { schemaOf, storeId } from './workload.ts'

const day = 86_400_000_000_000n

export const smallRun: RunEntry = {
  seriesId: 1,
  fileNumber: 2,
  runIndex: 0,
  schemaId: 1,
  partition: 20_000n * day,
  rowCount: 3,
  timeMin: 20_000n * day + 5n,
  timeMax: 20_000n * day + 9n,
  lsnFirst: 2n ** 40n,
  lsnLast: 2n ** 40n + 2n,
  sortOrder: 'time',
  footerOffset: 160,
  footerBytes: 90,
  footerHash: 0x1122334455667788n,
  dataBytes: 96,
  plainBytes: 72,
  contentHash: new Uint8Array(32).fill(0xab),
}

export const smallEdits: readonly (readonly Change[])[] = [
  [
    { type: 'epochStarted', epoch: 1 },
    { type: 'logAdded', log: { fileNumber: 1, epoch: 1, firstLsn: 2n ** 40n } },
  ],
  [
    { type: 'kindDefined', schema: schemaOf(1, 1, 2) },
    {
      type: 'seriesDefined',
      series: { seriesId: 1, kindId: 1, symbol: 'SPY', timeframe: '', partitionWidth: 'day' },
    },
  ],
  [
    {
      type: 'fileAdded',
      file: { fileNumber: 2, fileKind: 'segment', bytes: 272, fileHash: 7n, footerHash: 8n },
    },
    { type: 'runAdded', run: smallRun },
    { type: 'seriesSealed', seriesId: 1, sealedLsn: 2n ** 40n + 2n },
    { type: 'producerAdvanced', seriesId: 1, producerId: 'feed', sequence: 41n, lsn: 2n ** 40n },
  ],
  [
    {
      type: 'snapshotCreated',
      name: 'monday',
      createdAt: 20_001n * day,
      lsn: 2n ** 40n + 2n,
      contentHash: new Uint8Array(32).fill(0xcd),
      rows: 3,
      bytes: 272,
      segments: 1,
    },
  ],
  [{ type: 'cleanClose', lsnEnd: 2n ** 40n + 3n }],
]

/** Makes it under /s; every edit is a record of manifest 1. */
export function smallStore(vfs: Vfs): Manifest {
  const manifest = Manifest.create({ vfs }, '/s', { storeId, createdAt: 20_000n * day })
  for (const changes of smallEdits) manifest.commit(changes)
  return manifest
}

/** A file's bytes. */
export function bytesOf(vfs: Vfs, path: string): Uint8Array {
  const file = vfs.open(path, 'read')
  const bytes = new Uint8Array(file.size())
  file.read(bytes, 0)
  file.close()
  return bytes
}

/** A manifest file, annotated; throws where a byte is not explained. */
export function annotate(bytes: Uint8Array): string {
  const lines: string[] = []
  let at = 0
  for (const part of describeManifest(bytes)) {
    assert(part.offset === at, 'a gap')
    at += part.bytes
    const place = `${part.offset}..${at}`.padEnd(10)
    const hex = hexOf(bytes.subarray(part.offset, at))
    const pieces = hex.match(/.{1,32}/g) ?? []
    lines.push(`${place} ${(pieces[0] ?? '').padEnd(32)}  ${part.meaning}`)
    for (const piece of pieces.slice(1)) lines.push(`${' '.repeat(10)} ${piece}`)
  }
  assert(at === bytes.length, 'a rest')
  return lines.join('\n')
}
