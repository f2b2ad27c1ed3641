import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const source = (file: string): string => fileURLToPath(new URL(file, import.meta.url))

export default defineConfig({
  // One copy of the library, whether a file names it by its path or, as a user's, by the package's name.
  resolve: {
    alias: [
      { find: /^tstorch$/, replacement: source('lib/index.ts') },
      { find: /^tstorch\/d2l$/, replacement: source('lib/d2l/index.ts') },
      { find: /^tstorch\/plot$/, replacement: source('lib/plot/line_chart.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/global_setup.ts',
    // A process for each file: a crash of native code is then one file's failure, not the run's.
    pool: 'forks',
    // Recurrent training needs memory and processors of its own.
    maxWorkers: 2,
    // The test processes share the machine: threads of libtorch that wait for each other would slow all of them down.
    env: { OMP_NUM_THREADS: process.env.OMP_NUM_THREADS ?? '1' },
    // For what never ends; how long the rest takes is the machine's affair.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
})
