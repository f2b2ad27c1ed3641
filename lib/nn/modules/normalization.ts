// Normalisation without running statistics: over features, over groups of channels, over neighbouring channels.

import { pythonRepr } from '../../core/python_repr.js'
import type { Tensor } from '../../core/tensor.js'
import * as F from '../functional/index.js'
import { type Arguments, read } from '../generated/arguments.js'
import type { Parameter } from '../parameter.js'
import { crossMapLRN } from './cross_map_lrn.js'
import { Module } from './module.js'
import { settings } from './module_printing.js'
import { addAffine, addParameter, resetAffine } from './norm_parts.js'
import { settingsModule } from './settings_module.js'

const asShape = (shape: number | readonly number[]): readonly number[] =>
  typeof shape === 'number' ? [shape] : [...shape]

/**
 * Layer normalisation: each sample by its own mean and variance, over its last dimensions.
 *
 *     y = (x - E[x]) / √(Var[x] + eps) ⊙ weight + bias
 *
 * E and Var are over the last D dimensions, where D is the length of normalized_shape; Var is the biased one,
 * `x.var({ correction: 0 })`. Training and evaluation are alike.
 *
 * - normalized_shape: the sizes of the last D dimensions; a number stands for the last one alone
 * - eps (1e-5): added to the variance, so that nothing is divided by zero
 * - elementwise_affine (true): whether there are weight and bias, of normalized_shape, which start at 1 and 0
 * - bias (true): whether bias is there, where elementwise_affine
 * - device, dtype: of the parameters
 *
 * Input (*, normalized_shape), output of the same shape.
 *
 * @throws where the input's last dimensions are not normalized_shape.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.LayerNorm.html
 * @see J. Ba et al., Layer Normalization (2016), https://arxiv.org/abs/1607.06450
 */
export class LayerNorm extends Module {
  readonly normalized_shape: readonly number[]
  eps: number
  readonly elementwise_affine: boolean
  declare weight: Parameter | null
  declare bias: Parameter | null

  constructor(...args: Arguments['nn.LayerNorm']) {
    super()
    const { normalized_shape, eps, elementwise_affine, bias, ...factory } = read('nn.LayerNorm', args)
    this.normalized_shape = asShape(normalized_shape)
    this.eps = eps
    this.elementwise_affine = elementwise_affine
    addAffine(this, this.normalized_shape, elementwise_affine, bias, factory)
    this.reset_parameters()
  }

  reset_parameters(): void {
    resetAffine(this)
  }

  forward(input: Tensor): Tensor {
    return F.layer_norm(input, this.normalized_shape, this.weight, this.bias, this.eps)
  }

  override extra_repr(): string {
    const { eps, elementwise_affine } = this
    return `${pythonRepr(this.normalized_shape)}, ${settings({ eps, elementwise_affine, bias: this.bias !== null })}`
  }
}

/**
 * Normalisation by the root mean square, over a sample's last dimensions.
 *
 *     y = x / RMS(x) ⊙ weight      RMS(x) = √(eps + mean of x²)
 *
 * The mean is over the last D dimensions, where D is the length of normalized_shape.
 *
 * - normalized_shape: the sizes of the last D dimensions; a number stands for the last one alone
 * - eps (null): added to the mean; null is the machine epsilon of the dtype that is computed in (float32's for 16-bit
 *   inputs)
 * - elementwise_affine (true): whether there is a weight, of normalized_shape, which starts at 1
 * - device, dtype: of the parameter
 *
 * Input (*, normalized_shape), output of the same shape.
 *
 * @throws where the input's last dimensions are not normalized_shape.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.RMSNorm.html
 * @see B. Zhang, R. Sennrich, Root Mean Square Layer Normalization (2019), https://arxiv.org/abs/1910.07467
 */
export class RMSNorm extends Module {
  readonly normalized_shape: readonly number[]
  eps: number | null
  readonly elementwise_affine: boolean
  declare weight: Parameter | null

  constructor(...args: Arguments['nn.RMSNorm']) {
    super()
    const { normalized_shape, eps, elementwise_affine, ...factory } = read('nn.RMSNorm', args)
    this.normalized_shape = asShape(normalized_shape)
    this.eps = eps
    this.elementwise_affine = elementwise_affine
    addParameter(this, 'weight', this.normalized_shape, elementwise_affine, factory)
    this.reset_parameters()
  }

