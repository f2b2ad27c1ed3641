// Gets libtorch, which is in the wheels of Python's torch. No Python code of them is ever run.

import { readdirSync, rmSync, statfsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fetchFile, fetchText } from './fetch.js'
import { failureOf, output, pythons, run, SetupError, say } from './terminal.js'

/** PyTorch's own index of wheels for CPUs. Its links carry the SHA-256 of each. */
const INDEX = process.env.TSTORCH_WHEEL_INDEX ?? 'https://download.pytorch.org/whl/cpu'

/** The wheel and what is in it, side by side. */
const CPU_BYTES = 0.8e9

function needsSpace(folder: string, bytes: number): void {
  const { bavail, bsize } = statfsSync(folder)
  if (bavail * bsize >= bytes) return
  throw new SetupError(
    `libtorch takes ${bytes / 1e9} GB while it is installed, but ${folder} has ` +
      `${((bavail * bsize) / 1e9).toFixed(1)}. Make room, or set TSTORCH_CACHE to a folder that has it`,
  )
}

/** Downloads the wheel of torch `version` for CPUs into `folder` and returns its file. */
export async function downloadWheel(version: string, folder: string): Promise<string> {
  needsSpace(folder, CPU_BYTES)
  say(`getting libtorch ${version} for the CPU (about 200 MB)`)
  const local = process.platform === 'darwin' ? version : `${version}+cpu`
  const asked = await pipDownload(local, folder)
  if ('wheel' in asked) return asked.wheel
  try {
    return await httpsDownload(local, folder)
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    throw new SetupError(
      `libtorch could not be downloaded: ${asked.reason}, and ${error.message}. Check the network and run this again (a ` +
        'proxy is used by pip); or install it with pip (pip install torch); or set LIBTORCH to its folder',
    )
  }
}

/** Headers of CUDA's runtime that torch does not bring, for the version of CUDA that it was built with. */
const CUDA_HEADERS = 'nvidia-cuda-crt==13.0.*'
/** The wheels (2.9 GB) and what is in them (5.6 GB), side by side. */
const CUDA_BYTES = 9e9

/**
 * Installs torch `version` for CUDA into `folder`: libtorch in torch/, NVIDIA's libraries beside it in nvidia/, where
 * libtorch looks for them. Only pip knows which of them belong together.
 */
export async function installCuda(version: string, folder: string): Promise<void> {
  const python = pythons().find((name) => output(name, ['-m', 'pip', '--version']) !== null)
  if (python === undefined) {
    throw new SetupError(
      'libtorch for CUDA comes with its NVIDIA libraries from pip, but there is no pip. Install Python 3 with pip ' +
        '(apt-get install python3-pip) and run this again, or set LIBTORCH to the folder of one that you have',
    )
  }
  needsSpace(folder, CUDA_BYTES)
  say(`getting libtorch ${version} for CUDA by pip (${python}): about 3 GB to download, 4 GB on disk`)
  const wheels = [`torch==${version}`, CUDA_HEADERS]
  const args = ['-m', 'pip', 'install', '--no-compile', '--only-binary', ':all:', '--target', folder, ...wheels]
  // pip unpacks in its temporary folder first, which may be small elsewhere.
  await run(python, args, undefined, { TMPDIR: dirname(folder) })
  // Only Python needs these.
  for (const name of readdirSync(folder)) {
    if (name !== 'torch' && name !== 'nvidia') rmSync(join(folder, name), { recursive: true, force: true })
  }
  for (const name of readdirSync(join(folder, 'torch'))) {
    if (!['lib', 'include', 'share'].includes(name)) rmSync(join(folder, 'torch', name), { recursive: true })
  }
}

/** pip knows the user's mirrors, proxies and caches, and checks hashes. Returns the wheel's file, or why there is none. */
async function pipDownload(requirement: string, folder: string): Promise<{ wheel: string } | { reason: string }> {
  let reason = 'there is no pip (python3 -m pip)'
  for (const python of pythons()) {
    if (output(python, ['-m', 'pip', '--version']) === null) continue
    say(`asking pip (${python}) for torch==${requirement}`)
    const args = ['download', '--quiet', '--no-deps', '--retries', '1', '--dest', folder, `torch==${requirement}`]
    const failure = await failureOf(python, ['-m', 'pip', ...args])
    const wheel = readdirSync(folder).find((name) => name.endsWith('.whl'))
    if (failure === null && wheel !== undefined) return { wheel: join(folder, wheel) }
    reason = `pip (${python}) has no such wheel: ${failure ?? 'it downloaded none'}`
  }
  return { reason }
}

function platformTag(): RegExp {
  const tags: Record<string, RegExp> = {
    'linux-x64': /manylinux\w*_x86_64/,
    'linux-arm64': /manylinux\w*_aarch64/,
    'darwin-arm64': /macosx\w*_arm64/,
  }
  const tag = tags[`${process.platform}-${process.arch}`]
  if (tag === undefined) {
    throw new SetupError(
      `there is no libtorch to download for ${process.platform} on ${process.arch}; set LIBTORCH to one of your own`,
    )
  }
  return tag
}

async function httpsDownload(requirement: string, folder: string): Promise<string> {
  const page = await fetchText(`${INDEX}/torch/`)
  const links = [...page.matchAll(/href="([^"#]+\.whl)#sha256=([0-9a-f]{64})"/g)]
  const tag = platformTag()
  const match = links.find(([, href]) => {
    const name = decodeURIComponent(href as string)
    return name.includes(`/torch-${requirement}-`) && tag.test(name)
  })
  if (match === undefined) throw new SetupError(`${INDEX} lists no wheel of torch ${requirement} for this platform`)
  const [, href, sha256] = match as unknown as [string, string, string]
  const file = join(folder, 'torch.whl')
  const digest = await fetchFile(new URL(href, `${INDEX}/torch/`).href, file)
  if (digest !== sha256)
    throw new SetupError(`the download is damaged: its SHA-256 is ${digest}, not ${sha256}. Run this again`)
  return file
}
