// torch.masked: reductions and normalisations that leave out the elements where the mask is false. Strided tensors.

import type { DType } from './core/dtype.js'
import * as dtypes from './core/dtype.js'
import type { Tensor } from './core/tensor.js'
import * as aten from './generated/aten.js'
import * as torch from './generated/functions.js'
import { vector_norm } from './generated/linalg.js'
import { pythonFunction } from './operators/arguments.js'
import type * as signature from './operators/generated/python_functions.js'
import type { Scalar } from './operators/operator.js'
import { iinfo } from './tensor/type_info.js'

type Dims = number | readonly number[] | null
type Mask = Tensor | null

/** All dimensions that are meant, counted from 0 and in order. */
function dimensions(dim: Dims, count: number): number[] {
  if (dim === null || (Array.isArray(dim) && dim.length === 0)) return Array.from({ length: count }, (_, i) => i)
  const range = Math.max(count, 1)
  const list = typeof dim === 'number' ? [dim] : dim
  list.forEach((d, i) => {
    if (list.indexOf(d) !== i) throw new Error(`dim=${d} appears multiple times in the list of dims`)
    if (!(d >= -range && d < range)) {
      throw new RangeError(
        `Dimension out of range (expected to be in range of [${-range}, ${range - 1}], but got ${d})`,
      )
    }
  })
  return list.map((d) => (d + range) % range).sort((a, b) => a - b)
}

const oneDimension = (dim: number, input: Tensor) => dimensions(dim, input.dim())[0] as number

/** The mask in the input's shape. */
function fullMask(mask: Tensor, input: Tensor): Tensor {
  if (mask.dim() > input.dim()) {
    throw new RangeError('_input_mask expected broadcastable mask (got mask dimensionality higher than of the input)')
  }
  return mask.broadcast_to([...input.shape]).to(dtypes.bool)
}

/** The input with `value` where the mask is false. */
function filled(input: Tensor, mask: Mask, value: Scalar): Tensor {
  if (mask === null) return input
  const { dtype, device } = input
  return aten.where(fullMask(mask, input), input, aten.full([], value, { dtype, device }))
}

const least = ({ dtype }: Tensor): Scalar =>
  dtype.is_floating_point || dtype.is_complex ? -Infinity : dtype === dtypes.bool ? false : iinfo(dtype).min
const largest = ({ dtype }: Tensor): Scalar =>
  dtype.is_floating_point ? Infinity : dtype === dtypes.bool ? true : iinfo(dtype).max

/** Sums and products of small integers are int64. */
const summed = (input: Tensor, dtype: DType | null) =>
  dtype ?? (input.dtype.is_floating_point || input.dtype.is_complex ? input.dtype : dtypes.int64)

function sumOf(input: Tensor, dim: Dims, keepdim: boolean, dtype: DType | null, mask: Mask): Tensor {
  const dims = dimensions(dim, input.dim())
  return torch.sum(filled(input, mask, 0), dims, keepdim, { dtype: summed(input, dtype) })
}

type Reduction = (input: Tensor, dim: Dims, keepdim: boolean | null, dtype: DType | null, mask: Mask) => Tensor

export const sum = pythonFunction<signature.masked_sum>('masked.sum', ((input, dim, keepdim, dtype, mask) =>
  sumOf(input, dim, keepdim ?? false, dtype, mask)) as Reduction)

export const prod = pythonFunction<signature.masked_prod>('masked.prod', ((input, dim, keepdim, dtype, mask) => {
  let result = filled(input, mask, 1).to(summed(input, dtype))
  for (const d of dimensions(dim, input.dim()).reverse()) result = result.prod(d, keepdim ?? false)
  return result
}) as Reduction)

export const amax = pythonFunction<signature.masked_amax>('masked.amax', ((input, dim, keepdim, dtype, mask) =>
  filled(input, mask, least(input))
    .amax(dimensions(dim, input.dim()), keepdim ?? false)
    .to(dtype ?? input.dtype)) as Reduction)

