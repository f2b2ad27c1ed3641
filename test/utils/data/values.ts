// Values as scripts/reference/data_loader.py writes them. Python's ints are bigints here, its floats numbers.

import torch, { type DType, Tensor } from '../../../lib/index.js'

export type Written = Record<string, unknown>

const exact = (number: unknown): unknown =>
  typeof number === 'bigint' ? (number < 2n ** 53n && number > -(2n ** 53n) ? Number(number) : String(number)) : number

/** A value in the script's words. */
export function written(value: unknown): Written {
  if (value instanceof Tensor) {
    const elements = value.flatten().tolist() as unknown[]
    return { tensor: [String(value.dtype).replace('torch.', ''), [...value.shape], elements.map(exact)] }
  }
  if (value === null) return { none: true }
  if (Array.isArray(value)) return { list: value.map(written) }
  if (typeof value === 'object') {
    return { dict: Object.fromEntries(Object.entries(value as object).map(([key, each]) => [key, written(each)])) }
  }
  const kind = { bigint: 'int', number: 'float', boolean: 'bool', string: 'str' }[typeof value as string] as string
  return { [kind]: exact(value) }
}

const ARRAYS: Record<string, { from(elements: never[]): unknown }> = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
}

/** The value of the script's words. */
export function read(text: Written): unknown {
  const [kind, value] = Object.entries(text)[0] as [string, never]
  switch (kind) {
    case 'tensor': {
      const [dtype, shape, elements] = value as [string, number[], number[]]
      return torch.tensor(elements, { dtype: torch[dtype as 'float32'] as DType }).reshape(shape)
    }
    case 'array': {
      const [dtype, elements] = value as [string, number[]]
      return ARRAYS[dtype]?.from((dtype === 'int64' ? elements.map(BigInt) : elements) as never[])
    }
    case 'none':
      return null
    case 'list':
      return (value as Written[]).map(read)
    case 'dict':
      return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, read(each as Written)]))
    case 'int':
      return BigInt(value)
    case 'sparse':
      return torch.eye(value).to_sparse()
    case 'object':
      // Of a class that no loader knows, named as Python's.
      return Object.create({ constructor: { name: 'object' } })
    default:
      return value
  }
}
