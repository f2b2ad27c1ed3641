// Gets libtorch, which is in the wheels of Python's torch. No Python code of them is ever run.

import { createHash } from 'node:crypto'
import { createWriteStream, readdirSync, rmSync, statfsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { output, pythons, run, SetupError, say } from './terminal.js'

/** PyTorch's own index of wheels for CPUs. Its links carry the SHA-256 of each. */
const INDEX = process.env.TSTORCH_WHEEL_INDEX ?? 'https://download.pytorch.org/whl/cpu'

/** Downloads the wheel of torch `version` for CPUs into `folder` and returns its file. */
export async function downloadWheel(version: string, folder: string): Promise<string> {
  say(`getting libtorch ${version} for the CPU (about 200 MB)`)
  const local = process.platform === 'darwin' ? version : `${version}+cpu`
  if (pipDownload(local, folder)) return wheelIn(folder)
  return httpsDownload(local, folder)
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
  const { bavail, bsize } = statfsSync(folder)
  if (bavail * bsize < CUDA_BYTES) {
    throw new SetupError(
      `libtorch for CUDA takes ${CUDA_BYTES / 1e9} GB while it is installed, but ${folder} has ` +
        `${((bavail * bsize) / 1e9).toFixed(1)}. Make room, or set TSTORCH_CACHE to a folder that has it`,
    )
  }
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

/** pip knows the user's mirrors and caches, and checks hashes. */
function pipDownload(requirement: string, folder: string): boolean {
  for (const python of pythons()) {
    if (output(python, ['-m', 'pip', '--version']) === null) continue
    say(`asking pip (${python}) for torch==${requirement}`)
    const args = [
      '-m',
      'pip',
      'download',
      '--quiet',
      '--no-deps',
      '--retries',
      '1',
      '--dest',
      folder,
      `torch==${requirement}`,
    ]
    if (output(python, args) !== null) return true
  }
  return false
}

function wheelIn(folder: string): string {
  const wheel = readdirSync(folder).find((name) => name.endsWith('.whl'))
  if (wheel === undefined) throw new SetupError('pip downloaded no wheel')
  return join(folder, wheel)
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

async function fetched(url: string): Promise<Response> {
  try {
    const response = await fetch(url)
    if (!response.ok) throw new Error(`status ${response.status}`)
    return response
  } catch (error) {
    const cause = (error as Error).cause as Error | undefined
    throw new SetupError(
      `libtorch could not be downloaded: pip has no CPU wheel of it, and ${url} failed (${cause?.message ?? (error as Error).message}). ` +
        'Check the network and run this again; or install it with pip (pip install torch); or set LIBTORCH to its folder',
    )
  }
}

async function httpsDownload(requirement: string, folder: string): Promise<string> {
  const page = await (await fetched(`${INDEX}/torch/`)).text()
  const links = [...page.matchAll(/href="([^"#]+\.whl)#sha256=([0-9a-f]{64})"/g)]
  const tag = platformTag()
  const match = links.find(([, href]) => {
    const name = decodeURIComponent(href as string)
    return name.includes(`/torch-${requirement}-`) && tag.test(name)
  })
  if (match === undefined)
    throw new SetupError(`${INDEX} lists no wheel of torch ${requirement} for this platform; set LIBTORCH instead`)
  const [, href, sha256] = match as unknown as [string, string, string]
  const response = await fetched(new URL(href, `${INDEX}/torch/`).href)
  const file = join(folder, 'torch.whl')
  const hash = createHash('sha256')
  const total = Number(response.headers.get('content-length') ?? 0)
  await pipeline(
    Readable.fromWeb(response.body as import('node:stream/web').ReadableStream),
    meter(total, (chunk) => hash.update(chunk)),
    createWriteStream(file),
  )
  const digest = hash.digest('hex')
  if (digest !== sha256)
    throw new SetupError(`the download is damaged: its SHA-256 is ${digest}, not ${sha256}. Run this again`)
  return file
}

/** Passes data on and shows how much has come. */
function meter(total: number, each: (chunk: Buffer) => void): Transform {
  let received = 0
  let shown = -1
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      each(chunk)
      received += chunk.length
      const percent = total > 0 ? Math.floor((100 * received) / total) : 0
      if (percent >= shown + (process.stderr.isTTY ? 1 : 10)) {
        shown = percent
        const end = process.stderr.isTTY ? '\r' : '\n'
        process.stderr.write(`  ${percent}% of ${Math.round(total / 1e6)} MB${percent === 100 ? '\n' : end}`)
      }
      done(null, chunk)
    },
  })
}
