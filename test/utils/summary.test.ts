// torch.utils.summary: the tables that torchinfo prints of the same models (scripts/reference/summary.py), letter by
// letter.

import { afterEach, describe, expect, test, vi } from 'vitest'
import torch, { nn, type Tensor } from '../../lib/index.js'
import { filled, fixture } from '../helpers.js'

const { summary } = torch.utils

interface Case {
  options: Record<string, unknown> & { verbose?: number; dtypes?: string[] }
  text: string
}
const { cases } = fixture<{ cases: Record<string, Case> }>('summary.json')

class LeNet extends nn.Module {
  conv1 = new nn.Conv2d(1, 6, 5, { padding: 2 })
  conv2 = new nn.Conv2d(6, 16, 5)
  drop = new nn.Dropout(0.3)
  fc = new nn.Linear(16 * 5 * 5, 10)
  forward(x: Tensor): Tensor {
    let y = torch.max_pool2d(this.conv1(x).relu(), 2)
    y = torch.max_pool2d(this.conv2(y).relu(), 2)
    return this.fc(this.drop(y.flatten(1)))
  }
}

class Recurrent extends nn.Module {
  embedding = new nn.Embedding(20, 12)
  rnn: nn.RNN | nn.LSTM | nn.GRU
  decoder = new nn.Linear(60, 20)
  constructor(kind: 'RNN' | 'LSTM' | 'GRU') {
    super()
    this.rnn = new nn[kind](12, 30, { num_layers: 2, batch_first: true, bidirectional: true })
    // The order of fields is the order of the table.
    const { decoder } = this
    Reflect.deleteProperty(this, 'decoder')
    this.decoder = decoder
  }
  forward(tokens: Tensor): Tensor {
    const [out] = this.rnn(this.embedding(tokens))
    return this.decoder(out)
  }
}

class Block extends nn.Module {
  body
  constructor(width: number) {
    super()
    const conv = () => new nn.Conv2d(width, width, 3, { padding: 1, bias: false })
    this.body = new nn.Sequential(conv(), new nn.BatchNorm2d(width), new nn.ReLU(), conv(), new nn.BatchNorm2d(width))
  }
  forward(x: Tensor): Tensor {
    return x.add(this.body(x)).relu()
  }
}

class Residual extends nn.Module {
  stem = new nn.Conv2d(3, 8, 3, { stride: 2, padding: 1 })
  blocks = new nn.ModuleList([new Block(8), new Block(8), new Block(8)])
  head = new nn.Sequential(new nn.AdaptiveAvgPool2d(1), new nn.Flatten(), new nn.Linear(8, 1000))
  forward(x: Tensor): Tensor {
    let y = this.stem(x)
    for (const block of this.blocks) y = (block as Block)(y)
    return this.head(y)
  }
}

class Shared extends nn.Module {
  first = new nn.Linear(16, 16)
  act = new nn.ReLU()
  again = this.first
  tail = new nn.Sequential(this.first, new nn.Linear(16, 4))
  forward(x: Tensor): Tensor {
    let y = x
    for (let i = 0; i < 3; i++) y = this.act(this.first(y))
    return this.tail(y)
  }
}

class Own extends nn.Module {
  scale = new nn.Parameter(torch.ones(7))
  frozen = new nn.Linear(7, 7).requires_grad_(false)
  partly = new nn.Linear(7, 7)
  unused = new nn.Linear(100, 100)
  constructor() {
    super()
    this.partly.bias?.requires_grad_(false)
  }
  forward(x: Tensor, other: Tensor): Tensor {
    return this.partly(this.frozen(x.mul(this.scale))).add(other)
  }
}

class Keywords extends nn.Module {
  left = new nn.Linear(3, 5)
  right = new nn.Linear(4, 5)
  forward({ a, b }: { a: Tensor; b: Tensor }): { sum: Tensor; left: Tensor } {
    return { sum: this.left(a).add(this.right(b)), left: a }
  }
}

class Deep extends nn.Module {
  layers = new nn.ModuleDict({
    one: new nn.ModuleList([
      new nn.Sequential(new nn.Linear(4, 4), new nn.Sequential(new nn.Linear(4, 4), new nn.Tanh())),
    ]),
    two: new nn.ModuleList([new nn.Linear(4, 4), new nn.Linear(4, 4)]),
  })
  a_rather_long_name_of_a_layer_that_needs_room = new nn.Bilinear(4, 4, 3)
  forward(x: Tensor): Tensor {
    let y = (this.layers.one.at(0) as nn.Sequential)(x) as Tensor
    for (const layer of this.layers.two) y = (layer as nn.Linear)(y)
    return this.a_rather_long_name_of_a_layer_that_needs_room(y, y)
  }
}

class Pair extends nn.Module {
  lstm = new nn.LSTM(5, 6)
  cell = new nn.GRUCell(6, 7)
  forward(x: Tensor): Tensor[] {
    const [out, [h, c]] = this.lstm(x)
    return [this.cell(out.index(-1)), h, c]
  }
}

function pruned(): nn.Module {
  const first = new nn.Linear(10, 10)
  nn.utils.prune.l1_unstructured(first, 'weight', 0.3)
  return new nn.Sequential(first, new nn.ReLU(), new nn.Linear(10, 2))
}

