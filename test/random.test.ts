import { expect, test } from 'vitest'
import torch, { nn, type Tensor } from '../lib/index.js'
import { digest, expectTensor, FEW_ULPS, fixture } from './helpers.js'

const reference = fixture('random.json')

test('every source of random numbers gives Python’s: bit for bit where no processor rounds otherwise', () => {
  torch.manual_seed(42)
  const numbers: Record<string, Tensor> = {
    randn: torch.randn(3, 5),
    rand: torch.rand(7),
    randint: torch.randint(0, 100, [20]),
    randperm: torch.randperm(30),
    normal: torch.empty(17).normal_(2, 3),
    uniform: torch.empty(17).uniform_(-1, 2),
    bernoulli: torch.bernoulli(torch.full([30], 0.3)),
    dropout: nn.functional.dropout(torch.ones(40), 0.4),
    randn_double: torch.randn(33, { dtype: torch.float64 }),
    multinomial: torch.multinomial(torch.tensor([0.1, 0.5, 0.4]), 12, { replacement: true }),
    generator: torch.randn(4, { generator: new torch.Generator().manual_seed(-5) }),
  }
  expect(Object.keys(numbers).sort()).toEqual(Object.keys(reference.numbers).sort())
  for (const [name, tensor] of Object.entries(numbers)) {
    const expected = reference.numbers[name]
    if ('sha256' in expected) expect(digest(tensor), name).toEqual(expected)
    else expectTensor(tensor, expected, FEW_ULPS, name)
  }
})

test('initial weights are Python’s', () => {
  torch.manual_seed(9)
  const modules: Record<string, nn.Module> = {
    Linear: new nn.Linear(5, 3),
    Linear_no_bias: new nn.Linear(7, 2, { bias: false }),
    RNN: new nn.RNN(3, 4, 2, { bidirectional: true }),
    LSTM: new nn.LSTM(3, 5, 2, { proj_size: 2 }),
    GRU: new nn.GRU(3, 4),
    Embedding: new nn.Embedding(6, 4, { padding_idx: 2 }),
  }
  const weights: Record<string, Tensor> = {}
  for (const [key, module] of Object.entries(modules)) {
    for (const [name, parameter] of module.named_parameters()) weights[`${key}.${name}`] = parameter
  }
  for (const name of ['xavier_uniform_', 'xavier_normal_', 'kaiming_uniform_', 'kaiming_normal_'] as const) {
    weights[name] = nn.init[name](torch.empty(4, 6))
  }
  weights.orthogonal_ = nn.init.orthogonal_(torch.empty(4, 3))
  expect(Object.keys(weights).sort()).toEqual(Object.keys(reference.initial).sort())
  for (const [name, weight] of Object.entries(weights)) expectTensor(weight, reference.initial[name], FEW_ULPS, name)
})

test('the generator’s state is saved and restored', () => {
  torch.manual_seed(1)
  torch.randn(3)
  const state = torch.get_rng_state()
  const expected = torch.randn(5).tolist()
  torch.set_rng_state(state)
  expect(torch.randn(5).tolist()).toEqual(expected)
  expect(torch.initial_seed()).toBe(1n)
  expect(() => torch.set_rng_state(torch.zeros(3))).toThrow(/state/)
})

test('a generator draws its own numbers', () => {
  const generator = new torch.Generator().manual_seed(7)
  const first = torch.rand(3, { generator }).tolist()
  torch.rand(10)
  generator.manual_seed(7)
  expect(torch.rand(3, { generator }).tolist()).toEqual(first)
  expect(() => torch.rand(3, { generator: {} as never })).toThrow(TypeError)
})

test('a seed is 64 bits, as in Python', () => {
  const top = 2n ** 64n - 1n
  const seeds: [seed: number | bigint, initial: bigint][] = [
    [top, top],
    [-1, top],
    [-(2n ** 63n), 2n ** 63n],
    [2n ** 63n, 2n ** 63n],
    [0, 0n],
  ]
  for (const [seed, initial] of seeds) {
    expect(torch.manual_seed(seed) === torch.default_generator).toBe(true)
    expect(torch.initial_seed()).toBe(initial)
    expect(new torch.Generator().manual_seed(seed).initial_seed()).toBe(initial)
  }
  for (const beyond of [2n ** 64n, -(2n ** 63n) - 1n, 1e300, 1.5, Number.NaN]) {
    expect(() => torch.manual_seed(beyond)).toThrow(/must be (int|between)/)
    expect(() => new torch.Generator().manual_seed(beyond)).toThrow(/must be (int|between)/)
  }
  for (let i = 0; i < 20; i++) expect(torch.seed()).toBe(torch.initial_seed())
})

test('the generator that manual_seed gives is the one that operators draw from', () => {
  const state = torch.manual_seed(3).get_state()
  const first = torch.rand(4).tolist()
  torch.default_generator.set_state(state)
  expect(torch.rand(4, { generator: torch.default_generator }).tolist()).toEqual(first)
})
