// Steps with modules: calls that fit and calls that do not, and changes of what they are made of.

import torch, { nn, type Tensor } from '../../../../lib/index.js'
import { Picks } from '../program.js'
import type { World } from '../world.js'

type AnyModule = nn.Module & Record<string, unknown>
type Build = (world: World, picks: Picks) => nn.Module

const size = (picks: Picks) => picks.of([2, 1, 3, 4, 0, -1, 17])

const recurrent: Build = (_, picks) => {
  const Layer = picks.of([nn.LSTM, nn.GRU, nn.RNN] as (typeof nn.RNN)[])
  return new Layer({
    input_size: size(picks),
    hidden_size: size(picks),
    num_layers: picks.of([1, 2, 1, 3]),
    bias: picks.below(4) > 0,
    bidirectional: picks.below(3) === 0,
    batch_first: picks.below(3) === 0,
    dropout: picks.of([0, 0, 0.5]),
    ...(picks.below(4) === 0 ? { proj_size: 1 } : {}),
  } as never)
}

const BUILDERS: Build[] = [
  recurrent,
  recurrent,
  recurrent,
  (_, picks) => new nn.Linear(size(picks), size(picks), picks.below(3) > 0),
  (_, picks) =>
    new nn.Embedding(size(picks), size(picks), {
      padding_idx: picks.of([null, 0, 1]),
      sparse: picks.below(2) === 0,
      max_norm: picks.of([null, 1]),
    }),
  (world, picks) => new nn.Sequential(...Array.from({ length: picks.below(3) }, () => module(world, picks))),
  (world, picks) => new nn.ModuleList([module(world, picks), module(world, picks)]),
  (_, picks) => new nn.Dropout(picks.of([0.5, 0, 1])),
  (_, picks) => picks.of([new nn.Tanh(), new nn.Softmax(0), new nn.CrossEntropyLoss(), new nn.MSELoss()]),
]

function module(world: World, picks: Picks): AnyModule {
  if (world.modules.length === 0) world.hold(world.modules, picks.of(BUILDERS)(world, picks))
  return world.modules.at(-1 - picks.below(world.modules.length)) as AnyModule
}

/** A parameter, and the module and name that it has there. */
function parameter(world: World, picks: Picks): [owner: AnyModule, name: string, value: Tensor] | null {
  const owner = module(world, picks)
  const named = owner.named_parameters()
  if (named.length === 0) return null
  const [path, value] = named[picks.below(named.length)] as [string, Tensor]
  const parts = path.split('.')
  const name = parts.pop() as string
  return [owner.get_submodule(parts.join('.')) as AnyModule, name, value]
}

/** An input that the module takes, and whatever else it may take. */
function inputs(world: World, target: AnyModule, picks: Picks): unknown[] {
  if (target instanceof nn.RNNBase) {
    const { input_size: features, batch_first: first, num_layers: layers, bidirectional, hidden_size: hidden } = target
    const [steps, batch] = [picks.of([3, 1, 0, 9]), picks.of([2, 1, 0])]
    const shape = picks.below(5) === 0 ? [steps, features] : first ? [batch, steps, features] : [steps, batch, features]
    const input = torch.randn(shape, { dtype: target.all_weights[0]?.[0]?.dtype }).requires_grad_(picks.below(2) === 0)
    const given =
      picks.below(4) === 0 && steps > 0 && shape.length === 3
        ? nn.utils.rnn.pack_padded_sequence(input, Array(batch).fill(picks.of([steps, 1])), first, false)
        : input
    if (picks.below(2) === 0) return [given]
    const rows = layers * (bidirectional ? 2 : 1)
    const width = target.proj_size > 0 ? target.proj_size : hidden
    const state = torch.zeros(rows, batch, width).requires_grad_(picks.below(2) === 0)
    return [given, target instanceof nn.LSTM ? [state, torch.zeros(rows, batch, hidden)] : state]
  }
  if (target instanceof nn.Embedding) return [torch.tensor([0n, BigInt(picks.of([0, 1, 5, -1]))])]
  if (target instanceof nn.Linear)
    return [torch.ones(picks.of([[target.in_features], [5, target.in_features], [2, 3, target.in_features]]))]
  if (target instanceof nn.CrossEntropyLoss) return [world.tensor(picks), torch.tensor([0n, 1n])]
  return [world.tensor(picks), world.tensor(picks)].slice(picks.below(2))
}

/** Other data for a parameter. */
function swapData(world: World, value: Tensor, picks: Picks): void {
  const other = picks.of([
    () => torch.ones(world.shape(picks)),
    () => value.data.double(),
    () => value.data.t(),
    () => torch.ones(value.numel()),
    () => world.tensor(picks),
    () => torch.zeros(4000, 100),
    () => value.data.to('meta'),
    () => value.data.view(-1),
  ])()
  world.set(value, 'data', other)
}

