// Rates that fall: by a factor now and then, each time, or by a power of what is left.

import { modulo, power, quotient, times } from '../arithmetic.js'
import { type Arguments, read } from '../generated/arguments.js'
import { begin, checkWithinStep, LRScheduler } from './lr_scheduler.js'
import { eachGroup, valuesOf } from './rates.js'

/** lr ← lr · gamma every `step_size` epochs. */
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

/** lr ← lr · gamma at each epoch of `milestones`; twice at one that is there twice. */
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

/** lr ← lr · gamma every epoch. */
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

/** lr = base_lr · (1 - epoch / total_iters)^power, and 0 from `total_iters` on. */
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

/** lr = base_lr · factor up to `total_iters`, base_lr from then on. */
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

/** The rate's factor goes from `start_factor` to `end_factor` in `total_iters` equal steps. */
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
