// Steps that make tensors, views of them and changes in them.

import torch, { type Tensor } from '../../../../lib/index.js'
import { tensor as hostileTensor, Random } from '../../values.js'
import { attempt, publicOperators } from '../../worker.js'
import type { Picks } from '../program.js'
import type { World } from '../world.js'

const DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.complex64, torch.bool]
const operators = publicOperators().filter(({ name }) => !/^(from_file|set_num|save|load)/.test(name))

const VIEWS: ((world: World, picks: Picks) => [name: string, ...args: unknown[]])[] = [
  () => ['transpose', 0, -1],
  (world, picks) => ['view', world.shape(picks)],
  (world, picks) => ['expand', world.shape(picks)],
  (world, picks) => ['reshape', world.shape(picks)],
  (_, picks) => ['select', picks.below(3), picks.of([0, 1, -1, 9])],
  (_, picks) => ['narrow', picks.below(3), picks.of([0, 1]), picks.of([0, 1, 2])],
  (_, picks) => ['unfold', picks.below(2), picks.below(4), picks.of([1, 2])],
  (world, picks) => ['as_strided', world.shape(picks), [picks.below(4), picks.below(4)], picks.of([0, 1, 5, -1])],
  () => ['detach'],
  () => ['unsqueeze', 0],
  () => ['squeeze'],
  () => ['t'],
  () => ['flatten'],
  () => ['diagonal'],
  (_, picks) => ['split', picks.of([1, 2, [1, 1], [0, 2]])],
  (_, picks) => ['chunk', picks.of([2, 3])],
  () => ['unbind', 0],
  (_, picks) => ['index', picks.of(['0', ':, -1', '::2', '...', '9'])],
  (_, picks) => ['view', picks.of(DTYPES)],
  () => ['conj'],
  (_, picks) => ['movedim', 0, picks.of([-1, 1])],
]

const MATH: ((world: World, picks: Picks) => [name: string, ...args: unknown[]])[] = [
  (world, picks) => ['add', world.tensor(picks)],
  (world, picks) => ['mul', world.tensor(picks)],
  (world, picks) => ['matmul', world.tensor(picks)],
  (world, picks) => ['div', world.tensor(picks)],
  (world, picks) => ['where', world.tensor(picks), world.tensor(picks)],
  () => ['sum'],
  () => ['mean', 0],
  () => ['exp'],
  () => ['tanh'],
  () => ['softmax', 0],
  () => ['cumsum', 0],
  () => ['max', 0],
  () => ['sort'],
  () => ['topk', 1],
  (world, picks) => ['gather', 0, world.tensor(picks)],
  (world, picks) => ['index_select', 0, world.tensor(picks)],
  (world, picks) => ['masked_select', world.tensor(picks)],
  (_, picks) => ['to', picks.of(DTYPES)],
  () => ['clone'],
  () => ['contiguous'],
  () => ['to_sparse'],
  () => ['norm'],
  (_, picks) => ['repeat', picks.of([[2], [1, 2], [0]])],
  () => ['neg'],
  (world, picks) => ['new_tensor', world.junk(picks)],
  (world, picks) => ['expand_as', world.tensor(picks)],
]

const CHANGES: ((world: World, picks: Picks) => [name: string, ...args: unknown[]])[] = [
  (world, picks) => ['add_', world.tensor(picks)],
  (_, picks) => ['mul_', picks.of([2, 0, 0.5])],
  () => ['zero_'],
  (world, picks) => ['copy_', world.tensor(picks)],
  () => ['relu_'],
  (world, picks) => ['resize_', world.shape(picks)],
  (world, picks) => ['resize_as_', world.tensor(picks)],
  (world, picks) => ['set_', world.tensor(picks)],
  () => ['t_'],
  () => ['squeeze_'],
  () => ['unsqueeze_', 0],
  () => ['detach_'],
  (world, picks) => ['index_set_', [picks.of([0, ':', '...'])], picks.of([1, world.tensor(picks)])],
  (world, picks) => ['index_set_', [world.tensor(picks)], world.junk(picks)],
  (world, picks) => ['index_put_', [world.tensor(picks)], world.tensor(picks)],
  (world, picks) => ['scatter_', 0, world.tensor(picks), picks.of([1, world.tensor(picks)])],
  (world, picks) => ['masked_fill_', world.tensor(picks), 1],
  () => ['normal_'],
  (world, picks) => ['apply_', world.callback(picks)],
  (world, picks) => ['map_', world.tensor(picks), world.callback(picks)],
]

