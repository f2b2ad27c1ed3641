// Steps with optimizers, packed sequences and files.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import torch, { nn, optim, type Tensor } from '../../../../lib/index.js'
import type { Picks } from '../program.js'
import type { World } from '../world.js'

type Optimizer = World['optimizers'][number]

function optimizer(world: World, picks: Picks): Optimizer {
  const made = world.optimizers
  if (made.length === 0) make(world, picks)
  return made.at(-1 - picks.below(made.length)) as Optimizer
}

function make(world: World, picks: Picks): void {
  const Kind = picks.of([optim.Adam, optim.SGD, optim.AdamW] as unknown as (new (...args: unknown[]) => Optimizer)[])
  const learned = world.modules.at(-1)?.parameters() ?? []
  const params = picks.of([
    learned.length > 0 ? learned : [world.tensor(picks)],
    [world.tensor(picks)],
    world.junk(picks),
  ])
  const lr = picks.of([0.1, torch.tensor(0.1), world.junk(picks)])
  const options = picks.of([
    {},
    { momentum: 0.9, nesterov: true },
    { amsgrad: true },
    { weight_decay: 0.1, maximize: true },
  ])
  world.trace?.(`new ${Kind.name}(${world.show(params)}, ${world.show({ lr, ...options })})`)
  world.hold(world.optimizers, new Kind(params, { lr, ...options }))
}

function states(world: World, picks: Picks): void {
  const target = optimizer(world, picks)
  const found = [...target.state.values()][0] as Record<string, unknown> | undefined
  if (found === undefined) return
  const name = picks.of(Object.keys(found))
  if (picks.below(2) === 0 && torch.is_tensor(found[name]))
    world.set(found[name], 'data', torch.ones(world.shape(picks)))
  else world.set(found, name, picks.of([torch.ones(world.shape(picks)), world.tensor(picks), world.junk(picks)]))
}

export const trainingSteps: Record<string, (world: World, picks: Picks) => unknown> = {
  optimizer: make,
  step(world, picks) {
    const target = optimizer(world, picks)
    world.call(target, 'step', ...(picks.below(3) === 0 ? [world.callback(picks)] : []))
  },
  train(world, picks) {
    const target = optimizer(world, picks)
    const loss = world.tensor(picks).sum()
    world.call(loss, 'backward', { retain_graph: picks.below(2) === 0 })
    world.call(target, 'step')
    if (picks.below(2) === 0) world.call(target, 'zero_grad', { set_to_none: picks.below(2) === 0 })
  },
  optimizer_state: states,
  optimizer_dict(world, picks) {
    const target = optimizer(world, picks)
    const state = world.call(target, 'state_dict') as { state: Record<string, Record<string, unknown>> }
    const first = Object.values(state.state)[0]
    if (first !== undefined && picks.below(2) === 0) first[picks.of(Object.keys(first))] = world.junk(picks)
    world.call(optimizer(world, picks), 'load_state_dict', picks.of([state, state, world.junk(picks)]))
  },
  param_group(world, picks) {
    const target = optimizer(world, picks)
    if (picks.below(2) === 0) world.call(target, 'add_param_group', { params: [world.tensor(picks)] })
    const group = target.param_groups[0] as unknown as Record<string, unknown>
    world.set(group, picks.of(Object.keys(group)), picks.of([world.junk(picks), [world.tensor(picks)], 0.5]))
  },
  pack(world, picks) {
    const input = picks.of([torch.randn(3, 2, 2), world.tensor(picks)])
    const lengths = picks.of([[3, 1], [1, 3], [0, 2], world.tensor(picks), torch.tensor([3n, 2n]), world.junk(picks)])
    world.keep(
      world.call(nn.utils.rnn, 'pack_padded_sequence', input, lengths, {
        batch_first: picks.below(3) === 0,
        enforce_sorted: picks.below(2) === 0,
      }),
    )
  },
  pack_by_hand(world, picks) {
    const sizes = picks.of([
      torch.tensor([2n, 1n]),
      torch.tensor([1n, 2n]),
      torch.tensor([-1n, 9n]),
      world.tensor(picks),
    ])
    const order = picks.of([null, torch.tensor([1n, 0n]), torch.tensor([9n, -9n]), world.tensor(picks)])
    const data = picks.of([torch.randn(3, 2), world.tensor(picks)])
    world.keep(new nn.utils.rnn.PackedSequence(data, sizes, order, picks.of([null, order, world.tensor(picks)])))
  },
  unpack(world, picks) {
    const packed = picks.of([world.packed.at(-1), world.packed[0]])
    const name = picks.of(['pad_packed_sequence', 'unpack_sequence'])
    world.keep(world.call(nn.utils.rnn, name, packed, ...(name === 'unpack_sequence' ? [] : [picks.below(2) === 0])))
  },
  pad(world, picks) {
    const list = [world.tensor(picks), world.tensor(picks), torch.ones(2, 3)]
    world.keep(world.call(nn.utils.rnn, picks.of(['pad_sequence', 'pack_sequence']), list, picks.below(2) === 0))
  },
  save(world, picks) {
    const state = world.modules.at(-1)?.state_dict() ?? {}
    const tensors = picks.of([state, { a: world.tensor(picks), b: world.tensor(picks) }, world.junk(picks)])
    world.call(torch.safetensors, 'save_file', tensors, join(world.folder, picks.of(['a', 'b'])))
  },
  load(world, picks) {
    const loaded = world.call(torch.safetensors, 'load_file', join(world.folder, picks.of(['a', 'b'])))
    const dict = ((loaded as { tensors?: unknown }).tensors ?? loaded) as Record<string, Tensor>
    world.hold(world.states, dict)
    world.keep(Object.values(dict))
  },
  damage(world, picks) {
    const file = join(world.folder, picks.of(['a', 'b']))
    const bytes = readFileSync(file)
    if (picks.below(3) === 0) writeFileSync(file, bytes.subarray(0, picks.below(bytes.length)))
    else {
      bytes[picks.below(bytes.length)] = picks.below(256)
      writeFileSync(file, bytes)
    }
  },
}
