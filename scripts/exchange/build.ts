// Optimizers and schedulers from the words of scripts/reference/schedulers.py and exchange.py, and their states as JSON.

import torch, { optim, type Tensor } from '../../lib/index.js'

export type SchedulerSpec = [kind: string, options: Record<string, unknown>]

// biome-ignore lint/suspicious/noExplicitAny: an optimizer of whatever settings
export type AnyOptimizer = optim.Optimizer<any>

const LAMBDAS: Record<string, (x: number) => number> = {
  slow: (epoch) => 1 / (1 + 0.05 * epoch),
  inverse: (epoch) => 1 / (epoch + 1),
  odd: (epoch) => (epoch % 2 === 0 ? 1.05 : 0.9),
}

/** A function that has a state. */
class Decay extends torch.Callable {
  constructor(public rate: number) {
    super()
  }

  override __call__(x: number): number {
    return 1 / (1 + (1 - this.rate) * x)
  }
}

function lambdaOf(text: string): (x: number) => number {
  if (!text.startsWith('Decay')) return LAMBDAS[text] as (x: number) => number
  return new Decay(Number(text.slice(5))) as unknown as (x: number) => number
}

function optionsOf(options: Record<string, unknown>): Record<string, unknown> {
  const built = { ...options }
  for (const name of ['lr_lambda', 'scale_fn']) {
    const value = built[name]
    if (Array.isArray(value)) built[name] = value.map(lambdaOf)
    else if (typeof value === 'string') built[name] = lambdaOf(value)
  }
  return built
}

type Make = new (...args: unknown[]) => optim.lr_scheduler.LRScheduler

const classes: Record<string, unknown> = { ...optim.lr_scheduler, ...optim.swa_utils }

export function schedulerOf(optimizer: AnyOptimizer, [kind, options]: SchedulerSpec): optim.lr_scheduler.LRScheduler {
  const inner = () => (options.schedulers as SchedulerSpec[]).map((spec) => schedulerOf(optimizer, spec))
  if (kind === 'SequentialLR')
    return new optim.lr_scheduler.SequentialLR(optimizer, inner(), options.milestones as number[])
  if (kind === 'ChainedScheduler') return new optim.lr_scheduler.ChainedScheduler(inner(), optimizer)
  return new (classes[kind] as Make)(optimizer, optionsOf(options))
}

export const isPlateau = (scheduler: unknown): scheduler is optim.lr_scheduler.ReduceLROnPlateau =>
  scheduler instanceof optim.lr_scheduler.ReduceLROnPlateau

// --- JSON -----------------------------------------------------------------------------------------------------

const SPECIAL: Record<string, number> = {
  inf: Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
  nan: Number.NaN,
}

const specialOf = (value: number): string => (Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf')

/** What JSON can hold: a tensor is its dtype, shape and elements; numbers that JSON has not are under `float`. */
export function encoded(value: unknown): unknown {
  if (torch.is_tensor(value)) {
    const flat = value.detach().flatten()
    const data = (value.is_complex() ? torch.view_as_real(flat).flatten() : flat).tolist() as number[]
    return { dtype: value.dtype.toString(), shape: [...value.shape], data: data.map(encoded) }
  }
  if (Array.isArray(value)) return value.map(encoded)
  if (typeof value === 'number') return Number.isFinite(value) ? value : { float: specialOf(value) }
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, encoded(item)]))
}

const dtypes = torch as unknown as Record<string, torch.DType>

/** The value that `encoded` wrote, here or in Python. */
export function decoded(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(decoded)
  if (typeof value !== 'object' || value === null) return value
  const fields = value as Record<string, unknown>
  if (typeof fields.float === 'string') return SPECIAL[fields.float]
  if (typeof fields.dtype === 'string' && Array.isArray(fields.shape)) {
    const dtype = dtypes[fields.dtype.replace('torch.', '')] as torch.DType
    const data = decoded(fields.data) as number[]
    if (!dtype.is_complex) return torch.tensor(data, { dtype }).reshape(fields.shape as number[])
    const part = dtype === torch.complex64 ? torch.float32 : torch.float64
    const pairs = torch.tensor(data, { dtype: part }).reshape([...(fields.shape as number[]), 2])
    return torch.view_as_complex(pairs)
  }
  return Object.fromEntries(Object.entries(fields).map(([name, item]) => [name, decoded(item)]))
}

export const tensorOf = (value: unknown): Tensor => decoded(value) as Tensor
