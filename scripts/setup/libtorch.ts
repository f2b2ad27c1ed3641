// Finds libtorch, or gets it. A libtorch is a folder with lib and include, as in the Python package torch.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder } from '../../lib/core/package_root.js'
import { downloadWheel, installCuda } from './download.js'
import { output, pythons, run, SetupError, say } from './terminal.js'

/** The versions that are downloaded; any of SUPPORTED is used where it is found. */
export const PINNED = { cpu: '2.13.0', cuda: '2.14.1' }
const SUPPORTED = /^2\.1[1-5]\./

export type Variant = 'cpu' | 'cuda'

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

/** The libtorch in a folder, or what the folder lacks. */
export function inspect(folder: string, origin: string): Libtorch | string {
  for (const part of [join('lib', libraryName('torch_cpu')), join('include', 'ATen', 'ATen.h')]) {
    if (!existsSync(join(folder, part))) return `${folder} has no ${part}`
  }
  const header = join(folder, 'include', 'torch', 'headeronly', 'version.h')
  const text = existsSync(header) ? readFileSync(header, 'utf8') : ''
  const numbers = ['MAJOR', 'MINOR', 'PATCH'].map(
    (part) => new RegExp(`#define TORCH_VERSION_${part} (\\d+)`).exec(text)?.[1],
  )
  if (numbers.includes(undefined)) return `${folder} does not tell its version: there is no ${header} with one`
  const variant = existsSync(join(folder, 'lib', libraryName('torch_cuda'))) ? 'cuda' : 'cpu'
  return { folder, version: numbers.join('.'), variant, origin }
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

const cachedFolder = (variant: Variant): string => join(cacheFolder(), `libtorch-${PINNED[variant]}-${variant}`)

/** For CUDA, NVIDIA's libraries are beside it. */
const libtorchIn = (folder: string, variant: Variant): string => (variant === 'cuda' ? join(folder, 'torch') : folder)

function cached(variant: Variant): Libtorch | string {
  return inspect(libtorchIn(cachedFolder(variant), variant), 'the cache')
}

/** The libtorch to use, without getting one. What was looked at and refused goes to `refused`. */
export function findLibtorch(refused: string[] = []): Libtorch | null {
  const variant = wantedVariant()
  const named = process.env.LIBTORCH
  if (named !== undefined && named !== '') {
    const found = inspect(named, 'LIBTORCH')
    if (typeof found !== 'string' && usable(found, variant)) return found
    throw new SetupError(
      typeof found === 'string'
        ? `LIBTORCH: ${found}; it must name a folder with lib and include`
        : `LIBTORCH is libtorch ${found.version} (${found.variant}); needed is 2.11 to 2.15${variant ? ` for ${variant}` : ''}`,
    )
  }
  for (const found of [...pythonTorch(), cached(variant ?? 'cpu')]) {
    if (typeof found !== 'string' && usable(found, variant)) return found
    refused.push(typeof found === 'string' ? found : `${found.origin}: libtorch ${found.version} (${found.variant})`)
  }
  return null
}

/** Finds libtorch, or downloads it into the cache. */
export async function getLibtorch(): Promise<Libtorch> {
  const found = findLibtorch()
  if (found !== null) return found
  const variant = wantedVariant() ?? 'cpu'
  await download(variant)
  const fetched = cached(variant)
  if (typeof fetched === 'string') throw new SetupError(`the downloaded libtorch is not complete: ${fetched}`)
  return { ...fetched, origin: 'downloaded into the cache' }
}

/** Downloads and unpacks beside the final place, checks, then renames: there is never half a libtorch. */
async function download(variant: Variant): Promise<void> {
  const cache = cacheFolder()
  mkdirSync(cache, { recursive: true })
  const temporary = mkdtempSync(join(cache, '.incomplete-'))
  const clean = () => rmSync(temporary, { recursive: true, force: true })
  process.once('exit', clean)
  try {
    const unpacked = variant === 'cuda' ? await installed(temporary) : await unzipped(temporary)
    const checked = inspect(libtorchIn(unpacked, variant), 'download')
    if (typeof checked === 'string') throw new SetupError(`the wheel is not a libtorch: ${checked}`)
    if (checked.version !== PINNED[variant] || checked.variant !== variant) {
      throw new SetupError(
        `the wheel holds libtorch ${checked.version} for ${checked.variant} instead of ${PINNED[variant]} for ${variant}`,
      )
    }
    const target = cachedFolder(variant)
    // Another set-up may have been faster; an incomplete folder was left by something else.
    if (existsSync(target) && typeof cached(variant) === 'string') rmSync(target, { recursive: true })
    if (!existsSync(target)) renameSync(unpacked, target)
  } finally {
    clean()
    process.off('exit', clean)
  }
}

async function unzipped(folder: string): Promise<string> {
  const wheel = await downloadWheel(PINNED.cpu, folder)
  say('unpacking libtorch')
  await run('cmake', ['-E', 'tar', 'xf', wheel, '--', 'torch/lib', 'torch/include', 'torch/share'], folder)
  return join(folder, 'torch')
}

async function installed(folder: string): Promise<string> {
  const target = join(folder, 'site')
  mkdirSync(target)
  await installCuda(PINNED.cuda, target)
  return target
}

/** Folders of interrupted downloads. */
export function incompleteDownloads(): string[] {
  const cache = cacheFolder()
  return existsSync(cache) ? readdirSync(cache).filter((name) => name.startsWith('.incomplete-')) : []
}
