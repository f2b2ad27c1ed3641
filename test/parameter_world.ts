// What the cases of fixtures/parameters.json are made of: scripts/reference/parameter_world.py, in TypeScript.

import torch, { nn, type Tensor } from '../lib/index.js'
import { type Json, seen } from './parameter_seen.js'

// biome-ignore lint/suspicious/noExplicitAny: the cases name what they call, and describe what they give
type Any = any

/** The leaves that a case made, by name: their gradients are seen at its end. */
export const LEAVES = new Map<string, Tensor>()
/** What hooks and other functions said while a case ran. */
export const EVENTS: Json[] = []
/** The case's optimizer. */
export const MADE: Any[] = []
/** What backward was called on. */
export const AGAIN: Tensor[] = []

/** What is at a path of names under torch. */
export const named = (path: string): Any => path.split('.').reduce((owner: Any, name) => owner?.[name], torch as Any)

// --- tensors without random numbers ---------------------------------------------------------------------------

const count = (shape: number[]): number => shape.reduce((a, b) => a * b, 1)

function pattern(shape: number[], seed: number, value: (place: number) => number, dtype: torch.DType): Tensor {
  const places = Array.from({ length: count(shape) }, (_, i) => value(i * 13 + seed * 7))
  return torch.tensor(places, { dtype }).reshape(shape)
}

export const tensor = (shape: number[], seed = 0, dtype = 'float32'): Tensor =>
  pattern(shape, seed, (place) => ((place % 37) - 18) / 8, named(dtype))

function gaps(shape: number[], seed = 0): Tensor {
  return pattern(shape, seed, (place) => ((place % 37) - 18 < -12 ? 0 : ((place % 37) - 18) / 8), torch.float32)
}

function leaf(name: string, shape: number[], seed = 0, dtype = 'float32'): Tensor {
  const known = LEAVES.get(name) ?? tensor(shape, seed, dtype).requires_grad_()
  LEAVES.set(name, known)
  return known
}

function filled<M extends nn.Module>(module: M): M {
  torch.no_grad(() => {
    for (const [i, parameter] of module.parameters().entries()) parameter.copy_(tensor(parameter.shape, i).div(4))
  })
  return module
}

function trained(): Tensor[] {
  for (const [i, shape] of [[2, 2], [3]].entries()) leaf(`p${i}`, shape, i).grad = tensor(shape, i + 2)
  return [...LEAVES.values()]
}

class Net extends nn.Module {
  scale = new nn.Parameter(tensor([2], 1))
  tied = this.scale
  first = new nn.Linear(2, 2)
  again = this.first
  block = new nn.Sequential(new nn.Linear(2, 2), new nn.Tanh())
  kept = new nn.Buffer(tensor([2], 2))
  passing = new nn.Buffer(tensor([1], 3), { persistent: false })
  same = this.kept

  constructor() {
    super()
    this.block.register_buffer('deep', tensor([1], 4))
  }

  forward(x: Tensor): Tensor {
    return this.block(this.again(this.first(x))).mul(this.scale)
  }
}

function net(mode = 'train'): Net {
  const made = filled(new Net())
  if (mode === 'grads')
    made(tensor([3, 2]))
      .sum()
      .backward()
  return made
}

export function optimizer(resumed = false): Any {
  if (MADE.length > 0) return MADE[0]
  const groups = [{ params: [leaf('a', [2])] }, { params: [leaf('b', [3], 1)], lr: 0.5 }]
  const made = new torch.optim.SGD(groups, { lr: 0.1, momentum: 0.9 })
  if (resumed) for (const group of made.param_groups as Any[]) group.initial_lr = group.lr
  for (const value of LEAVES.values()) value.grad = tensor(value.shape, 5)
  MADE.push(made)
  return made
}

function scaler(): torch.amp.GradScaler {
  const made = new torch.amp.GradScaler('cpu', { init_scale: 8, growth_interval: 1 })
  made.scale(tensor([2]))
  return made
}

function scaled(): torch.amp.GradScaler {
  const made = scaler()
  made.unscale_(optimizer())
  return made
}

function hooked(register: string): nn.Module {
  const layer = filled(new nn.Linear(2, 2))
  ;(layer as Any)[register](FUNCTIONS.first)
  return layer
}

function endless(): Tensor[] {
  const p = leaf('p', [2])
  p.grad = torch.tensor([Number.POSITIVE_INFINITY, 1])
  return [p]
}

