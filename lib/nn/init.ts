// torch.nn.init: fills tensors in place, without autograd.

import { no_grad } from '../autograd/grad_mode.js'
import type { Generator } from '../core/generator.js'
import type { Tensor } from '../core/tensor.js'
import * as aten from '../generated/aten.js'
import { empty, eye, fill_, zero_ } from '../generated/functions.js'
import { qr } from '../generated/linalg.js'

interface InitOptions {
  generator?: Generator | null
}

/** From the uniform distribution U(a, b). */
export function uniform_(tensor: Tensor, a = 0, b = 1, { generator = null }: InitOptions = {}): Tensor {
  return no_grad((): Tensor => aten.uniform_(tensor, a, b, { generator }))
}

/** From the normal distribution N(mean, std²). */
export function normal_(tensor: Tensor, mean = 0, std = 1, { generator = null }: InitOptions = {}): Tensor {
  return no_grad((): Tensor => aten.normal_(tensor, mean, std, { generator }))
}

export function constant_(tensor: Tensor, value: number): Tensor {
  return no_grad((): Tensor => fill_(tensor, value))
}

export function zeros_(tensor: Tensor): Tensor {
  return no_grad((): Tensor => zero_(tensor))
}

export function ones_(tensor: Tensor): Tensor {
  return no_grad((): Tensor => fill_(tensor, 1))
}

/** The identity matrix. */
export function eye_(tensor: Tensor): Tensor {
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

export type Nonlinearity =
  | 'linear'
  | 'conv1d'
  | 'conv2d'
  | 'conv3d'
  | 'sigmoid'
  | 'tanh'
  | 'relu'
  | 'leaky_relu'
  | 'selu'

/** The factor by which a nonlinearity wants its inputs' standard deviation scaled. */
export function calculate_gain(nonlinearity: Nonlinearity, param?: number | null): number {
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
    case 'sigmoid':
      return 1
    default:
      throw new RangeError(`Unsupported nonlinearity ${nonlinearity}`)
  }
}

/** Glorot and Bengio 2010, uniform. */
export function xavier_uniform_(tensor: Tensor, gain = 1, { generator = null }: InitOptions = {}): Tensor {
  const [fanIn, fanOut] = _calculate_fan_in_and_fan_out(tensor)
  const std = gain * Math.sqrt(2 / (fanIn + fanOut))
  const bound = Math.sqrt(3) * std
  return uniform_(tensor, -bound, bound, { generator })
}

/** Glorot and Bengio 2010, normal. */
export function xavier_normal_(tensor: Tensor, gain = 1, { generator = null }: InitOptions = {}): Tensor {
  const [fanIn, fanOut] = _calculate_fan_in_and_fan_out(tensor)
  return normal_(tensor, 0, gain * Math.sqrt(2 / (fanIn + fanOut)), { generator })
}

interface KaimingOptions extends InitOptions {
  /** The negative slope of the leaky_relu that follows. */
  a?: number
  mode?: 'fan_in' | 'fan_out'
  nonlinearity?: Nonlinearity
}

function kaimingStd(tensor: Tensor, { a = 0, mode = 'fan_in', nonlinearity = 'leaky_relu' }: KaimingOptions): number {
  const fan = _calculate_fan_in_and_fan_out(tensor)[mode === 'fan_in' ? 0 : 1]
  return calculate_gain(nonlinearity, a) / Math.sqrt(fan)
}

/** He et al. 2015, uniform. */
export function kaiming_uniform_(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(3) * kaimingStd(tensor, options)
  return uniform_(tensor, -bound, bound, options)
}

/** He et al. 2015, normal. */
export function kaiming_normal_(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  return normal_(tensor, 0, kaimingStd(tensor, options), options)
}

/** An orthogonal matrix (Saxe et al. 2013); dimensions after the first are flattened. */
export function orthogonal_(tensor: Tensor, gain = 1, { generator = null }: InitOptions = {}): Tensor {
  if (tensor.dim() < 2) throw new RangeError('Only tensors with 2 or more dimensions are supported')
  if (tensor.numel() === 0) return tensor
  return no_grad((): Tensor => {
    const rows = tensor.size(0)
    const columns = tensor.numel() / rows
    let flat = normal_(empty([rows, columns], { dtype: tensor.dtype, device: tensor.device }), 0, 1, {
      generator,
    })
    if (rows < columns) flat = flat.t()
    const [q, r] = qr(flat)
    // Makes the result uniform among orthogonal matrices (Mezzadri 2007).
    let signed = q.mul(r.diagonal(0).sign())
    if (rows < columns) signed = signed.t()
    tensor.copy_(signed.reshape(tensor.shape))
    return tensor.mul_(gain)
  })
}
