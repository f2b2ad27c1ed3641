// Batch normalisation, and what it shares with instance normalisation: statistics that are kept while training.

import * as dtypes from '../../core/dtype.js'
import type { Tensor } from '../../core/tensor.js'
import { ones, zeros } from '../../generated/functions.js'
import { batch_norm } from '../functional/normalization.js'
import { type Arguments, read } from '../generated/arguments.js'
import type { Parameter } from '../parameter.js'
import { loadsUnwatched } from './loading.js'
import { Module } from './module.js'
import { settings } from './module_printing.js'
import { addAffine, checkDims, resetAffine } from './norm_parts.js'

/** What batch and instance normalisation share: their parameters, their running statistics, their printing. */
export abstract class _NormBase extends Module {
  num_features: number
  eps: number
  momentum: number | null
  affine: boolean
  track_running_stats: boolean
  declare weight: Parameter | null
  declare bias: Parameter | null
  declare running_mean: Tensor | null
  declare running_var: Tensor | null
  declare num_batches_tracked: Tensor | null

  constructor(...args: Arguments['nn.BatchNorm1d']) {
    super()
    const values = read('nn.BatchNorm1d', args, new.target.name)
    const { num_features, affine, track_running_stats, bias, device, dtype } = values
    this.num_features = num_features
    this.eps = values.eps
    this.momentum = values.momentum
    this.affine = affine
    this.track_running_stats = track_running_stats
    addAffine(this, [num_features], affine, bias, { device, dtype })
    const kept = track_running_stats
    this.register_buffer('running_mean', kept ? zeros([num_features], { device, dtype }) : null)
    this.register_buffer('running_var', kept ? ones([num_features], { device, dtype }) : null)
    this.register_buffer('num_batches_tracked', kept ? zeros([], { device, dtype: dtypes.int64 }) : null)
    this.reset_parameters()
  }

  /** The mean to zeros, the variance to ones, the count of batches to zero. */
  reset_running_stats(): void {
    if (!this.track_running_stats) return
    this.running_mean?.zero_()
    this.running_var?.fill_(1)
    this.num_batches_tracked?.zero_()
  }

  reset_parameters(): void {
    this.reset_running_stats()
    if (this.affine) resetAffine(this)
  }

  /** Throws for an input of a number of dimensions that the layer does not take. */
  _check_input_dim(_input: Tensor): void {
    throw new Error(`${this.constructor.name} has no _check_input_dim`)
  }

  /** A state's version 2 has num_batches_tracked. */
  override get _version(): number {
    return 2
  }

  override _load_from_state_dict(...args: Parameters<Module['_load_from_state_dict']>): void {
    const [state, prefix, { version }] = args
    const key = `${prefix}num_batches_tracked`
    if ((version === undefined || version < 2) && this.track_running_stats && !Object.hasOwn(state, key)) {
      const own = this.num_batches_tracked
      state[key] = own !== null && !own.is_meta ? own : zeros([], { dtype: dtypes.int64 })
    }
    super._load_from_state_dict(...args)
  }

  override extra_repr(): string {
    const { num_features, eps, momentum, affine, track_running_stats } = this
    return `${num_features}, ${settings({ eps, momentum, affine, bias: this.bias !== null, track_running_stats })}`
  }
}

loadsUnwatched(_NormBase)

/**
 * What the layers of batch normalisation share; for a layer of one's own, a class that extends it with
 * `_check_input_dim`. Constructor and call are BatchNorm1d's.
 */
export abstract class _BatchNorm extends _NormBase {
  forward(input: Tensor): Tensor {
    this._check_input_dim(input)
    return this.normalized(input)
  }

  protected normalized(input: Tensor): Tensor {
    const { training, track_running_stats, momentum, running_mean, running_var } = this
    let share = momentum ?? 0
    if (training && track_running_stats) {
      const { num_batches_tracked } = this
      if (num_batches_tracked !== null) {
        num_batches_tracked.add_(1)
        if (momentum === null) share = 1 / num_batches_tracked.item()
      }
    }
    const kept = !training || track_running_stats
    return batch_norm(
      input,
      kept ? running_mean : null,
      kept ? running_var : null,
      this.weight,
      this.bias,
      training || (running_mean === null && running_var === null),
      share,
      this.eps,
    )
  }
}

