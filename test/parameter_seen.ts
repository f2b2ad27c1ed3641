// What is seen of a value, as JSON: scripts/reference/parameter_seen.py, in TypeScript.

import torch, { nn, type Tensor } from '../lib/index.js'

// biome-ignore lint/suspicious/noExplicitAny: it is what the library gives
type Any = any
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

/** The number of a module's tensors up to which the elements of each are looked at. */
const MANY = 8

export const number = (value: number): Json =>
  Number.isFinite(value) ? value : Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
const list = (numbers: readonly number[]): string => `[${numbers.join(', ')}]`

function describe(value: Tensor): string {
  let text = `${String(value.dtype).slice(6)}${list(value.shape)}`
  if (value.layout !== torch.strided) text += ` ${String(value.layout).slice(6)}`
  else if (!value.is_contiguous()) text += ` by ${list(value.stride())}`
  if (value.device.type !== 'cpu') text += ` on ${value.device.type}`
  return text + (value.requires_grad ? ' grad' : '')
}

function elements(value: Tensor): Json[] {
  let flat = (value.layout === torch.strided ? value : value.to_dense()).detach()
  if (flat.is_complex()) flat = torch.view_as_real(flat.resolve_conj())
  flat = flat.flatten().double()
  const size = flat.numel()
  if (size > 6) {
    const root = flat.square().mean().sqrt()
    const some = flat.index_select(0, torch.tensor([0, Math.floor(size / 2), size - 1], { dtype: torch.int64 }))
    flat = torch.cat([some, root.reshape(1)])
  }
  return (flat.tolist() as number[]).map(number)
}

function state(module: nn.Module): Record<string, Json> {
  const all = { remove_duplicate: false }
  const kept = module.state_dict()
  const values: [string, Tensor][] = [...module.named_parameters(all), ...module.named_buffers(all)]
  const look = (value: Tensor): Json => (values.length > MANY ? (seen(value) as Json[])[0] : seen(value)) as Json
  return Object.fromEntries(values.map(([name, value]) => [name in kept ? name : `${name}, not kept`, look(value)]))
}

/** The gradients; of many parameters, the root of the sum of their squares. */
export function gradsOf(module: nn.Module): Json {
  const all = module.named_parameters()
  if (all.length <= MANY) return Object.fromEntries(all.map(([name, value]) => [name, seen(value.grad)]))
  const squares = all.map(([, { grad }]) => (grad === null ? 0 : grad.double().square().sum().item()))
  return { all: number(Math.sqrt(squares.reduce((a, b) => a + b, 0))) }
}

/** A value as JSON. */
export function seen(value: Any): Json {
  if (value === undefined || value === null) return null
  if (value instanceof nn.UninitializedParameter || value instanceof nn.UninitializedBuffer) {
    return [`uninitialized ${String(value.dtype).slice('torch.'.length)} on ${value.device.type}`]
  }
  if (value instanceof torch.Tensor) {
    return value.device.type === 'meta' ? [describe(value)] : [describe(value), ...elements(value)]
  }
  if (value instanceof nn.Module) {
    const grads = value.parameters().map((parameter) => seen(parameter.grad))
    const shown = { repr: String(value), training: value.training, state: state(value) }
    return grads.some((grad) => grad !== null) ? { ...shown, grads } : shown
  }
  if (value instanceof torch.DType || value instanceof torch.Device || value instanceof torch.Layout)
    return String(value)
  if (typeof value === 'number') return number(value)
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'boolean' || typeof value === 'string') return value
  if (Object.hasOwn(value, 'bits') && Object.hasOwn(value, 'max')) return [value.bits, String(value.max)]
  if (typeof value[Symbol.iterator] === 'function') {
    return [...value].map((item) => (item instanceof nn.Module ? String(item) : seen(item)))
  }
  const prototype = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null || Object.hasOwn(value, 'missing_keys')) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, seen(item)]))
  }
  return null
}
