import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { mutantPlugins } from './test/mutants/mutants.ts'

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  plugins: mutantPlugins(at('./'), process.env['VARVE_MUTANT']),
  resolve: {
    alias: [
      { find: /^#native-free\/([a-z0-9-]+)$/, replacement: at('./native-free/$1/index.ts') },
      { find: /^#([a-z0-9-]+)$/, replacement: at('./src/$1/index.ts') },
      { find: /^varve$/, replacement: at('./src/index.ts') },
    ],
  },
  test: {
    pool: 'forks',
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    setupFiles: ['test/support/seed.ts'],
    testTimeout: 60_000,
    maxConcurrency: 2,
    maxWorkers: 2,
    reporters: ['default', './test/support/skip-reporter.ts'],
    coverage: {
      provider: 'v8',
      include: ['src/**/*.ts', 'native-free/**/*.ts'],
      reporter: ['text-summary', 'json-summary', 'text'],
    },
  },
})
