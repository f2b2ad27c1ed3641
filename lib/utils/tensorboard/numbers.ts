// What summaries are made of: tensors and numbers, as JavaScript's numbers.

import { float64 } from '../../core/dtype.js'
import { internals, type Tensor } from '../../core/tensor.js'

/** The elements as doubles, in order. */
export function numbersOf(values: Tensor | ArrayLike<number>): Float64Array {
  if (!internals.isTensor(values)) return Float64Array.from(values)
  return values.detach().cpu().to(float64).contiguous().view(-1).to_typed_array() as Float64Array
}

/** A number, or a tensor's only element. @throws where there are more or less. */
export function scalarOf(value: unknown): number {
  if (!internals.isTensor(value)) {
    if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return Number(value)
    throw new TypeError(`a scalar is a number or a tensor of one element, not ${typeof value}`)
  }
  if (value.numel() !== 1) {
    const { ndim } = value.squeeze()
    throw new RangeError(
      `Tensor should contain one element (0 dimensions). Was given size: ${value.numel()} and ${ndim} dimensions.`,
    )
  }
  return Number(value.item())
}
