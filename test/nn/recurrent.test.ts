import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import torch, { nn, type Tensor } from '../../lib/index.js'
import { expectNumbers, fixtureFile, PRECISIONS } from '../helpers.js'

const [L, N, INPUT, HIDDEN] = [4, 2, 2, 3]
const KINDS = {
  RNN: (options: nn.RNNOptions) => new nn.RNN(INPUT, HIDDEN, options),
  RNN_relu: (options: nn.RNNOptions) => new nn.RNN(INPUT, HIDDEN, { ...options, nonlinearity: 'relu' }),
  LSTM: (options: nn.LSTMOptions) => new nn.LSTM(INPUT, HIDDEN, options),
  LSTM_proj: (options: nn.LSTMOptions) => new nn.LSTM(INPUT, HIDDEN, { ...options, proj_size: 2 }),
  GRU: (options: nn.RNNBaseOptions) => new nn.GRU(INPUT, HIDDEN, options),
}
type Kind = keyof typeof KINDS
const references = torch.safetensors.load_file(fixtureFile('recurrent.safetensors'))

/** What scripts/reference/recurrent.py computes, step by step. Numbers are drawn in float64, as there. */
function compute(kind: Kind, layers: number, flags: boolean[], dtype: torch.DType): Tensor {
  const [bidirectional, batch_first, batched, bias, given] = flags as [boolean, boolean, boolean, boolean, boolean]
  torch.manual_seed(layers * 7 + kind.length)
  const layer = KINDS[kind]({ num_layers: layers, bidirectional, batch_first, bias }).to(dtype)
  const shape = batched ? (batch_first ? [N, L] : [L, N]) : [L]
  const x = torch
    .randn([...shape, INPUT])
    .to(dtype)
    .requires_grad_()
  const rows = layers * (bidirectional ? 2 : 1)
  const sizes = layer instanceof nn.LSTM ? [layer.proj_size || HIDDEN, HIDDEN] : [HIDDEN]
  const states = sizes.map((size) =>
    torch
      .randn(batched ? [rows, N, size] : [rows, size])
      .to(dtype)
      .requires_grad_(),
  )
  let results: Tensor[]
  if (layer instanceof nn.LSTM) {
    const [output, [h_n, c_n]] = given ? layer(x, states as [Tensor, Tensor]) : layer(x)
    results = [output, h_n, c_n]
  } else {
    const forward = layer as nn.RNN
    results = given ? forward(x, states[0]) : forward(x)
  }
  const total = results
    .map((result) => result.mul(torch.randn(result.shape).to(dtype)).sum())
    .reduce((sum, part) => sum.add(part))
  total.backward()
  const gradients = [x, ...(given ? states : []), ...layer.parameters()].map((tensor) => tensor.grad as Tensor)
  return torch.cat([...results, ...gradients].map((tensor) => tensor.detach().flatten()))
}

describe.each(Object.keys(KINDS) as Kind[])('%s equals PyTorch in outputs, states and gradients', (kind) => {
  beforeAll(() => torch.set_default_dtype(torch.float64))
  afterAll(() => torch.set_default_dtype(torch.float32))

  describe.each([1, 3])('with %i layers', (layers) => {
    test.each(PRECISIONS)('in %s', (name, dtype, tolerance) => {
      const settings = Object.keys(references)
        .map((key) => key.split('/') as [string, string, string, string])
        .filter((key) => key[0] === kind && key[1] === String(layers) && key[3] === name)
        .map(([, , flags]) => flags)
      // Each of the five flags, on and off.
      expect(settings).toHaveLength(2 ** 5)
      for (const flags of settings) {
        const expected = references[`${kind}/${layers}/${flags}/${name}`] as Tensor
        const actual = compute(
          kind,
          layers,
          [...flags].map((flag) => flag === '1'),
          dtype,
        )
        const what = `${kind} bidirectional, batch_first, batched, bias, h_0: ${flags}`
        expectNumbers(actual.tolist() as number[], expected.tolist() as number[], tolerance, what)
      }
    })
  })
})

