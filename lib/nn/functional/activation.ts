// torch.nn.functional: activations with Python's `inplace`, and those that it builds from several operators.

import type { DType } from '../../core/dtype.js'
import type { Tensor } from '../../core/tensor.js'
import { warn } from '../../core/warn.js'
import { pythonFunction } from '../../operators/arguments.js'
import type * as signature from '../../operators/generated/python_functions.js'
import { aten } from '../../operators/table.js'

/** The operator `name`, or `name_` where the last value, `inplace`, says so. */
const withInplace =
  (name: string) =>
  (...values: unknown[]): Tensor =>
    aten<Tensor>(values.pop() ? `${name}_` : name, ...values)

export const relu = pythonFunction<signature.nn_functional_relu>('nn.functional.relu', withInplace('relu'))
export const relu6 = pythonFunction<signature.nn_functional_relu6>('nn.functional.relu6', withInplace('relu6'))
export const elu = pythonFunction<signature.nn_functional_elu>('nn.functional.elu', withInplace('elu'))
export const selu = pythonFunction<signature.nn_functional_selu>('nn.functional.selu', withInplace('selu'))
export const celu = pythonFunction<signature.nn_functional_celu>('nn.functional.celu', withInplace('celu'))
export const silu = pythonFunction<signature.nn_functional_silu>('nn.functional.silu', withInplace('silu'))
export const mish = pythonFunction<signature.nn_functional_mish>('nn.functional.mish', withInplace('mish'))
export const leaky_relu = pythonFunction<signature.nn_functional_leaky_relu>(
  'nn.functional.leaky_relu',
  withInplace('leaky_relu'),
)
export const rrelu = pythonFunction<signature.nn_functional_rrelu>('nn.functional.rrelu', withInplace('rrelu'))
export const hardsigmoid = pythonFunction<signature.nn_functional_hardsigmoid>(
  'nn.functional.hardsigmoid',
  withInplace('hardsigmoid'),
)
export const hardswish = pythonFunction<signature.nn_functional_hardswish>(
  'nn.functional.hardswish',
  withInplace('hardswish'),
)
export const threshold = pythonFunction<signature.nn_functional_threshold>(
  'nn.functional.threshold',
  withInplace('threshold'),
)

export const hardtanh = pythonFunction<signature.nn_functional_hardtanh>(
  'nn.functional.hardtanh',
  (input: Tensor, min_val: number, max_val: number, inplace: boolean) => {
    if (min_val > max_val) throw new RangeError('min_val cannot be greater than max_val')
    return aten(inplace ? 'hardtanh_' : 'hardtanh', input, min_val, max_val)
  },
)

export const glu = pythonFunction<signature.nn_functional_glu>('nn.functional.glu', (input: Tensor, dim: number) => {
  if (input.dim() === 0) {
    throw new Error('glu does not support scalars because halving size must be even')
  }
  return aten('glu', input, dim)
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
  return aten<Tensor>('log_sigmoid', input)
}

/** The dimension that Python takes where none is given. */
function implicitDim(name: string, input: Tensor): number {
  warn(`Implicit dimension choice for ${name} has been deprecated. Change the call to include dim=X as an argument.`)
  const dims = input.dim()
  return dims === 0 || dims === 1 || dims === 3 ? 0 : 1
}

const softmaxLike = (name: string, of: (input: Tensor) => Tensor, operator: string) =>
  ((input: Tensor, dim: number | null, dtype: DType | null) =>
    aten<Tensor>(operator, of(input), dim ?? implicitDim(name, input), dtype)) as (...values: never[]) => Tensor

const itself = (input: Tensor) => input

export const softmax = pythonFunction<signature.nn_functional_softmax>(
  'nn.functional.softmax',
  softmaxLike('softmax', itself, 'softmax'),
)
export const log_softmax = pythonFunction<signature.nn_functional_log_softmax>(
  'nn.functional.log_softmax',
  softmaxLike('log_softmax', itself, 'log_softmax'),
)
export const softmin = pythonFunction<signature.nn_functional_softmin>(
  'nn.functional.softmin',
  softmaxLike('softmin', (input) => input.neg(), 'softmax'),
)

export const gumbel_softmax = pythonFunction<signature.nn_functional_gumbel_softmax>(
  'nn.functional.gumbel_softmax',
  (logits: Tensor, tau: number, hard: boolean, _eps: number, dim: number) => {
    const noise = aten<Tensor>('empty_like', logits).exponential_().log().neg()
    const soft = logits.add(noise).div(tau).softmax(dim)
    if (!hard) return soft
    const index = aten<[Tensor, Tensor]>('max', soft, dim, true)[1]
    const chosen = aten<Tensor>('zeros_like', logits).scatter_(dim, index, 1)
    // The value is one-hot, the gradient that of the softmax.
    return chosen.sub(soft.detach()).add(soft)
  },
)
