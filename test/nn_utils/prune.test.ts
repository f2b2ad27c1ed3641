// torch.nn.utils.prune, as scripts/reference/prune.py has it in Python.

import { expect, test } from 'vitest'
import torch, { nn, type Tensor } from '../../lib/index.js'
import { expectTensor, FEW_ULPS, filled, fixture, type Values } from '../helpers.js'

const { prune } = nn.utils
const reference = fixture('prune.json')
const tensorOf = ({ data, shape, dtype }: Values): Tensor =>
  torch.tensor(data as number[], { dtype: dtype === 'torch.int64' ? torch.int64 : torch.float32 }).view(shape)
const NAMED = { scores: tensorOf(reference.scores), mask: tensorOf(reference.mask), inf: Infinity }

type State = Record<string, Values>

function expectState(module: nn.Module, expected: State, tolerance = FEW_ULPS): void {
  const state = module.state_dict()
  expect(Object.keys(state)).toEqual(Object.keys(filled(expected)))
  for (const [name, tensor] of Object.entries(state)) expectTensor(tensor, expected[name] as Values, tolerance, name)
}

type Argument = number | keyof typeof NAMED | { importance_scores: 'scores' }
const argument = (value: Argument): unknown => {
  if (typeof value === 'object') return { importance_scores: NAMED[value.importance_scores] }
  return typeof value === 'string' ? NAMED[value] : value
}

interface Case {
  steps: [name: string, ...args: Argument[]][]
  text: string
  state: State
  weight: Values
  gradients: State
  output: Values
  removed: State
}

test.each(Object.entries(filled(reference.cases as Record<string, Case>)))('%s', (_, expected) => {
  torch.manual_seed(0)
  const layer = new nn.Linear(4, 3)
  const functions = prune as unknown as Record<string, (...args: unknown[]) => nn.Module>
  for (const [name, ...args] of expected.steps) {
    expect(functions[name]?.(layer, 'weight', ...args.map(argument))).toBe(layer)
  }
  expect(String(layer)).toBe(expected.text)
  expectState(layer, expected.state)
  expectTensor(layer.weight, expected.weight, FEW_ULPS)
  const x = torch.arange(8).float().view(2, 4)
  torch.scope(() => {
    layer(x).square().sum().backward()
  })
  for (const [name, { grad }] of layer.named_parameters()) {
    expectTensor(grad as Tensor, expected.gradients[name] as Values, 1e-5, name)
  }
  expect(layer.weight.is_disposed).toBe(false)
  const { weight_orig } = layer as unknown as { weight_orig: nn.Parameter }
  torch.no_grad(() => {
    weight_orig.add_(1)
  })
  expectTensor(layer(x), expected.output, 1e-5)
  expect(prune.remove(layer, 'weight')).toBe(layer)
  expectState(layer, expected.removed, FEW_ULPS)
  expect(layer.weight).toBe(weight_orig)
  expect(prune.is_pruned(layer)).toBe(false)
})

test('global_unstructured prunes tensors of several modules as one', () => {
  torch.manual_seed(1)
  const net = new nn.Sequential(new nn.Linear(4, 3), new nn.Tanh(), new nn.Linear(3, 2))
  prune.l1_unstructured({ module: net[0], name: 'weight', amount: 2 })
  const bias = [net[2], 'bias'] as const
  prune.global_unstructured([[net[0], 'weight'], [net[2], 'weight'], bias], prune.L1Unstructured, {
    importance_scores: [[...bias, torch.tensor([0, 9])]],
    amount: 0.4,
  })
  expectState(net, reference.global.state)
  expect([prune.is_pruned(net), prune.is_pruned(new nn.Linear(2, 2))]).toEqual([
    reference.global.pruned,
    reference.global.plain,
  ])
})

class Checkered extends prune.BasePruningMethod {
  readonly PRUNING_TYPE = 'unstructured'

  compute_mask(_t: Tensor, default_mask: Tensor): Tensor {
    const mask = default_mask.clone()
    mask.view(-1).index('::2').fill_(0)
    return mask
  }
}

test('a method of one’s own', () => {
  torch.manual_seed(2)
  const layer = new nn.Linear(4, 3)
  Checkered.apply(layer, 'bias')
  Checkered.apply(layer, 'weight')
  const container = Checkered.apply(layer, 'weight') as nn.utils.prune.PruningContainer
  expectState(layer, reference.own.state)
  expect([container instanceof prune.PruningContainer, container.length]).toEqual([true, reference.own.methods])
  expect([...container].every((method) => method instanceof Checkered)).toBe(true)
  expectTensor(new prune.L1Unstructured({ amount: 2 }).prune(NAMED.scores), reference.own.pruned, FEW_ULPS)
  expect(() => container.add_pruning_method(new Checkered())).toThrow(/acting on the parameter named 'weight'/)
  expect(() => container.add_pruning_method(1 as never)).toThrow('whole number is not a BasePruningMethod subclass')
})

test('messages are Python’s, and nothing has changed', () => {
  const layers: nn.Linear[] = []
  const messageOf = (run: (layer: nn.Linear) => unknown): string => {
    const layer = new nn.Linear(4, 3)
    layers.push(layer)
    try {
      run(layer)
    } catch (error) {
      return (error as Error).message
    }
    return 'no error'
  }
  const scores = torch.ones(2)
  expect({
    amount: messageOf((layer) => prune.l1_unstructured(layer, 'weight', 1.5)),
    negative: messageOf((layer) => prune.l1_unstructured(layer, 'weight', -2)),
    'too many': messageOf((layer) => prune.random_unstructured(layer, 'weight', 13)),
    'too many slices': messageOf((layer) => prune.random_structured(layer, 'weight', 4, 0)),
    'slices of a vector': messageOf((layer) => prune.ln_structured(layer, 'bias', 1, 2, 0)),
    dim: messageOf((layer) => prune.ln_structured(layer, 'weight', 1, 2, 2)),
    mask: messageOf((layer) => prune.custom_from_mask(layer, 'weight', torch.ones(2))),
    scores: messageOf((layer) => prune.l1_unstructured(layer, 'weight', 1, { importance_scores: scores })),
    'not pruned': messageOf((layer) => prune.remove(layer, 'weight')),
    'global type': messageOf((layer) =>
      prune.global_unstructured([[layer, 'weight']], prune.RandomStructured, { amount: 1 }),
    ),
  }).toEqual(reference.messages)
  for (const layer of layers) {
    expect(Object.keys(layer.state_dict())).toEqual(['weight', 'bias'])
    layer(torch.ones(1, 4))
  }
})