  reset_parameters(): void {
    resetAffine(this)
  }

  forward(input: Tensor): Tensor {
    return F.rms_norm(input, this.normalized_shape, this.weight, this.eps)
  }

  override extra_repr(): string {
    const { eps, elementwise_affine } = this
    return `${pythonRepr(this.normalized_shape)}, ${settings({ eps, elementwise_affine })}`
  }
}

/**
 * Group normalisation: the channels of each sample in groups, each group by its own mean and variance.
 *
 *     y = (x - E[x]) / √(Var[x] + eps) ⊙ weight + bias
 *
 * E and Var (biased) are over a group's num_channels / num_groups channels and all positions. Training and evaluation
 * are alike. One group is layer normalisation over a sample; as many groups as channels, instance normalisation.
 *
 * - num_groups: groups that the channels are in, one after another
 * - num_channels: C of the input; num_groups divides it
 * - eps (1e-5): added to the variance
 * - affine (true): whether there are weight and bias, (num_channels), which start at 1 and 0
 * - device, dtype: of the parameters
 * - bias (true), by name alone: whether bias is there, where affine
 *
 * Input (N, C, *), output of the same shape.
 *
 * @throws where num_groups does not divide num_channels, or the input has another number of channels.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.GroupNorm.html
 * @see Y. Wu, K. He, Group Normalization (2018), https://arxiv.org/abs/1803.08494
 */
export class GroupNorm extends Module {
  readonly num_groups: number
  readonly num_channels: number
  eps: number
  readonly affine: boolean
  declare weight: Parameter | null
  declare bias: Parameter | null

  constructor(...args: Arguments['nn.GroupNorm']) {
    super()
    const { num_groups, num_channels, eps, affine, bias, ...factory } = read('nn.GroupNorm', args)
    if (num_channels % num_groups !== 0) {
      throw new RangeError(`num_channels (${num_channels}) must be divisible by num_groups (${num_groups})`)
    }
    this.num_groups = num_groups
    this.num_channels = num_channels
    this.eps = eps
    this.affine = affine
    addAffine(this, [num_channels], affine, bias, factory)
    this.reset_parameters()
  }

  reset_parameters(): void {
    resetAffine(this)
  }

  forward(input: Tensor): Tensor {
    return F.group_norm(input, this.num_groups, this.weight, this.bias, this.eps)
  }

  override extra_repr(): string {
    const { num_groups, num_channels, eps, affine } = this
    return `${num_groups}, ${num_channels}, ${settings({ eps, affine, bias: this.bias !== null })}`
  }
}

/**
 * Each channel divided by how strong its neighbouring channels are at the same place.
 *
 *     b_c = a_c (k + alpha / size · Σ a_c'²)^-beta
 *
 * The sum is over the `size` channels from c - ⌊size / 2⌋ on, as far as they are there.
 *
 * - size: how many neighbouring channels count
 * - alpha (1e-4): factor
 * - beta (0.75): exponent
 * - k (1): summand
 *
 * Input (N, C, *), output of the same shape.
 *
 * @throws where the input has fewer than 3 dimensions.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.LocalResponseNorm.html
 * @see A. Krizhevsky et al., ImageNet Classification with Deep Convolutional Neural Networks (2012)
 */
export class LocalResponseNorm extends settingsModule('nn.LocalResponseNorm', '{size}, {alpha=}, {beta=}, {k=}') {
  forward(input: Tensor): Tensor {
    return F.local_response_norm(input, this.size, this.alpha, this.beta, this.k)
  }
}

/**
 * As LocalResponseNorm, for images alone, and with Lua Torch's sums: the first channel stays in the sums of all channels
 * after it.
 *
 * - size, alpha (1e-4), beta (0.75), k (1): as of LocalResponseNorm
 *
 * Input (N, C, H, W), output of the same shape.
 *
 * @throws where the input has not 4 dimensions.
 * @see https://github.com/pytorch/pytorch/blob/v2.13.0/torch/nn/modules/normalization.py
 */
export class CrossMapLRN2d extends settingsModule('nn.CrossMapLRN2d', '{size}, {alpha=}, {beta=}, {k=}') {
  forward(input: Tensor): Tensor {
    return crossMapLRN(input, this.size, this.alpha, this.beta, this.k)
  }

  /** Python's default of k is an integer here. */
  override extra_repr(): string {
    return super.extra_repr().replace('k=1.0', 'k=1')
  }
}
