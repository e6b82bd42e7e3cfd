// Seeded bugs: one wrong line each, of the kind that durability dies of. Each must be caught by a suite, by a failure
// that says what it is; a text that a change of the sources moved is noticed by the test beside this.

export interface Edit {
  readonly file: string
  /** Occurs once in the file. */
  readonly find: string
  readonly replace: string
}

export interface Mutant {
  readonly name: string
  readonly edits: readonly Edit[]
  /** Default: the quick suite. */
  readonly suite?: string
  /** What the failure must say. */
  readonly says: RegExp
}

export const quickSuite = 'test/mutants/quick.test.ts'

const one = (file: string, find: string, replace: string): readonly Edit[] => [
  { file, find, replace },
]

/** A violation of an invariant, whichever comes first. */
const violation = /I(?:1|2|3|4|5|6|7|14): /

export const mutants: readonly Mutant[] = [
  {
    name: 'no directory fsync, segments',
    edits: one(
      'src/store/publish.ts',
      'for (const directory of directories) vfs.syncDirectory(directory)',
      '',
    ),
    says: violation,
  },
  {
    name: 'no directory fsync, log',
    edits: one('src/wal/file-chain.ts', 'LogFile.syncName(vfs, path)', ''),
    says: violation,
  },
  {
    name: 'no fsync before rename, CURRENT',
    edits: one('src/vfs/durable.ts', 'file.datasyncSync()', ''),
    says: violation,
  },
  {
    name: 'no fsync before rename, segments',
    edits: one('src/compact/write-files.ts', "yield { step: 'sync', file }\n", ''),
    says: violation,
  },
  {
    name: 'ack before sync, group',
    edits: one(
      'src/wal/writer.ts',
      'flight.place = this.#write(file, buffer, flight.rowEnd)\n',
      'flight.place = this.#write(file, buffer, flight.rowEnd)\nthis.#settle(flight.rowEnd)\n',
    ),
    says: /I1: acknowledged/,
  },
  {
    name: 'ack before sync, sync',
    edits: one(
      'src/wal/writer.ts',
      'file.syncNow()\n        file.confirm(place)',
      'file.confirm(place)',
    ),
    says: /I1: acknowledged/,
  },
  {
    name: 'retry of a failed fsync',
    edits: one(
      'src/wal/writer.ts',
      'if (failure !== undefined) return this.#poison(failure)\n    if (this.#flight === flight)',
      'if (failure !== undefined) return this.#startSync(flight)\n    if (this.#flight === flight)',
    ),
    says: /I1: acknowledged|I7: /,
  },
  {
    name: 'append after a torn tail',
    edits: [
      {
        file: 'src/manifest/read.ts',
        find: 'const end = { offset: baseOffset + at, hash }',
        replace: 'const end = { offset: baseOffset + (isMarked ? at : bytes.length), hash }',
      },
      {
        file: 'src/manifest/manifest.ts',
        find: 'this.#suspect = !loaded.isMarked',
        replace: 'this.#suspect = loaded.file === undefined',
      },
    ],
    says: violation,
  },
  {
    name: 'the tail of a log is believed after a restart',
    edits: one('src/store/recover.ts', '? summary.synced', '? summary.written'),
    says: violation,
  },
  {
    name: 'unlink before the manifest',
    edits: one(
      'src/store/seal.ts',
      "dropped.push({ type: 'logDropped', fileNumber })",
      "engine.env.vfs.unlink(engine.paths.log(fileNumber)); dropped.push({ type: 'logDropped', fileNumber })",
    ),
    says: violation,
  },
  {
    name: 'ignored short write',
    edits: one('src/vfs/disk.ts', 'done += put', 'done = bytes.length'),
    suite: 'test/vfs/disk-fault.test.ts',
    says: /short|write/,
  },
  {
    name: 'skipped length check',
    edits: one('src/manifest/read.ts', 'if (read.end.offset < header.bornBytes)', 'if (false)'),
    suite: 'test/manifest/manifest.corrupt.test.ts',
    says: /trunc|cut/i,
  },
  {
    name: 'a merge that skips a middle run',
    edits: one(
      'src/compact/job.ts',
      'runInputs.map((run) => inputs.source(run, name)), rules }',
      'runInputs.filter((_, at) => at !== 1).map((run) => inputs.source(run, name)), rules }',
    ),
    says: /compaction|I10/,
  },
  {
    name: 'a reused lsn',
    edits: one(
      'src/store/open.ts',
      'const epoch = manifest.state.epoch + 1',
      'const epoch = Math.max(1, manifest.state.epoch)',
    ),
    says: /lsn|I1|I3|I7|I14/,
  },
  {
    name: 'a seal above the synced lsn',
    edits: one('src/store/seal.ts', "if (log !== undefined) yield { step: 'flush', log }", ''),
    says: /I6: /,
  },
  {
    name: 'an edit that failed is thought not to have landed',
    edits: one('src/store/collect.ts', 'if (engine.isInDoubt) return 0', ''),
    says: /I[67]: /,
  },
  {
    name: 'torn bytes are thrown away',
    edits: one('src/store/recover.ts', 'target.write(piece.subarray(0, count), done)', ''),
    says: /I8: /,
  },
]

/** A text with the edits of one file made. @throws {Error} where one does not stand there once */
export function mutate(text: string, file: string, { name, edits }: Mutant): string {
  let mutated = text
  for (const { find, replace } of edits.filter((edit) => edit.file === file)) {
    const count = mutated.split(find).length - 1
    if (count !== 1) throw new Error(`mutant '${name}': its text stands ${count} times in ${file}`)
    mutated = mutated.replace(find, () => replace)
  }
  return mutated
}

interface TransformPlugin {
  readonly name: string
  readonly enforce: 'pre'
  transform(code: string, id: string): string | undefined
}

/** Makes the edits of the mutant of that name while modules are loaded; none where there is no name. */
export function mutantPlugins(root: string, name: string | undefined): TransformPlugin[] {
  if (name === undefined) return []
  const mutant = mutants.find((each) => each.name === name)
  if (mutant === undefined) throw new Error(`there is no mutant '${name}'`)
  return [
    {
      name: 'mutant',
      enforce: 'pre',
      transform(code, id) {
        const [path] = id.split('?')
        const edit = mutant.edits.find(({ file }) => path === root + file)
        return edit === undefined ? undefined : mutate(code, edit.file, mutant)
      },
    },
  ]
}
