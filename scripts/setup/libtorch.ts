// Finds libtorch, or gets it. A libtorch is a folder with lib and include, as in the Python package torch.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { cachedIn, type Variant, versionOf } from '../../lib/core/libtorch.js'
import { cacheFolder, ownCache } from '../../lib/core/package_root.js'
import { damageOf } from '../../lib/core/shared_library.js'
import { downloadWheel, installCuda } from './download.js'
import { isHeld, locked } from './lock.js'
import { output, pythons, removedAtEnd, run, SetupError, say } from './terminal.js'

/** The versions that are downloaded; any of SUPPORTED is used where it is found. */
export const PINNED = { cpu: '2.13.0', cuda: '2.14.1' }
const SUPPORTED = /^2\.1[1-5]\./

export interface Libtorch {
  folder: string
  version: string
  variant: Variant
  /** How it was found. */
  origin: string
}

export function wantedVariant(): Variant | null {
  const variant = process.env.TSTORCH_VARIANT
  if (variant === undefined || variant === '' || variant === 'cpu' || variant === 'cuda')
    return (variant || null) as Variant | null
  throw new SetupError(`TSTORCH_VARIANT is '${variant}'; it can be cpu or cuda`)
}

const libraryName = (name: string) => (process.platform === 'darwin' ? `lib${name}.dylib` : `lib${name}.so`)

/** The libraries that the addon is linked with. */
const libraries = (variant: Variant): string[] =>
  ['c10', 'torch_cpu', ...(variant === 'cuda' ? ['c10_cuda', 'torch_cuda'] : [])].map(libraryName)

/** The libtorch in a folder, or what the folder lacks. */
export function inspect(folder: string, origin: string): Libtorch | string {
  for (const part of [join('lib', libraryName('torch_cpu')), join('include', 'ATen', 'ATen.h')]) {
    if (!existsSync(join(folder, part))) return `${folder} has no ${part}`
  }
  const version = versionOf(folder)
  if (version === null) return `${folder} does not tell its version: there is no include/torch/headeronly/version.h`
  const variant = existsSync(join(folder, 'lib', libraryName('torch_cuda'))) ? 'cuda' : 'cpu'
  for (const name of libraries(variant)) {
    const damage = damageOf(join(folder, 'lib', name))
    if (damage !== null) return damage
  }
  return { folder, version, variant, origin }
}

function usable(found: Libtorch, variant: Variant | null): boolean {
  return SUPPORTED.test(found.version) && (variant === null || found.variant === variant)
}

/** Where a Python keeps its torch, without importing it. */
const FIND_TORCH =
  "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')"

function pythonTorch(): (Libtorch | string)[] {
  return pythons().flatMap((python) => {
    const folder = output(python, ['-c', FIND_TORCH])
    return folder ? [inspect(folder, `the torch of ${python}`)] : []
  })
}

function cached(variant: Variant): Libtorch | string {
  return inspect(cachedIn(cacheFolder(), PINNED[variant], variant), 'the cache')
}

/** The libtorch to use, without getting one. What was looked at and refused goes to `refused`. */
export function findLibtorch(refused: string[] = [], only?: 'the cache'): Libtorch | null {
  const variant = wantedVariant()
  const named = only === undefined ? process.env.LIBTORCH : undefined
  if (named !== undefined && named !== '') {
    const found = inspect(named, 'LIBTORCH')
    if (typeof found !== 'string' && usable(found, variant)) return found
    throw new SetupError(
      typeof found === 'string'
        ? `LIBTORCH: ${found}; it must name a folder with lib and include`
        : `LIBTORCH is libtorch ${found.version} (${found.variant}); needed is 2.11 to 2.15${variant ? ` for ${variant}` : ''}`,
    )
  }
  const own = inspect(cachedIn(ownCache, PINNED[variant ?? 'cpu'], variant ?? 'cpu'), 'the package')
  for (const found of [own, ...(only === undefined ? pythonTorch() : []), cached(variant ?? 'cpu')]) {
    if (typeof found !== 'string' && usable(found, variant)) return found
    refused.push(typeof found === 'string' ? found : `${found.origin}: libtorch ${found.version} (${found.variant})`)
  }
  return null
}

