// torch.nn.functional: pooling.

import { pythonRepr } from '../../core/python_repr.js'
import type { Tensor } from '../../core/tensor.js'
import * as aten from '../../generated/aten.js'
import * as torch from '../../generated/functions.js'
import * as nn from '../../generated/nn_functional.js'
import { pythonFunction } from '../../operators/arguments.js'
import type * as signature from '../../operators/generated/python_functions.js'
import { repeated, type Sizes } from './sizes.js'

type Pair = [output: Tensor, indices: Tensor]

type MaxPool<R> = (input: Tensor, kernel: Sizes, stride: Sizes, padding: Sizes, dilation: Sizes, ceil: boolean) => R

const maxPool =
  <R>(operator: MaxPool<R>) =>
  (input: Tensor, kernel: Sizes, stride: Sizes | null, padding: Sizes, dilation: Sizes, ceil: boolean): R =>
    operator(input, kernel, stride ?? [], padding, dilation, ceil)

/** max_pool1d and its kin: the values alone, or with their indices. */
const maxPools = (values: MaxPool<Tensor>, both: MaxPool<Pair>) => {
  const withIndices = maxPool(both)
  const alone = maxPool(values)
  return {
    withIndices,
    either: (
      input: Tensor,
      kernel: Sizes,
      stride: Sizes | null,
      padding: Sizes,
      dilation: Sizes,
      ceil: boolean,
      return_indices: boolean,
    ): Tensor | Pair => (return_indices ? withIndices : alone)(input, kernel, stride, padding, dilation, ceil),
  }
}

const max1 = maxPools(torch.max_pool1d, torch.max_pool1d_with_indices)
const max2 = maxPools(torch.max_pool2d, aten.max_pool2d_with_indices)
const max3 = maxPools(torch.max_pool3d, aten.max_pool3d_with_indices)
export const max_pool1d = pythonFunction<signature.nn_functional_max_pool1d>('nn.functional.max_pool1d', max1.either)
export const max_pool2d = pythonFunction<signature.nn_functional_max_pool2d>('nn.functional.max_pool2d', max2.either)
export const max_pool3d = pythonFunction<signature.nn_functional_max_pool3d>('nn.functional.max_pool3d', max3.either)
export const max_pool1d_with_indices = pythonFunction<signature.nn_functional_max_pool1d_with_indices>(
  'nn.functional.max_pool1d_with_indices',
  max1.withIndices,
)
export const max_pool2d_with_indices = pythonFunction<signature.nn_functional_max_pool2d_with_indices>(
  'nn.functional.max_pool2d_with_indices',
  max2.withIndices,
)
export const max_pool3d_with_indices = pythonFunction<signature.nn_functional_max_pool3d_with_indices>(
  'nn.functional.max_pool3d_with_indices',
  max3.withIndices,
)

type OptionalSizes = number | null | readonly (number | null)[]

/** Output sizes, null standing for the input's own. */
function adaptiveSizes(input: Tensor, sizes: OptionalSizes, dims: number): Sizes {
  if (typeof sizes === 'number') return sizes
  const shape = input.shape
  const wanted = sizes === null ? new Array<null>(dims).fill(null) : sizes
  if (shape.length <= wanted.length) {
    throw new RangeError(
      `Input dimension should be at least ${wanted.length + 1}, but got ${shape.length} for output_size`,
    )
  }
  return wanted.map((size, i) => size ?? (shape[shape.length - wanted.length + i] as number))
}

type Adaptive<R> = (input: Tensor, output_size: Sizes) => R

const adaptive =
  <R>(dims: number, operator: Adaptive<R>) =>
  (input: Tensor, output_size: OptionalSizes): R =>
    operator(input, adaptiveSizes(input, output_size, dims))

export const adaptive_avg_pool2d = pythonFunction<signature.nn_functional_adaptive_avg_pool2d>(
  'nn.functional.adaptive_avg_pool2d',
  adaptive(2, aten.adaptive_avg_pool2d),
)
export const adaptive_avg_pool3d = pythonFunction<signature.nn_functional_adaptive_avg_pool3d>(
  'nn.functional.adaptive_avg_pool3d',
  adaptive(3, aten.adaptive_avg_pool3d),
)

