// torch.nn.functional.linear

import { tstorch } from '../../backends/index.js'
import { native } from '../../core/native.js'
import { internals, type Tensor } from '../../core/tensor.js'
import { pythonFunction } from '../../operators/arguments.js'
import type * as signature from '../../operators/generated/python_functions.js'

const { handleOf, isTensor } = internals

const product = (input: Tensor, weight: Tensor, bias: Tensor | null): Tensor =>
  internals.wrap(native.linear(handleOf(input), handleOf(weight), bias === null ? null : handleOf(bias), tstorch.fused))

const read = pythonFunction<signature.nn_functional_linear>('nn.functional.linear', product)

/** x Wᵀ + b. input: (*, in); weight: (out, in) or (in); bias: (out) or (). Returns (*, out), or (*). */
export const linear: signature.nn_functional_linear = (...args: unknown[]): Tensor => {
  const [input, weight, bias = null] = args
  // Layers call it with tensors alone, in every step of training.
  if (args.length <= 3 && isTensor(input) && isTensor(weight) && (bias === null || isTensor(bias))) {
    return product(input, weight, bias)
  }
  return (read as (...args: unknown[]) => Tensor)(...args)
}
