import { expect, test } from 'vitest'
import torch, { nn, type Tensor } from '../lib/index.js'
import { fixture } from './helpers.js'

const reference = fixture<{ tensors: Record<string, string>; modules: Record<string, string>; short: string }>(
  'printing.json',
)

function tensors(): Record<string, Tensor> {
  const leaf = torch.tensor([1, 2], { requires_grad: true })
  return {
    scalar: torch.tensor(3),
    half: torch.tensor([0.5, 1.25]),
    ties: torch.tensor([0.03125, 0.09375, 0.15625], { dtype: torch.float64 }),
    whole: torch.tensor([1, 2, -3]),
    mixed: torch.tensor([1, 2.5, -3.75]),
    large: torch.tensor([1, 123456]),
    huge: torch.tensor([1e10, 1]),
    tiny: torch.tensor([1e-5, 1]),
    special: torch.tensor([1, Number.NaN, Infinity, -Infinity]),
    special_fraction: torch.tensor([1.5, Number.NaN, Infinity]),
    all_nan: torch.tensor([Number.NaN, Number.NaN]),
    zeros: torch.zeros(2, 3),
    negative_zero: torch.tensor([-0, 1]),
    matrix: torch.arange(6).float().reshape(2, 3).div(7),
    cube: torch.arange(8).float().reshape(2, 2, 2),
    int64: torch.tensor([
      [1n, 20n],
      [300n, -4n],
    ]),
    int32: torch.tensor([1, 2], { dtype: torch.int32 }),
    uint8: torch.tensor([1, 255], { dtype: torch.uint8 }),
    bool: torch.tensor([
      [true, false],
      [false, true],
    ]),
    float64: torch.tensor([1, 2.5], { dtype: torch.float64 }),
    float16: torch.tensor([1, 2.5], { dtype: torch.float16 }),
    bfloat16: torch.tensor([1, 3.125], { dtype: torch.bfloat16 }),
    complex: torch.tensor([
      { re: 1, im: 2 },
      { re: -0.5, im: -3 },
    ]),
    empty: torch.tensor([]),
    empty_matrix: torch.zeros(0, 3),
    empty_int: torch.zeros(0, { dtype: torch.int64 }),
    leaf,
    graph: leaf.mul(2),
    long_suffix: torch.zeros(4, 3, { requires_grad: true }).sum(1).mul(torch.arange(4).float()).mul(1e6),
    long: torch.arange(30).float(),
    wide: torch.arange(60).float().reshape(2, 30).div(3),
    summarized: torch.arange(2000).float(),
    summarized_matrix: torch.arange(10000).reshape(100, 100),
    summarized_cube: torch.arange(4000).float().reshape(10, 20, 20),
    one_column: torch.arange(3).float().reshape(3, 1),
  }
}

test('tensors print as in Python', () => {
  const printed = Object.fromEntries(Object.entries(tensors()).map(([name, tensor]) => [name, String(tensor)]))
  expect(printed).toEqual(reference.tensors)
})

test('modules print as in Python', () => {
  const modules: Record<string, nn.Module> = {
    Net: new nn.Sequential(new nn.Linear(2, 3), new nn.Tanh(), new nn.Sequential(new nn.ReLU(), new nn.Dropout(0.5))),
    RNN: new nn.RNN(1, 10, { batch_first: true }),
    LSTM: new nn.LSTM(3, 4, { num_layers: 2, dropout: 0.3, bidirectional: true, bias: false }),
    LSTM_proj: new nn.LSTM(3, 4, { proj_size: 2 }),
    GRU: new nn.GRU(3, 4),
    Embedding: new nn.Embedding(3, 4, { padding_idx: 1 }),
    losses: new nn.ModuleList([new nn.MSELoss(), new nn.CrossEntropyLoss()]),
    repeated: new nn.ModuleList<nn.Module>([
      new nn.Linear(1, 2),
      new nn.Tanh(),
      new nn.Tanh(),
      new nn.Tanh(),
      new nn.Linear(1, 2),
    ]),
    nothing: new nn.ModuleList([]),
    Softmax: new nn.Softmax({ dim: 1 }),
  }
  expect(Object.fromEntries(Object.entries(modules).map(([name, module]) => [name, String(module)]))).toEqual(
    reference.modules,
  )
})

test('print options change precision and summary', () => {
  torch.set_printoptions({ precision: 2, threshold: 5, edgeitems: 1, sci_mode: false })
  expect(String(torch.arange(7).float().div(3).add(1000))).toBe(reference.short)
  torch.set_printoptions({ profile: 'default' })
  expect(String(torch.tensor([1 / 3]))).toBe('tensor([0.3333])')
})
