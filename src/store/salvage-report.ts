// What salvage found and did: told in store.recovery.salvage, by salvage(), and on the command line.
import type { Logger } from '#base'
import type { Env } from './env.ts'
import type { Paths } from './paths.ts'
import { quarantineDamage } from './recover.ts'

export interface SalvageFinding {
  readonly file: string
  readonly part: 'current' | 'manifest' | 'log' | 'segment' | 'pack'
  readonly message: string
  /** rebuilt: a manifest, from what is whole. adopted: a whole file that the manifest had forgotten.
   *  rescued: its whole rows were written anew. lost: nothing of it can be read. kept: it stays as it
   *  is. Where isDryRun: what would be done. */
  readonly done: 'rebuilt' | 'adopted' | 'rescued' | 'lost' | 'kept'
  readonly offset?: number
  readonly series?: string
  /** Times that the rows of the damaged run lie in, epoch ns, both inclusive. */
  readonly from?: bigint
  readonly to?: bigint
  /** Rows of it that are lost; of adopted files: that are found. */
  readonly rows?: number
}

export interface SalvageReport {
  readonly isDryRun: boolean
  /** Files looked at. */
  readonly files: number
  readonly findings: readonly SalvageFinding[]
  /** Of damaged data files: written anew, and gone. What a damaged log lost cannot be counted. */
  readonly rowsRescued: number
  readonly rowsLost: number
  /** Copies that were made before anything was changed. */
  readonly quarantined: readonly string[]
}

export interface SalvageContext {
  readonly env: Env
  readonly paths: Paths
  readonly logger: Logger
  readonly report: {
    isDryRun: boolean
    files: number
    findings: SalvageFinding[]
    rowsRescued: number
    rowsLost: number
    quarantined: string[]
  }
  /** Copies a file to quarantine, durably. Of what is not there only the name is listed. Nothing in
   *  a dry run. */
  setAside(path: string): void
}

export function salvageContext(
  env: Env,
  paths: Paths,
  logger: Logger,
  isDryRun: boolean,
): SalvageContext {
  const report: SalvageContext['report'] = {
    isDryRun,
    files: 0,
    findings: [],
    rowsRescued: 0,
    rowsLost: 0,
    quarantined: [],
  }
  const done = new Set<string>()
  const setAside = (file: string): void => {
    if (isDryRun || done.has(file)) return
    done.add(file)
    const bytes = env.vfs.stat(file)?.bytes
    if (bytes === undefined) return void report.quarantined.push(file)
    const reason = 'salvage takes its place'
    const damage = { file, offset: 0, bytes, reason, expected: undefined, actual: undefined }
    report.quarantined.push(quarantineDamage(env, paths, damage, logger))
  }
  return { env, paths, logger, report, setAside }
}