/** Held while libtorch is downloaded: what lies there half done when nobody holds it, was left by somebody. */
const lockFile = (): string => join(cacheFolder(), 'lock')

/** Downloads libtorch into the cache. If another set-up does so already, this waits for it and takes what it got. */
export async function downloadLibtorch(): Promise<Libtorch> {
  const variant = wantedVariant() ?? 'cpu'
  try {
    return await locked(lockFile(), 'getting libtorch', async () => {
      removeIncomplete()
      const found = cached(variant)
      if (typeof found !== 'string') return found
      await download(variant)
      const fetched = cached(variant)
      if (typeof fetched === 'string') throw new SetupError(`the downloaded libtorch is not complete: ${fetched}`)
      return { ...fetched, origin: 'the download' }
    })
  } catch (error) {
    const { syscall, code, message } = error as NodeJS.ErrnoException
    if (syscall === undefined || error instanceof SetupError) throw error
    throw new SetupError(
      code === 'ENOSPC'
        ? `${cacheFolder()} is full (${message}). Make room, or set TSTORCH_CACHE to a folder that has it`
        : `the cache ${cacheFolder()} cannot be used (${message}). Set TSTORCH_CACHE to a folder that can be written, or ` +
            'keep libtorch in the package: npx tstorch setup --here',
    )
  }
}

/** Downloads and unpacks beside the final place, checks, then renames: there is never half a libtorch. */
async function download(variant: Variant): Promise<void> {
  const cache = cacheFolder()
  const temporary = mkdtempSync(join(cache, INCOMPLETE))
  const clean = removedAtEnd(temporary)
  try {
    const unpacked = variant === 'cuda' ? await installed(temporary) : await unzipped(temporary)
    const checked = inspect(variant === 'cuda' ? join(unpacked, 'torch') : unpacked, 'download')
    if (typeof checked === 'string') throw new SetupError(`the wheel is not a libtorch: ${checked}`)
    if (checked.version !== PINNED[variant] || checked.variant !== variant) {
      throw new SetupError(
        `the wheel holds libtorch ${checked.version} for ${checked.variant} instead of ${PINNED[variant]} for ${variant}`,
      )
    }
    // What lies there now is damaged.
    const target = join(cache, `libtorch-${PINNED[variant]}-${variant}`)
    rmSync(target, { recursive: true, force: true })
    renameSync(unpacked, target)
  } finally {
    clean()
  }
}

async function unzipped(folder: string): Promise<string> {
  const wheel = await downloadWheel(PINNED.cpu, folder)
  say('unpacking libtorch')
  // In the C locale CMake opens no path with other characters than ASCII's.
  await run('cmake', ['-E', 'tar', 'xf', basename(wheel), '--', 'torch/lib', 'torch/include', 'torch/share'], folder)
  return join(folder, 'torch')
}

async function installed(folder: string): Promise<string> {
  const target = join(folder, 'site')
  mkdirSync(target)
  await installCuda(PINNED.cuda, target)
  return target
}

const INCOMPLETE = '.incomplete-'

/** Folders of downloads that were cut off, by a signal that cannot be caught or by a loss of power. */
export function incompleteDownloads(): string[] {
  const cache = cacheFolder()
  if (!existsSync(cache) || isHeld(lockFile())) return []
  return readdirSync(cache).filter((name) => name.startsWith(INCOMPLETE))
}

function removeIncomplete(): void {
  const cache = cacheFolder()
  for (const name of readdirSync(cache)) {
    if (name.startsWith(INCOMPLETE)) rmSync(join(cache, name), { recursive: true, force: true })
  }
}

/** Removes what set-ups that were cut off have left in the cache. */
export async function cleanCache(): Promise<void> {
  if (incompleteDownloads().length === 0) return
  try {
    await locked(lockFile(), 'getting libtorch', async () => removeIncomplete())
  } catch {
    // Another user's cache.
  }
}
