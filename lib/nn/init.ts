// torch.nn.init: fills tensors in place, without autograd.

import { no_grad } from '../autograd/grad_mode.js'
import { float64 } from '../core/dtype.js'
import type { Tensor } from '../core/tensor.js'
import { warn } from '../core/warn.js'
import * as aten from '../generated/aten.js'
import * as torch from '../generated/functions.js'
import { qr } from '../generated/linalg.js'
import type { Generator } from '../operators/generator.js'
import { fromData } from '../tensor/elements.js'
import { where } from '../tensor/functions.js'
import { type Arguments, read, type Values } from './generated/arguments.js'

interface Drawing {
  generator: Generator | null
}

const drawUniform = (tensor: Tensor, a: number, b: number, { generator }: Drawing): Tensor =>
  no_grad((): Tensor => aten.uniform_(tensor, a, b, { generator }))
const drawNormal = (tensor: Tensor, mean: number, std: number, { generator }: Drawing): Tensor =>
  no_grad((): Tensor => aten.normal_(tensor, mean, std, { generator }))

/** Fills with numbers from the uniform distribution U(a, b). */
export function uniform_(...args: Arguments['nn.init.uniform_']): Tensor {
  const { tensor, a, b, generator } = read('nn.init.uniform_', args)
  return drawUniform(tensor, a, b, { generator })
}

/** Fills with numbers from the normal distribution N(mean, std²). */
export function normal_(...args: Arguments['nn.init.normal_']): Tensor {
  const { tensor, mean, std, generator } = read('nn.init.normal_', args)
  return drawNormal(tensor, mean, std, { generator })
}

/** Fills with the value `val`. */
export function constant_(...args: Arguments['nn.init.constant_']): Tensor {
  const { tensor, val } = read('nn.init.constant_', args)
  return no_grad((): Tensor => torch.fill_(tensor, val))
}

export function zeros_(...args: Arguments['nn.init.zeros_']): Tensor {
  const { tensor } = read('nn.init.zeros_', args)
  return no_grad((): Tensor => torch.zero_(tensor))
}

export function ones_(...args: Arguments['nn.init.ones_']): Tensor {
  const { tensor } = read('nn.init.ones_', args)
  return no_grad((): Tensor => torch.fill_(tensor, 1))
}

/** The identity matrix, in a tensor of 2 dimensions. */
export function eye_(...args: Arguments['nn.init.eye_']): Tensor {
  const { tensor } = read('nn.init.eye_', args)
  if (tensor.dim() !== 2) throw new RangeError('Only tensors with 2 dimensions are supported')
  const { dtype, device } = tensor
  return no_grad((): Tensor => tensor.copy_(torch.eye(tensor.size(0), tensor.size(1), { dtype, device })))
}

/**
 * The identity of convolutions, in a weight of 3, 4 or 5 dimensions (out, in, *kernel): as many input channels as
 * possible go through unchanged, in each group of channels of their own.
 * @throws for other dimensions, and where `groups` does not divide the output channels.
 */
export function dirac_(...args: Arguments['nn.init.dirac_']): Tensor {
  const { tensor, groups } = read('nn.init.dirac_', args)
  if (tensor.dim() < 3 || tensor.dim() > 5) {
    throw new RangeError('Only tensors with 3, 4, or 5 dimensions are supported')
  }
  const [out, inside, ...kernel] = tensor.shape as unknown as [number, number, ...number[]]
  if (out % groups !== 0) throw new RangeError('dim 0 must be divisible by groups')
  if (tensor.is_meta) return tensor
  const center = kernel.map((size) => Math.floor(size / 2))
  const perGroup = out / groups
  return no_grad((): Tensor => {
    torch.zero_(tensor)
    for (let group = 0; group < groups; group++) {
      for (let channel = 0; channel < Math.min(perGroup, inside); channel++) {
        tensor.index(group * perGroup + channel, channel, ...center).fill_(1)
      }
    }
    return tensor
  })
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
  return drawUniform(tensor, -bound, bound, { generator })
}

/** N(0, std²) with std = gain · √(2 / (fan_in + fan_out)) (Glorot and Bengio 2010). */
export function xavier_normal_(...args: Arguments['nn.init.xavier_normal_']): Tensor {
  const { tensor, gain, generator } = read('nn.init.xavier_normal_', args)
  const [fanIn, fanOut] = _calculate_fan_in_and_fan_out(tensor)
  return drawNormal(tensor, 0, gain * Math.sqrt(2 / (fanIn + fanOut)), { generator })
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
  return drawUniform(values.tensor, -bound, bound, { generator: values.generator })
}

/** N(0, std²) with std = gain / √fan (He et al. 2015). The parameters are kaiming_uniform_'s. */
export function kaiming_normal_(...args: Arguments['nn.init.kaiming_normal_']): Tensor {
  const values = read('nn.init.kaiming_normal_', args)
  const std = kaimingStd(values)
  return std === null ? values.tensor : drawNormal(values.tensor, 0, std, { generator: values.generator })
}

