#!/usr/bin/env node
// The command `tstorch`: setup gets libtorch and builds the addon, doctor shows what is there.

import { createRequire } from 'node:module'
import { Command } from 'commander'
import { output, SetupError, say } from './setup/terminal.js'

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string }
const program = new Command('tstorch').description('PyTorch for TypeScript').version(version)

program
  .command('setup')
  .description('get libtorch and build the addon; what is there already is used')
  .option('--debug', 'build with debug information and without optimization (used with TSTORCH_DEBUG=1)')
  .addHelpText(
    'after',
    '\nEnvironment:\n  LIBTORCH         a libtorch of your own: a folder with lib and include\n' +
      '  TSTORCH_VARIANT  cpu or cuda\n  TSTORCH_CACHE    where a downloaded libtorch is kept (~/.cache/tstorch)',
  )
  .action(async ({ debug = false }: { debug?: boolean }) => {
    const { build, checkTools } = await import('./setup/build.js')
    const { getLibtorch } = await import('./setup/libtorch.js')
    checkTools()
    const libtorch = await getLibtorch()
    say(`libtorch ${libtorch.version} for ${libtorch.variant}, from ${libtorch.origin} (${libtorch.folder})`)
    await build(libtorch, debug)
    checkLoads(debug)
  })

program
  .command('doctor')
  .description('show what tstorch runs on, where each part was found, and what is wrong with it')
  .action(async () => {
    const { doctor } = await import('./setup/doctor.js')
    process.exitCode = (await doctor()) ? 0 : 1
  })

/** Runs in its own process, because a missing or incompatible library ends it. */
function checkLoads(debug: boolean): void {
  const native = new URL('../lib/core/native.js', import.meta.url).href
  if (debug) process.env.TSTORCH_DEBUG = '1'
  const loaded = output(process.execPath, [
    '-e',
    `import('${native}').then(({ native }) => console.log(native.libtorch_version))`,
  ])
  if (loaded === null) throw new SetupError('the addon was built but does not load; npx tstorch doctor says more')
  say(`ready: the addon loads, with libtorch ${loaded}`)
}

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof SetupError)) throw error
  console.error(`tstorch: ${error.message}`)
  process.exitCode = 1
}
