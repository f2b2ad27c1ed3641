// The files of the group `files`: 500 MB of tensors, as a large layer's and small ones.

import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../lib/core/package_root.js'

const FOLDER = join(packageRoot, 'out', 'bench_files')
/** Bytes of the data of a file. */
export const FILE_SIZE = 500e6

/** The file of an ending, made where it is not there. */
export async function fileFor(ending: 'safetensors' | 'pt'): Promise<string> {
  const file = join(FOLDER, `model.${ending}`)
  if (existsSync(file)) return file
  mkdirSync(FOLDER, { recursive: true })
  const { default: torch } = await import('../../lib/index.js')
  const state = Object.fromEntries([
    ...Array.from({ length: 12 }, (_, i) => [`layers.${i}.weight`, torch.rand(10_000, 1000)] as const),
    ...Array.from({ length: 200 }, (_, i) => [`layers.${i}.bias`, torch.rand(25_000)] as const),
  ])
  if (ending === 'pt') torch.save(state, file)
  else torch.safetensors.save_file(state, file)
  return file
}