function cubes(name: string, shape: number[]): Tensor {
  const made = leaf(name, shape).pow(3)
  AGAIN.push(made)
  return made
}

function net_state(without: string | null = null, dtype = 'float32'): Record<string, Tensor> {
  const entries = Object.entries(new Net().state_dict()).filter(([name]) => name !== without)
  return Object.fromEntries(entries.map(([name, value]) => [name, tensor(value.shape, 9, dtype)]))
}

function stepped(): torch.optim.SGD {
  const groups = [{ params: [tensor([2], 4).requires_grad_()] }, { params: [tensor([3], 6).requires_grad_()] }]
  const made = new torch.optim.SGD(groups, { lr: 0.25, momentum: 0.5 })
  for (const { params } of made.param_groups) for (const value of params) value.grad = tensor(value.shape, 7)
  made.step()
  return made
}

const event =
  (name: string, result?: unknown) =>
  (...args: unknown[]): unknown => {
    EVENTS.push([name, ...args.map((arg) => (arg instanceof nn.Module ? arg.constructor.name : seen(arg)))])
    return result
  }

const FUNCTIONS: Record<string, (...args: Any[]) => unknown> = {
  cubes: (x: Tensor) => x.pow(3),
  cubed_sum: (x: Tensor) => x.pow(3).sum(),
  constant: () => torch.ones(3),
  total: (x: Tensor) => x.sum(),
  half_wrong: (x: Tensor) => x.mul(x.detach()),
  half_wrong_twice: (x: Tensor) => x.pow(2).mul(x.detach()),
  double: (x: Tensor | number) => (typeof x === 'number' ? 2 * x : x.mul(2)),
  add: (a: number, b: number) => a + 10 * b,
  distance: (a: Tensor, b: Tensor) => a.sub(b).abs().sum(1),
  first: event('first'),
  second: event('second'),
  power: (epoch: number) => 0.5 ** epoch,
  freeze: (module: nn.Module) => {
    if (module instanceof nn.Linear) module.requires_grad_(false)
  },
  loss: event('closure', 1.5),
  say: (message: string) => `mine: ${message.split('\n')[0]}`,
}

const MAKERS: Record<string, (...args: Any[]) => unknown> = {
  tensor,
  leaf,
  net,
  optimizer,
  scaler,
  scaled,
  trained,
  hooked,
  endless,
  cubes,
  net_state,
  unit: (shape: number[], seed = 0) => pattern(shape, seed, (place) => ((place % 37) + 1) / 64, torch.float32),
  ints: (shape: number[], below: number, seed = 0) => pattern(shape, seed, (place) => place % below, torch.int64),
  device: torch.device,
  values: (data: Any, dtype = 'float32') => torch.tensor(data, { dtype: named(dtype) }),
  parameter: (shape: number[], seed = 0) => new nn.Parameter(tensor(shape, seed)),
  torch: named,
  generator: (seed: number) => new torch.Generator().manual_seed(seed),
  state: (seed: number) => new torch.Generator().manual_seed(seed).get_state(),
  function: (name: string) => FUNCTIONS[name],
  module: (name: string, ...args: unknown[]) => filled(new (nn as Any)[name](...args)),
  packed: (lengths: number[]) =>
    nn.utils.rnn.pack_padded_sequence(tensor([3, lengths.length, 2]), lengths, { enforce_sorted: false }),
  sparse: (shape: number[], seed = 0) => gaps(shape, seed).to_sparse(),
  csr: (shape: number[], seed = 0) => gaps(shape, seed).to_sparse_csr(),
  dense: gaps,
  transposed: (shape: number[], seed = 0) => tensor(shape, seed).t(),
  eval: (module: nn.Module) => module.eval(),
  optimizer_state: () => stepped().state_dict(),
  scheduler: (name: string, ...args: unknown[]) => new (torch.optim as Any).lr_scheduler[name](optimizer(), ...args),
}

/** A value of its description: {"tensor": [[2, 3]]} is what the maker of that name makes. */
export function made(value: Json): unknown {
  if (Array.isArray(value)) return value.map(made)
  if (value === 'inf') return Number.POSITIVE_INFINITY
  if (value === 'nan') return Number.NaN
  if (typeof value !== 'object' || value === null) return value
  const [[name, args]] = Object.entries(value) as [[string, Json]]
  if (name === 'dict') return Object.fromEntries(Object.entries(args as object).map(([key, item]) => [key, made(item)]))
  return (MAKERS[name] as (...args: unknown[]) => unknown)(...(args as Json[]).map(made))
}
