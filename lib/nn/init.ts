// torch.nn.init: fills tensors in place, without autograd.

import { no_grad } from '../autograd/grad_mode.js'
import type { Tensor } from '../core/tensor.js'
import { warn } from '../core/warn.js'
import * as aten from '../generated/aten.js'
import { empty, eye, fill_, zero_ } from '../generated/functions.js'
import { qr } from '../generated/linalg.js'
import type { Generator } from '../operators/generator.js'
import { type Arguments, read, type Values } from './generated/arguments.js'

interface Drawing {
  generator: Generator | null
}

const uniform = (tensor: Tensor, a: number, b: number, { generator }: Drawing): Tensor =>
  no_grad((): Tensor => aten.uniform_(tensor, a, b, { generator }))
const normal = (tensor: Tensor, mean: number, std: number, { generator }: Drawing): Tensor =>
  no_grad((): Tensor => aten.normal_(tensor, mean, std, { generator }))

/** Fills with numbers from the uniform distribution U(a, b). */
export function uniform_(...args: Arguments['nn.init.uniform_']): Tensor {
  const { tensor, a, b, generator } = read('nn.init.uniform_', args)
  return uniform(tensor, a, b, { generator })
}

/** Fills with numbers from the normal distribution N(mean, std²). */
export function normal_(...args: Arguments['nn.init.normal_']): Tensor {
  const { tensor, mean, std, generator } = read('nn.init.normal_', args)
  return normal(tensor, mean, std, { generator })
}

/** Fills with the value `val`. */
export function constant_(...args: Arguments['nn.init.constant_']): Tensor {
  const { tensor, val } = read('nn.init.constant_', args)
  return no_grad((): Tensor => fill_(tensor, val))
}

export function zeros_(...args: Arguments['nn.init.zeros_']): Tensor {
  const { tensor } = read('nn.init.zeros_', args)
  return no_grad((): Tensor => zero_(tensor))
}

export function ones_(...args: Arguments['nn.init.ones_']): Tensor {
  const { tensor } = read('nn.init.ones_', args)
  return no_grad((): Tensor => fill_(tensor, 1))
}

/** The identity matrix, in a tensor of 2 dimensions. */
export function eye_(...args: Arguments['nn.init.eye_']): Tensor {
  const { tensor } = read('nn.init.eye_', args)
  if (tensor.dim() !== 2) throw new RangeError('Only tensors with 2 dimensions are supported')
  return no_grad((): Tensor => tensor.copy_(eye(tensor.size(0), tensor.size(1), { dtype: tensor.dtype })))
}

/** @internal Inputs and outputs of a weight: the factors that its variance depends on. */
export function _calculate_fan_in_and_fan_out(tensor: Tensor): [fan_in: number, fan_out: number] {
  const shape = tensor.shape
  if (shape.length < 2) {
    throw new RangeError('Fan in and fan out can not be computed for tensor with fewer than 2 dimensions')
  }
  const receptiveField = shape.slice(2).reduce((product, size) => product * size, 1)
  return [(shape[1] as number) * receptiveField, (shape[0] as number) * receptiveField]
}

/** The factor by which a nonlinearity wants its inputs' standard deviation scaled. */
export function calculate_gain(...args: Arguments['nn.init.calculate_gain']): number {
  const { nonlinearity, param } = read('nn.init.calculate_gain', args)
  switch (nonlinearity) {
    case 'tanh':
      return 5 / 3
    case 'relu':
      return Math.sqrt(2)
    case 'leaky_relu':
      return Math.sqrt(2 / (1 + (param ?? 0.01) ** 2))
    case 'selu':
      return 3 / 4
    case 'linear':
    case 'conv1d':
    case 'conv2d':
    case 'conv3d':
    case 'conv_transpose1d':
    case 'conv_transpose2d':
    case 'conv_transpose3d':
    case 'sigmoid':
      return 1
    default:
      throw new RangeError(`Unsupported nonlinearity ${nonlinearity}`)
  }
}

