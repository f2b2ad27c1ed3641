// Whether a tensor equals PyTorch's, within the tolerances of torch.testing.assert_close. Compared in plain loops over
// the elements, so that the check uses no operators.

import torch, { type Tensor } from '../../lib/index.js'

const TOLERANCES: Record<string, [rtol: number, atol: number]> = {
  'torch.float16': [1e-3, 1e-5],
  'torch.bfloat16': [1.6e-2, 1e-5],
  'torch.float32': [1.3e-6, 1e-5],
  'torch.float64': [1e-7, 1e-7],
  'torch.complex32': [1e-3, 1e-5],
  'torch.complex64': [1.3e-6, 1e-5],
  'torch.complex128': [1e-7, 1e-7],
}

/** The elements as an array; complex numbers as alternating re and im. */
function elements(tensor: Tensor): ArrayLike<number | bigint> {
  const plain = tensor.detach()
  if (plain.dtype === torch.complex32) return plain.to(torch.complex64).to_typed_array({ copy: true })
  return plain.to_typed_array({ copy: true })
}

/** The first difference in words, or null. `expected` may hold complex numbers as pairs of real ones. */
export function difference(actual: Tensor, expected: Tensor, dtype: string, factor = 1, tolerance = 0): string | null {
  const a = elements(actual)
  const e = elements(expected)
  if (a.length !== e.length) return `${a.length} elements, expected ${e.length}`
  const exact = TOLERANCES[dtype] ?? [0, 0]
  const [rtol, atol] = dtype in TOLERANCES ? exact.map((least) => Math.max(factor * least, tolerance)) : exact
  for (let i = 0; i < e.length; i++) {
    const x = a[i] as number
    const y = e[i] as number
    if (x === y || (Number.isNaN(x) && Number.isNaN(y))) continue
    if (
      typeof x === 'bigint' ||
      typeof y === 'bigint' ||
      !(Math.abs(x - y) <= (atol as number) + (rtol as number) * Math.abs(y))
    ) {
      return `element ${i} is ${x}, expected ${y}`
    }
  }
  return null
}
