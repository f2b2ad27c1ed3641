// A safetensors file begins with the length of its header and the header, JSON: each tensor's dtype, shape and place,
// and strings as metadata. https://huggingface.co/docs/safetensors

import { TextDecoder } from 'node:util'
import type { DType } from '../core/dtype.js'
import * as dtypes from '../core/dtype.js'
import type { Tensor } from '../core/tensor.js'
import { internals } from '../core/tensor.js'
import { describe } from '../operators/describe.js'
import { SafetensorError } from './error.js'
import { hasLoneSurrogate, type Json, parseJson } from './json.js'

/** The format's names, in the order in which Python's safetensors sorts them. */
const NAMES = new Map<DType, string>([
  [dtypes.bool, 'BOOL'],
  [dtypes.float4_e2m1fn_x2, 'F4'],
  [dtypes.uint8, 'U8'],
  [dtypes.int8, 'I8'],
  [dtypes.float8_e5m2, 'F8_E5M2'],
  [dtypes.float8_e4m3fn, 'F8_E4M3'],
  [dtypes.float8_e8m0fnu, 'F8_E8M0'],
  [dtypes.float8_e4m3fnuz, 'F8_E4M3FNUZ'],
  [dtypes.float8_e5m2fnuz, 'F8_E5M2FNUZ'],
  [dtypes.int16, 'I16'],
  [dtypes.uint16, 'U16'],
  [dtypes.float16, 'F16'],
  [dtypes.bfloat16, 'BF16'],
  [dtypes.int32, 'I32'],
  [dtypes.uint32, 'U32'],
  [dtypes.float32, 'F32'],
  [dtypes.complex64, 'C64'],
  [dtypes.float64, 'F64'],
  [dtypes.int64, 'I64'],
  [dtypes.uint64, 'U64'],
])
const DTYPES = new Map([...NAMES].map(([dtype, name]) => [name, dtype]))
/** How many numbers an element holds: the format counts those. */
const numbersIn = (dtype: DType): number => (dtype === dtypes.float4_e2m1fn_x2 ? 2 : 1)
const RANKS = new Map([...NAMES.keys()].map((dtype, rank) => [dtype, rank]))

/** The name under which a header keeps its metadata. */
const METADATA = '__metadata__'
/** A longer header is neither read nor written, as in Python. */
const LONGEST = 100_000_000
/** The bytes of a header's length. */
export const LENGTH = 8
/** Python counts in 64 bits. */
const LARGEST = 2n ** 64n

// --- writing --------------------------------------------------------------------------------------------------

export interface Layout {
  /** The header with its length before it. */
  header: Uint8Array
  /** In the order of their data. */
  tensors: Tensor[]
  /** Bytes of the data. */
  size: number
}

/**
 * The header for tensors, and their order: as Python's, so that its files are the same byte for byte.
 * @throws for what the format cannot hold.
 */