export const amin = pythonFunction<signature.masked_amin>('masked.amin', ((input, dim, keepdim, dtype, mask) =>
  filled(input, mask, largest(input))
    .amin(dimensions(dim, input.dim()), keepdim ?? false)
    .to(dtype ?? input.dtype)) as Reduction)

export const logsumexp = pythonFunction<signature.masked_logsumexp>('masked.logsumexp', ((
  input,
  dim,
  keepdim,
  dtype,
  mask,
) =>
  filled(input, mask, least(input))
    .logsumexp(dimensions(dim, input.dim()), keepdim ?? false)
    .to(dtype ?? input.dtype)) as Reduction)

type ArgReduction = (
  input: Tensor,
  dim: number | null,
  keepdim: boolean | null,
  dtype: DType | null,
  mask: Mask,
) => Tensor

export const argmax = pythonFunction<signature.masked_argmax>('masked.argmax', ((input, dim, keepdim, dtype, mask) =>
  torch.argmax(filled(input, mask, least(input)), dim, keepdim ?? false).to(dtype ?? input.dtype)) as ArgReduction)

export const argmin = pythonFunction<signature.masked_argmin>('masked.argmin', ((input, dim, keepdim, dtype, mask) =>
  torch.argmin(filled(input, mask, largest(input)), dim, keepdim ?? false).to(dtype ?? input.dtype)) as ArgReduction)

/** How many elements each result is made of. */
function counted(input: Tensor, dim: Dims, keepdim: boolean, mask: Mask): Tensor {
  const ones =
    mask === null ? torch.ones([...input.shape], { dtype: dtypes.int64, device: input.device }) : fullMask(mask, input)
  return torch.sum(ones, dimensions(dim, input.dim()), keepdim)
}

export const mean = pythonFunction<signature.masked_mean>('masked.mean', ((input, dim, keepdim, dtype, mask) => {
  const type = dtype ?? input.dtype
  if (!type.is_floating_point && !type.is_complex) {
    throw new RangeError(
      `mean(): Could not infer output dtype. ${dtype === null ? 'Input' : 'Optional'} dtype must be either a floating ` +
        `point or complex dtype. Got: ${type}`,
    )
  }
  const keep = keepdim ?? false
  return sumOf(input, dim, keep, type, mask).div(counted(input, dim, keep, mask))
}) as Reduction)

export const median = pythonFunction<signature.masked_median>(
  'masked.median',
  (input: Tensor, dim: number, keepdim: boolean, dtype: DType | null, mask: Mask) => {
    const floating = input.dtype.is_floating_point
    const values = floating ? input : input.to(dtypes.float32)
    const kept = filled(values, mask, Number.NaN)
    const [result] = kept.nanmedian(oneDimension(dim, input), keepdim)
    if (floating) return result
    if (result.isnan().any().item<boolean>()) {
      throw new RangeError('masked median expects no fully masked out rows if dtype is not floating point')
    }
    return result.to(dtype ?? input.dtype)
  },
)

export const norm = pythonFunction<signature.masked_norm>(
  'masked.norm',
  (input: Tensor, ord: number | null, dim: Dims, keepdim: boolean | null, dtype: DType | null, mask: Mask) => {
    const kept = filled(input, mask, ord === -Infinity ? Infinity : 0)
    const dims = dimensions(dim, input.dim())
    return vector_norm(kept, ord ?? 2, dims, keepdim ?? false, { dtype: dtype ?? input.dtype })
  },
)

