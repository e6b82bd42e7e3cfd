// Salvage: a damaged store is made one that opens, with everything that is whole. In this order:
//
//   1 the manifest, where edits are lost: see salvage-manifest.ts      one new file, then CURRENT
//   2 segments and packs: see salvage-data.ts                          one edit
//   3 the log: by recovery, as at every open; damage is passed over    as at every open
//
// What is replaced is copied to quarantine before. A crash anywhere leaves the store as it was before
// or after a step, and leftovers without a name; salvage again then does what is left to do, and
// nothing where nothing is.
import type { Logger } from '#base'
import { Manifest, rebuildManifest, surveyManifest } from '#manifest'
import type { History } from '#manifest'
import type { Env } from './env.ts'
import { noteFiles } from './folders.ts'
import type { Paths } from './paths.ts'
import { salvageData } from './salvage-data.ts'
import { salvageHistory } from './salvage-manifest.ts'
import { salvageContext } from './salvage-report.ts'
import type { SalvageReport } from './salvage-report.ts'

/** The caller holds the store's lock. @throws {VarveError} ERR_VERSION, ERR_IO, ERR_DISK_FULL;
 *  ERR_CORRUPT where nothing of the store can be read */
export async function salvageStore(
  env: Env,
  paths: Paths,
  logger: Logger,
  options: { readonly isDryRun: boolean },
): Promise<SalvageReport> {
  const context = salvageContext(env, paths, logger, options.isDryRun)
  const { report } = context
  const mended = salvageHistory(context)
  if (options.isDryRun) {
    const history = mended ?? historyOf(env, paths)
    if (history !== undefined) await salvageData(context, history, undefined)
    return report
  }
  const manifestEnv = { vfs: env.vfs, logger }
  if (mended !== undefined) rebuildManifest(manifestEnv, paths.root, mended)
  else if (historyOf(env, paths) === undefined) return report
  const manifest = Manifest.open(manifestEnv, paths.root)
  try {
    noteFiles(env, paths, manifest)
    await salvageData(context, manifest.history, manifest)
  } finally {
    manifest.close()
  }
  for (const finding of report.findings) logger.warn(finding, 'salvage found damage')
  return report
}

/** Of a store that is whole; undefined where there is none yet. */
function historyOf({ vfs }: Env, paths: Paths): History | undefined {
  if (vfs.stat(`${paths.root}/CURRENT`) === undefined) return undefined
  return surveyManifest(vfs, paths.root).history
}
