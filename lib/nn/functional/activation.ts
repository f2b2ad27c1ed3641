// torch.nn.functional: activations with Python's `inplace`, and those that it builds from several operators.

import type { DType } from '../../core/dtype.js'
import type { Tensor } from '../../core/tensor.js'
import { warn } from '../../core/warn.js'
import * as aten from '../../generated/aten.js'
import * as torch from '../../generated/functions.js'
import * as nn from '../../generated/nn_functional.js'
import { pythonFunction } from '../../operators/arguments.js'
import type * as signature from '../../operators/generated/python_functions.js'

/** The operator, or the one that works in place where the last value, `inplace`, says so. */
const withInplace =
  <A extends unknown[]>(operator: (...values: A) => Tensor, inPlace: (...values: A) => Tensor) =>
  (...values: [...A, inplace: boolean]): Tensor =>
    (values.pop() ? inPlace : operator)(...(values as unknown[] as A))

export const relu = pythonFunction<signature.nn_functional_relu>(
  'nn.functional.relu',
  withInplace<[input: Tensor]>(torch.relu, torch.relu_),
)
export const relu6 = pythonFunction<signature.nn_functional_relu6>(
  'nn.functional.relu6',
  withInplace<[input: Tensor]>(aten.relu6, nn.relu6_),
)
export const elu = pythonFunction<signature.nn_functional_elu>(
  'nn.functional.elu',
  withInplace<[input: Tensor, alpha: number]>(aten.elu, nn.elu_),
)
export const selu = pythonFunction<signature.nn_functional_selu>(
  'nn.functional.selu',
  withInplace<[input: Tensor]>(torch.selu, torch.selu_),
)
export const celu = pythonFunction<signature.nn_functional_celu>(
  'nn.functional.celu',
  withInplace<[input: Tensor, alpha: number]>(torch.celu, torch.celu_),
)
export const silu = pythonFunction<signature.nn_functional_silu>(
  'nn.functional.silu',
  withInplace<[input: Tensor]>(aten.silu, nn.silu_),
)
export const mish = pythonFunction<signature.nn_functional_mish>(
  'nn.functional.mish',
  withInplace<[input: Tensor]>(aten.mish, nn.mish_),
)
export const leaky_relu = pythonFunction<signature.nn_functional_leaky_relu>(
  'nn.functional.leaky_relu',
  withInplace<[input: Tensor, negative_slope: number]>(aten.leaky_relu, nn.leaky_relu_),
)
export const rrelu = pythonFunction<signature.nn_functional_rrelu>(
  'nn.functional.rrelu',
  withInplace<[input: Tensor, lower: number, upper: number, training: boolean]>(torch.rrelu, torch.rrelu_),
)
export const hardsigmoid = pythonFunction<signature.nn_functional_hardsigmoid>(
  'nn.functional.hardsigmoid',
  withInplace<[input: Tensor]>(aten.hardsigmoid, nn.hardsigmoid_),
)
export const hardswish = pythonFunction<signature.nn_functional_hardswish>(
  'nn.functional.hardswish',
  withInplace<[input: Tensor]>(aten.hardswish, nn.hardswish_),
)
export const threshold = pythonFunction<signature.nn_functional_threshold>(
  'nn.functional.threshold',
  withInplace<[input: Tensor, threshold: number, value: number]>(torch.threshold, torch.threshold_),
)

export const hardtanh = pythonFunction<signature.nn_functional_hardtanh>(
  'nn.functional.hardtanh',
  (input: Tensor, min_val: number, max_val: number, inplace: boolean) => {
    if (min_val > max_val) throw new RangeError('min_val cannot be greater than max_val')
    return (inplace ? nn.hardtanh_ : aten.hardtanh)(input, min_val, max_val)
  },
)

export const glu = pythonFunction<signature.nn_functional_glu>('nn.functional.glu', (input: Tensor, dim: number) => {
  if (input.dim() === 0) {
    throw new Error('glu does not support scalars because halving size must be even')
  }
  return aten.glu(input, dim)
})

export const tanhshrink = pythonFunction<signature.nn_functional_tanhshrink>(
  'nn.functional.tanhshrink',
  (input: Tensor) => input.sub(input.tanh()),
)

export const softsign = pythonFunction<signature.nn_functional_softsign>('nn.functional.softsign', (input: Tensor) =>
  input.div(input.abs().add(1)),
)

/** log(sigmoid(x)), element by element. */
export function logsigmoid(input: Tensor): Tensor {
  return nn.log_sigmoid(input)
}

/** The dimension that Python takes where none is given. */
function implicitDim(name: string, input: Tensor): number {
  warn(`Implicit dimension choice for ${name} has been deprecated. Change the call to include dim=X as an argument.`)
  const dims = input.dim()
  return dims === 0 || dims === 1 || dims === 3 ? 0 : 1
}

type Softmax = (input: Tensor, dim: number, dtype: DType | null) => Tensor

const softmaxLike =
  (name: string, of: (input: Tensor) => Tensor, operator: Softmax) =>
  (input: Tensor, dim: number | null, dtype: DType | null): Tensor =>
    operator(of(input), dim ?? implicitDim(name, input), dtype)

const itself = (input: Tensor) => input

export const softmax = pythonFunction<signature.nn_functional_softmax>(
  'nn.functional.softmax',
  softmaxLike('softmax', itself, torch.softmax),
)
export const log_softmax = pythonFunction<signature.nn_functional_log_softmax>(
  'nn.functional.log_softmax',
  softmaxLike('log_softmax', itself, torch.log_softmax),
)
export const softmin = pythonFunction<signature.nn_functional_softmin>(
  'nn.functional.softmin',
  softmaxLike('softmin', (input) => input.neg(), torch.softmax),
)

export const gumbel_softmax = pythonFunction<signature.nn_functional_gumbel_softmax>(
  'nn.functional.gumbel_softmax',
  (logits: Tensor, tau: number, hard: boolean, _eps: number, dim: number) => {
    const noise = torch.empty_like(logits).exponential_().log().neg()
    const soft = logits.add(noise).div(tau).softmax(dim)
    if (!hard) return soft
    const index = soft.max(dim, true).indices
    const chosen = torch.zeros_like(logits).scatter_(dim, index, 1)
    // The value is one-hot, the gradient that of the softmax.
    return chosen.sub(soft.detach()).add(soft)
  },
)
