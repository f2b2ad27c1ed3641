// What the cases of fixtures/parameters.json are made of and what is seen of them: scripts/reference/parameter_world.py,
// in TypeScript.

import torch, { nn, type Tensor } from '../lib/index.js'

// biome-ignore lint/suspicious/noExplicitAny: the cases name what they call, and describe what they give
type Any = any
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

const LEAVES = new Map<string, Tensor>()
const EVENTS: Json[] = []
const MADE: Any[] = []
const AGAIN: Tensor[] = []
/** The number of parameters up to which each is looked at. */
const MANY = 8

/** What stands at a path of names under torch. */
export const named = (path: string): Any => path.split('.').reduce((owner: Any, name) => owner?.[name], torch as Any)

// --- tensors without random numbers ---------------------------------------------------------------------------

const count = (shape: number[]): number => shape.reduce((a, b) => a * b, 1)

function pattern(shape: number[], seed: number, value: (place: number) => number, dtype: torch.DType): Tensor {
  const places = Array.from({ length: count(shape) }, (_, i) => value(i * 13 + seed * 7))
  return torch.tensor(places, { dtype }).reshape(shape)
}

const tensor = (shape: number[], seed = 0, dtype = 'float32'): Tensor =>
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

  override forward(x: Tensor): Tensor {
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

function optimizer(resumed = false): Any {
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

// --- observations -------------------------------------------------------------------------------------------------

const number = (value: number): Json =>
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
function gradsOf(module: nn.Module): Json {
  const all = module.named_parameters()
  if (all.length <= MANY) return Object.fromEntries(all.map(([name, value]) => [name, seen(value.grad)]))
  const squares = all.map(([, { grad }]) => (grad === null ? 0 : grad.double().square().sum().item()))
  return { all: number(Math.sqrt(squares.reduce((a, b) => a + b, 0))) }
}

/** A value as JSON. */
export function seen(value: Any): Json {
  if (value === undefined || value === null) return null
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

/** A loss in which each element has a weight of its own. */
function weighted(outputs: Any): Tensor | null {
  const tensors = [outputs].flat(2).filter((part) => part instanceof torch.Tensor && part.requires_grad)
  return tensors.reduce((sum: Tensor | null, part: Tensor) => {
    const term = part
      .to_dense()
      .mul(tensor(part.shape, 11, 'float64'))
      .sum()
    return sum === null ? term : sum.add(term)
  }, null)
}

export type Make = () => Any

/** `settings`: the names of those that Python has. */
export function watchModule(make: Make, inputs: Json[] | null, settings: string[]): Json {
  torch.manual_seed(0)
  const module = make()
  const result = seen(module) as Record<string, Json>
  result.settings = Object.fromEntries(settings.map((name) => [name, seen(module[name])]))
  const parameters: nn.Parameter[] = module.parameters()
  if (inputs === null || parameters.some((value) => value.device.type === 'meta')) return result
  const dtype = parameters.find((value) => value.dtype.is_floating_point)?.dtype
  const given = inputs.map(made).map((value) => {
    const casts = dtype !== undefined && value instanceof torch.Tensor && value.dtype.is_floating_point
    return casts ? value.to(dtype) : value
  })
  const [first] = given
  const before = first instanceof torch.Tensor ? first.clone() : null
  torch.manual_seed(1)
  const output = module(...given)
  result.output = seen(output)
  result.changes_input = before !== null && !torch.equal(before, first as Tensor)
  result.repr = String(module)
  const loss = weighted(output)
  if (loss !== null) {
    loss.backward()
    result.grads = gradsOf(module)
  }
  return result
}

export function watchOptimizer(make: Make): Json {
  const optimizer = make()
  const parameters: Tensor[] = optimizer.param_groups.flatMap((group: Any) => group.params)
  const closure = () => {
    optimizer.zero_grad()
    const losses =
      optimizer.constructor.name === 'SparseAdam'
        ? [
            nn.functional
              .embedding(torch.tensor([0, 1, 0], { dtype: torch.int64 }), parameters[0] as Tensor, { sparse: true })
              .square()
              .sum(),
          ]
        : parameters.map((value) => value.mul(tensor(value.shape, 3)).add(value.pow(4).div(4)).sum())
    const loss = losses.reduce((sum, term) => sum.add(term))
    loss.backward()
    return loss
  }
  const { params: _, ...group } = optimizer.param_groups[0]
  const settings = seen(group) as Record<string, Json>
  if (optimizer.constructor !== torch.optim.Optimizer && !settings.differentiable && !settings.capturable) {
    for (let i = 0; i < 2; i++) optimizer.step(closure)
  }
  return { settings, params: seen(parameters) }
}

export function watchScheduler(make: Make): Json {
  const scheduler = make()
  const rates = [1, 0.99995, 0.9999, 2, 1, 3, 1].map((metric) => {
    const now = MADE[0].param_groups.flatMap((group: Any) => [number(group.lr), number(group.momentum)])
    MADE[0].step()
    if (scheduler.constructor.name === 'ReduceLROnPlateau') scheduler.step(metric)
    else scheduler.step()
    return now
  })
  return { rates }
}

function afterSteps(scaler: torch.amp.GradScaler): unknown[] {
  const made = optimizer()
  const scales = [1, Number.POSITIVE_INFINITY, 1].map((value) => {
    scaler.scale(tensor([1]))
    ;(LEAVES.get('a') as Tensor).grad = torch.tensor([value, 2])
    scaler.step(made)
    scaler.update()
    return scaler.get_scale()
  })
  return [scales, ...LEAVES.values()]
}

function afterStep(optimizer: Any): Tensor[] {
  optimizer.step()
  return optimizer.param_groups.flatMap((group: Any) => group.params)
}

function outcome(run: () => void): 'done' | 'failed' {
  try {
    run()
    return 'done'
  } catch {
    return 'failed'
  }
}

const AFTER: Record<string, (self: Any, value: Any) => void> = {
  forward: (self) => EVENTS.push(seen(self(tensor([1, 2])))),
  failing: (self) => {
    if (outcome(() => self(tensor([1, 5]))) === 'failed') EVENTS.push('failed')
  },
  backward: (self) => self.sum().backward(),
  'backward again': () => {
    EVENTS.push(outcome(() => (AGAIN.at(-1) as Tensor).sum().backward()) === 'done' ? 'again' : 'freed')
  },
  print: () => EVENTS.push(String(torch.linspace(0, 1234.5678, 7).reshape(1, 7))),
  'print many': () => EVENTS.push(String(torch.arange(1500, { dtype: torch.float32 }))),
  dtype: () => EVENTS.push(String(torch.tensor([1.5]).dtype)),
  deterministic: () =>
    EVENTS.push([
      torch.are_deterministic_algorithms_enabled(),
      torch.is_deterministic_algorithms_warn_only_enabled(),
      torch.get_deterministic_debug_mode(),
    ]),
  precision: () => EVENTS.push(torch.get_float32_matmul_precision()),
  change: (_, value: Tensor) => value.add_(1),
  persistent: (_, value) => EVENTS.push(value.persistent),
  threads: () => EVENTS.push(torch.get_num_threads()),
  draw: () => EVENTS.push(seen(torch.rand(2))),
  'draw own': (self) => EVENTS.push(seen(torch.rand(2, { generator: self }))),
  anomaly: () => EVENTS.push([torch.autograd.is_anomaly_enabled(), torch.autograd.is_anomaly_check_nan_enabled()]),
  scaler: (self) =>
    EVENTS.push(
      seen([
        self.is_enabled(),
        ...[self.get_growth_factor(), self.get_backoff_factor(), self.get_growth_interval(), self.state_dict()],
      ]),
    ),
  steps: (self) => EVENTS.push(seen(afterSteps(self))),
  optimizer: (self) => EVENTS.push(seen([self.state_dict(), afterStep(self)])),
}

export function watchCall(call: Make, on: unknown, after: string | undefined, out: unknown): Json {
  torch.manual_seed(0)
  const value = call()
  const result = seen(value)
  if (after !== undefined) AFTER[after]?.(on ?? value, value)
  const observed: Json = { result: on !== null && value === on ? 'self' : result }
  if (out !== undefined) observed.out = seen(out)
  if (on instanceof torch.Tensor || on instanceof nn.Module) observed.self = seen(on)
  if (LEAVES.size > 0) {
    observed.grads = Object.fromEntries([...LEAVES].map(([name, value]) => [name, seen(value.grad)]))
  }
  if (EVENTS.length > 0) observed.events = [...EVENTS]
  return observed
}

export function watchContext(make: (body: () => Json) => Json): Json {
  return make(() => ({
    inside: [
      torch.is_autocast_enabled('cpu'),
      String(torch.get_autocast_dtype('cpu')),
      torch.is_autocast_cache_enabled(),
      torch.autograd.is_anomaly_enabled(),
      torch.autograd.is_anomaly_check_nan_enabled(),
    ],
    product: seen(tensor([2, 2]).matmul(tensor([2, 2], 1))),
  }))
}

/** Forgets what an earlier case left. */
export function fresh(): void {
  LEAVES.clear()
  for (const left of [EVENTS, MADE, AGAIN]) left.length = 0
  torch.set_default_dtype(torch.float32)
  torch.set_deterministic_debug_mode('default')
  torch.set_float32_matmul_precision('highest')
  torch.set_printoptions({ profile: 'default' })
  torch.autograd.set_detect_anomaly(false)
  torch.set_num_threads(1)
}
