import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The package's root: the folder of package.json, from lib/ as from dist/lib/. */
export const packageRoot = (() => {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
  return folder
})()

/** The built addon's file; TSTORCH_DEBUG=1 picks the debug build. */
export function addonFile(): string {
  const build = process.env.TSTORCH_DEBUG === '1' ? 'Debug' : 'Release'
  return process.env.TSTORCH_ADDON ?? join(packageRoot, 'build', build, 'tstorch.node')
}

/** Where downloads are kept. */
export function cacheFolder(): string {
  return process.env.TSTORCH_CACHE ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'tstorch')
}