/**
 * Batch normalisation: each channel by its mean and variance over the batch.
 *
 *     y = (x - E[x]) / √(Var[x] + eps) ⊙ weight + bias
 *
 * While training, E and Var are the batch's, Var the biased one, and running estimates of both are kept, of Var the
 * unbiased one:
 *
 *     running = (1 - momentum) · running + momentum · batch's
 *
 * After `eval()` the running estimates take the place of E and Var. (This momentum is no optimizer's momentum.)
 *
 * - num_features: the number of channels, C
 * - eps (1e-5): added to the variance, so that nothing is divided by zero
 * - momentum (0.1): the share of the batch in the running estimates; null makes them the average of all batches so far
 * - affine (true): whether there are weight and bias, (C), which start at 1 and 0
 * - track_running_stats (true): whether running estimates are kept; without them, evaluation takes the batch's too
 * - device, dtype: of parameters and estimates
 * - bias (true), by name alone: whether bias is there, where affine
 *
 * Buffers, where track_running_stats: running_mean and running_var, (C), which start at 0 and 1; num_batches_tracked, an
 * int64 without dimensions.
 *
 * Input (N, C) or (N, C, L), output of the same shape.
 *
 * @throws where the input has another number of dimensions or channels, or, while training, one value per channel.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.BatchNorm1d.html
 * @see S. Ioffe, C. Szegedy, Batch Normalization (2015), https://arxiv.org/abs/1502.03167
 */
export class BatchNorm1d extends _BatchNorm {
  override _check_input_dim(input: Tensor): void {
    checkDims(input, 2, 3)
  }
}

/**
 * Batch normalisation of images, or of what else has two dimensions of space: each channel by its mean and variance over
 * batch and positions. All else is BatchNorm1d's.
 *
 * Input (N, C, H, W), output of the same shape.
 *
 * @throws where the input has another number of dimensions or channels, or, while training, one value per channel.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.BatchNorm2d.html
 * @see S. Ioffe, C. Szegedy, Batch Normalization (2015), https://arxiv.org/abs/1502.03167
 */
export class BatchNorm2d extends _BatchNorm {
  override _check_input_dim(input: Tensor): void {
    checkDims(input, 4)
  }
}

/**
 * Batch normalisation of volumes or films: each channel by its mean and variance over batch and positions. All else is
 * BatchNorm1d's.
 *
 * Input (N, C, D, H, W), output of the same shape.
 *
 * @throws where the input has another number of dimensions or channels, or, while training, one value per channel.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.BatchNorm3d.html
 * @see S. Ioffe, C. Szegedy, Batch Normalization (2015), https://arxiv.org/abs/1502.03167
 */
export class BatchNorm3d extends _BatchNorm {
  override _check_input_dim(input: Tensor): void {
    checkDims(input, 5)
  }
}

/**
 * Batch normalisation over the batches of all processes that train together. As in Python, where no process group is
 * there, it is batch normalisation of this process's batch; torch.distributed is not in this library, so that is so here
 * always, and a process_group is refused. A model that is made of it, or converted to it, trains as in Python's single
 * process, and its state_dict is BatchNorm's.
 *
 * Arguments, fields and buffers are BatchNorm1d's, with process_group (null) after track_running_stats.
 *
 * Input (N, C, *), output of the same shape.
 *
 * @throws where the input has fewer than 2 dimensions, no channels or others than num_features, or, while training, one
 *   value per channel; where a process_group is given.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.SyncBatchNorm.html
 */
export class SyncBatchNorm extends _BatchNorm {
  readonly process_group: null

  constructor(...args: Arguments['nn.SyncBatchNorm']) {
    const { process_group, ...values } = read('nn.SyncBatchNorm', args)
    refuseGroup(process_group)
    super(values)
    this.process_group = null
  }

  override _check_input_dim(input: Tensor): void {
    if (input.dim() < 2) throw new RangeError(`expected at least 2D input (got ${input.dim()}D input)`)
  }

  override forward(input: Tensor): Tensor {
    this._check_input_dim(input)
    if (input.size(1) === 0) throw new RangeError('SyncBatchNorm number of input channels should be non-zero')
    return this.normalized(input)
  }

  /**
   * The module with a SyncBatchNorm in the place of each of its BatchNorm1d, BatchNorm2d and BatchNorm3d, over the same
   * parameters and buffers. A batch normalisation itself is not changed: its SyncBatchNorm is returned.
   */
  static convert_sync_batchnorm(...args: Arguments['nn.SyncBatchNorm.convert_sync_batchnorm']): Module {
    const { module, process_group } = read('nn.SyncBatchNorm.convert_sync_batchnorm', args)
    refuseGroup(process_group)
    const converted = module instanceof _BatchNorm ? synchronous(module) : module
    for (const [name, child] of module.named_children()) converted.add_module(name, this.convert_sync_batchnorm(child))
    return converted
  }
}

function refuseGroup(process_group: unknown): void {
  if (process_group === null) return
  throw new Error('SyncBatchNorm: a process_group takes torch.distributed, which this library has not')
}

function synchronous(module: _BatchNorm): SyncBatchNorm {
  const { num_features, eps, momentum, affine, track_running_stats } = module
  const bias = module.bias !== null
  const made = new SyncBatchNorm(num_features, { eps, momentum, affine, track_running_stats, bias })
  if (affine) {
    made.weight = module.weight
    made.bias = module.bias
  }
  made.running_mean = module.running_mean
  made.running_var = module.running_var
  made.num_batches_tracked = module.num_batches_tracked
  made.training = module.training
  return made
}
