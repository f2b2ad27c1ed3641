import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A process for each file: a crash of native code is then one file's failure, not the run's.
    pool: 'forks',
    // Two, since libtorch uses threads of its own.
    maxWorkers: 2,
    testTimeout: 60_000,
  },
})
