// Batch and instance normalisations that take their num_features from their first input.

import { no_grad } from '../../autograd/grad_mode.js'
import * as dtypes from '../../core/dtype.js'
import type { Tensor } from '../../core/tensor.js'
import { zeros } from '../../generated/functions.js'
import { type Arguments, read, type Values } from '../generated/arguments.js'
import { is_lazy, UninitializedBuffer, UninitializedParameter } from '../parameter.js'
import { type _NormBase, BatchNorm1d, BatchNorm2d, BatchNorm3d } from './batchnorm.js'
import { InstanceNorm1d, InstanceNorm2d, InstanceNorm3d } from './instancenorm.js'
import { type Lazy, LazyModuleMixin } from './lazy.js'

// biome-ignore lint/suspicious/noExplicitAny: TypeScript asks it of a class that is mixed in
type NormClass = { prototype: _NormBase } & (abstract new (...args: any[]) => _NormBase)

type LazySettings = Values['nn.LazyBatchNorm1d']

/** The lazy class of a class of normalisations. */
function lazyNorm<C extends NormClass>(Base: C): abstract new (settings: LazySettings) => InstanceType<C> & Lazy {
  abstract class LazyNorm extends LazyModuleMixin<NormClass>(Base) {
    // biome-ignore lint/suspicious/noExplicitAny: TypeScript asks it of a class that is mixed in
    constructor(...args: any[]) {
      const [settings] = args as [LazySettings]
      const { affine, bias, track_running_stats, device, dtype } = settings
      super({ ...settings, num_features: 0, affine: false, track_running_stats: false, bias: false })
      this.affine = affine
      this.track_running_stats = track_running_stats
      if (affine) this.weight = new UninitializedParameter({ device, dtype })
      if (affine && bias) this.bias = new UninitializedParameter({ device, dtype })
      if (!track_running_stats) return
      this.running_mean = new UninitializedBuffer({ device, dtype })
      this.running_var = new UninitializedBuffer({ device, dtype })
      this.num_batches_tracked = zeros([], { device, dtype: dtypes.int64 })
    }

    override get cls_to_become(): NormClass {
      return Base
    }

    override reset_parameters(): void {
      if (!this.has_uninitialized_params() && this.num_features !== 0) super.reset_parameters()
    }

    override initialize_parameters(input: Tensor): void {
      if (!this.has_uninitialized_params()) return
      const features = input.size(1)
      this.num_features = features
      no_grad(() => {
        for (const tensor of [this.weight, this.bias, this.running_mean, this.running_var]) {
          if (is_lazy(tensor)) tensor.materialize([features])
        }
        this.reset_parameters()
      })
    }
  }
  return LazyNorm as never
}

/**
 * A BatchNorm1d whose num_features are the channels of its first input, which makes a BatchNorm1d of it. Arguments are
 * BatchNorm1d's without num_features; parameters and running statistics are uninitialized until then.
 *
 * @throws as BatchNorm1d.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyBatchNorm1d.html
 */
export class LazyBatchNorm1d extends lazyNorm(BatchNorm1d) {
  constructor(...args: Arguments['nn.LazyBatchNorm1d']) {
    super(read('nn.LazyBatchNorm1d', args))
  }
}

/**
 * A BatchNorm2d whose num_features are the channels of its first input, as LazyBatchNorm1d.
 *
 * @throws as BatchNorm2d.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyBatchNorm2d.html
 */
export class LazyBatchNorm2d extends lazyNorm(BatchNorm2d) {
  constructor(...args: Arguments['nn.LazyBatchNorm2d']) {
    super(read('nn.LazyBatchNorm2d', args))
  }
}

/**
 * A BatchNorm3d whose num_features are the channels of its first input, as LazyBatchNorm1d.
 *
 * @throws as BatchNorm3d.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyBatchNorm3d.html
 */
export class LazyBatchNorm3d extends lazyNorm(BatchNorm3d) {
  constructor(...args: Arguments['nn.LazyBatchNorm3d']) {
    super(read('nn.LazyBatchNorm3d', args))
  }
}

/**
 * An InstanceNorm1d whose num_features are the second dimension of its first input, which makes an InstanceNorm1d of it.
 * Arguments are InstanceNorm1d's without num_features, but affine and track_running_stats are true unless given;
 * parameters and running statistics are uninitialized until then.
 *
 * @throws as InstanceNorm1d.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyInstanceNorm1d.html
 */
export class LazyInstanceNorm1d extends lazyNorm(InstanceNorm1d) {
  constructor(...args: Arguments['nn.LazyInstanceNorm1d']) {
    super(read('nn.LazyInstanceNorm1d', args))
  }
}

/**
 * An InstanceNorm2d whose num_features are the second dimension of its first input, as LazyInstanceNorm1d.
 *
 * @throws as InstanceNorm2d.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyInstanceNorm2d.html
 */
export class LazyInstanceNorm2d extends lazyNorm(InstanceNorm2d) {
  constructor(...args: Arguments['nn.LazyInstanceNorm2d']) {
    super(read('nn.LazyInstanceNorm2d', args))
  }
}

/**
 * An InstanceNorm3d whose num_features are the second dimension of its first input, as LazyInstanceNorm1d.
 *
 * @throws as InstanceNorm3d.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.LazyInstanceNorm3d.html
 */
export class LazyInstanceNorm3d extends lazyNorm(InstanceNorm3d) {
  constructor(...args: Arguments['nn.LazyInstanceNorm3d']) {
    super(read('nn.LazyInstanceNorm3d', args))
  }
}
