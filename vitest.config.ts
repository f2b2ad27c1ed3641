import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/global_setup.ts',
    // A process for each file: a crash of native code is then one file's failure, not the run's.
    pool: 'forks',
    // Recurrent training needs memory and processors of its own.
    maxWorkers: 2,
    // The test processes share the machine: threads of libtorch that wait for each other would slow all of them down.
    env: { OMP_NUM_THREADS: '1' },
    testTimeout: 60_000,
  },
})
