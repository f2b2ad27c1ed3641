// Operators that libtorch lets read past their arguments are refused before the call (native/operators/guards.cc).

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { native } from '../lib/core/native.js'
import { packageRoot } from '../lib/core/package_root.js'
import torch, { type Tensor } from '../lib/index.js'

const aten = torch.ops.aten as Record<string, (...args: unknown[]) => unknown>
const w = (...sizes: number[]) => torch.ones(...sizes)
/** Observes the range of `input` along `axis`, with `channels` ranges, and rounds it to that range. */
const observed = (input: torch.Tensor, axis: number, channels: number, per_row = false) =>
  torch.fused_moving_avg_obs_fake_quant(
    input,
    ...([torch.tensor([1n]), torch.tensor([1n])] as const),
    ...([torch.full([channels], Infinity), torch.full([channels], -Infinity)] as const),
    ...([torch.ones(channels), torch.zeros([channels], { dtype: torch.int32 })] as const),
    ...([0.01, 0, 255, axis, per_row] as const),
  )
const ints = (...values: number[]) => torch.tensor(values, { dtype: torch.int64 })
const segments = (options: object) => torch.segment_reduce(w(4), 'sum', options)
const rows = torch.sparse_csr_tensor
const lstm = (input: unknown, hx: unknown, params: unknown, layers = 1) =>
  aten.lstm?.(input, hx, params, false, layers, 0, false, false, false)

/** The weights of a cell with as many gates, without biases. */
const CELL = (gates: number, hidden = 4): [torch.Tensor, torch.Tensor] => [
  w(gates * hidden, hidden === 1 ? 1 : 2),
  w(gates * hidden, hidden),
]