const adaptiveMax = (pairOf: (input: Tensor, output_size: OptionalSizes) => Pair) => {
  return (input: Tensor, output_size: OptionalSizes, return_indices: boolean): Tensor | Pair => {
    const pair = pairOf(input, output_size)
    return return_indices ? pair : pair[0]
  }
}

const adaptiveMax1 = adaptive(1, torch.adaptive_max_pool1d)
const adaptiveMax2 = adaptive(2, aten.adaptive_max_pool2d)
const adaptiveMax3 = adaptive(3, aten.adaptive_max_pool3d)

export const adaptive_max_pool1d = pythonFunction<signature.nn_functional_adaptive_max_pool1d>(
  'nn.functional.adaptive_max_pool1d',
  adaptiveMax(adaptiveMax1),
)
export const adaptive_max_pool2d = pythonFunction<signature.nn_functional_adaptive_max_pool2d>(
  'nn.functional.adaptive_max_pool2d',
  adaptiveMax(adaptiveMax2),
)
export const adaptive_max_pool3d = pythonFunction<signature.nn_functional_adaptive_max_pool3d>(
  'nn.functional.adaptive_max_pool3d',
  adaptiveMax(adaptiveMax3),
)
export const adaptive_max_pool1d_with_indices =
  pythonFunction<signature.nn_functional_adaptive_max_pool1d_with_indices>(
    'nn.functional.adaptive_max_pool1d_with_indices',
    adaptiveMax1,
  )
export const adaptive_max_pool2d_with_indices =
  pythonFunction<signature.nn_functional_adaptive_max_pool2d_with_indices>(
    'nn.functional.adaptive_max_pool2d_with_indices',
    adaptiveMax2,
  )
export const adaptive_max_pool3d_with_indices =
  pythonFunction<signature.nn_functional_adaptive_max_pool3d_with_indices>(
    'nn.functional.adaptive_max_pool3d_with_indices',
    adaptiveMax3,
  )

type Fractional = (input: Tensor, kernel_size: Sizes, output_size: Sizes, random: Tensor) => Pair

const fractionalPair =
  (dims: number, operator: Fractional) =>
  (
    input: Tensor,
    kernel_size: Sizes,
    output_size: Sizes | null,
    output_ratio: Sizes | null,
    _return_indices: boolean,
    samples: Tensor | null,
  ): Pair => {
    const name = `fractional_max_pool${dims}d`
    if (output_size === null && output_ratio === null) {
      throw new RangeError(`${name} requires specifying either an output_size or an output_ratio`)
    }
    if (Array.isArray(output_ratio) && output_ratio.length > dims) {
      throw new RangeError(`${name} requires output_ratio to either be a single Int or tuple of Ints.`)
    }
    const size =
      output_size ?? repeated(output_ratio as Sizes, dims).map((ratio, i) => Math.trunc(input.size(i - dims) * ratio))
    const batch = input.dim() === dims + 1 ? 1 : input.size(0)
    const { dtype, device } = input
    const random = samples ?? torch.rand([batch, input.size(-dims - 1), dims], { dtype, device })
    return operator(input, kernel_size, size, random)
  }

const fractional =
  (pairOf: ReturnType<typeof fractionalPair>) =>
  (input: Tensor, kernel: Sizes, size: Sizes | null, ratio: Sizes | null, both: boolean, samples: Tensor | null) => {
    const pair = pairOf(input, kernel, size, ratio, both, samples)
    return both ? pair : pair[0]
  }

const fractional2 = fractionalPair(2, aten.fractional_max_pool2d)
const fractional3 = fractionalPair(3, aten.fractional_max_pool3d)
export const fractional_max_pool2d = pythonFunction<signature.nn_functional_fractional_max_pool2d>(
  'nn.functional.fractional_max_pool2d',
  fractional(fractional2),
)
export const fractional_max_pool3d = pythonFunction<signature.nn_functional_fractional_max_pool3d>(
  'nn.functional.fractional_max_pool3d',
  fractional(fractional3),
)
export const fractional_max_pool2d_with_indices =
  pythonFunction<signature.nn_functional_fractional_max_pool2d_with_indices>(
    'nn.functional.fractional_max_pool2d_with_indices',
    fractional2,
  )
export const fractional_max_pool3d_with_indices =
  pythonFunction<signature.nn_functional_fractional_max_pool3d_with_indices>(
    'nn.functional.fractional_max_pool3d_with_indices',
    fractional3,
  )

