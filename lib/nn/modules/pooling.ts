// Pooling over windows that slide: their maximum and its inverse, their average, their p-norm.
//
// Sizes are a number for all spatial dimensions, or a list with one for each. In the formulas of output sizes, W stands for
// each spatial dimension, with its own kernel_size, stride, padding and dilation; ceil_mode rounds up instead of down,
// where the last window then starts inside the input or its left padding.

import type { Tensor } from '../../core/tensor.js'
import * as F from '../functional/index.js'
import { ntuple, type Sizes } from '../functional/sizes.js'
import type { Values } from '../generated/arguments.js'
import type { MaxPoolArguments, MaxPoolKey, Pooled } from './pooled.js'
import { settingsModule } from './settings_module.js'

/** The stride is the kernel's size where it is not given. */
const strided = <V extends { kernel_size: Sizes; stride: Sizes | null }>(values: V) => ({
  ...values,
  stride: values.stride ?? values.kernel_size,
})

/** The same with a number for each of `count` dimensions. */
const stridedEach =
  (count: number) =>
  <V extends { kernel_size: Sizes; stride: Sizes | null; padding: Sizes }>(values: V) => ({
    ...values,
    kernel_size: ntuple(values.kernel_size, count),
    stride: ntuple(values.stride ?? values.kernel_size, count),
    padding: ntuple(values.padding, count),
  })

const MAX_PRINTED = '{kernel_size=}, {stride=}, {padding=}, {dilation=}, {ceil_mode=}'
const PRINTED = '{kernel_size=}, {stride=}, {padding=}'
const LP_PRINTED = '{norm_type=}, {kernel_size=}, {stride=}, {ceil_mode=}'

type MaxPoolFunction = (
  input: Tensor,
  kernel_size: Sizes,
  stride: Sizes,
  padding: Sizes,
  dilation: Sizes,
  ceil_mode: boolean,
  return_indices: boolean,
) => Pooled<boolean>

/** The sizes of an unpooling's output, in place or by name. */
type OutputSize = Sizes | null | { output_size?: Sizes | null | undefined }

function maxPool<R extends boolean>(
  pool: unknown,
  input: Tensor,
  settings: Values[MaxPoolKey] & { stride: Sizes },
): Pooled<R> {
  const { kernel_size, stride, padding, dilation, ceil_mode, return_indices } = settings
  const pooled = (pool as MaxPoolFunction)(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)
  return pooled as Pooled<R>
}

/**
 * The maximum of each window of sequences. Input (N, C, L) or (C, L), output (N, C, L_out) or (C, L_out):
 *
 *     W_out = ⌊(W + 2 padding - dilation (kernel_size - 1) - 1) / stride⌋ + 1
 *
 * - kernel_size: the size of a window
 * - stride (kernel_size): the distance of windows
 * - padding (0): elements of -∞ added at both ends, at most half of kernel_size
 * - dilation (1): the distance of a window's elements
 * - return_indices (false): whether the places of the maxima in the input come too, as MaxUnpool1d takes them: a call
 *   then gives `[output, indices]`
 * - ceil_mode (false): whether a last window may overlap the end
 *
 * @throws on a call, where padding exceeds half of kernel_size, a size is not positive, or the output would be empty.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.MaxPool1d.html
 */
export class MaxPool1d<R extends boolean = false> extends settingsModule('nn.MaxPool1d', MAX_PRINTED, strided) {
  declare return_indices: R

  constructor(...args: MaxPoolArguments<'nn.MaxPool1d', R>) {
    super(...(args as MaxPoolArguments<'nn.MaxPool1d', boolean>))
  }

  forward(input: Tensor): Pooled<R> {
    return maxPool(F.max_pool1d, input, this)
  }
}

/**
 * The maximum of each window of images. Input (N, C, H, W) or (C, H, W), output (N, C, H_out, W_out) or (C, H_out,
 * W_out):
 *
 *     W_out = ⌊(W + 2 padding - dilation (kernel_size - 1) - 1) / stride⌋ + 1
 *
 * - kernel_size: the size of a window
 * - stride (kernel_size): the distance of windows
 * - padding (0): elements of -∞ added at both ends, at most half of kernel_size
 * - dilation (1): the distance of a window's elements
 * - return_indices (false): whether the places of the maxima in the (flattened) input come too, as MaxUnpool2d takes
 *   them: a call then gives `[output, indices]`
 * - ceil_mode (false): whether a last window may overlap the end
 *
 * @throws on a call, where padding exceeds half of kernel_size, a size is not positive, or the output would be empty.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.MaxPool2d.html
 */
export class MaxPool2d<R extends boolean = false> extends settingsModule('nn.MaxPool2d', MAX_PRINTED, strided) {
  declare return_indices: R

  constructor(...args: MaxPoolArguments<'nn.MaxPool2d', R>) {
    super(...(args as MaxPoolArguments<'nn.MaxPool2d', boolean>))
  }

  forward(input: Tensor): Pooled<R> {
    return maxPool(F.max_pool2d, input, this)
  }
}