function variance(
  input: Tensor,
  dim: Dims,
  unbiased: boolean | null,
  given: number | null,
  keepdim: boolean,
  dtype: DType | null,
  mask: Mask,
): Tensor {
  if (unbiased !== null && given !== null) throw new Error('Only one of unbiased and correction may be given')
  const correction = given ?? (unbiased === false ? 0 : 1)
  const isNumber = (type: DType) => type.is_floating_point || type.is_complex
  const type = dtype ?? (isNumber(input.dtype) ? input.dtype : dtypes.float32)
  const computed = isNumber(type) ? type : dtypes.float32
  const average = sumOf(input, dim, true, type, mask).div(counted(input, dim, true, mask))
  const x = input.sub(average)
  const total = sumOf(x.mul(x.conj()), dim, keepdim, computed, mask)
  let count = counted(input, dim, keepdim, mask)
  if (correction !== 0) {
    const real = computed.is_complex
      ? ({ 4: dtypes.float16, 8: dtypes.float32, 16: dtypes.float64 }[computed.itemsize] as DType)
      : computed
    const less = count.to(real).sub(correction)
    count = less.maximum(torch.zeros([], { dtype: real, device: less.device }))
  }
  return total.div(count).to(type)
}

type Variance = (
  input: Tensor,
  dim: Dims,
  unbiased: boolean | null,
  correction: number | null,
  keepdim: boolean | null,
  dtype: DType | null,
  mask: Mask,
) => Tensor

export const var_ = pythonFunction<signature.masked_var>('masked.var', ((
  input,
  dim,
  unbiased,
  correction,
  keepdim,
  dtype,
  mask,
) => variance(input, dim, unbiased, correction, keepdim ?? false, dtype, mask)) as Variance)
export { var_ as var }

export const std = pythonFunction<signature.masked_std>('masked.std', ((
  input,
  dim,
  unbiased,
  correction,
  keepdim,
  dtype,
  mask,
) => variance(input, dim, unbiased, correction, keepdim ?? false, dtype, mask).sqrt()) as Variance)

type Along = (input: Tensor, dim: number, dtype: DType | null, mask: Mask) => Tensor

export const cumsum = pythonFunction<signature.masked_cumsum>('masked.cumsum', ((input, dim, dtype, mask) => {
  const type = dtype ?? input.dtype
  return torch.cumsum(filled(input, mask, 0), oneDimension(dim, input), { dtype: type }).to(type)
}) as Along)

export const cumprod = pythonFunction<signature.masked_cumprod>('masked.cumprod', ((input, dim, dtype, mask) => {
  const type = dtype ?? input.dtype
  return torch.cumprod(filled(input, mask, 1), oneDimension(dim, input), { dtype: type }).to(type)
}) as Along)

export const softmax = pythonFunction<signature.masked_softmax>('masked.softmax', ((input, dim, dtype, mask) =>
  torch.softmax(filled(input, mask, least(input)), oneDimension(dim, input), dtype ?? input.dtype)) as Along)

export const log_softmax = pythonFunction<signature.masked_log_softmax>('masked.log_softmax', ((
  input,
  dim,
  dtype,
  mask,
) => torch.log_softmax(filled(input, mask, least(input)), oneDimension(dim, input), dtype ?? input.dtype)) as Along)

export const softmin = pythonFunction<signature.masked_softmin>('masked.softmin', ((input, dim, dtype, mask) =>
  torch.softmax(filled(input, mask, largest(input)).neg(), oneDimension(dim, input), dtype ?? input.dtype)) as Along)

export const normalize = pythonFunction<signature.masked_normalize>(
  'masked.normalize',
  (input: Tensor, ord: number, dim: number, eps: number, dtype: DType | null, mask: Mask) => {
    const length = norm(input, ord, dim, { keepdim: true, dtype: dtype ?? input.dtype, mask })
    return filled(input, mask, 0).div(length.maximum(length.new_full([], eps)))
  },
)

export const logaddexp = pythonFunction<signature.masked_logaddexp>(
  'masked.logaddexp',
  (input: Tensor, other: Tensor, dtype: DType | null, input_mask: Mask, other_mask: Mask) =>
    filled(input, input_mask, -Infinity)
      .logaddexp(filled(other, other_mask, -Infinity))
      .to(dtype ?? input.dtype),
)
