// Pooling to an output of a size that is asked for: windows that share the input evenly, or in random steps.

import { pythonRepr } from '../../core/python_repr.js'
import type { Tensor } from '../../core/tensor.js'
import * as F from '../functional/index.js'
import { ntuple, type Sizes } from '../functional/sizes.js'
import type { Values } from '../generated/arguments.js'
import type { AdaptiveMaxPoolArguments, AdaptiveMaxPoolKey, FractionalMaxPoolArguments, Pooled } from './pooled.js'
import { settingsModule } from './settings_module.js'

const PRINTED = '{output_size=}'

function adaptiveMaxPool<R extends boolean>(
  pool: unknown,
  input: Tensor,
  { output_size, return_indices }: Values[AdaptiveMaxPoolKey],
): Pooled<R> {
  const given = pool as (input: Tensor, output_size: unknown, return_indices: boolean) => Pooled<boolean>
  return given(input, output_size, return_indices) as Pooled<R>
}

/**
 * Averages of sequences over windows that share the input evenly: window i of S out of W elements covers those from ⌊i
 * W / S⌋ to ⌈(i + 1) W / S⌉. Input (N, C, L) or (C, L), output (N, C, L_out) or (C, L_out).
 *
 * - output_size: L_out
 *
 * @throws on a call, where the input has another number of dimensions.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.AdaptiveAvgPool1d.html
 */
export class AdaptiveAvgPool1d extends settingsModule('nn.AdaptiveAvgPool1d', PRINTED) {
  forward(input: Tensor): Tensor {
    return F.adaptive_avg_pool1d(input, this.output_size as Sizes)
  }
}

/**
 * Averages of images over windows that share the input evenly: window i of S out of W elements covers those from ⌊i W /
 * S⌋ to ⌈(i + 1) W / S⌉. Input (N, C, H, W) or (C, H, W), output (N, C, H_out, W_out) or (C, H_out, W_out).
 *
 * - output_size: (H_out, W_out), where null stands for the input's own size, or a number for all of them
 *
 * @throws on a call, where the input has another number of dimensions.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.AdaptiveAvgPool2d.html
 */
export class AdaptiveAvgPool2d extends settingsModule('nn.AdaptiveAvgPool2d', PRINTED) {
  forward(input: Tensor): Tensor {
    return F.adaptive_avg_pool2d(input, this.output_size)
  }
}

/**
 * Averages of volumes over windows that share the input evenly: window i of S out of W elements covers those from ⌊i W
 * / S⌋ to ⌈(i + 1) W / S⌉. Input (N, C, D, H, W) or (C, D, H, W), output (N, C, D_out, H_out, W_out) or (C, D_out,
 * H_out, W_out).
 *
 * - output_size: (D_out, H_out, W_out), where null stands for the input's own size, or a number for all of them
 *
 * @throws on a call, where the input has another number of dimensions.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.AdaptiveAvgPool3d.html
 */
export class AdaptiveAvgPool3d extends settingsModule('nn.AdaptiveAvgPool3d', PRINTED) {
  forward(input: Tensor): Tensor {
    return F.adaptive_avg_pool3d(input, this.output_size)
  }
}

/**
 * Maxima of sequences over windows that share the input evenly, as those of AdaptiveAvgPool1d. Input (N, C, L) or (C,
 * L), output (N, C, L_out) or (C, L_out).
 *
 * - output_size: L_out
 * - return_indices (false): whether the places of the maxima in the input come too, as MaxUnpool1d takes them: a call
 *   then gives `[output, indices]`
 *
 * @throws on a call, where the input has another number of dimensions.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.AdaptiveMaxPool1d.html
 */
export class AdaptiveMaxPool1d<R extends boolean = false> extends settingsModule('nn.AdaptiveMaxPool1d', PRINTED) {
  declare return_indices: R

