// Opens libtorch before the addon, which finds it then by its name: so neither has to lie where it lay when the addon was
// built. A library that is already there also wins over LD_LIBRARY_PATH.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { cacheFolder, ownCache } from './package_root.js'
import { damageOf } from './shared_library.js'

export type Variant = 'cpu' | 'cuda'

/** In the order of their needs. That of CUDA brings c10's part of it and NVIDIA's libraries, whose places it knows. */
const LIBRARIES = ['libgomp.so.1', 'libc10.so', 'libtorch_cpu.so']
const CUDA_LIBRARY = 'libtorch_cuda.so'

/** What the addon was built with: CMake writes it beside the addon. */
interface Built {
  folder: string
  version: string
  variant: Variant
}

function builtWith(addon: string): Built | null {
  const file = join(dirname(addon), 'libtorch.txt')
  if (!existsSync(file)) return null
  const [folder = '', version = '', variant = ''] = readFileSync(file, 'utf8').split('\n')
  return { folder, version, variant: variant as Variant }
}

const versionInHeader = (text: string): string =>
  ['MAJOR', 'MINOR', 'PATCH'].map((part) => new RegExp(`TORCH_VERSION_${part} (\\d+)`).exec(text)?.[1]).join('.')

/** The version of the libtorch in a folder, as 2.13.0, or null where nothing there tells it. */
export function versionOf(folder: string): string | null {
  const tellers: [string, (text: string) => string | undefined][] = [
    ['version.py', (text) => /^__version__ = '(\d+\.\d+\.\d+)/m.exec(text)?.[1]],
    [join('include', 'torch', 'headeronly', 'version.h'), versionInHeader],
  ]
  for (const [name, tell] of tellers) {
    const file = join(folder, name)
    const version = existsSync(file) ? tell(readFileSync(file, 'utf8')) : undefined
    if (version !== undefined && /^\d+\.\d+\.\d+$/.test(version)) return version
  }
  return null
}

/** Libraries of one minor version fit each other; between minor versions functions and classes change. */
const fits = (version: string | null, built: string): boolean =>
  version === null || version.split('.').slice(0, 2).join() === built.split('.').slice(0, 2).join()

/** Where a cache keeps libtorch. For CUDA, NVIDIA's libraries are beside it. */
export const cachedIn = (cache: string, version: string, variant: Variant): string =>
  join(cache, `libtorch-${version}-${variant}`, variant === 'cuda' ? 'torch' : '')

/** Those in a cache that may fit, the very version first. */
function inCache(cache: string, { version, variant }: Built): string[] {
  let names: string[] = []
  try {
    names = readdirSync(cache)
  } catch {
    // No cache, or another user's.
  }
  const others = names.flatMap((name) => {
    const [, its] = new RegExp(`^libtorch-(.+)-${variant}$`).exec(name) ?? []
    return its !== undefined && its !== version && fits(its, version) ? [its] : []
  })
  return [version, ...others].map((each) => cachedIn(cache, each, variant))
}

/** What keeps the libtorch in a folder from being used, or null. */
function unfit(folder: string, built: Built): string | null {
  const damage = damageOf(join(folder, 'lib', 'libtorch_cpu.so')) ?? damageOf(join(folder, 'lib', 'libc10.so'))
  if (damage !== null) return damage
  const version = versionOf(folder)
  if (!fits(version, built.version))
    return `${folder} is libtorch ${version}, and the addon was built for ${built.version}`
  if (built.variant === 'cuda') return damageOf(join(folder, 'lib', CUDA_LIBRARY))
  return null
}

function find(built: Built): string {
  const named = process.env.LIBTORCH
  if (named) {
    const problem = unfit(named, built)
    if (problem === null) return named
    throw new Error(`LIBTORCH: ${problem}`)
  }
  const looked: string[] = []
  for (const folder of new Set([built.folder, ...inCache(ownCache, built), ...inCache(cacheFolder(), built)])) {
    const problem = unfit(folder, built)
    if (problem === null) return folder
    looked.push(problem)
  }
  throw new Error(
    `libtorch ${built.version} for ${built.variant} was not found: ${looked.join('; ')}.\n` +
      '  - Where one user sets it up and another runs it, as in an image: `npx tstorch setup --here` keeps libtorch inside ' +
      'the package; or TSTORCH_CACHE names a folder that both can read, then and now.',
  )
}

/** One libtorch for the whole process, whatever the number of copies of this package. */
const OPENED: unique symbol = Symbol.for('tstorch.libtorch')
const shared = globalThis as { [OPENED]?: string }

/** Where libtorch was opened, or null: the addon knows the place of its own. */
export const openedLibtorch = (): string | null => shared[OPENED] ?? null

/** Opens the libtorch that fits the addon. */
export function openLibtorch(addon: string): void {
  const built = builtWith(addon)
  // On macOS the addon itself knows where libtorch is.
  if (built === null || process.platform !== 'linux') return
  const opened = openedLibtorch()
  if (opened !== null) {
    if (unfit(opened, built) === null) return
    throw new Error(
      `another copy of tstorch in this process has opened the libtorch in ${opened}: ${unfit(opened, built)}`,
    )
  }
  const folder = find(built)
  for (const name of [...LIBRARIES, ...(built.variant === 'cuda' ? [CUDA_LIBRARY] : [])]) {
    const file = join(folder, 'lib', name)
    if (!existsSync(file)) continue
    try {
      process.dlopen({ exports: {} }, file, constants.dlopen.RTLD_NOW)
    } catch {
      // Always: it is no addon. It stays loaded all the same; one that could not be loaded is missed by the addon next.
    }
  }
  shared[OPENED] = folder
}
