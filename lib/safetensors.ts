// The safetensors format: a length, a JSON header, the tensors' bytes. https://huggingface.co/docs/safetensors
// What it writes, Python's safetensors reads, and the other way round; a file holds data alone, no code.

import { readFileSync } from 'node:fs'
import { writeFileAtomic } from './core/atomic_file.js'
import { requireCuda } from './core/cuda_available.js'
import { type DeviceLike, device as deviceOf } from './core/device.js'
import type { DType } from './core/dtype.js'
import * as dtypes from './core/dtype.js'
import { native } from './core/native.js'
import { internals, type Tensor } from './core/tensor.js'
import { describe } from './operators/describe.js'

const NAMES = new Map<DType, string>([
  [dtypes.bool, 'BOOL'],
  [dtypes.uint8, 'U8'],
  [dtypes.int8, 'I8'],
  [dtypes.float8_e5m2, 'F8_E5M2'],
  [dtypes.float8_e4m3fn, 'F8_E4M3'],
  [dtypes.int16, 'I16'],
  [dtypes.uint16, 'U16'],
  [dtypes.float16, 'F16'],
  [dtypes.bfloat16, 'BF16'],
  [dtypes.int32, 'I32'],
  [dtypes.uint32, 'U32'],
  [dtypes.float32, 'F32'],
  [dtypes.float64, 'F64'],
  [dtypes.int64, 'I64'],
  [dtypes.uint64, 'U64'],
  [dtypes.complex64, 'C64'],
])
const DTYPES = new Map([...NAMES].map(([dtype, name]) => [name, dtype]))

interface Entry {
  dtype: string
  shape: number[]
  data_offsets: [begin: number, end: number]
}

/**
 * Writes tensors by name, with strings as metadata. The file is replaced whole or not at all.
 * @throws for a dtype that the format lacks, and what the file system says.
 */
export function save_file(
  tensors: Readonly<Record<string, Tensor>>,
  filename: string,
  { metadata = {} }: { metadata?: Readonly<Record<string, string>> } = {},
): void {
  const header: Record<string, Entry | Readonly<Record<string, string>>> = { __metadata__: metadata }
  const parts: Uint8Array[] = []
  let offset = 0
  for (const [name, tensor] of Object.entries(tensors)) {
    if (internals.isTensor(tensor)) continue
    throw new TypeError(`save_file(): '${name}' must be a Tensor, not ${describe(tensor)}`)
  }
  // Larger elements first, so that all are aligned.
  const entries = Object.entries(tensors).sort(([, a], [, b]) => b.itemsize - a.itemsize)
  for (const [name, tensor] of entries) {
    const dtype = NAMES.get(tensor.dtype)
    if (dtype === undefined) throw new TypeError(`safetensors has no ${tensor.dtype} (${name})`)
    const bytes = new Uint8Array(native.to_bytes(internals.handleOf(tensor)))
    header[name] = { dtype, shape: [...tensor.shape], data_offsets: [offset, offset + bytes.length] }
    offset += bytes.length
    parts.push(bytes)
  }
  const json = JSON.stringify(header)
  const text = new TextEncoder().encode(json.padEnd(json.length + ((8 - (Buffer.byteLength(json) % 8)) % 8)))
  const length = new Uint8Array(8)
  new DataView(length.buffer).setBigUint64(0, BigInt(text.length), true)
  writeFileAtomic(filename, [length, text, ...parts])
}

/**
 * Reads what `save_file` wrote, on whatever device the tensors were, to `device`.
 * @throws {Error} that says what is wrong where the file is damaged or not a safetensors file.
 */
export function load_file(
  filename: string,
  device: DeviceLike = 'cpu',
): { tensors: Record<string, Tensor>; metadata: Record<string, string> } {
  const { type } = deviceOf(device)
  if (type === 'cuda') requireCuda()
  const data = readFileSync(filename)
  const damaged = (problem: string) => new Error(`${filename} is not a safetensors file, or it is damaged: ${problem}`)
  if (data.length < 8) throw damaged(`it holds ${data.length} bytes`)
  const length = data.readBigUInt64LE(0)
  if (length > BigInt(data.length - 8)) throw damaged('its header is cut off')
  const start = 8 + Number(length)
  let header: Record<string, Entry>
  try {
    header = JSON.parse(data.toString('utf8', 8, start))
  } catch {
    throw damaged('its header cannot be read')
  }
  if (typeof header !== 'object' || header === null) throw damaged('its header is no object')
  const { __metadata__: metadata = {}, ...entries } = header as Record<string, Entry> & { __metadata__?: unknown }
  const tensors: Record<string, Tensor> = Object.create(null)
  for (const [name, entry] of Object.entries(entries)) {
    const dtype = DTYPES.get(entry?.dtype)
    const [begin, end] = Array.isArray(entry?.data_offsets) ? entry.data_offsets : [-1, -1]
    const shapeIsValid =
      Array.isArray(entry?.shape) && entry.shape.every((size) => Number.isSafeInteger(size) && size >= 0)
    if (dtype === undefined || !shapeIsValid) throw damaged(`'${name}' has no valid dtype and shape`)
    const size = entry.shape.reduce((product, dim) => product * dim, dtype.itemsize)
    const inside = Number.isSafeInteger(begin) && begin >= 0 && end - begin === size && start + end <= data.length
    if (!inside) throw damaged(`the data of '${name}' is cut off`)
    // A copy: the format does not align, typed arrays want it.
    const bytes = new Uint8Array(data.subarray(start + begin, start + end))
    const tensor = internals.wrap(native.from_bytes(bytes, dtype.code, entry.shape))
    tensors[name] = type === 'cpu' ? tensor : tensor.to({ device })
  }
  return { tensors, metadata: metadata as Record<string, string> }
}
