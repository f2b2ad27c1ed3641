import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
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