test('options come in place or by name', () => {
  const layer = new nn.RNN(3, 4, 2, { nonlinearity: 'relu', dropout: 0.5 })
  expect([layer.num_layers, layer.nonlinearity, layer.dropout]).toEqual([2, 'relu', 0.5])
  const named = new nn.GRU({ input_size: 3, hidden_size: 4, bidirectional: true })
  expect(named.named_parameters().map(([name]) => name)).toContain('weight_hh_l0_reverse')
})

test('dropout between layers works in training alone', () => {
  const layer = new nn.GRU(3, 4, 2, { dropout: 0.5 })
  const x = torch.randn(5, 2, 3)
  const run = () => layer(x)[0].tolist()
  expect(run()).not.toEqual(run())
  layer.eval()
  expect(run()).toEqual(run())
})

test.each([
  ['an input of one dimension', () => new nn.RNN(2, 3)(torch.zeros(2)), /Expected input to be 2D or 3D, got 1D/],
  ['a wrong feature size', () => new nn.GRU(2, 3)(torch.zeros(4, 1, 5)), /Expected 2, got 5/],
  [
    'a wrong dtype',
    () => new nn.RNN(2, 3)(torch.zeros(4, 1, 2, { dtype: torch.float64 })),
    /does not match weight dtype/,
  ],
  [
    'a wrong state',
    () => new nn.RNN(2, 3)(torch.zeros(4, 1, 2), torch.zeros(1, 2, 3)),
    /Expected hidden size \[1, 1, 3\], got \[1, 2, 3\]/,
  ],
  ['a state without batch', () => new nn.RNN(2, 3)(torch.zeros(4, 1, 2), torch.zeros(1, 3)), /Expected hidden size/],
  [
    'a single tensor as an LSTM state',
    () => new nn.LSTM(2, 3)(torch.zeros(4, 1, 2), torch.zeros(1, 1, 3) as never),
    /must be an array \[h_0, c_0\]/,
  ],
  ['a number as input', () => new nn.RNN(2, 3)(5 as never), /must be a Tensor/],
  ['no input', () => new nn.RNN(0, 3), /input_size must be greater than zero/],
  ['a negative hidden size', () => new nn.RNN(2, -3), /hidden_size must be greater than zero/],
  ['no layers', () => new nn.LSTM(2, 3, { num_layers: 0 }), /num_layers/],
  ['a dropout of 2', () => new nn.LSTM(2, 3, { dropout: 2 }), /range \[0, 1\]/],
  ['an unknown nonlinearity', () => new nn.RNN(2, 3, { nonlinearity: 'gelu' as never }), /Unknown nonlinearity/],
  ['an unknown option', () => new nn.RNN(2, 3, { num_layer: 2 } as never), /did you mean 'num_layers'\?/],
])('refuses %s', (_, run, message) => {
  expect(run).toThrow(message)
})

test.each(['RNN', 'GRU', 'LSTM'] as const)('%s takes its state in place or as hx, and no other keyword', (kind) => {
  torch.manual_seed(3)
  const x = torch.randn(3, 2, 4)
  const [h_0, c_0] = [torch.randn(1, 2, 5), torch.randn(1, 2, 5)]
  const layer = new nn[kind](4, 5) as nn.RNNBase
  const state = kind === 'LSTM' ? [h_0, c_0] : h_0
  const [inPlace] = layer(x, state) as [Tensor]
  const [byName] = layer(x, { hx: state }) as [Tensor]
  const [fromZero] = layer(x, { hx: null }) as [Tensor]
  expect(byName.tolist()).toEqual(inPlace.tolist())
  expect(fromZero.tolist()).toEqual((layer(x) as [Tensor])[0].tolist())
  expect(fromZero.tolist()).not.toEqual(inPlace.tolist())
  expect(() => layer(x, { h: state })).toThrow(`${kind}() got an unexpected keyword argument 'h'`)
})
