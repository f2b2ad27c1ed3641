import { pythonRepr } from '../../core/python_repr.js'
import { warn } from '../../core/warn.js'
import { toNumber } from '../arithmetic.js'
import { type Arguments, read } from '../generated/arguments.js'
import { EPOCH_DEPRECATION_WARNING, LRScheduler, unscheduled } from './lr_scheduler.js'
import { type AnyOptimizer, checkOptimizer, groupsOf, setValue, valuesOf } from './rates.js'

/**
 * lr ← max(lr · factor, min_lr) where a metric, which step is given, has not become better for more than `patience`
 * steps; after that `cooldown` steps are not counted. Where mode is min, a metric is better below best · (1 -
 * threshold), or below best - threshold where threshold_mode is abs; where it is max, above best · (1 + threshold), or
 * best + threshold.
 *
 * `mode`: min or max. `factor`: below 1, 0.1 where not given. `patience`: 10 where not given. `threshold`: 1e-4 where
 * not given. `threshold_mode`: rel or abs. `cooldown`: 0 where not given. `min_lr`: the least rate, a number or a list
 * of one for each group. `eps`: a rate that would fall by less stays, 1e-8 where not given.
 * @throws RangeError for a factor from 1 on, an unknown mode, a list of another length than the groups; Error in step
 * where groups were added and min_lr is a list.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.ReduceLROnPlateau.html
 */
export class ReduceLROnPlateau extends LRScheduler {
  declare factor: number
  declare default_min_lr: number | null
  declare min_lrs: number[]
  declare patience: number
  declare cooldown: number
  declare eps: number
  declare mode_worse: number
  declare mode: 'min' | 'max'
  declare threshold: number
  declare threshold_mode: 'rel' | 'abs'
  declare best: number
  declare cooldown_counter: number
  declare num_bad_epochs: number

  constructor(...args: Arguments['optim.lr_scheduler.ReduceLROnPlateau']) {
    const given = read('optim.lr_scheduler.ReduceLROnPlateau', args, new.target.name)
    const { factor, min_lr, patience, cooldown, eps } = given
    if (factor >= 1) throw new RangeError('Factor should be < 1.0.')
    const optimizer: unknown = given.optimizer
    checkOptimizer(optimizer)
    const min_lrs = minimaOf(optimizer, min_lr)
    super(...unscheduled())
    Object.assign(this, {
      ...{ factor, optimizer, default_min_lr: typeof min_lr === 'number' ? min_lr : null, min_lrs },
      ...{ patience, cooldown, eps, last_epoch: 0, _last_lr: valuesOf(optimizer, 'lr') },
    })
    this._compareBy(given.mode, given.threshold, given.threshold_mode)
    this._reset()
  }

  /** Forgets the best metric and what came after it. */
  _reset(): void {
    this.best = this.mode_worse
    this.cooldown_counter = 0
    this.num_bad_epochs = 0
  }

  /** Looks at the metric of another epoch. `epoch` is deprecated. */
  override step(...args: Arguments['optim.lr_scheduler.ReduceLROnPlateau.step']): void {
    const { metrics, epoch } = read('optim.lr_scheduler.ReduceLROnPlateau.step', args)
    const current = toNumber(metrics)
    if (epoch !== null) warn(EPOCH_DEPRECATION_WARNING)
    this.last_epoch = epoch ?? this.last_epoch + 1
    if (this._is_better(current, this.best)) {
      this.best = current
      this.num_bad_epochs = 0
    } else {
      this.num_bad_epochs += 1
    }
    if (this.in_cooldown) {
      this.cooldown_counter -= 1
      this.num_bad_epochs = 0
    }
    if (this.num_bad_epochs > this.patience) {
      this._reduce()
      this.cooldown_counter = this.cooldown
      this.num_bad_epochs = 0
    }
    this._last_lr = valuesOf(this.optimizer, 'lr')
  }

  private _reduce(): void {
    const groups = groupsOf(this.optimizer)
    if (groups.length !== this.min_lrs.length) {
      if (this.default_min_lr === null) {
        throw new Error(
          `The number of param groups in the \`optimizer\` (${groups.length}) differs from when \`ReduceLROnPlateau\` was ` +
            `initialized (${this.min_lrs.length}), usually due to a new param group being added to the optimizer. Please ` +
            'modify the `min_lrs` field to match the length of the `optimizer` param groups.',
        )
      }
      this.min_lrs = new Array<number>(groups.length).fill(this.default_min_lr)
    }
    groups.forEach((group, i) => {
      const before = toNumber(group.lr)
      const after = Math.max(before * this.factor, this.min_lrs[i] as number)
      if (before - after > this.eps) setValue(group, 'lr', after)
    })
  }

  get in_cooldown(): boolean {
    return this.cooldown_counter > 0
  }

  /** Whether a metric is better than the best so far. */
  _is_better(a: number, best: number): boolean {
    const { threshold } = this
    if (this.mode === 'min') return this.threshold_mode === 'rel' ? a < best * (1 - threshold) : a < best - threshold
    return this.threshold_mode === 'rel' ? a > best * (threshold + 1) : a > best + threshold
  }

  private _compareBy(mode: 'min' | 'max', threshold: number, threshold_mode: 'rel' | 'abs'): void {
    if (!['min', 'max'].includes(mode)) throw new RangeError(`mode ${mode} is unknown!`)
    if (!['rel', 'abs'].includes(threshold_mode)) throw new RangeError(`threshold mode ${threshold_mode} is unknown!`)
    this.mode_worse = mode === 'min' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
    this.mode = mode
    this.threshold = threshold
    this.threshold_mode = threshold_mode
  }

  override load_state_dict(...args: Arguments['optim.lr_scheduler.LRScheduler.load_state_dict']): void {
    super.load_state_dict(...args)
    this._compareBy(this.mode, this.threshold, this.threshold_mode)
  }
}

function minimaOf(optimizer: AnyOptimizer, min_lr: number | readonly number[]): number[] {
  const count = optimizer.param_groups.length
  if (typeof min_lr === 'number') return new Array<number>(count).fill(min_lr)
  if (min_lr.length !== count) throw new RangeError(`expected ${count} min_lrs, got ${pythonRepr(min_lr.length)}`)
  return [...min_lr]
}