/** The size that max_unpool gives, checked where it is asked for. */
function unpooledSize(input: Tensor, kernel: number[], stride: number[], padding: number[], wanted: Sizes | null) {
  const dims = kernel.length
  const usual = kernel.map(
    (size, d) => (input.size(d - dims) - 1) * (stride[d] as number) + size - 2 * (padding[d] as number),
  )
  let result = usual
  if (wanted !== null) {
    const list = typeof wanted === 'number' ? [wanted] : [...wanted]
    const sizes = list.length === dims + 2 ? list.slice(2) : list
    if (sizes.length !== dims) {
      throw new RangeError(
        `output_size should be a sequence containing ${dims} or ${dims + 2} elements, but it has a length of ` +
          `'${list.length}'`,
      )
    }
    sizes.forEach((size, d) => {
      const least = (usual[d] as number) - (stride[d] as number)
      const most = (usual[d] as number) + (stride[d] as number)
      if (!(least < size && size < most)) {
        throw new RangeError(
          `invalid output_size "${pythonRepr(sizes)}" (dim ${d} must be between ${least} and ${most})`,
        )
      }
    })
    result = sizes
  }
  result.forEach((size, d) => {
    if (size >= 0) return
    throw new RangeError(
      `max_unpooling: output_size must contain non-negative spatial dimensions, but got output_size[${d}]=${size}`,
    )
  })
  return result
}

const unpool =
  (dims: number) =>
  (input: Tensor, indices: Tensor, kernel: Sizes, stride: Sizes | null, padding: Sizes, output_size: Sizes | null) => {
    const kernels = repeated(kernel, dims)
    const strides = stride === null ? kernels : repeated(stride, dims)
    const paddings = repeated(padding, dims)
    const size = unpooledSize(input, kernels, strides, paddings, output_size)
    if (dims === 3) return aten.max_unpool3d(input, indices, size, strides, paddings)
    if (dims === 2) return aten.max_unpool2d(input, indices, size)
    return aten.max_unpool2d(input.unsqueeze(-1), indices.unsqueeze(-1), [...size, 1]).squeeze(-1)
  }

export const max_unpool1d = pythonFunction<signature.nn_functional_max_unpool1d>(
  'nn.functional.max_unpool1d',
  unpool(1),
)
export const max_unpool2d = pythonFunction<signature.nn_functional_max_unpool2d>(
  'nn.functional.max_unpool2d',
  unpool(2),
)
export const max_unpool3d = pythonFunction<signature.nn_functional_max_unpool3d>(
  'nn.functional.max_unpool3d',
  unpool(3),
)

type Average = (input: Tensor, kernel: Sizes, stride: Sizes, padding: number, ceil: boolean) => Tensor

/** The p-norm of each window: from the average of the p-th powers. */
const powerPool =
  (dims: number, largestOf: MaxPool<Tensor>, average: Average) =>
  (input: Tensor, norm: number, kernel: Sizes, stride: Sizes | null, ceil: boolean) => {
    if (Math.abs(norm) === Infinity) {
      const largest = (x: Tensor) => largestOf(x, kernel, stride ?? [], 0, 1, ceil)
      return norm > 0 ? largest(input.abs()) : largest(input.abs().neg()).neg()
    }
    const mean = average(input.pow(norm), kernel, stride ?? [], 0, ceil)
    const count = repeated(kernel, dims).reduce((product, size) => product * size, 1)
    return mean
      .sign()
      .mul(mean.abs().relu())
      .mul(count)
      .pow(1 / norm)
  }

export const lp_pool1d = pythonFunction<signature.nn_functional_lp_pool1d>(
  'nn.functional.lp_pool1d',
  powerPool(1, torch.max_pool1d, nn.avg_pool1d),
)
export const lp_pool2d = pythonFunction<signature.nn_functional_lp_pool2d>(
  'nn.functional.lp_pool2d',
  powerPool(2, torch.max_pool2d, nn.avg_pool2d),
)
export const lp_pool3d = pythonFunction<signature.nn_functional_lp_pool3d>(
  'nn.functional.lp_pool3d',
  powerPool(3, torch.max_pool3d, nn.avg_pool3d),
)
