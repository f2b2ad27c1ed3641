// The kinds of files: those that are changed, and what is done with each.

import torch, { type Tensor } from '../../../lib/index.js'
import { type Format, SAFETENSORS } from './mutate.js'

export interface Kind {
  name: string
  /** How its files end. */
  ending: string
  format: Format
  files(): Buffer[]
  /** Reads a file, or its bytes, and uses what was in it. */
  load(source: string | Buffer): void
}

/** Tensors of more elements are not read through: their data need not be in the file (expand). */
const LARGEST = 1 << 20

/** Reads all elements. */
export function touch(tensor: Tensor): void {
  String(tensor.shape)
  if (tensor.numel() > LARGEST) return
  tensor.clone()
  tensor.tolist()
}

const bytesOf = (tensors: Record<string, Tensor>, metadata?: Record<string, string>) =>
  Buffer.from(torch.safetensors.save(tensors, metadata))

const { arange } = torch
const DTYPES = [torch.bool, torch.uint8, torch.int16, torch.bfloat16, torch.float8_e5m2, torch.complex64, torch.uint64]

const safetensors: Kind = {
  name: 'safetensors',
  ending: 'safetensors',
  format: SAFETENSORS,
  files: () => [
    bytesOf({}),
    bytesOf({ x: torch.ones(2, 3) }),
    bytesOf({ x: arange(1000), empty: torch.ones(0, 3), one: torch.tensor(1) }, { format: 'pt', a: 'ü' }),
    bytesOf(Object.fromEntries(DTYPES.map((dtype) => [String(dtype), arange(6).to(dtype)]))),
    bytesOf(Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`layers.${i}.weight`, torch.ones(3)]))),
  ],
  load(source) {
    const { load, load_file, safe_open } = torch.safetensors
    if (typeof source !== 'string') {
      Object.values(load(source)).forEach(touch)
      return
    }
    Object.values(load_file(source)).forEach(touch)
    using opened = safe_open(source, { backend: 'pread' })
    opened.metadata()
    for (const name of opened.keys()) touch(opened.get_slice(name).index('...'))
  },
}

export const KINDS: readonly Kind[] = [safetensors]
