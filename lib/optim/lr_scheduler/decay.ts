// Rates that fall: by a factor now and then, each time, or by a power of what is left.

import { modulo, power, quotient, times } from '../arithmetic.js'
import { type Arguments, read } from '../generated/arguments.js'
import { begin, checkWithinStep, LRScheduler } from './lr_scheduler.js'
import { eachGroup, valuesOf } from './rates.js'

/**
 * lr ← lr · gamma every `step_size` epochs, which is lr = base_lr · gamma^⌊epoch / step_size⌋ where nothing else sets
 * it.
 *
 * `step_size`: a whole number of epochs. `gamma`: the factor, 0.1 where not given. `last_epoch`: the epoch to go on
 * from, with the `initial_lr` that the groups then have; -1 to begin.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.StepLR.html
 */
export class StepLR extends LRScheduler {
  declare step_size: number
  declare gamma: number

  constructor(...args: Arguments['optim.lr_scheduler.StepLR']) {
    const { optimizer, last_epoch, ...fields } = read('optim.lr_scheduler.StepLR', args, new.target.name)
    super(...begin(StepLR, optimizer, last_epoch, fields))
  }

  override get_lr(): number[] {
    checkWithinStep(this)
    const { last_epoch, step_size, gamma } = this
    if (last_epoch === 0 || modulo(last_epoch, step_size) !== 0) return valuesOf(this.optimizer, 'lr')
    return eachGroup(this.optimizer, ({ lr }) => times(lr, gamma))
  }

  override _get_closed_form_lr(): number[] {
    const factor = power(this.gamma, Math.floor(quotient(this.last_epoch, this.step_size)))
    return this.base_lrs.map((base) => times(base, factor) as number)
  }
}

/**
 * lr ← lr · gamma at each epoch of `milestones`, which is lr = base_lr · gamma^(how many milestones have passed) where
 * nothing else sets it.
 *
 * `milestones`: epochs; one that is there twice counts twice. `gamma`: the factor, 0.1 where not given. `last_epoch`:
 * the epoch to go on from, with the `initial_lr` that the groups then have; -1 to begin.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.MultiStepLR.html
 */
export class MultiStepLR extends LRScheduler {
  /** How often each epoch was given. */
  declare milestones: Record<number, number>
  declare gamma: number

  constructor(...args: Arguments['optim.lr_scheduler.MultiStepLR']) {
    const { optimizer, milestones, gamma, last_epoch } = read('optim.lr_scheduler.MultiStepLR', args, new.target.name)
    const counts: Record<number, number> = {}
    for (const epoch of milestones) counts[epoch] = (counts[epoch] ?? 0) + 1
    super(...begin(MultiStepLR, optimizer, last_epoch, { milestones: counts, gamma }))
  }

  override get_lr(): number[] {
    checkWithinStep(this)
    if (!Object.hasOwn(this.milestones, this.last_epoch)) return valuesOf(this.optimizer, 'lr')
    const factor = power(this.gamma, this.milestones[this.last_epoch] as number)
    return eachGroup(this.optimizer, ({ lr }) => times(lr, factor))
  }

  override _get_closed_form_lr(): number[] {
    let passed = 0
    for (const [epoch, count] of Object.entries(this.milestones)) if (Number(epoch) <= this.last_epoch) passed += count
    const factor = power(this.gamma, passed)
    return this.base_lrs.map((base) => times(base, factor) as number)
  }
}

/**
 * lr ← lr · gamma every epoch, which is lr = base_lr · gamma^epoch where nothing else sets it.
 *
 * `gamma`: the factor. `last_epoch`: the epoch to go on from, with the `initial_lr` that the groups then have; -1 to
 * begin.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.ExponentialLR.html
 */
export class ExponentialLR extends LRScheduler {
  declare gamma: number

  constructor(...args: Arguments['optim.lr_scheduler.ExponentialLR']) {
    const { optimizer, last_epoch, ...fields } = read('optim.lr_scheduler.ExponentialLR', args, new.target.name)
    super(...begin(ExponentialLR, optimizer, last_epoch, fields))
  }

  override get_lr(): number[] {
    checkWithinStep(this)
    if (this._is_initial) return valuesOf(this.optimizer, 'lr')
    return eachGroup(this.optimizer, ({ lr }) => times(lr, this.gamma))
  }

  override _get_closed_form_lr(): number[] {
    const factor = power(this.gamma, this.last_epoch)
    return this.base_lrs.map((base) => times(base, factor) as number)
  }
}

/**
 * lr = base_lr · (1 - epoch / total_iters)^power, and 0 from `total_iters` on; where something else sets the rate, too,
 * each epoch multiplies it by what the formula changes by.
 *
 * `total_iters`: the epoch of the end, 5 where not given. `power`: 1, a line, where not given. `last_epoch`: the epoch
 * to go on from, with the `initial_lr` that the groups then have; -1 to begin.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.PolynomialLR.html
 */
export class PolynomialLR extends LRScheduler {
  declare total_iters: number
  declare power: number