  constructor(...args: AdaptiveMaxPoolArguments<'nn.AdaptiveMaxPool1d', R>) {
    super(...(args as AdaptiveMaxPoolArguments<'nn.AdaptiveMaxPool1d', boolean>))
  }

  forward(input: Tensor): Pooled<R> {
    return adaptiveMaxPool(F.adaptive_max_pool1d, input, this)
  }
}

/**
 * Maxima of images over windows that share the input evenly, as those of AdaptiveAvgPool2d. Input (N, C, H, W) or (C,
 * H, W), output (N, C, H_out, W_out) or (C, H_out, W_out).
 *
 * - output_size: (H_out, W_out), where null stands for the input's own size, or a number for all of them
 * - return_indices (false): whether the places of the maxima in the (flattened) input come too, as MaxUnpool2d takes
 *   them: a call then gives `[output, indices]`
 *
 * @throws on a call, where the input has another number of dimensions.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.AdaptiveMaxPool2d.html
 */
export class AdaptiveMaxPool2d<R extends boolean = false> extends settingsModule('nn.AdaptiveMaxPool2d', PRINTED) {
  declare return_indices: R

  constructor(...args: AdaptiveMaxPoolArguments<'nn.AdaptiveMaxPool2d', R>) {
    super(...(args as AdaptiveMaxPoolArguments<'nn.AdaptiveMaxPool2d', boolean>))
  }

  forward(input: Tensor): Pooled<R> {
    return adaptiveMaxPool(F.adaptive_max_pool2d, input, this)
  }
}

/**
 * Maxima of volumes over windows that share the input evenly, as those of AdaptiveAvgPool3d. Input (N, C, D, H, W) or
 * (C, D, H, W), output (N, C, D_out, H_out, W_out) or (C, D_out, H_out, W_out).
 *
 * - output_size: (D_out, H_out, W_out), where null stands for the input's own size, or a number for all of them
 * - return_indices (false): whether the places of the maxima in the (flattened) input come too, as MaxUnpool3d takes
 *   them: a call then gives `[output, indices]`
 *
 * @throws on a call, where the input has another number of dimensions.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.AdaptiveMaxPool3d.html
 */
export class AdaptiveMaxPool3d<R extends boolean = false> extends settingsModule('nn.AdaptiveMaxPool3d', PRINTED) {
  declare return_indices: R

  constructor(...args: AdaptiveMaxPoolArguments<'nn.AdaptiveMaxPool3d', R>) {
    super(...(args as AdaptiveMaxPoolArguments<'nn.AdaptiveMaxPool3d', boolean>))
  }

  forward(input: Tensor): Pooled<R> {
    return adaptiveMaxPool(F.adaptive_max_pool3d, input, this)
  }
}

/** The fields of `name`, whose sizes are of `dims` dimensions. */
const fractional = (name: string, dims: number) => (values: Values['nn.FractionalMaxPool2d']) => {
  const { kernel_size, output_size, output_ratio } = values
  if (dims === 3 && ![kernel_size].flat().every((size) => size > 0))
    throw new RangeError(`kernel_size must be greater than 0, but got ${pythonRepr(kernel_size)}`)
  if (output_size === null && output_ratio === null)
    throw new RangeError(`${name} requires specifying either an output size, or a pooling ratio`)
  if (output_size !== null && output_ratio !== null)
    throw new RangeError('only one of output_size and output_ratio may be specified')
  if (output_ratio !== null && ![output_ratio].flat().every((ratio) => 0 < ratio && ratio < 1))
    throw new RangeError(`output_ratio must be between 0 and 1 (got ${pythonRepr(output_ratio)})`)
  return {
    ...values,
    kernel_size: ntuple(kernel_size, dims),
    output_size: output_size === null ? null : ntuple(output_size, dims),
    output_ratio: output_ratio === null ? null : ntuple(output_ratio, dims),
  }
}

