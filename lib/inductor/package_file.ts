// What a package of AOTInductor is, before libtorch unpacks it and loads the machine code in it.

import { readFileSync } from 'node:fs'
import { type Bytes, contentOf, type Entry, readArchive, rootOf, withFile } from '../core/zip.js'

/** Names of PyTorch's for machines, and Node's. */
const MACHINES: Record<string, string> = { x86_64: 'x64', amd64: 'x64', aarch64: 'arm64', arm64: 'arm64' }
/** What the processor must have for the vector instructions that Python compiled for. */
const FLAGS: Record<string, string> = {
  AVX2: 'avx2',
  AVX512: 'avx512f',
  AVX512_VNNI: 'avx512_vnni',
  AMX_TILE: 'amx_tile',
}

/** @throws where libtorch could not load the package, or this machine not run it. */
export function checkPackage(path: string, model: string): void {
  try {
    withFile(path, (bytes) => checkRecords(bytes, model))
  } catch (error) {
    if (error instanceof Error && !('code' in error)) error.message = `${path}: ${error.message}`
    throw error
  }
}

function checkRecords(bytes: Bytes, model: string): void {
  const records = readArchive(bytes)
  for (const { name } of records.values()) {
    if (name.startsWith('/') || name.includes('\\') || name.split('/').includes('..')) {
      throw new Error(`the record ${name} would be unpacked outside of its folder`)
    }
  }
  const folder = 'data/aotinductor/'
  const names = [...records.values()].map(({ name }) => name.slice(rootOf(records).length))
  const models = [
    ...new Set(names.filter((name) => name.startsWith(folder)).map((name) => name.split('/')[2] as string)),
  ]
  if (models.length === 0) {
    throw new Error(
      names.some((name) => name.startsWith('models/'))
        ? 'it holds a program of torch.export.save, which has to be compiled first: see torch.export.load'
        : 'it is no package of AOTInductor',
    )
  }
  if (!models.includes(model)) throw new Error(`Model ${model} not found in package: it has ${models.join(', ')}`)
  const own = names.filter((name) => name.startsWith(`${folder}${model}/`))
  if (!own.some((name) => name.endsWith('.so'))) {
    throw new Error('it holds source code alone: compile it in Python without aot_inductor.package_cpp_only')
  }
  for (const [name, entry] of records) if (name.endsWith('_metadata.json')) checkMachine(bytes, entry)
}

function checkMachine(bytes: Bytes, entry: Entry): void {
  let metadata: Record<string, unknown>
  try {
    metadata = JSON.parse(Buffer.from(contentOf(bytes, entry)).toString()) as Record<string, unknown>
  } catch (error) {
    throw new Error(`its metadata cannot be read: ${(error as Error).message}`)
  }
  const { AOTI_MACHINE: machine, AOTI_CPU_ISA: isa, AOTI_PLATFORM: platform } = metadata
  const elsewhere =
    (typeof platform === 'string' && platform !== process.platform) ||
    (typeof machine === 'string' &&
      machine.toLowerCase() in MACHINES &&
      MACHINES[machine.toLowerCase()] !== process.arch)
  if (elsewhere) {
    throw new Error(`it was compiled for ${platform} on ${machine}, and this is ${process.platform} on ${process.arch}`)
  }
  if (typeof isa !== 'string' || process.platform !== 'linux' || process.arch !== 'x64') return
  const flags = /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' ')
  if (flags === undefined) return
  const lacking = isa.split(/\s+/).filter((name) => FLAGS[name] !== undefined && !flags.includes(FLAGS[name] as string))
  if (lacking.length > 0) {
    throw new Error(
      `it was compiled for processors with ${lacking.join(', ')}, which this one lacks: compile it here, or with the ` +
        'options cpp.simdlen=1 and cpp.march=""',
    )
  }
}