describe('arguments that do not belong together are refused', () => {
  test.each([
    [
      'eigenvalues of infinities',
      () =>
        torch.linalg.eigvals(
          torch.tensor([
            [1, Infinity],
            [0, 1],
          ]),
        ),
      /infs or NaNs/,
    ],
    ['segments beyond the data', () => segments({ offsets: ints(0, 1_000_000) }), /to be from 0 to 4/],
    ['segments that go back', () => segments({ offsets: ints(0, 3, 2) }), /to grow/],
    ['lengths beyond the data', () => segments({ lengths: ints(2, 1_000_000), unsafe: true }), /to be from 0 to 4/],
    [
      'lengths beyond the data together',
      () => segments({ lengths: ints(3, 3), unsafe: true }),
      /the sum of the lengths/,
    ],
    ['columns beyond a sparse matrix', () => rows(ints(0, 1, 2), ints(0, 5), w(2), [2, 2]), /0 <= col_indices < ncols/],
    ['columns before a sparse matrix', () => rows(ints(0, 1, 2), ints(0, -5), w(2)), /0 <= col_indices < ncols/],
    ['rows beyond a sparse matrix', () => rows(ints(0, 1, 7), ints(0, 1), w(2)), /crow_indices\[\.\.\., -1\] == nnz/],
    [
      'rows of blocks beyond a sparse matrix',
      () => torch.sparse_bsc_tensor(ints(0, 1, 2), ints(0, 9), w(2, 1, 1), [2, 2]),
      /0 <= row_indices < nrows/,
    ],
    [
      'columns beyond a compressed matrix',
      () => torch.sparse_compressed_tensor(ints(0, 1, 2), ints(0, 9), w(2), [2, 2], { layout: torch.sparse_csr }),
      /0 <= col_indices < ncols/,
    ],
    [
      'batch norm without statistics',
      () => torch.native_batch_norm(w(2, 3, 4), null, null, null, null, false, 0.1, 1e-5),
      /running_mean and running_var/,
    ],
    [
      'batch norm of another number of channels',
      () => torch.native_batch_norm(w(2, 3, 4), w(2), null, null, null, true, 0.1, 1e-5),
      /weight to be a vector of size 3/,
    ],
    ['no groups', () => torch.native_group_norm(w(2, 4, 3), null, null, 2, 4, 3, 0, 1e-5), /num_groups=0/],
    [
      'groups of another size',
      () => torch.native_group_norm(w(2, 4, 3), null, null, 2, 4, 300, 2, 1e-5),
      /24 elements/,
    ],
    ['no layers', () => lstm(w(3, 1, 2), [w(0, 1, 4), w(0, 1, 4)], [], -1), /num_layers/],
    [
      'too few weights',
      () => lstm(w(3, 1, 2), [w(1, 1, 4), w(1, 1, 4)], [w(16, 2)]),
      /incorrect number of RNN parameters/,
    ],
    [
      'weights of another size',
      () => lstm(w(3, 1, 2), [w(1, 1, 4), w(1, 1, 4)], [w(16, 3), w(16, 4)]),
      /parameter 0 of shape \[16, 3\]/,
    ],
    ['one state for an LSTM', () => lstm(w(3, 1, 2), [w(1, 1, 4)], [w(16, 2), w(16, 4)]), /two hidden states/],
    [
      'batch sizes that grow',
      () => aten.gru?.(w(3, 2), torch.tensor([1n, 2n]), w(1, 2, 4), [w(12, 2), w(12, 4)], false, 1, 0, false, false),
      /not to grow/,
    ],
    [
      'projections to the size of the state',
      () => lstm(w(3, 1, 2), [w(1, 1, 4), w(1, 1, 4)], [w(16, 2), w(16, 4), w(4, 4)]),
      /projections to have another size/,
    ],
    ['a state of another dtype', () => lstm(w(3, 1, 2), [w(1, 1, 4), w(1, 1, 4).double()], CELL(4)), /input's dtype/],
    ['a state elsewhere', () => lstm(w(3, 1, 2), [w(1, 1, 4), w(1, 1, 4).to('meta')], CELL(4)), /input's dtype/],
    ['sparse weights', () => lstm(w(3, 1, 2), [w(1, 1, 4), w(1, 1, 4)], [w(16, 2), w(16, 4).to_sparse()]), /Sparse/],
    [
      'a cell’s state of 5 dimensions',
      () => torch.gru_cell(w(1, 1), w(1, 1, 5, 127, 1), ...CELL(3, 1)),
      /hidden states/,
    ],
    ['an LSTM cell’s', () => torch.lstm_cell(w(1, 1), [w(1, 1), w(1, 1, 5, 2, 1)], ...CELL(4, 1)), /hidden states/],
    ['a cell’s weight with too few rows', () => torch.gru_cell(w(2, 2), w(2, 4), w(12, 2), w(1, 4)), /does not fit/],
    ['a cell’s bias', () => torch.rnn_tanh_cell(w(2, 2), w(2, 4), w(4, 2), w(4, 4), null, w(3)), /does not fit/],
    ['a cell’s input', () => torch.rnn_tanh_cell(w(2, 2, 2), w(2, 4), w(4, 2), w(4, 4)), /2 dimensions/],
    [
      'gates of another size than the state, backward',
      () => aten._thnn_differentiable_gru_cell_backward?.(w(2, 4), w(2, 12), w(2, 1), w(2, 4), null, null),
      /hidden_gates to have sizes \[2, 12\]/,
    ],
    [
      'the same of an LSTM',
      () =>
        aten._thnn_differentiable_lstm_cell_backward?.(w(2, 4), null, w(2, 1), w(2, 1), null, null, w(2, 4), w(2, 4)),
      /a multiple of 4/,
    ],
    ['packing what is no matrix', () => torch.fbgemm_pack_gemm_matrix_fp16(w(3, 2, 0)), /to be a matrix/],
    ['packing another dtype', () => torch.fbgemm_pack_gemm_matrix_fp16(w(3, 2).double()), /tensor of Float on the CPU/],
    ['observing along no axis', () => observed(w(2, 3), -(2 ** 40), 1), /ch_axis to be from 0 to 1/],
    ['observing with too few ranges', () => observed(w(2, 3), 1, 2, true), /running_min to have 3 elements/],
    ['observing another dtype', () => observed(w(2, 3).half(), 0, 1), /tensor of Float on the CPU/],
  ])('%s', (_, run, message) => {
    expect(run).toThrow(message)
  })

  test('what belongs together passes', () => {
    const [output] = lstm(w(3, 1, 2), [w(1, 1, 4), w(1, 1, 4)], [w(16, 2), w(16, 4)]) as [typeof torch.Tensor.prototype]
    expect(output.shape.equals([3, 1, 4])).toBe(true)
    expect(torch.gru_cell(w(2, 2), w(2, 4), ...CELL(3), null, w(12)).shape.equals([2, 4])).toBe(true)
    expect(torch.lstm_cell(w(2, 2), [w(2, 4), w(2, 4)], ...CELL(4))[1].shape.equals([2, 4])).toBe(true)
    expect(torch.linalg.eigvals(torch.eye(2)).numel()).toBe(2)
    // Python's numbers are within half a step of 255 of the range: 6 / 255 here.
    const x = torch.arange(1, 7).view(2, 3).float()
    for (const seen of [observed(x, 0, 1), observed(x, 0, 2, true)]) {
      expect(seen.sub(x).abs().max().item()).toBeLessThanOrEqual(3 / 255 + 1e-6)
    }
  })
})

test('operators that reach unchecked memory cannot be called, nor what is not in ATen', () => {
  for (const name of [
    '_lazy_clone',
    '_reshape_alias',
    '_sparse_csr_tensor_unsafe',
    '_convert_indices_from_csr_to_coo',
  ]) {
    expect(() => aten[name]?.(w(2), [1_000_000], [1]), name).toThrow(/cannot be called/)
  }
  for (const name of ['inductor::_reinterpret_tensor', 'prims::as_strided', 'quantized::linear', '_test::leaky_relu']) {
    expect(() => native.operator(name), name).toThrow(/cannot be called/)
  }
})

test('sparse matrices whose indices belong to them are made', () => {
  const expected = [
    [1, 0],
    [0, 1],
  ]
  expect(
    rows(ints(0, 1, 2), ints(0, 1), w(2), [2, 2])
      .to_dense()
      .tolist(),
  ).toEqual(expected)
  expect(
    rows(ints(0, 1, 2), ints(0, 1), w(2))
      .to_dense()
      .tolist(),
  ).toEqual(expected)
  expect(
    torch
      .sparse_bsr_tensor(ints(0, 1, 2), ints(0, 1), w(2, 1, 1), [2, 2])
      .to_dense()
      .tolist(),
  ).toEqual(expected)
  expect(rows(ints(0, 0), ints(), w(0), [1, 2]).to_dense().tolist()).toEqual([[0, 0]])
})

// What follows ended the process: it runs in one of its own.
const ended = (program: string): string =>
  execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8', stdio: 'pipe' })
const library = JSON.stringify(pathToFileURL(join(packageRoot, 'dist/lib/index.js')).href)

test('a layer whose weight’s data has another shape refuses its input', () => {
  const program = `
    const torch = await import(${library})
    let refused = 0
    for (const fused of [true, false]) {
      torch.backends.tstorch.fused = fused
      for (const shape of [[4000, 1000], [16, 4], [4], []]) {
        const layer = new torch.nn.LSTM({ input_size: 1, hidden_size: 1, num_layers: 2 })
        layer.get_parameter('weight_hh_l0').data = torch.ones(shape)
        for (let i = 0; i < 50; i++) {
          try {
            layer(torch.ones(3, 2, 1))
          } catch (error) {
            if (/does not fit/.test(error.message)) refused++
          }
        }
      }
    }
    console.log(refused)`
  expect(Number(ended(program))).toBe(2 * 4 * 50)
})

test.each([
  ['a layer', 'layer(x, states)'],
  ['the operator', 'torch.ops.aten.lstm(x, states, layer.parameters(), true, 2, 0, true, false, false)'],
])('libtorch’s LSTM reads what it kept where data takes another shape before backward: %s', (_, call) => {
  const program = `
    const torch = await import(${library})
    torch.backends.tstorch.fused = false
    let done = 0
    for (let i = 0; i < 200; i++) {
      for (const dtype of [torch.float32, torch.bfloat16]) {
        const layer = new torch.nn.LSTM({ input_size: 32, hidden_size: 64, num_layers: 2, dtype })
        const x = torch.ones(7, 5, 32, { dtype })
        const states = [torch.ones(2, 5, 64, { dtype }), torch.ones(2, 5, 64, { dtype })]
        const [output] = i % 2 ? torch.autocast('cpu', () => ${call}) : ${call}
        const changed = [x, ...states, ...layer.parameters()][i % 11]
        changed.data = torch.ones(changed.shape.map(() => [1, 3, 200][i % 3])).to(dtype)
        try {
          output.float().sum().backward()
        } catch (error) {
          if (!/shape|size|modified by an inplace/.test(error.message)) throw error
        }
        done++
      }
    }
    console.log(done)`
  expect(Number(ended(program))).toBe(400)
})

test.each([1, 2, 3])('random arguments end in errors or results, seed %i', (seed) => {
  const program = join(packageRoot, 'dist/test/nn/recurrent_junk.js')
  const counts = execFileSync(process.execPath, [program, `${seed}`, '2500'], { encoding: 'utf8', stdio: 'pipe' })
  const { refused, ran } = JSON.parse(counts) as { refused: number; ran: number }
  expect(refused + ran).toBe(2500)
  expect(Math.min(refused, ran)).toBeGreaterThan(500)
})

// More than any address space has.
const HUGE = 2 ** 55
test.each<[string, (x: Tensor) => unknown]>([
  ['resize_', (x) => x.resize_(HUGE)],
  ['resize_as_', (x) => x.resize_as_(torch.empty(1).expand(HUGE))],
  ['out', (x) => torch.zeros([HUGE], { out: x })],
  ['out of two', (x) => torch.sort(torch.empty(1).expand(HUGE), { out: [x, torch.LongTensor([])] })],
  ['a size that overflows', (x) => x.resize_(2 ** 53 - 1, 2 ** 53 - 1)],
])('a tensor for which there is no memory keeps its elements: %s', (_, resize) => {
  const x = torch.tensor([
    [1, 2, 3],
    [4, 5, 6],
  ])
  expect(() => resize(x)).toThrow()
  expect(x.shape.equals([2, 3])).toBe(true)
  expect(x.tolist()).toEqual([
    [1, 2, 3],
    [4, 5, 6],
  ])
})

test.each<[string, (x: Tensor) => Tensor]>([
  ['batch_norm', (x) => torch.nn.functional.batch_norm(x, null, null, null, null, true)],
  ['layer_norm', (x) => torch.nn.functional.layer_norm(x, [3])],
  ['log_softmax of a product', (x) => x.mul(x).log_softmax(1)],
  ['conv1d', (x) => torch.conv1d(x.unsqueeze(0), torch.ones(1, 2, 1))],
])('what a graph saved cannot take another shape before backward: %s', (_, run) => {
  const x = torch.ones(2, 3, { requires_grad: true })
  const y = run(x)
  x.data = torch.ones(0, 0, 0, 0)
  expect(() => y.sum().backward()).toThrow(/modified by an inplace operation|shape/)
  // As in Python, where the shape stays and nothing notices.
  const z = torch.ones(2, { requires_grad: true })
  const square = z.mul(z)
  z.data = torch.full([2], 3)
  square.sum().backward()
  expect(z.grad?.tolist()).toEqual([6, 6])
})
