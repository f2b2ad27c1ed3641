// The command setup: gets libtorch and builds the addon. What is there already is used.

import { join } from 'node:path'
import { ownCache, packageRoot } from '../../lib/core/package_root.js'
import { build, checkTools, checkWritable, isBuilt, removeBuild } from './build.js'
import { cleanCache, downloadLibtorch, findLibtorch, type Libtorch } from './libtorch.js'
import { loadAddon } from './load.js'
import { locked } from './lock.js'
import { endCleanly, SetupError, say } from './terminal.js'

/** The libtorch that is there. */
function existing(here: boolean): Libtorch | null {
  if (!here) return findLibtorch()
  if (process.env.LIBTORCH)
    throw new SetupError('--here gets a libtorch of the package, and LIBTORCH names another one')
  process.env.TSTORCH_CACHE = ownCache
  return findLibtorch([], 'the cache')
}

export async function setup({ debug = false, here = false }: { debug?: boolean; here?: boolean }): Promise<void> {
  endCleanly()
  const found = existing(here)
  await cleanCache()
  const ready = found !== null && isBuilt(found, debug) ? loadAddon(debug) : null
  if (ready !== null && typeof ready !== 'string') return say(`ready: nothing has changed, libtorch ${ready.libtorch}`)
  checkTools()
  checkWritable()
  const libtorch = found ?? (await downloadLibtorch())
  say(`libtorch ${libtorch.version} for ${libtorch.variant}, from ${libtorch.origin} (${libtorch.folder})`)
  await locked(join(packageRoot, 'build', 'build.lock'), 'building the addon', async () => {
    // One that is as it was built, and does not load, is built from the ground up.
    if (ready !== null) removeBuild()
    if (!isBuilt(libtorch, debug)) await build(libtorch, debug)
  })
  const loaded = loadAddon(debug)
  if (typeof loaded === 'string') throw new SetupError(`the addon was built but does not load: ${loaded}`)
  say(`ready: the addon loads, with libtorch ${loaded.libtorch}`)
}