/** An orthogonal matrix times `gain` (Saxe et al. 2013); dimensions after the first are flattened. */
export function orthogonal_(...args: Arguments['nn.init.orthogonal_']): Tensor {
  const { tensor, gain, generator } = read('nn.init.orthogonal_', args)
  if (tensor.dim() < 2) throw new RangeError('Only tensors with 2 or more dimensions are supported')
  if (tensor.numel() === 0 || tensor.is_meta) return tensor
  return no_grad((): Tensor => {
    const rows = tensor.size(0)
    const columns = tensor.numel() / rows
    let flat = drawNormal(torch.empty([rows, columns], { dtype: tensor.dtype, device: tensor.device }), 0, 1, {
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

/**
 * N(0, std²) with a share of `sparsity` of the elements of each column set to zero, in a tensor of 2 dimensions (Martens
 * 2010). The places of the zeros come from the default generator.
 */
export function sparse_(...args: Arguments['nn.init.sparse_']): Tensor {
  const { tensor, sparsity, std, generator } = read('nn.init.sparse_', args)
  if (tensor.dim() !== 2) throw new RangeError('Only tensors with 2 dimensions are supported')
  if (tensor.is_meta) return tensor
  const [rows, columns] = tensor.shape as unknown as [number, number]
  const zeros = Math.ceil(sparsity * rows)
  return no_grad((): Tensor => {
    drawNormal(tensor, 0, std, { generator })
    for (let column = 0; column < columns; column++) {
      const places = torch.randperm(rows).narrow(0, 0, Math.min(zeros, rows))
      tensor.index_set_([places, column], 0)
    }
    return tensor
  })
}

/** The share of N(0, 1) below x. */
const normalBelow = (x: number): number => (1 + torch.erf(fromData(x / Math.SQRT2, float64)).item()) / 2

/** Whether a candidate is drawn again: accepted with the probability exp(-z²/2 - peak). */
function rejects(candidates: Tensor, { mean, std, peak, generator }: Truncation & { peak: number }): Tensor {
  const density = candidates.sub_(mean).div_(std).pow_(2).mul_(-0.5).sub_(peak)
  return aten.uniform_(torch.empty_like(density), 0, 1, { generator }).log_().gt(density)
}

interface Truncation extends Drawing {
  mean: number
  std: number
}

/**
 * N(mean, std²) with what is outside of [a, b] drawn again. Where little of the distribution is inside, by rejection of
 * uniform candidates. It warns where the mean is more than two std outside of [a, b].
 */
export function trunc_normal_(...args: Arguments['nn.init.trunc_normal_']): Tensor {
  const { tensor, mean, std, a, b, generator } = read('nn.init.trunc_normal_', args)
  if (tensor.is_meta) return tensor
  if (mean < a - 2 * std || mean > b + 2 * std) {
    warn('mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be incorrect.')
  }
  return no_grad((): Tensor => {
    const inside = normalBelow((b - mean) / std) - normalBelow((a - mean) / std)
    if (inside > 0.3) {
      const [low, high] = [a, b].map((bound) => fromData(bound, tensor.dtype).item()) as [number, number]
      let result = drawNormal(tensor, mean, std, { generator })
      for (;;) {
        const outside = result.lt(low).logical_or(result.gt(high))
        if (!outside.any().item<boolean>()) break
        result = where(outside, drawNormal(torch.empty_like(result), mean, std, { generator }), result)
      }
      return result === tensor ? tensor : tensor.copy_(result)
    }
    const mode = Math.max(a, Math.min(mean, b))
    const truncation = { mean, std, peak: -0.5 * ((mode - mean) / std) ** 2, generator }
    let pending = rejects(drawUniform(tensor, a, b, { generator }).clone(), truncation)
    let result = tensor
    while (pending.any().item<boolean>()) {
      const candidates = drawUniform(torch.empty_like(tensor), a, b, { generator })
      result = where(pending, candidates, result)
      pending = where(pending, rejects(candidates, truncation), pending)
    }
    return result === tensor ? tensor : tensor.copy_(result)
  })
}

/** The name of old of a function, without the underscore; it warns. */
function deprecated<A extends unknown[]>(current: (...args: A) => Tensor): (...args: A) => Tensor {
  const old = current.name.slice(0, -1)
  const invoke = (...args: A): Tensor => {
    warn(`\`nn.init.${old}\` is now deprecated in favor of \`nn.init.${current.name}\`.`)
    return current(...args)
  }
  return Object.defineProperty(invoke, 'name', { value: old })
}

/** @deprecated for uniform_ */
export const uniform = deprecated(uniform_)
/** @deprecated for normal_ */
export const normal = deprecated(normal_)
/** @deprecated for constant_ */
export const constant = deprecated(constant_)
/** @deprecated for eye_ */
export const eye = deprecated(eye_)
/** @deprecated for dirac_ */
export const dirac = deprecated(dirac_)
/** @deprecated for xavier_uniform_ */
export const xavier_uniform = deprecated(xavier_uniform_)
/** @deprecated for xavier_normal_ */
export const xavier_normal = deprecated(xavier_normal_)
/** @deprecated for kaiming_uniform_ */
export const kaiming_uniform = deprecated(kaiming_uniform_)
/** @deprecated for kaiming_normal_ */
export const kaiming_normal = deprecated(kaiming_normal_)
/** @deprecated for orthogonal_ */
export const orthogonal = deprecated(orthogonal_)
/** @deprecated for sparse_ */
export const sparse = deprecated(sparse_)