type FractionalMaxPoolFunction = (
  input: Tensor,
  kernel_size: Sizes,
  output_size: Sizes | null,
  output_ratio: Sizes | null,
  return_indices: boolean,
  samples: Tensor | null,
) => Pooled<boolean>

function fractionalMaxPool<R extends boolean>(
  pool: unknown,
  input: Tensor,
  settings: Values['nn.FractionalMaxPool2d'],
): Pooled<R> {
  const { kernel_size, output_size, output_ratio, return_indices, _random_samples } = settings
  const given = pool as FractionalMaxPoolFunction
  return given(input, kernel_size, output_size, output_ratio, return_indices, _random_samples) as Pooled<R>
}

/**
 * Maxima of images over windows in random steps, in training and afterwards, whose sizes give the output's. Input (N,
 * C, H, W) or (C, H, W), output (N, C, H_out, W_out) or (C, H_out, W_out).
 *
 * - kernel_size: the size of a window, a number for all dimensions or one for each
 * - output_size (null): (H_out, W_out), or a number for all of them
 * - output_ratio (null): the output's size as a part of the input's, between 0 and 1, a number for all dimensions or
 *   one for each; it or output_size is given
 * - return_indices (false): whether the places of the maxima in the (flattened) input come too, as MaxUnpool2d takes
 *   them: a call then gives `[output, indices]`
 * - _random_samples (null): a tensor (N, C, 2) of numbers in [0, 1) to be taken instead of random ones at every call
 *
 * @throws where not one of output_size and output_ratio is given, or a ratio is not between 0 and 1.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.FractionalMaxPool2d.html
 * @see B. Graham, Fractional Max-Pooling (2014), https://arxiv.org/abs/1412.6071
 */
export class FractionalMaxPool2d<R extends boolean = false> extends settingsModule(
  'nn.FractionalMaxPool2d',
  '',
  fractional('FractionalMaxPool2d', 2),
) {
  declare return_indices: R

  constructor(...args: FractionalMaxPoolArguments<'nn.FractionalMaxPool2d', R>) {
    super(...(args as FractionalMaxPoolArguments<'nn.FractionalMaxPool2d', boolean>))
  }

  forward(input: Tensor): Pooled<R> {
    return fractionalMaxPool(F.fractional_max_pool2d, input, this)
  }
}

/**
 * Maxima of volumes over windows in random steps, in training and afterwards, whose sizes give the output's. Input (N,
 * C, D, H, W) or (C, D, H, W), output (N, C, D_out, H_out, W_out) or (C, D_out, H_out, W_out).
 *
 * - kernel_size: the size of a window, a number for all dimensions or one for each
 * - output_size (null): (D_out, H_out, W_out), or a number for all of them
 * - output_ratio (null): the output's size as a part of the input's, between 0 and 1, a number for all dimensions or
 *   one for each; it or output_size is given
 * - return_indices (false): whether the places of the maxima in the (flattened) input come too, as MaxUnpool3d takes
 *   them: a call then gives `[output, indices]`
 * - _random_samples (null): a tensor (N, C, 3) of numbers in [0, 1) to be taken instead of random ones at every call
 *
 * @throws where not one of output_size and output_ratio is given, or a ratio is not between 0 and 1.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.FractionalMaxPool3d.html
 * @see B. Graham, Fractional Max-Pooling (2014), https://arxiv.org/abs/1412.6071
 */
export class FractionalMaxPool3d<R extends boolean = false> extends settingsModule(
  'nn.FractionalMaxPool3d',
  '',
  fractional('FractionalMaxPool3d', 3),
) {
  declare return_indices: R

  constructor(...args: FractionalMaxPoolArguments<'nn.FractionalMaxPool3d', R>) {
    super(...(args as FractionalMaxPoolArguments<'nn.FractionalMaxPool3d', boolean>))
  }

  forward(input: Tensor): Pooled<R> {
    return fractionalMaxPool(F.fractional_max_pool3d, input, this)
  }
}
