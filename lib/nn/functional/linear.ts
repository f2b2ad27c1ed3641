// torch.nn.functional.linear

import { native } from '../../core/native.js'
import { internals, type Tensor } from '../../core/tensor.js'
import { isOptions } from '../../operators/options.js'

const { handleOf, isTensor } = internals

/** x Wᵀ + b. input: (*, in); weight: (out, in) or (in); bias: (out) or (). Returns (*, out), or (*). */
export function linear(
  input: Tensor,
  weight: Tensor,
  bias: Tensor | null | { bias?: Tensor | null | undefined } = null,
): Tensor {
  const offset = isOptions(bias) ? ((bias as { bias?: Tensor | null }).bias ?? null) : (bias as Tensor | null)
  const missing = isTensor(input) ? (isTensor(weight) ? null : 'weight') : 'input'
  if (missing !== null || (offset !== null && !isTensor(offset))) {
    throw new TypeError(`linear(): argument '${missing ?? 'bias'}' must be Tensor`)
  }
  return internals.wrap(native.linear(handleOf(input), handleOf(weight), offset === null ? null : handleOf(offset)))
}