const encoder = () => new nn.TransformerEncoder(new nn.TransformerEncoderLayer(8, 2, 16, { batch_first: true }), 2)

/** By the first words of a case's name. */
const MODELS: Record<string, () => nn.Module> = {
  lenet: () => new LeNet(),
  'recurrent RNN': () => new Recurrent('RNN'),
  'recurrent LSTM': () => new Recurrent('LSTM'),
  'recurrent GRU': () => new Recurrent('GRU'),
  'recurrent long': () => new Recurrent('LSTM'),
  residual: () => new Residual(),
  shared: () => new Shared(),
  own: () => new Own(),
  keywords: () => new Keywords(),
  deep: () => new Deep(),
  pair: () => new Pair(),
  transformer: encoder,
  attention: () => new nn.MultiheadAttention(8, 2),
  pruned,
  lazy: () => new nn.Sequential(new nn.LazyLinear(6), new nn.ReLU(), new nn.LazyLinear(2)),
  without: () => new nn.Sequential(new nn.ReLU(), new nn.Flatten()),
  one: () => new nn.Linear(1000, 3000),
  transposed: () => new nn.Sequential(new nn.ConvTranspose2d(4, 3, 3), new nn.InstanceNorm2d(3, { affine: true })),
  doubles: () => new nn.Linear(3, 4).double(),
  huge: () => new nn.Conv2d(64, 256, 7),
}

function made(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(made)
  if (typeof value !== 'object' || value === null) return value
  const { ones } = value as { ones?: number[] }
  if (ones !== undefined) return torch.ones(...ones)
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, made(each)]))
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('prints as torchinfo prints', () => {
  test.each(Object.entries(filled(cases)))('%s', (name, { options, text }) => {
    const make = MODELS[name] ?? MODELS[name.split(' ')[0] as string]
    const print = vi.spyOn(console, 'log').mockReturnValue(undefined)
    const dtypes = options.dtypes?.map((dtype) => torch[dtype as 'long'])
    const given = { ...(made(options) as object), ...(dtypes === undefined ? {} : { dtypes }) }
    torch.manual_seed(0)
    const statistics = summary((make as () => nn.Module)(), given)
    expect(String(statistics)).toBe(text)
    expect(print.mock.calls).toEqual([[text]])
  })
})

test('gives the sums as numbers, and prints nothing when it is told to', () => {
  const print = vi.spyOn(console, 'log').mockReturnValue(undefined)
  const statistics = summary(new nn.Linear(3, 4), [2, 3], { verbose: 0 })
  expect(print).not.toHaveBeenCalled()
  expect(statistics.total_params).toBe(16)
  expect(statistics.trainable_params).toBe(16)
  expect(statistics.total_mult_adds).toBe(32)
  expect(statistics.summary_list[0]?.output_size).toEqual([2, 4])
})

describe('leaves a model as it was', () => {
  test('its modes, gradients, hooks and statistics', () => {
    const model = new nn.Sequential(new nn.BatchNorm1d(3), new nn.Dropout(0.5), new nn.Linear(3, 1))
    model.at(1)?.eval()
    const before = JSON.stringify(model.state_dict())
    const seen: number[] = []
    model.register_forward_hook(() => {
      seen.push(1)
    })
    summary(model, [4, 3], { verbose: 0 })
    expect(model.modules().map(({ training }) => training)).toEqual([true, true, false, true])
    expect(JSON.stringify(model.state_dict())).toBe(before)
    expect(model.parameters().map(({ grad }) => grad)).toEqual([null, null, null, null])
    expect(seen).toEqual([1])
    model(torch.ones(4, 3))
    expect(seen).toEqual([1, 1])
  })

  test('after an error, too, and says which layers ran', () => {
    const model = new nn.Sequential(new nn.Linear(3, 4), new nn.Linear(3, 4))
    const run = () => summary(model, [2, 3], { verbose: 0 })
    expect(run).toThrow('Failed to run torch.utils.summary. Executed layers up to: [Linear: 1]')
    try {
      run()
    } catch (error) {
      expect(String((error as Error).cause)).toMatch(/shapes cannot be multiplied/)
    }
    expect(model.training).toBe(true)
  })
})

test.each([
  [
    'both inputs',
    () => summary(new nn.Linear(1, 1), [1, 1], [torch.ones(1, 1)]),
    'Only one of (input_data, input_size)',
  ],
  [
    'columns of a call without one',
    () => summary(new nn.Linear(1, 1), { col_names: ['mult_adds'] }),
    'You must pass input_data or input_size',
  ],
  [
    'no width',
    () => summary(new nn.Linear(1, 1), { col_width: 0 }),
    'Column width must be greater than 0: col_width=0',
  ],
  ['another verbosity', () => summary(new nn.Linear(1, 1), { verbose: 3 }), 'Verbose must be either 0 (quiet)'],
  ['no size', () => summary(new nn.Linear(1, 1), []), 'Input_data is invalid, or negative size'],
  ['a size of nothing', () => summary(new nn.Linear(1, 1), [0, 1]), 'Input_data is invalid, or negative size'],
])('refuses %s', (_, call, message) => {
  expect(call).toThrow(message)
})