/** U(-a, a) with a = gain · √(6 / (fan_in + fan_out)) (Glorot and Bengio 2010). */
export function xavier_uniform_(...args: Arguments['nn.init.xavier_uniform_']): Tensor {
  const { tensor, gain, generator } = read('nn.init.xavier_uniform_', args)
  const [fanIn, fanOut] = _calculate_fan_in_and_fan_out(tensor)
  const std = gain * Math.sqrt(2 / (fanIn + fanOut))
  const bound = Math.sqrt(3) * std
  return uniform(tensor, -bound, bound, { generator })
}

/** N(0, std²) with std = gain · √(2 / (fan_in + fan_out)) (Glorot and Bengio 2010). */
export function xavier_normal_(...args: Arguments['nn.init.xavier_normal_']): Tensor {
  const { tensor, gain, generator } = read('nn.init.xavier_normal_', args)
  const [fanIn, fanOut] = _calculate_fan_in_and_fan_out(tensor)
  return normal(tensor, 0, gain * Math.sqrt(2 / (fanIn + fanOut)), { generator })
}

type Kaiming = Values['nn.init.kaiming_uniform_']

/** gain / √fan; null where there is nothing to fill. */
function kaimingStd({ tensor, a, mode, nonlinearity }: Kaiming): number | null {
  if (tensor.numel() === 0) {
    warn('Initializing zero-element tensors is a no-op')
    return null
  }
  if (mode !== 'fan_in' && mode !== 'fan_out') {
    throw new RangeError(`Mode ${mode} not supported, please use one of ['fan_in', 'fan_out']`)
  }
  const fan = _calculate_fan_in_and_fan_out(tensor)[mode === 'fan_in' ? 0 : 1]
  return calculate_gain(nonlinearity, a) / Math.sqrt(fan)
}

/**
 * U(-b, b) with b = gain · √(3 / fan) (He et al. 2015). `a` is the negative slope of the leaky_relu that follows; `mode`
 * says whether the variance is kept in the forward pass (fan_in) or in the backward one (fan_out).
 */
export function kaiming_uniform_(...args: Arguments['nn.init.kaiming_uniform_']): Tensor {
  const values = read('nn.init.kaiming_uniform_', args)
  const std = kaimingStd(values)
  if (std === null) return values.tensor
  const bound = Math.sqrt(3) * std
  return uniform(values.tensor, -bound, bound, { generator: values.generator })
}

/** N(0, std²) with std = gain / √fan (He et al. 2015). The parameters are kaiming_uniform_'s. */
export function kaiming_normal_(...args: Arguments['nn.init.kaiming_normal_']): Tensor {
  const values = read('nn.init.kaiming_normal_', args)
  const std = kaimingStd(values)
  return std === null ? values.tensor : normal(values.tensor, 0, std, { generator: values.generator })
}

/** An orthogonal matrix times `gain` (Saxe et al. 2013); dimensions after the first are flattened. */
export function orthogonal_(...args: Arguments['nn.init.orthogonal_']): Tensor {
  const { tensor, gain, generator } = read('nn.init.orthogonal_', args)
  if (tensor.dim() < 2) throw new RangeError('Only tensors with 2 or more dimensions are supported')
  if (tensor.numel() === 0) return tensor
  return no_grad((): Tensor => {
    const rows = tensor.size(0)
    const columns = tensor.numel() / rows
    let flat = normal(empty([rows, columns], { dtype: tensor.dtype, device: tensor.device }), 0, 1, { generator })
    if (rows < columns) flat = flat.t()
    const [q, r] = qr(flat)
    // Makes the result uniform among orthogonal matrices (Mezzadri 2007).
    let signed = q.mul(r.diagonal(0).sign())
    if (rows < columns) signed = signed.t()
    tensor.copy_(signed.reshape(tensor.shape))
    return tensor.mul_(gain)
  })
}