export const moduleSteps: Record<string, (world: World, picks: Picks) => unknown> = {
  /** A recurrent layer whose weights change before the forward or before the backward. */
  recurrent(world, picks) {
    const target = world.hold(world.modules, recurrent(world, picks)) as AnyModule
    const when = picks.of([0, 1, 2])
    const weights = target.parameters()
    const weight = weights[picks.below(weights.length)] as Tensor
    world.trace?.(String(target))
    const rest = picks.rest()
    if (when === 0) swapData(world, weight, new Picks(rest))
    const output = [target(...(inputs(world, target, picks) as never[]))].flat(2)[0] as Tensor
    if (when === 1) swapData(world, weight, new Picks(rest))
    world.keep(output)
    world.call(output.sum(), 'backward')
  },
  module(world, picks) {
    const made = world.hold(world.modules, picks.of(BUILDERS)(world, picks))
    world.trace?.(String(made))
  },
  forward(world, picks) {
    const target = module(world, picks)
    world.trace?.(`${target}(…)`)
    const args = inputs(world, target, picks)
    world.trace?.(`  of ${world.show(args)}`)
    world.keep(target(...(args as never[])))
  },
  forward_of_anything(world, picks) {
    const target = module(world, picks)
    const args = [
      picks.of([world.tensor(picks), world.packed.at(-1)]),
      picks.of([world.tensor(picks), world.junk(picks)]),
    ]
    world.keep(world.call(target, '__call__', ...args.slice(picks.below(2))))
  },
  parameter_data(world, picks) {
    const found = parameter(world, picks)
    if (found === null) return
    swapData(world, found[2], picks)
  },
  parameter_change(world, picks) {
    const found = parameter(world, picks)
    if (found === null) return
    const [owner, name, value] = found
    switch (picks.below(5)) {
      case 0:
        world.set(owner, name, picks.of([new nn.Parameter(torch.ones(world.shape(picks))), null, world.junk(picks)]))
        break
      case 1:
        world.set(value, 'requires_grad', picks.below(2) === 0)
        break
      case 2:
        world.set(value, 'grad', picks.of([null, torch.ones([...value.shape]), world.tensor(picks)]))
        break
      case 3:
        torch.no_grad(() => world.call(value, picks.of(['add_', 'mul_', 'resize_', 'fill_']), picks.of([1, 0])))
        break
      default:
        world.keep(value)
    }
  },
  setting(world, picks) {
    const target = module(world, picks)
    const keys = Object.keys(target)
    const name = keys[picks.below(Math.max(1, keys.length))] ?? 'training'
    const value = picks.of([0, 1, 7, -1, true, 'GRU', 'LSTM', world.junk(picks)])
    if (picks.below(4) === 0) delete target[name]
    else world.set(target, name, value)
  },
  module_hook(world, picks) {
    const name = picks.of(['register_forward_hook', 'register_forward_pre_hook'])
    const removable = world.call(module(world, picks), name, world.callback(picks))
    world.hold(world.removers, removable as { remove(): void })
  },
  state_dict(world, picks) {
    const state = world.call(module(world, picks), 'state_dict', { keep_vars: picks.below(2) === 0 }) as Record<
      string,
      unknown
    >
    if (picks.below(2) === 0) for (const key of Object.keys(state).slice(0, 1)) state[key] = world.junk(picks)
    world.hold(world.states, state)
  },
  load_state_dict(world, picks) {
    const target = module(world, picks)
    const state = picks.of([world.states.at(-1) ?? target.state_dict(), target.state_dict(), world.junk(picks)])
    world.call(target, 'load_state_dict', state, { strict: picks.below(2) === 0, assign: picks.below(2) === 0 })
  },
  convert(world, picks) {
    const target = module(world, picks)
    if (picks.below(2) === 0)
      world.call(target, 'to', picks.of([torch.float64, torch.float16, torch.bfloat16, 'meta', torch.float32]))
    else
      world.call(
        target,
        picks.of(['train', 'eval', 'zero_grad', 'requires_grad_', 'double', 'half', 'toString', 'parameters']),
      )
  },
  fused(world, picks) {
    const switches = torch.backends.tstorch as unknown as Record<string, boolean>
    const names = Object.keys(switches).filter((name) => typeof switches[name] === 'boolean')
    world.set(switches, picks.of(names), picks.below(3) === 0)
  },
  clip(world, picks) {
    const list = picks.of([module(world, picks).parameters(), [world.tensor(picks), world.tensor(picks)]])
    if (picks.below(3) === 0) world.call(nn.utils, 'clip_grad_value_', list, picks.of([1, 0, Number.NaN]))
    else
      world.keep(
        world.call(nn.utils, 'clip_grad_norm_', list, picks.of([1, 0]), { norm_type: picks.of([2, 1, Infinity, 0]) }),
      )
  },
}
