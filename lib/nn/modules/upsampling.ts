// Modules that resample to another size.

import { pythonRepr } from '../../core/python_repr.js'
import type { Tensor } from '../../core/tensor.js'
import * as F from '../functional/index.js'
import { type Arguments, read, type Values } from '../generated/arguments.js'
import { settingsModule } from './settings_module.js'

/** Python keeps a factor of 0 as none. */
const settled = (values: Values['nn.Upsample']): Values['nn.Upsample'] => ({
  ...values,
  scale_factor: values.scale_factor === 0 ? null : values.scale_factor,
})

/** Python keeps factors as floats, and prints them so. */
function factorsRepr(factors: number | readonly number[]): string {
  if (typeof factors === 'number') return Number.isInteger(factors) ? `${pythonRepr(factors)}.0` : pythonRepr(factors)
  return `(${factors.map(factorsRepr).join(', ')}${factors.length === 1 ? ',' : ''})`
}

/**
 * Resamples sequences, images or volumes. Input (N, C, W), (N, C, H, W) or (N, C, D, H, W), output the same with the sizes
 * asked for: W_out = size, or ⌊W × scale_factor⌋.
 *
 * - size (null): the output's sizes, a number for all spatial dimensions or one for each
 * - scale_factor (null): the sizes' multipliers, likewise; it or size is given
 * - mode ('nearest'): 'nearest', 'nearest-exact' or 'area' for all inputs; 'linear' for sequences, 'bilinear' and 'bicubic'
 *   for images, 'trilinear' for volumes
 * - align_corners (null): for the linear modes and 'bicubic', whether corner pixels keep their places, and pixels are
 *   points; otherwise pixels are squares
 * - recompute_scale_factor (null): whether positions are computed from the sizes alone, not from scale_factor
 *
 * @throws on a call, where not one of size and scale_factor is given, or mode, options and input do not fit together.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Upsample.html
 */
export class Upsample extends settingsModule('nn.Upsample', '', settled) {
  /** The class's. */
  override readonly name: string = this.constructor.name

  forward(input: Tensor): Tensor {
    const { size, scale_factor, mode, align_corners, recompute_scale_factor } = this
    return F.interpolate(input, size, scale_factor, mode, align_corners, recompute_scale_factor)
  }

  override extra_repr(): string {
    const { size, scale_factor, mode } = this
    const target = scale_factor !== null ? `scale_factor=${factorsRepr(scale_factor)}` : `size=${pythonRepr(size)}`
    return `${target}, mode='${mode}'`
  }
}

/**
 * Resamples images to the nearest pixel: Upsample with mode 'nearest'. Input (N, C, H, W), output (N, C, H_out, W_out).
 *
 * - size (null): (H_out, W_out), or a number for both
 * - scale_factor (null): the sizes' multipliers, one for each or a number for both; it or size is given
 *
 * @throws on a call, where not one of size and scale_factor is given.
 * @deprecated PyTorch recommends nn.functional.interpolate.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.UpsamplingNearest2d.html
 */
export class UpsamplingNearest2d extends Upsample {
  constructor(...args: Arguments['nn.UpsamplingNearest2d']) {
    super({ ...read('nn.UpsamplingNearest2d', args), mode: 'nearest' })
  }
}

/**
 * Resamples images by interpolation in both directions: Upsample with mode 'bilinear' and align_corners. Input
 * (N, C, H, W), output (N, C, H_out, W_out).
 *
 * - size (null): (H_out, W_out), or a number for both
 * - scale_factor (null): the sizes' multipliers, one for each or a number for both; it or size is given
 *
 * @throws on a call, where not one of size and scale_factor is given.
 * @deprecated PyTorch recommends nn.functional.interpolate.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.UpsamplingBilinear2d.html
 */
export class UpsamplingBilinear2d extends Upsample {
  constructor(...args: Arguments['nn.UpsamplingBilinear2d']) {
    super({ ...read('nn.UpsamplingBilinear2d', args), mode: 'bilinear', align_corners: true })
  }
}