/** Layers as functions: their gradients read what they saved, in the sizes that it had. */
export const FUNCTIONS: ((x: Tensor, world: World, picks: Picks) => unknown)[] = [
  (x) => torch.nn.functional.layer_norm(x, [...x.shape].slice(-1)),
  (x) => torch.nn.functional.batch_norm(x, null, null, null, null, true),
  (x) => torch.nn.functional.group_norm(x, 1),
  (x) => torch.nn.functional.cross_entropy(x, torch.tensor([0n, 1n])),
  (x, world, picks) => torch.nn.functional.linear(x, torch.ones(world.shape(picks))),
  (x) => torch.nn.functional.conv1d(x.unsqueeze(0), torch.ones(2, 2, 2).requires_grad_()),
  (x) => torch.nn.functional.max_pool1d(x.unsqueeze(0), 2),
  (x) => torch.nn.functional.embedding(torch.tensor([0n, 1n]), x),
  (x) => torch.nn.functional.log_softmax(x, 0),
  (x, world, picks) => torch.nn.functional.mse_loss(x, world.tensor(picks)),
  (x, world, picks) => {
    const shapes = Array.from({ length: 5 }, () => torch.randn(world.shape(picks)))
    const [h, w_ih, w_hh, b_ih, b_hh] = shapes as [Tensor, Tensor, Tensor, Tensor, Tensor]
    return picks.of([
      () => torch.gru_cell(x, h, w_ih, w_hh, b_ih, b_hh),
      () => torch.rnn_tanh_cell(x, h, w_ih, w_hh),
      () => torch.lstm_cell(x, [h, h], w_ih, w_hh, b_ih, b_hh),
    ])()
  },
  (x, _, picks) => {
    const rows = picks.of([3, 4])
    const state = torch.randn(
      picks.of([
        [2, 1],
        [1, 1, 2, 1],
      ]),
    )
    const weights = [torch.randn(rows, 3), torch.randn(rows, 1)] as const
    return rows === 3 ? torch.gru_cell(x, state, ...weights) : torch.lstm_cell(x, [state, state], ...weights)
  },
]

/** Functions that read nested arrays, sizes or lists of tensors. */
const READERS = ['tensor', 'zeros', 'ones', 'cat', 'stack', 'as_tensor', 'asarray', 'full', 'einsum', 'rand', 'vstack']

const asMethod = (table: typeof VIEWS) => (world: World, picks: Picks) => {
  const tensor = world.tensor(picks)
  const [name, ...args] = picks.of(table)(world, picks)
  world.keep(world.call(tensor, name, ...args))
}

/** Reads all of a tensor, in one of the ways there are. */
function read(world: World, picks: Picks): void {
  const tensor = world.tensor(picks)
  switch (picks.below(6)) {
    case 0:
      world.call(tensor, 'tolist')
      break
    case 1:
      world.call(tensor, 'toString')
      break
    case 2:
      world.call(tensor, 'item')
      break
    case 3:
      world.keep([...tensor].slice(0, 3))
      break
    case 4:
      JSON.stringify(tensor)
      break
    default:
      structuredClone(tensor)
  }
}

type Typed = Float32Array

/** Memory that JavaScript and libtorch share: written to, transferred, or made into a tensor again. */
function memory(world: World, picks: Picks): void {
  const way = picks.below(6)
  if (way === 0 || world.arrays.length === 0) {
    world.hold(
      world.arrays,
      world.call(world.tensor(picks), 'to_typed_array', ...(picks.below(3) === 0 ? [{ copy: true }] : [])),
    )
    return
  }
  const array = world.arrays[picks.below(world.arrays.length)] as Typed
  if (way === 1) world.call(array, 'fill', 7)
  else if (way === 2) world.hold(world.arrays, structuredClone(array, { transfer: [array.buffer as ArrayBuffer] }))
  else if (way === 3) world.keep(world.call(torch, picks.of(['tensor', 'asarray', 'as_tensor']), array))
  else if (way === 4) world.arrays.splice(world.arrays.indexOf(array), 1)
  else world.hold(world.arrays, array.subarray(1))
}

export const tensorSteps: Record<string, (world: World, picks: Picks) => unknown> = {
  leaf(world, picks) {
    const shape = world.shape(picks)
    world.keep((world.call(torch, 'ones', shape) as Tensor).requires_grad_())
  },
  tensor(world, picks) {
    world.keep(hostileTensor(new Random(picks.below(9999))))
  },
  view: asMethod(VIEWS),
  math: asMethod(MATH),
  change: asMethod(CHANGES),
  function(world, picks) {
    const apply = picks.of(FUNCTIONS)
    world.trace?.(`${apply}`)
    world.keep(apply(world.tensor(picks), world, picks))
  },
  read_junk(world, picks) {
    const name = picks.of(READERS)
    world.keep(world.call(torch, name, world.junk(picks), ...(picks.below(2) === 0 ? [world.junk(picks)] : [])))
  },
  junk_argument(world, picks) {
    const tensor = world.tensor(picks)
    const [name, ...args] = picks.of([...VIEWS, ...MATH, ...CHANGES])(world, picks)
    args[picks.below(args.length + 1)] = world.junk(picks)
    world.keep(world.call(tensor, name, ...args))
  },
  /** Any public operator. */
  operator(world, picks) {
    const target = operators[picks.below(9999) % operators.length] as (typeof operators)[number]
    const random = new Random(picks.below(9999))
    const pooled = picks.below(3) > 0
    world.trace?.(`torch ${target.space}.${target.name} with hostile arguments`)
    world.keep(attempt(target, random, () => (pooled ? world.tensor(picks) : hostileTensor(random))))
  },
  data(world, picks) {
    const tensor = world.tensor(picks)
    const other = world.tensor(picks)
    world.set(
      tensor,
      'data',
      picks.of([other, torch.ones(world.shape(picks)), tensor.to(picks.of(DTYPES)), torch.zeros(0)]),
    )
  },
  requires_grad(world, picks) {
    world.set(world.tensor(picks), 'requires_grad', picks.below(3) > 0)
  },
  dispose(world, picks) {
    world.call(world.tensor(picks), 'dispose')
  },
  scope(world, picks) {
    if (picks.below(2) === 0 && world.modes.length < 6) world.hold(world.modes, torch.scope())
    else world.modes.pop()?.[Symbol.dispose]()
  },
  scoped(world, picks) {
    const inner = world.callback(picks)
    world.keep(world.call(torch, 'scope', () => [world.tensor(picks).mul(2), inner()]))
  },
  read,
  memory,
}
