#!/usr/bin/env node
// The command `tstorch`: setup gets libtorch and builds the addon, doctor shows what is there.

import { createRequire } from 'node:module'
import { Command } from 'commander'
import { runProgram } from './setup/terminal.js'

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string }
const program = new Command('tstorch').description('PyTorch for TypeScript').version(version)

program
  .command('setup')
  .description('get libtorch and build the addon; what is there already is used')
  .option('--debug', 'build with debug information and without optimization (used with TSTORCH_DEBUG=1)')
  .option('--here', 'keep libtorch inside the package, so that both go together wherever the package goes')
  .addHelpText(
    'after',
    '\nEnvironment:\n  LIBTORCH         a libtorch of your own: a folder with lib and include\n' +
      '  TSTORCH_VARIANT  cpu or cuda\n  TSTORCH_CACHE    where a downloaded libtorch is kept (~/.cache/tstorch)\n' +
      '  TSTORCH_TIMEOUT  seconds without data after which a server has stalled (30)',
  )
  .action(async (options: { debug?: boolean; here?: boolean }) => {
    const { setup } = await import('./setup/setup.js')
    await setup(options)
  })

program
  .command('doctor')
  .description('show what tstorch runs on, where each part was found, and what is wrong with it')
  .action(async () => {
    const { doctor } = await import('./setup/doctor.js')
    process.exitCode = doctor() ? 0 : 1
  })

await runProgram(program)