export function layout(
  callee: string,
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> | null,
): Layout {
  if (typeof tensors !== 'object' || tensors === null || internals.isTensor(tensors)) {
    throw new TypeError(`${callee}(): argument 'tensors' must be an object of tensors, not ${describe(tensors)}`)
  }
  const named = Object.entries(tensors)
  for (const [name, tensor] of named) checkTensor(callee, name, tensor)
  named.sort(([a, x], [b, y]) => rankOf(y) - rankOf(x) || Buffer.compare(Buffer.from(a), Buffer.from(b)))
  const fields: string[] = metadata === null ? [] : [`"${METADATA}":${metadataText(callee, metadata)}`]
  let size = 0
  for (const [name, tensor] of named) {
    const begin = size
    size += tensor.numel() * tensor.itemsize
    const shape = [...tensor.shape.slice(0, -1), ...tensor.shape.slice(-1).map((dim) => dim * numbersIn(tensor.dtype))]
    const entry = { dtype: NAMES.get(tensor.dtype), shape, data_offsets: [begin, size] }
    fields.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`)
  }
  const text = Buffer.from(`{${fields.join(',')}}`)
  const length = Math.ceil(text.length / LENGTH) * LENGTH
  if (length > LONGEST) {
    throw new SafetensorError(`${callee}(): the header takes ${length} bytes, and the format allows ${LONGEST}`)
  }
  const header = new Uint8Array(LENGTH + length).fill(0x20)
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true)
  header.set(text, LENGTH)
  return { header, tensors: named.map(([, tensor]) => tensor), size }
}

const rankOf = (tensor: Tensor): number => RANKS.get(tensor.dtype) as number

function checkTensor(callee: string, name: string, tensor: Tensor): void {
  if (!internals.isTensor(tensor)) {
    throw new TypeError(`${callee}(): '${name}' must be a Tensor, not ${describe(tensor)}`)
  }
  if (name === METADATA) throw new SafetensorError(`${callee}(): no tensor can be called '${METADATA}'`)
  checkText(callee, 'the name of a tensor', name)
  if (!NAMES.has(tensor.dtype)) throw new TypeError(`${callee}(): safetensors has no ${tensor.dtype} (${name})`)
  if (tensor.dim() === 0 && numbersIn(tensor.dtype) > 1) {
    throw new SafetensorError(
      `${callee}(): '${name}' has no dimensions: the format has no half a byte (${tensor.dtype})`,
    )
  }
  if (tensor.layout.toString() !== 'torch.strided') {
    throw new TypeError(`${callee}(): '${name}' is sparse, which safetensors cannot hold; use to_dense() first`)
  }
  if (tensor.device.type === 'meta') throw new TypeError(`${callee}(): '${name}' is on the meta device: it has no data`)
}

function metadataText(callee: string, metadata: Readonly<Record<string, string>>): string {
  if (typeof metadata !== 'object' || Array.isArray(metadata) || internals.isTensor(metadata)) {
    throw new TypeError(`${callee}(): argument 'metadata' must be an object of strings, not ${describe(metadata)}`)
  }
  const fields = Object.entries(metadata).map(([name, value]) => {
    if (typeof value !== 'string') {
      throw new TypeError(`${callee}(): metadata must be strings, but '${name}' is ${describe(value)}`)
    }
    checkText(callee, 'a name in the metadata', name)
    checkText(callee, `metadata '${name}'`, value)
    return `${JSON.stringify(name)}:${JSON.stringify(value)}`
  })
  return `{${fields.join(',')}}`
}

function checkText(callee: string, what: string, text: string): void {
  if (hasLoneSurrogate(text)) {
    throw new SafetensorError(`${callee}(): ${what} holds half a surrogate pair, which UTF-8 cannot hold`)
  }
}

// --- reading --------------------------------------------------------------------------------------------------

export interface Entry {
  name: string
  dtype: DType
  /** The dtype and shape in the format's words. */
  listed: { dtype: string; shape: (number | bigint)[] }
  /** Sizes beyond 2^53 are bigints: an empty tensor may have them. */
  shape: (number | bigint)[]
  /** Where its data begins, counted from the header's end. */
  begin: number
  /** Bytes of its data. */
  size: number
}

export interface Header {
  /** In the order of their data, which has neither holes nor overlaps. */
  entries: Entry[]
  metadata: Record<string, string> | null
  /** Bytes of the data. */
  size: number
}

/** A header's length, from the first bytes of a file. */
export function headerLength(bytes: Uint8Array): number {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true)
  if (length > BigInt(LONGEST)) throw new SafetensorError('its header is too large')
  return Number(length)
}

/** @throws {SafetensorError} that says what is wrong. */
export function parseHeader(bytes: Uint8Array): Header {
  let json: Json
  try {
    json = parseJson(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch (error) {
    throw new SafetensorError(`its header cannot be read: ${(error as Error).message}`)
  }
  if (!(json instanceof Map)) throw new SafetensorError('its header is no object')
  const metadata = parseMetadata(json.get(METADATA) ?? null)
  json.delete(METADATA)
  const entries = [...json].map(([name, entry]) => parseEntry(name, entry))
  entries.sort((a, b) => a.begin - b.begin || a.size - b.size)
  let size = 0
  for (const entry of entries) {
    if (entry.begin !== size) {
      throw new SafetensorError(`the data of '${entry.name}' begins at ${entry.begin}, but should begin at ${size}`)
    }
    size += entry.size
  }
  return { entries, metadata, size }
}

function parseMetadata(json: Json): Record<string, string> | null {
  if (json === null) return null
  if (!(json instanceof Map)) throw new SafetensorError('its metadata is no object')
  const metadata: Record<string, string> = Object.create(null)
  for (const [name, value] of json) {
    if (typeof value !== 'string') throw new SafetensorError(`its metadata '${name}' is no string`)
    metadata[name] = value
  }
  return metadata
}

const isWhole = (value: Json): value is bigint => typeof value === 'bigint'

function parseEntry(name: string, json: Json): Entry {
  const field = (key: string): Json => (json instanceof Map ? (json.get(key) ?? null) : null)
  const [code, shape, offsets] = [field('dtype'), field('shape'), field('data_offsets')]
  const dtype = typeof code === 'string' ? DTYPES.get(code) : undefined
  if (dtype === undefined || !Array.isArray(shape) || !shape.every(isWhole)) {
    throw new SafetensorError(`'${name}' has no valid dtype and shape`)
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isWhole)) {
    throw new SafetensorError(`'${name}' has no valid place`)
  }
  let size = 1n
  for (const factor of [...shape, BigInt((8 * dtype.itemsize) / numbersIn(dtype))]) {
    size *= factor
    if (size >= LARGEST) throw new SafetensorError(`the shape of '${name}' is too large`)
  }
  if (size % 8n !== 0n || (shape.at(-1) ?? 0n) % BigInt(numbersIn(dtype)) !== 0n) {
    throw new SafetensorError(`the shape of '${name}' does not end with a byte's last number`)
  }
  size /= 8n
  const [begin, end] = offsets as [bigint, bigint]
  if (end - begin !== size) {
    throw new SafetensorError(`the data of '${name}' is ${end - begin} bytes, but its dtype and shape take ${size}`)
  }
  if (end > BigInt(Number.MAX_SAFE_INTEGER)) throw new SafetensorError(`the data of '${name}' is cut off`)
  const inElements = shape.map((dim, i) => (i === shape.length - 1 ? dim / BigInt(numbersIn(dtype)) : dim))
  const numbers = (dims: bigint[]) => dims.map((dim) => (dim <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(dim) : dim))
  return {
    name,
    dtype,
    listed: { dtype: code as string, shape: numbers(shape) },
    shape: numbers(inElements),
    begin: Number(begin),
    size: Number(size),
  }
}
