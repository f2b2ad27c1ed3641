// Products in groups and of scaled matrices, as scripts/reference/low_precision.py has them in Python.

import { expect, test } from 'vitest'
import torch, { nn, type Tensor } from '../../lib/index.js'
import { expectTensor, FEW_ULPS, filled, fixture, type Values } from '../helpers.js'

const F = nn.functional
const reference = fixture('low_precision.json')
const tensorOf = ({ data, shape }: Values): Tensor => torch.tensor(data as number[]).view(shape)
const offs = torch.tensor([2n, 5n, 8n], { dtype: torch.int32 })

test('grouped_mm, with its gradients', () => {
  const { half, ...cases } = filled(reference.groups as Record<string, [Values, Values, Values, Values?, Values?]>)
  for (const [name, [left, right, output, ...grads]] of Object.entries(cases)) {
    const [a, b] = [left, right].map((values) => tensorOf(values).requires_grad_()) as [Tensor, Tensor]
    const found = F.grouped_mm(a, b, { offs: name === 'several by weights' ? null : offs })
    expectTensor(found, output, 4 * FEW_ULPS, name)
    found.square().sum().backward()
    expect(grads).toHaveLength(2)
    grads.forEach((grad, i) => {
      expectTensor([a, b][i]?.grad as Tensor, grad as Values, 16 * FEW_ULPS, name)
    })
  }
  const [flat, weights, output] = half as [Values, Values, Values]
  expectTensor(F.grouped_mm(tensorOf(flat).bfloat16(), tensorOf(weights).bfloat16(), { offs }), output, 2 ** -6)
})

test('scaled_mm', () => {
  expect([F.ScalingType, F.SwizzleType]).toEqual([reference.scaled.types, reference.scaled.swizzles])
  const { TensorWise } = F.ScalingType
  const [a, b] = [reference.scaled.a, reference.scaled.b].map(tensorOf) as [Tensor, Tensor]
  const low = a.to(torch.float8_e4m3fn)
  const other = b.t().contiguous().to(torch.float8_e4m3fn).t()
  const scales = [torch.tensor(0.5), torch.tensor(2)] as const
  const whole = F.scaled_mm(low, other, scales[0], TensorWise, scales[1], TensorWise)
  expectTensor(whole, reference.scaled.whole, 2 ** -6)
  const single = F.scaled_mm(low, other, [scales[0]], [TensorWise], [scales[1]], [TensorWise], {
    output_dtype: torch.float32,
  })
  expectTensor(single, reference.scaled.float, 4 * FEW_ULPS)
  const wrong = () => F.scaled_mm(low, other, torch.ones(3), TensorWise, scales[1], TensorWise)
  expect(wrong).toThrow(reference.message)
  // Its kernels are those of GPUs.
  expect(() => F.scaled_grouped_mm(low, other, scales[0], TensorWise, scales[1], TensorWise)).toThrow(
    "Could not run 'aten::_scaled_grouped_mm_v2' with arguments from the 'CPU' backend",
  )
})
