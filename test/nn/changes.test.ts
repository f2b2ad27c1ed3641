// What goes into a recurrent layer and what comes out may change before backward: refused where PyTorch refuses it, and
// otherwise with PyTorch's gradients (scripts/reference/recurrent_changes.py).

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import torch, { nn, type Tensor } from '../../lib/index.js'
import { expectNumbers, filled, fixture } from '../helpers.js'

const [INPUT, HIDDEN, N] = [2, 3, 2]
const KINDS = {
  RNN: () => new nn.RNN(INPUT, HIDDEN, { num_layers: 2 }),
  LSTM: () => new nn.LSTM(INPUT, HIDDEN, { bidirectional: true }),
  LSTM_proj: () => new nn.LSTM(INPUT, HIDDEN, { num_layers: 2, proj_size: 2 }),
  GRU: () => new nn.GRU(INPUT, HIDDEN, { num_layers: 2 }),
}
type Kind = keyof typeof KINDS
const FROZEN: Record<string, (name: string) => boolean> = {
  nothing: () => false,
  'all but a bias': (name) => !['bias_hh_l1', 'bias_hh_l0_reverse'].includes(name),
  'the first layer': (name) => name.includes('_l0'),
  weight_hh: (name) => name.includes('weight_hh'),
  weight_ih: (name) => name.includes('weight_ih'),
  everything: () => true,
}
const CHANGES: Record<string, (tensor: Tensor) => unknown> = {
  add: (tensor) => tensor.add_(1),
  data: (tensor) => {
    tensor.data = tensor.data.add(1)
  },
  float: (tensor) => {
    tensor.data = tensor.data.float()
  },
  double: (tensor) => tensor.data.mul_(2),
}

const placeSum = (gradient: Tensor | null): number | null =>
  gradient === null
    ? null
    : gradient
        .double()
        .flatten()
        .mul(torch.arange(1, gradient.numel() + 1))
        .sum()
        .item()

/** The gradients of what wants one, or null where backward is refused. */
function run(key: string): (number | null)[] | null {
  const [kind, frozen, wants, steps, change, name] = key.split('/') as [Kind, string, string, string, string, string]
  torch.manual_seed(kind.length)
  const layer = KINDS[kind]()
  for (const [parameter, weight] of layer.named_parameters()) {
    weight.requires_grad_(!(FROZEN[frozen] as (name: string) => boolean)(parameter))
  }
  const given: Record<string, Tensor> = {
    x: torch.randn(Number(steps), N, INPUT),
    h_0: torch.randn(2, N, layer.proj_size || HIDDEN),
  }
  if (layer instanceof nn.LSTM) given.c_0 = torch.randn(2, N, HIDDEN)
  if (wants !== '') given[wants]?.requires_grad_()
  const hx = layer instanceof nn.LSTM ? [given.h_0, given.c_0] : given.h_0
  const [output, final] = (layer as (x: unknown, hx: unknown) => [Tensor, Tensor | Tensor[]])(given.x, hx)
  const total = output.mul(torch.arange(output.numel()).view_as(output)).sum()
  const results: Record<string, Tensor> = { output, h_n: (Array.isArray(final) ? final[0] : final) as Tensor }
  const changed = results[name] ?? given[name] ?? layer.get_parameter(name)
  torch.no_grad(() => CHANGES[change]?.(changed))
  try {
    total.backward()
  } catch (error) {
    expect((error as Error).message, key).toContain('modified by an inplace operation')
    return null
  }
  return [...Object.values(given), ...layer.parameters()].map((tensor) => placeSum(tensor.grad))
}

const { cases } = fixture<{ cases: Record<string, (number | null)[] | null> }>('recurrent_changes.json')

describe.each([true, false])('fused: %s', (fused) => {
  beforeAll(() => {
    torch.backends.tstorch.fused = fused
    torch.set_default_dtype(torch.float64)
  })
  afterAll(() => {
    torch.backends.tstorch.fused = true
    torch.set_default_dtype(torch.float32)
  })

  test.each(Object.keys(KINDS))('%s', (kind) => {
    const refusals: string[] = []
    const own = Object.entries(cases).filter(([key]) => key.startsWith(`${kind}/`))
    for (const [key, expected] of filled(own)) {
      const actual = run(key)
      if ((actual === null) !== (expected === null)) {
        refusals.push(`${key}: ${actual === null ? 'refused' : 'accepted'}`)
      } else if (actual !== null && expected !== null) {
        expect(
          actual.map((sum) => sum === null),
          key,
        ).toEqual(expected.map((sum) => sum === null))
        const numbers = (sums: (number | null)[]) => sums.map((sum) => sum ?? 0)
        expectNumbers(numbers(actual), numbers(expected), 1e-8, key)
      }
    }
    expect(refusals).toEqual([])
  })
})
