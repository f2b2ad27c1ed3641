// Rates that fall along half a cosine (Loshchilov and Hutter 2016).

import { cosine, logarithm, minus, modulo, over, plus, power, quotient, type Real, times } from '../arithmetic.js'
import { type Arguments, read } from '../generated/arguments.js'
import { begin, checkWithinStep, LRScheduler } from './lr_scheduler.js'
import { eachGroup, isWhole, shown, valuesOf } from './rates.js'

/** eta_min + (base - eta_min) · (1 + cos(angle)) / 2 */
function between(base: Real, eta_min: number, angle: number): number {
  return plus(over(times(minus(base, eta_min), 1 + cosine(angle)), 2), eta_min) as number
}

/**
 * lr = eta_min + (base_lr - eta_min) · (1 + cos(π · epoch / T_max)) / 2: down half a cosine in `T_max` epochs, and up
 * again in as many. Where something else sets the rate, too, each epoch changes it as the formula would: (lr - eta_min)
 * is multiplied by (1 + cos(π · epoch / T_max)) / (1 + cos(π · (epoch - 1) / T_max)). This is the schedule of
 * Loshchilov and Hutter 2016 without its restarts.
 *
 * `T_max`: half a period in epochs. `eta_min`: the least rate, 0 where not given. `last_epoch`: the epoch to go on
 * from, with the `initial_lr` that the groups then have; -1 to begin.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.CosineAnnealingLR.html
 */
export class CosineAnnealingLR extends LRScheduler {
  declare T_max: number
  declare eta_min: number

  constructor(...args: Arguments['optim.lr_scheduler.CosineAnnealingLR']) {
    const { optimizer, last_epoch, ...fields } = read('optim.lr_scheduler.CosineAnnealingLR', args, new.target.name)
    super(...begin(CosineAnnealingLR, optimizer, last_epoch, fields))
  }

  override get_lr(): number[] {
    checkWithinStep(this)
    const { last_epoch, T_max, eta_min, optimizer, base_lrs } = this
    if (this._is_initial) return valuesOf(optimizer, 'lr')
    if (this._step_count === 1 && last_epoch > 0) {
      return base_lrs.map((base) => between(base, eta_min, quotient(last_epoch * Math.PI, T_max)))
    }
    if (modulo(last_epoch - 1 - T_max, 2 * T_max) === 0) {
      const rise = 1 - cosine(quotient(Math.PI, T_max))
      return eachGroup(optimizer, ({ lr }, base) => plus(lr, over(times(minus(base, eta_min), rise), 2)), base_lrs)
    }
    const height = (epoch: number): number => 1 + cosine(quotient(Math.PI * epoch, T_max))
    const factor = quotient(height(last_epoch), height(last_epoch - 1))
    return eachGroup(optimizer, ({ lr }) => plus(times(minus(lr, eta_min), factor), eta_min))
  }

  override _get_closed_form_lr(): number[] {
    const angle = quotient(Math.PI * this.last_epoch, this.T_max)
    return this.base_lrs.map((base) => between(base, this.eta_min, angle))
  }
}

/**
 * lr = eta_min + (base_lr - eta_min) · (1 + cos(π · T_cur / T_i)) / 2, with T_cur the epochs since the last restart and
 * T_i those between two restarts: T_0 at first, then T_mult times as many as before (Loshchilov and Hutter 2016).
 *
 * `T_0`: a whole number of epochs from 1 on. `T_mult`: a whole factor from 1 on, 1 where not given. `eta_min`: the
 * least rate, 0 where not given. `last_epoch`: the epoch to go on from, with the `initial_lr` that the groups then
 * have; -1 to begin.
 * @throws RangeError for a T_0 or T_mult that is not such a number, and in step for an epoch below 0.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.html
 */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  declare T_0: number
  declare T_i: number
  declare T_mult: number
  declare eta_min: number
  declare T_cur: number

  constructor(...args: Arguments['optim.lr_scheduler.CosineAnnealingWarmRestarts']) {
    const { optimizer, T_0, T_mult, eta_min, last_epoch } = read(
      'optim.lr_scheduler.CosineAnnealingWarmRestarts',
      args,
      new.target.name,
    )
    if (!isWhole(T_0, 1)) throw new RangeError(`Expected positive integer T_0, but got ${shown(T_0)}`)
    if (!isWhole(T_mult, 1)) throw new RangeError(`Expected integer T_mult >= 1, but got ${shown(T_mult)}`)
    const fields = { T_0, T_i: T_0, T_mult, eta_min, T_cur: last_epoch }
    super(...begin(CosineAnnealingWarmRestarts, optimizer, last_epoch, fields))
  }

  override get_lr(): number[] {
    checkWithinStep(this)
    const angle = quotient(Math.PI * this.T_cur, this.T_i)
    return this.base_lrs.map((base) => between(base, this.eta_min, angle))
  }

  /** Goes on to the next epoch, or to any: `step(epoch + batch / batches)` goes on within one. */
  override step(...args: Arguments['optim.lr_scheduler.CosineAnnealingWarmRestarts.step']): void {
    const given = read('optim.lr_scheduler.CosineAnnealingWarmRestarts.step', args).epoch
    const epoch = given ?? (this.last_epoch < 0 ? 0 : null)
    if (epoch === null) {
      this.T_cur += 1
      if (this.T_cur >= this.T_i) {
        this.T_cur = modulo(this.T_cur, this.T_i)
        this.T_i *= this.T_mult
      }
    } else {
      goTo(this, epoch)
    }
    this.last_epoch = Math.floor(epoch ?? this.last_epoch + 1)
    this.settingRates(() => this.get_lr())
  }
}

/** Sets where an epoch is in its period. Called before the class's own constructor has begun. */
function goTo(scheduler: CosineAnnealingWarmRestarts, epoch: number): void {
  if (epoch < 0) throw new RangeError(`Expected non-negative epoch, but got ${shown(epoch)}`)
  const { T_0, T_mult } = scheduler
  if (epoch < T_0) {
    scheduler.T_i = T_0
    scheduler.T_cur = epoch
  } else if (T_mult === 1) {
    scheduler.T_cur = modulo(epoch, T_0)
  } else {
    const restarts = Math.trunc(logarithm((epoch / T_0) * (T_mult - 1) + 1, T_mult))
    scheduler.T_cur = epoch - (T_0 * (power(T_mult, restarts) - 1)) / (T_mult - 1)
    scheduler.T_i = T_0 * power(T_mult, restarts)
  }
}
