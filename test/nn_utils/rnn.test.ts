// torch.nn.utils.rnn beside what recurrent layers do with it (test/nn/packed.test.ts).

import { expect, test } from 'vitest'
import torch, { nn } from '../../lib/index.js'

const { rnn } = nn.utils
const packed = () => rnn.pack_sequence([torch.ones(1), torch.ones(3), torch.ones(2)], false)

test('a packed sequence is converted as a tensor is, and is the same one where nothing changes', () => {
  const sequence = packed()
  expect(sequence.to('cpu')).toBe(sequence)
  expect(sequence.float()).toBe(sequence)
  expect(sequence.to({ dtype: torch.float32, device: 'cpu' })).toBe(sequence)
  const types = ['double', 'half', 'bfloat16', 'long', 'int', 'short', 'char', 'byte'] as const
  expect(types.map((name) => String(sequence[name]().data.dtype))).toEqual(
    ['float64', 'float16', 'bfloat16', 'int64', 'int32', 'int16', 'int8', 'uint8'].map((name) => `torch.${name}`),
  )
  const moved = sequence.to(torch.ones(1, { dtype: torch.float64, device: 'meta' }))
  expect([moved.data, moved.sorted_indices, moved.unsorted_indices].map((tensor) => String(tensor?.device))).toEqual(
    new Array(3).fill('meta'),
  )
  expect([String(moved.batch_sizes.device), String(moved.data.dtype)]).toEqual(['cpu', 'torch.float64'])
  expect(moved.sorted_indices?.dtype).toBe(torch.int64)
  expect(() => sequence.to(torch.float64, { copy: true })).toThrow('.to() does not accept copy argument')
  expect(() => sequence.to({ dtyp: torch.float64 } as never)).toThrow(/dtype/)
  expect([sequence.is_pinned(), sequence.is_cuda]).toEqual([false, false])
})

test('sequences come in an array, another iterable or a tensor', () => {
  const rows = torch.arange(6).float().view(2, 3)
  const expected = rnn.pad_sequence([rows.index(0), rows.index(1)]).tolist()
  expect(rnn.pad_sequence(rows).tolist()).toEqual(expected)
  expect(rnn.pad_sequence(new Set(rows.unbind())).tolist()).toEqual(expected)
  expect(rnn.pack_sequence(rows).data.tolist()).toEqual([0, 3, 1, 4, 2, 5])
  expect(rnn.unpack_sequence(packed()).map((each) => each.numel())).toEqual([1, 3, 2])
})

test('messages are Python’s', () => {
  const lengths = (...values: bigint[]) => torch.tensor(values)
  const wrong: [run: () => unknown, message: string][] = [
    [() => rnn.pad_sequence(3 as never), 'pad_sequence: Expected iterable for input sequences, but got arg of type: '],
    [() => rnn.pad_sequence([]), 'received an empty list of sequences'],
    [
      () => rnn.pad_sequence([torch.ones(1)], { padding_side: 'middle' as never }),
      'Expected padding_side to be one of left or right, but got middle.',
    ],
    [
      () => rnn.pack_padded_sequence(torch.ones(3, 2), lengths(1n, 2n)),
      '`lengths` array must be sorted in decreasing order when `enforce_sorted` is True.',
    ],
    [
      () => rnn.pack_padded_sequence(torch.ones(3, 2), lengths(0n, 2n), { enforce_sorted: false }),
      "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0",
    ],
    [
      () => rnn.pack_padded_sequence(torch.ones(3, 2), lengths(3n)),
      'Expected `len(lengths)` to be equal to batch_size, but got 1 (batch_size=2)',
    ],
    [
      () => rnn.pad_packed_sequence(packed(), { total_length: 2 }),
      'Expected total_length to be at least the length of the longest sequence in input, but got total_length=2 and max ' +
        'sequence length being 3',
    ],
  ]
  for (const [run, message] of wrong) expect(run).toThrow(message)
})