/**
 * The maximum of each window of volumes. Input (N, C, D, H, W) or (C, D, H, W), output (N, C, D_out, H_out, W_out) or
 * (C, D_out, H_out, W_out):
 *
 *     W_out = ⌊(W + 2 padding - dilation (kernel_size - 1) - 1) / stride⌋ + 1
 *
 * - kernel_size: the size of a window
 * - stride (kernel_size): the distance of windows
 * - padding (0): elements of -∞ added at both ends, at most half of kernel_size
 * - dilation (1): the distance of a window's elements
 * - return_indices (false): whether the places of the maxima in the (flattened) input come too, as MaxUnpool3d takes
 *   them: a call then gives `[output, indices]`
 * - ceil_mode (false): whether a last window may overlap the end
 *
 * @throws on a call, where padding exceeds half of kernel_size, a size is not positive, or the output would be empty.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.MaxPool3d.html
 */
export class MaxPool3d<R extends boolean = false> extends settingsModule('nn.MaxPool3d', MAX_PRINTED, strided) {
  declare return_indices: R

  constructor(...args: MaxPoolArguments<'nn.MaxPool3d', R>) {
    super(...(args as MaxPoolArguments<'nn.MaxPool3d', boolean>))
  }

  forward(input: Tensor): Pooled<R> {
    return maxPool(F.max_pool3d, input, this)
  }
}

/**
 * Puts values back where MaxPool1d found them, zeros elsewhere. Called with `input` and `indices`, both (N, C, L) or
 * (C, L), and `output_size`; the output is (N, C, L_out) or (C, L_out):
 *
 *     W_out = (W - 1) stride - 2 padding + kernel_size
 *
 * - kernel_size, stride (kernel_size), padding (0): those of the pooling
 * - output_size, in a call: sizes of the output, with or without N and C, where the pooling rounded; they may differ
 *   from the formula by less than stride
 *
 * @throws on a call, where an index lies outside of the output, or output_size is impossible.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.MaxUnpool1d.html
 */
export class MaxUnpool1d extends settingsModule('nn.MaxUnpool1d', PRINTED, stridedEach(1)) {
  forward(input: Tensor, indices: Tensor, output_size?: OutputSize): Tensor {
    const { kernel_size, stride, padding } = this
    return F.max_unpool1d(input, indices, kernel_size, stride, padding, output_size as Sizes | null | undefined)
  }
}

/**
 * Puts values back where MaxPool2d found them, zeros elsewhere. Called with `input` and `indices`, both (N, C, H, W) or
 * (C, H, W), and `output_size`; the output is (N, C, H_out, W_out) or (C, H_out, W_out):
 *
 *     W_out = (W - 1) stride - 2 padding + kernel_size
 *
 * - kernel_size, stride (kernel_size), padding (0): those of the pooling
 * - output_size, in a call: sizes of the output, with or without N and C, where the pooling rounded; they may differ
 *   from the formula by less than stride
 *
 * @throws on a call, where an index lies outside of the output, or output_size is impossible.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.MaxUnpool2d.html
 */
export class MaxUnpool2d extends settingsModule('nn.MaxUnpool2d', PRINTED, stridedEach(2)) {
  forward(input: Tensor, indices: Tensor, output_size?: OutputSize): Tensor {
    const { kernel_size, stride, padding } = this
    return F.max_unpool2d(input, indices, kernel_size, stride, padding, output_size as Sizes | null | undefined)
  }
}

/**
 * Puts values back where MaxPool3d found them, zeros elsewhere. Called with `input` and `indices`, both (N, C, D, H, W)
 * or (C, D, H, W), and `output_size`; the output is (N, C, D_out, H_out, W_out) or (C, D_out, H_out, W_out):
 *
 *     W_out = (W - 1) stride - 2 padding + kernel_size
 *
 * - kernel_size, stride (kernel_size), padding (0): those of the pooling
 * - output_size, in a call: sizes of the output, with or without N and C, where the pooling rounded; they may differ
 *   from the formula by less than stride
 *
 * @throws on a call, where an index lies outside of the output, or output_size is impossible.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.MaxUnpool3d.html
 */
export class MaxUnpool3d extends settingsModule('nn.MaxUnpool3d', PRINTED, stridedEach(3)) {
  forward(input: Tensor, indices: Tensor, output_size?: OutputSize): Tensor {
    const { kernel_size, stride, padding } = this
    return F.max_unpool3d(input, indices, kernel_size, stride, padding, output_size as Sizes | null | undefined)
  }
}

/**
 * The average of each window of sequences. Input (N, C, L) or (C, L), output (N, C, L_out) or (C, L_out):
 *
 *     W_out = ⌊(W + 2 padding - kernel_size) / stride⌋ + 1
 *
 * - kernel_size: the size of a window
 * - stride (kernel_size): the distance of windows
 * - padding (0): zeros added at both ends, at most half of kernel_size
 * - ceil_mode (false): whether a last window may overlap the end
 * - count_include_pad (true): whether added zeros count in the average
 *
 * @throws on a call, where padding exceeds half of kernel_size, a size is not positive, or the output would be empty.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.AvgPool1d.html
 */