  constructor(...args: Arguments['optim.lr_scheduler.PolynomialLR']) {
    const { optimizer, last_epoch, ...fields } = read('optim.lr_scheduler.PolynomialLR', args, new.target.name)
    super(...begin(PolynomialLR, optimizer, last_epoch, fields))
  }

  override get_lr(): number[] {
    checkWithinStep(this)
    const { last_epoch, total_iters } = this
    if (this._is_initial || last_epoch > total_iters) return valuesOf(this.optimizer, 'lr')
    const left = (epoch: number): number => 1 - quotient(epoch, total_iters)
    const factor = power(quotient(left(last_epoch), left(last_epoch - 1)), this.power)
    return eachGroup(this.optimizer, ({ lr }) => times(lr, factor))
  }

  override _get_closed_form_lr(): number[] {
    const left = 1 - quotient(Math.min(this.total_iters, this.last_epoch), this.total_iters)
    const factor = power(left, this.power)
    return this.base_lrs.map((base) => times(base, factor) as number)
  }
}

/**
 * lr = base_lr · factor up to `total_iters`, base_lr from then on: lr ← lr · factor at the beginning, and lr ← lr /
 * factor at the end.
 *
 * `factor`: from 0 to 1, a third where not given. `total_iters`: how many epochs, 5 where not given. `last_epoch`: the
 * epoch to go on from, with the `initial_lr` that the groups then have; -1 to begin.
 * @throws RangeError for a factor out of that range.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.ConstantLR.html
 */
export class ConstantLR extends LRScheduler {
  declare factor: number
  declare total_iters: number

  constructor(...args: Arguments['optim.lr_scheduler.ConstantLR']) {
    const { optimizer, last_epoch, ...fields } = read('optim.lr_scheduler.ConstantLR', args, new.target.name)
    if (fields.factor > 1 || fields.factor < 0) {
      throw new RangeError('Constant multiplicative factor expected to be between 0 and 1.')
    }
    super(...begin(ConstantLR, optimizer, last_epoch, fields))
  }

  override get_lr(): number[] {
    checkWithinStep(this)
    const { last_epoch, total_iters, factor } = this
    if (last_epoch === 0) return eachGroup(this.optimizer, ({ lr }) => times(lr, factor))
    if (last_epoch !== total_iters) return valuesOf(this.optimizer, 'lr')
    return eachGroup(this.optimizer, ({ lr }) => times(lr, quotient(1, factor)))
  }

  override _get_closed_form_lr(): number[] {
    const factor = this.factor + (this.last_epoch >= this.total_iters ? 1 - this.factor : 0)
    return this.base_lrs.map((base) => times(base, factor) as number)
  }
}

/**
 * lr = base_lr · f, where f goes from `start_factor` to `end_factor` in `total_iters` equal steps, and stays: f =
 * start_factor + (end_factor - start_factor) · min(epoch, total_iters) / total_iters. Where something else sets the
 * rate, too, each epoch multiplies it by what f changes by.
 *
 * `start_factor`: above 0, up to 1, a third where not given. `end_factor`: from 0 to 1, 1 where not given.
 * `total_iters`: 5 where not given. `last_epoch`: the epoch to go on from, with the `initial_lr` that the groups then
 * have; -1 to begin.
 * @throws RangeError for factors out of those ranges.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.LinearLR.html
 */
export class LinearLR extends LRScheduler {
  declare start_factor: number
  declare end_factor: number
  declare total_iters: number

  constructor(...args: Arguments['optim.lr_scheduler.LinearLR']) {
    const { optimizer, last_epoch, ...fields } = read('optim.lr_scheduler.LinearLR', args, new.target.name)
    if (fields.start_factor > 1 || fields.start_factor <= 0) {
      throw new RangeError('Starting multiplicative factor expected to be greater than 0 and less or equal to 1.')
    }
    if (fields.end_factor > 1 || fields.end_factor < 0) {
      throw new RangeError('Ending multiplicative factor expected to be between 0 and 1.')
    }
    super(...begin(LinearLR, optimizer, last_epoch, fields))
  }

  override get_lr(): number[] {
    checkWithinStep(this)
    const { last_epoch, total_iters, start_factor, end_factor } = this
    if (last_epoch === 0) return eachGroup(this.optimizer, ({ lr }) => times(lr, start_factor))
    if (this._is_initial || last_epoch > total_iters) return valuesOf(this.optimizer, 'lr')
    const rise = end_factor - start_factor
    const factor = 1 + quotient(rise, total_iters * start_factor + (last_epoch - 1) * rise)
    return eachGroup(this.optimizer, ({ lr }) => times(lr, factor))
  }

  override _get_closed_form_lr(): number[] {
    const { start_factor, end_factor, total_iters } = this
    const passed = Math.min(total_iters, this.last_epoch)
    const factor = start_factor + quotient((end_factor - start_factor) * passed, total_iters)
    return this.base_lrs.map((base) => times(base, factor) as number)
  }
}
