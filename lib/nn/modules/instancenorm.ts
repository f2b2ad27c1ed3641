// Instance normalisation: each channel of each sample by its own mean and variance.

import type { Tensor } from '../../core/tensor.js'
import { warn } from '../../core/warn.js'
import { instance_norm } from '../functional/normalization.js'
import { type Arguments, read } from '../generated/arguments.js'
import { _NormBase } from './batchnorm.js'
import { loadsUnwatched } from './loading.js'
import { checkDims } from './norm_parts.js'

/**
 * What the layers of instance normalisation share; for a layer of one's own, a class that extends it with
 * `_check_input_dim` and `_get_no_batch_dim`. Constructor and call are InstanceNorm1d's.
 */
export abstract class _InstanceNorm extends _NormBase {
  constructor(...args: Arguments['nn.InstanceNorm1d']) {
    super(read('nn.InstanceNorm1d', args, new.target.name))
  }

  /** The number of dimensions of a sample without a batch. */
  _get_no_batch_dim(): number {
    throw new Error(`${this.constructor.name} has no _get_no_batch_dim`)
  }

  override _load_from_state_dict(...args: Parameters<_NormBase['_load_from_state_dict']>): void {
    const [state, prefix, { version }, , , , errors] = args
    if (version === undefined && !this.track_running_stats) {
      const keys = ['running_mean', 'running_var']
        .map((name) => prefix + name)
        .filter((key) => Object.hasOwn(state, key))
      if (keys.length > 0) errors.push(oldStatistics(keys, this.constructor.name))
      for (const key of keys) delete state[key]
    }
    super._load_from_state_dict(...args)
  }

  forward(input: Tensor): Tensor {
    this._check_input_dim(input)
    const dims = input.dim()
    const single = this._get_no_batch_dim()
    const channelDim = dims - single
    const channels = input.size(channelDim)
    if (channels !== this.num_features) {
      const where = `input's size at dim=${channelDim}`
      if (this.affine) {
        throw new RangeError(`expected ${where} to match num_features (${this.num_features}), but got: ${channels}.`)
      }
      warn(
        `${where} does not match num_features. You can silence this warning by not passing in num_features, which is ` +
          'not used because affine=False',
      )
    }
    if (dims === single) return this._normalized(input.unsqueeze(0)).squeeze(0)
    return this._normalized(input)
  }

  private _normalized(input: Tensor): Tensor {
    const { running_mean, running_var, weight, bias, momentum, eps } = this
    const own = this.training || !this.track_running_stats
    return instance_norm(input, running_mean, running_var, weight, bias, own, momentum ?? 0, eps)
  }
}

loadsUnwatched(_InstanceNorm)

/** What is said of a state from before version 1, when running statistics were always kept. */
function oldStatistics(keys: readonly string[], name: string): string {
  return (
    `Unexpected running stats buffer(s) ${keys.map((key) => `"${key}"`).join(' and ')} for ${name} with ` +
    'track_running_stats=False. If state_dict is a checkpoint saved before 0.4.0, this may be expected because ' +
    `${name} does not track running stats by default since 0.4.0. Please remove these keys from state_dict. If the ` +
    `running stats are actually needed, instead set track_running_stats=True in ${name} to enable them. See the ` +
    `documentation of ${name} for details.`
  )
}

/**
 * Instance normalisation: each channel of each sample by its own mean and variance.
 *
 *     y = (x - E[x]) / √(Var[x] + eps) ⊙ weight + bias
 *
 * E and Var (biased) are over a channel's positions, in training and evaluation; with track_running_stats, evaluation
 * takes running estimates, kept while training as batch normalisation keeps them.
 *
 * - num_features: the number of channels, C
 * - eps (1e-5): added to the variance, so that nothing is divided by zero
 * - momentum (0.1): the share of the batch in the running estimates
 * - affine (false): whether there are weight and bias, (C), which start at 1 and 0
 * - track_running_stats (false): whether running estimates are kept
 * - device, dtype: of parameters and estimates
 * - bias (true), by name alone: whether bias is there, where affine
 *
 * Buffers, where track_running_stats: running_mean and running_var, (C), which start at 0 and 1; num_batches_tracked, an
 * int64 without dimensions.
 *
 * Input (N, C, L) or (C, L), output of the same shape.
 *
 * @throws where the input has another number of dimensions or, where affine, of channels; or one value per channel of a
 *   sample, unless running estimates are taken.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.InstanceNorm1d.html
 * @see D. Ulyanov et al., Instance Normalization (2016), https://arxiv.org/abs/1607.08022
 */
export class InstanceNorm1d extends _InstanceNorm {
  override _get_no_batch_dim(): number {
    return 2
  }
  override _check_input_dim(input: Tensor): void {
    checkDims(input, 2, 3)
  }
}

/**
 * Instance normalisation of images. All but the shapes is InstanceNorm1d's.
 *
 * Input (N, C, H, W) or (C, H, W), output of the same shape.
 *
 * @throws as InstanceNorm1d.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.InstanceNorm2d.html
 * @see D. Ulyanov et al., Instance Normalization (2016), https://arxiv.org/abs/1607.08022
 */
export class InstanceNorm2d extends _InstanceNorm {
  override _get_no_batch_dim(): number {
    return 3
  }
  override _check_input_dim(input: Tensor): void {
    checkDims(input, 3, 4)
  }
}

/**
 * Instance normalisation of volumes or films. All but the shapes is InstanceNorm1d's.
 *
 * Input (N, C, D, H, W) or (C, D, H, W), output of the same shape.
 *
 * @throws as InstanceNorm1d.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.InstanceNorm3d.html
 * @see D. Ulyanov et al., Instance Normalization (2016), https://arxiv.org/abs/1607.08022
 */
export class InstanceNorm3d extends _InstanceNorm {
  override _get_no_batch_dim(): number {
    return 4
  }
  override _check_input_dim(input: Tensor): void {
    checkDims(input, 4, 5)
  }
}