export class AvgPool1d extends settingsModule('nn.AvgPool1d', PRINTED, stridedEach(1)) {
  forward(input: Tensor): Tensor {
    const { kernel_size, stride, padding, ceil_mode, count_include_pad } = this
    return F.avg_pool1d(input, kernel_size, stride, padding, ceil_mode, count_include_pad)
  }
}

/**
 * The average of each window of images. Input (N, C, H, W) or (C, H, W), output (N, C, H_out, W_out) or (C, H_out,
 * W_out):
 *
 *     W_out = ⌊(W + 2 padding - kernel_size) / stride⌋ + 1
 *
 * - kernel_size: the size of a window
 * - stride (kernel_size): the distance of windows
 * - padding (0): zeros added at both ends, at most half of kernel_size
 * - ceil_mode (false): whether a last window may overlap the end
 * - count_include_pad (true): whether added zeros count in the average
 * - divisor_override (null): what sums are divided by, instead of the number of elements
 *
 * @throws on a call, where padding exceeds half of kernel_size, a size is not positive, divisor_override is 0, or the
 * output would be empty.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.AvgPool2d.html
 */
export class AvgPool2d extends settingsModule('nn.AvgPool2d', PRINTED, strided) {
  forward(input: Tensor): Tensor {
    const { kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override } = this
    return F.avg_pool2d(input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
  }
}

/**
 * The average of each window of volumes. Input (N, C, D, H, W) or (C, D, H, W), output (N, C, D_out, H_out, W_out) or
 * (C, D_out, H_out, W_out):
 *
 *     W_out = ⌊(W + 2 padding - kernel_size) / stride⌋ + 1
 *
 * - kernel_size: the size of a window
 * - stride (kernel_size): the distance of windows
 * - padding (0): zeros added at both ends, at most half of kernel_size
 * - ceil_mode (false): whether a last window may overlap the end
 * - count_include_pad (true): whether added zeros count in the average
 * - divisor_override (null): what sums are divided by, instead of the number of elements
 *
 * @throws on a call, where padding exceeds half of kernel_size, a size is not positive, divisor_override is 0, or the
 * output would be empty.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.AvgPool3d.html
 */
export class AvgPool3d extends settingsModule('nn.AvgPool3d', PRINTED, strided) {
  forward(input: Tensor): Tensor {
    const { kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override } = this
    return F.avg_pool3d(input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
  }
}

/**
 * The p-norm of each window of sequences, (Σ xᵖ)^(1/p): the maximum where p is infinite, the sum where p is 1. Input
 * (N, C, L) or (C, L), output (N, C, L_out) or (C, L_out):
 *
 *     W_out = ⌊(W - kernel_size) / stride⌋ + 1
 *
 * - norm_type: p
 * - kernel_size: the size of a window; a number
 * - stride (kernel_size): the distance of windows
 * - ceil_mode (false): whether a last window may overlap the end
 *
 * @throws on a call, where a size is not positive, or the output would be empty.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.LPPool1d.html
 */
export class LPPool1d extends settingsModule('nn.LPPool1d', LP_PRINTED) {
  forward(input: Tensor): Tensor {
    return F.lp_pool1d(input, this.norm_type, this.kernel_size as number, this.stride, this.ceil_mode)
  }
}

/**
 * The p-norm of each window of images, (Σ xᵖ)^(1/p): the maximum where p is infinite, the sum where p is 1. Input (N,
 * C, H, W) or (C, H, W), output (N, C, H_out, W_out) or (C, H_out, W_out):
 *
 *     W_out = ⌊(W - kernel_size) / stride⌋ + 1
 *
 * - norm_type: p
 * - kernel_size: the size of a window
 * - stride (kernel_size): the distance of windows
 * - ceil_mode (false): whether a last window may overlap the end
 *
 * @throws on a call, where a size is not positive, or the output would be empty.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.LPPool2d.html
 */
export class LPPool2d extends settingsModule('nn.LPPool2d', LP_PRINTED) {
  forward(input: Tensor): Tensor {
    return F.lp_pool2d(input, this.norm_type, this.kernel_size, this.stride, this.ceil_mode)
  }
}

/**
 * The p-norm of each window of volumes, (Σ xᵖ)^(1/p): the maximum where p is infinite, the sum where p is 1. Input (N,
 * C, D, H, W) or (C, D, H, W), output (N, C, D_out, H_out, W_out) or (C, D_out, H_out, W_out):
 *
 *     W_out = ⌊(W - kernel_size) / stride⌋ + 1
 *
 * - norm_type: p
 * - kernel_size: the size of a window
 * - stride (kernel_size): the distance of windows
 * - ceil_mode (false): whether a last window may overlap the end
 *
 * @throws on a call, where a size is not positive, or the output would be empty.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.LPPool3d.html
 */
export class LPPool3d extends settingsModule('nn.LPPool3d', LP_PRINTED) {
  forward(input: Tensor): Tensor {
    return F.lp_pool3d(input, this.norm_type, this.kernel_size, this.stride, this.ceil_mode)
  }
}
