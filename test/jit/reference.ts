// Models of TorchScript's and what Python makes of them (scripts/reference/torchscript.py).

import torch from '../../lib/index.js'
import { fixture, type Values } from '../helpers.js'

export interface Case {
  // biome-ignore lint/suspicious/noExplicitAny: each case has a form of its own
  [name: string]: any
  file: string
}

export const cases = fixture<{ cases: Record<string, Case> }>('torchscript.json').cases

export const bytesOf = (name: string): Uint8Array => Buffer.from((cases[name] as Case).file, 'base64')

export const loaded = (name: string): torch.jit.ScriptModule => torch.jit.load(bytesOf(name))

export const dtypeNamed = (name: string): torch.DType =>
  (torch as unknown as Record<string, torch.DType>)[name.replace('torch.', '')] as torch.DType

export const tensorOf = ({ dtype, shape, data }: Values): torch.Tensor =>
  torch.tensor(data.map(Number), { dtype: dtypeNamed(dtype) }).reshape(shape)

/** A value as the script writes it, as an argument. */
export function argumentOf(written: unknown): unknown {
  if (Array.isArray(written)) return written.map(argumentOf)
  if (typeof written !== 'object' || written === null) return written
  const [[kind, content]] = Object.entries(written) as [[string, never]]
  switch (kind) {
    case 'tensor':
      return tensorOf(content)
    case 'complex':
      return { re: content[0], im: content[1] }
    case 'device':
      return torch.device(content)
    case 'dtype':
      return dtypeNamed(content)
    case 'float':
      return content === 'inf' ? Number.POSITIVE_INFINITY : Number(content)
    case 'bigint':
      return BigInt(content)
    case 'named':
      return Object.fromEntries(Object.entries(content).map(([name, value]) => [name, argumentOf(value)]))
    default: {
      const entries = (content as [unknown, unknown][]).map((pair) => pair.map(argumentOf) as [unknown, unknown])
      const plain = entries.every(([key]) => typeof key === 'string')
      return plain ? Object.fromEntries(entries) : new Map(entries)
    }
  }
}

/** A value in a form that can be compared: with plain objects and lists. */
export function comparable(value: unknown): unknown {
  if (value instanceof torch.Tensor)
    return { dtype: String(value.dtype), shape: [...value.shape], data: value.tolist() }
  if (Array.isArray(value)) return value.map(comparable)
  if (value instanceof Map) return [...value].map(comparable)
  if (value instanceof torch.Device) return String(value)
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, comparable(item)]))
  }
  return value
}
