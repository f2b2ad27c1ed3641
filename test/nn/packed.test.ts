import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { native } from '../../lib/core/native.js'
import torch, { nn, type Tensor } from '../../lib/index.js'
import { expectNumbers, fixtureFile } from '../helpers.js'

const { pack_padded_sequence, pack_sequence, pad_packed_sequence, pad_sequence, unpack_sequence } = nn.utils.rnn
const [LENGTHS, INPUT, HIDDEN] = [[3, 5, 1, 4], 2, 3]
const KINDS = {
  RNN: (options: nn.RNNOptions) => new nn.RNN(INPUT, HIDDEN, options),
  LSTM: (options: nn.LSTMOptions) => new nn.LSTM(INPUT, HIDDEN, options),
  LSTM_proj: (options: nn.LSTMOptions) => new nn.LSTM(INPUT, HIDDEN, { ...options, proj_size: 2 }),
  GRU: (options: nn.RNNBaseOptions) => new nn.GRU(INPUT, HIDDEN, options),
}
type Kind = keyof typeof KINDS
const references = torch.safetensors.load_file(fixtureFile('packed.safetensors'))

/** What scripts/reference/packed.py computes, step by step. Numbers are drawn in float64, as there. */
function compute(kind: Kind, flags: boolean[]): Tensor {
  const [bidirectional, batch_first, sort, drops, given] = flags as [boolean, boolean, boolean, boolean, boolean]
  torch.manual_seed(kind.length)
  const layer = KINDS[kind]({ num_layers: 2, bidirectional, batch_first, dropout: drops ? 0.4 : 0 })
  const lengths = sort ? LENGTHS.toSorted((a, b) => b - a) : LENGTHS
  const x = torch.randn([...(batch_first ? [4, 5] : [5, 4]), INPUT]).requires_grad_()
  const packed = pack_padded_sequence(x, lengths, { batch_first, enforce_sorted: sort })
  const sizes = layer instanceof nn.LSTM ? [layer.proj_size || HIDDEN, HIDDEN] : [HIDDEN]
  const states = sizes.map((size) => torch.randn([bidirectional ? 4 : 2, 4, size]).requires_grad_())
  let output: nn.utils.rnn.PackedSequence
  let final: Tensor[]
  if (layer instanceof nn.LSTM) {
    ;[output, final] = layer(packed, given ? (states as [Tensor, Tensor]) : null)
  } else {
    const [packedOutput, h_n] = (layer as nn.RNN)(packed, given ? states[0] : null)
    ;[output, final] = [packedOutput, [h_n]]
  }
  const [padded, back] = pad_packed_sequence(output, { batch_first, padding_value: -1, total_length: 6 })
  expect(back.tolist()).toEqual(lengths)
  const results = [padded, ...final]
  results
    .map((result) => result.mul(torch.randn(result.shape)).sum())
    .reduce((sum, part) => sum.add(part))
    .backward()
  const gradients = [x, ...(given ? states : []), ...layer.parameters()].map((tensor) => tensor.grad as Tensor)
  return torch.cat([...results, ...gradients].map((tensor) => tensor.detach().flatten()))
}

describe.each([true, false])('packed sequences, fused: %s', (fused) => {
  beforeAll(() => torch.set_default_dtype(torch.float64))
  afterAll(() => torch.set_default_dtype(torch.float32))

  test.each(Object.keys(KINDS) as Kind[])('through %s equal PyTorch’s, gradients too', (kind) => {
    torch.backends.tstorch.fused = fused
    try {
      for (let bits = 0; bits < 32; bits++) {
        const flags = bits.toString(2).padStart(5, '0')
        const expected = references[`${kind}/${flags}`] as Tensor
        const actual = compute(
          kind,
          [...flags].map((flag) => flag === '1'),
        )
        const what = `${kind} bidirectional, batch_first, sorted, dropout, h_0: ${flags}`
        expectNumbers(actual.tolist() as number[], expected.tolist() as number[], 1e-10, what)
      }
    } finally {
      torch.backends.tstorch.fused = true
    }
  })
})

test('packing and padding are PyTorch’s, and undo each other', () => {
  const sequences = [torch.arange(3), torch.arange(5).add(10), torch.arange(1).add(20)].map((s) => s.to(torch.float32))
  const packed = pack_sequence(sequences, { enforce_sorted: false })
  const reference = (name: string) => (references[`functions/${name}`] as Tensor).tolist()
  expect(packed.data.tolist()).toEqual(reference('data'))
  expect(packed.batch_sizes.tolist()).toEqual(reference('batch_sizes'))
  expect(packed.sorted_indices?.tolist()).toEqual(reference('sorted'))
  expect(packed.unsorted_indices?.tolist()).toEqual(reference('unsorted'))
  const left = pad_sequence(sequences, { batch_first: true, padding_value: -1, padding_side: 'left' })
  expect(left.tolist()).toEqual(reference('left'))
  expect(unpack_sequence(packed).map((s) => s.tolist())).toEqual(sequences.map((s) => s.tolist()))
  expect(packed.double().data.dtype).toBe(torch.float64)
})

test('a graph without a backward is freed', () => {
  const layer = new nn.GRU(8, 64)
  const packed = pack_padded_sequence(torch.randn(50, 8, 8), Array(8).fill(50))
  const forward = () => torch.scope(() => void layer(packed))
  forward()
  const before = native.live_bytes()
  for (let i = 0; i < 10; i++) forward()
  expect(native.live_bytes() - before).toBeLessThan(100_000)
})

test('batch sizes whose sum overflows are refused', () => {
  const huge = 2n ** 62n
  const sizes = torch.tensor([huge, huge, huge, huge, 3n])
  const packed = new nn.utils.rnn.PackedSequence(torch.zeros(3, 1), sizes)
  expect(() => new nn.RNN(1, 2)(packed)).toThrow(/batch_sizes count more rows than there are/)
})

test.each([
  ['numbers', [3, 2]],
  ['fractions', [3.5, 2]],
  ['int32', torch.tensor([3, 2], { dtype: torch.int32 })],
  ['uint8', torch.tensor([3, 2], { dtype: torch.uint8 })],
  ['float32', torch.tensor([3.7, 2.2])],
])('lengths may be %s, which become whole', (_, lengths) => {
  for (const enforce_sorted of [true, false]) {
    const packed = pack_padded_sequence(torch.zeros(3, 2, 2), lengths, { enforce_sorted })
    expect(packed.batch_sizes.tolist()).toEqual([2, 2, 1])
  }
})

test.each([
  ['unsorted lengths', () => pack_padded_sequence(torch.zeros(5, 2, 1), [2, 5]), /enforce_sorted/],
  ['a length of 0', () => pack_padded_sequence(torch.zeros(5, 2, 1), [5, 0]), /greater than 0/],
  ['a tensor to unpack', () => pad_packed_sequence(torch.zeros(3) as never), /must be a PackedSequence/],
  [
    'a total length too short',
    () => pad_packed_sequence(pack_padded_sequence(torch.zeros(5, 1, 1), [5]), { total_length: 3 }),
    /at least the length of the longest/,
  ],
  [
    'batch sizes that do not fit the data',
    () => new nn.RNN(1, 2)(new nn.utils.rnn.PackedSequence(torch.zeros(3, 1), torch.tensor([2n, 2n]))),
    /batch_sizes count more rows than there are/,
  ],
])('refuses %s', (_, run, message) => {
  expect(run).toThrow(message)
})
