// Calls, and what is seen of them: scripts/reference/parameter_watch.py, in TypeScript.

import torch, { nn, type Tensor } from '../lib/index.js'
import { gradsOf, type Json, number, seen } from './parameter_seen.js'
import { AGAIN, EVENTS, LEAVES, MADE, made, optimizer, tensor } from './parameter_world.js'

// biome-ignore lint/suspicious/noExplicitAny: the cases name what they call
type Any = any

/** A loss in which each element has a weight of its own. */
function weighted(outputs: Any): Tensor | null {
  const listed = outputs instanceof torch.Tensor ? [outputs] : [...outputs]
  const tensors = listed.flat(2).filter((part) => part instanceof torch.Tensor && part.requires_grad)
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

interface Look {
  /** What is done after the call. */
  after?: string
  /** Whether the signs of the result are free. */
  unsigned?: boolean
}

export function watchCall(call: Make, on: unknown, out: unknown, { after, unsigned }: Look): Json {
  torch.manual_seed(0)
  const value = call()
  const result = seen(unsigned === true ? value.map((part: Tensor) => part.abs()) : value)
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
