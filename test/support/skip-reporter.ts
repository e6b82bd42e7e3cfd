// Says at the end which tests were skipped: a suite that cannot run here is shown as skipped, never as passed. Where the
// data set is there (VARVE_DATA_REQUIRED), a skipped data test fails the run.
import type { Reporter, TestModule } from 'vitest/node'

export default class SkipReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = { passed: 0, failed: 0, skipped: 0, pending: 0 }
    const skipped: { path: string; name: string }[] = []
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        counts[state] += 1
        if (state === 'skipped')
          skipped.push({ path: module.relativeModuleId, name: test.fullName })
      }
    }
    for (const { path, name } of skipped) process.stdout.write(`skipped: ${path}: ${name}\n`)
    process.stdout.write(
      `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped + counts.pending} skipped\n`,
    )
    const isData = skipped.some(({ path }) => path.endsWith('data.test.ts'))
    if (process.env['VARVE_DATA_REQUIRED'] === '1' && isData) {
      process.stdout.write('a data test was skipped although the data is there\n')
      process.exitCode = 1
    }
  }
}
