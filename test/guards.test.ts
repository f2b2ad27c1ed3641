// Operators that libtorch lets read past their arguments are refused before the call (native/operators/guards.cc).

import { describe, expect, test } from 'vitest'
import torch from '../lib/index.js'

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
const lstm = (input: unknown, hx: unknown, params: unknown, layers = 1) =>
  aten.lstm?.(input, hx, params, false, layers, 0, false, false, false)

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
    expect(torch.linalg.eigvals(torch.eye(2)).numel()).toBe(2)
    // Python's numbers are within half a step of 255 of the range: 6 / 255 here.
    const x = torch.arange(1, 7).view(2, 3).float()
    for (const seen of [observed(x, 0, 1), observed(x, 0, 2, true)]) {
      expect(seen.sub(x).abs().max().item()).toBeLessThanOrEqual(3 / 255 + 1e-6)
    }
  })
})
