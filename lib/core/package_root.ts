import { existsSync, readFileSync } from 'node:fs'
import { homedir, userInfo } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const isRoot = (folder: string): boolean => {
  const file = join(folder, 'package.json')
  return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).name === 'tstorch'
}

/** The package's root: the folder of package.json, from lib/ as from dist/lib/. */
export const packageRoot = (() => {
  // What bundles for CommonJS leaves no address.
  const url: string | undefined = import.meta.url
  const file = url?.startsWith('file:') ? fileURLToPath(url) : null
  let folder = dirname(file ?? '/')
  while (!isRoot(folder)) {
    const above = dirname(folder)
    if (above === folder) {
      throw new Error(
        `tstorch was bundled${file === null ? '' : ` into ${file}`}, where its addon and libtorch are not found. ` +
          'Leave it out of the bundle: esbuild --external:tstorch; in the configuration of webpack, rollup or Rolldown ' +
          "external: ['tstorch']; of Vite ssr: { external: ['tstorch'] }; of Next.js serverExternalPackages: ['tstorch']",
      )
    }
    folder = above
  }
  return folder
})()

/** The built addon's file; TSTORCH_DEBUG=1 picks the debug build. */
export function addonFile(): string {
  const build = process.env.TSTORCH_DEBUG === '1' ? 'Debug' : 'Release'
  return process.env.TSTORCH_ADDON || join(packageRoot, 'build', build, 'tstorch.node')
}

/** The user's home, or null: a container's user may have none, and Node throws for one that has no name. */
function home(): string | null {
  for (const find of [homedir, () => userInfo().homedir]) {
    try {
      const folder = find()
      if (isAbsolute(folder)) return folder
    } catch {}
  }
  return null
}

/** A cache inside the package, which goes wherever the package goes. */
export const ownCache = join(packageRoot, 'build')

/** Where downloads are kept. */
export function cacheFolder(): string {
  const { TSTORCH_CACHE, XDG_CACHE_HOME } = process.env
  if (TSTORCH_CACHE) return resolve(TSTORCH_CACHE)
  // XDG's standard says that a relative folder counts as none.
  if (XDG_CACHE_HOME && isAbsolute(XDG_CACHE_HOME)) return join(XDG_CACHE_HOME, 'tstorch')
  const folder = home()
  return folder === null ? ownCache : join(folder, '.cache', 'tstorch')
}
