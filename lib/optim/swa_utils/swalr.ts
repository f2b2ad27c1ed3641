import { cosine, minus, over, plus, quotient, type Real, times } from '../arithmetic.js'
import { type Arguments, read } from '../generated/arguments.js'
import { begin, checkWithinStep, LRScheduler } from '../lr_scheduler/lr_scheduler.js'
import { checkOptimizer, eachGroup, groupsOf, perGroup, shown } from '../lr_scheduler/rates.js'

const ANNEALS: Record<string, (part: number) => number> = {
  cos: (part) => (1 - cosine(Math.PI * part)) / 2,
  linear: (part) => part,
}

/** Between 0 and 1. */
const clamped = (part: number): number => Math.max(0, Math.min(1, part))

/**
 * lr = a · swa_lr + (1 - a) · lr₀, where a goes from 0 to 1 in `anneal_epochs` epochs, as (1 - cos(π t)) / 2 or as t,
 * and stays there: the part of a training in which weights are averaged (Izmailov et al. 2018). It can follow on
 * another scheduler, whose last rates are lr₀.
 *
 * `swa_lr`: a number or a list of one for each group. `anneal_epochs`: a whole number, 10 where not given; 0 sets the
 * rate at once. `anneal_strategy`: cos or linear. `last_epoch`: the epoch to go on from, with the `initial_lr` that the
 * groups then have; -1 to begin.
 * @throws RangeError for an unknown strategy, for epochs that are no such number, for a list of another length than the
 * groups.
 * @see https://docs.pytorch.org/docs/2.13/optim.html#weight-averaging-swa-and-ema
 */
export class SWALR extends LRScheduler {
  declare _anneal_strategy: 'cos' | 'linear'
  declare anneal_epochs: number

  constructor(...args: Arguments['optim.swa_utils.SWALR']) {
    const given = read('optim.swa_utils.SWALR', args, new.target.name)
    const { swa_lr, anneal_epochs, anneal_strategy, last_epoch } = given
    const optimizer: unknown = given.optimizer
    checkOptimizer(optimizer)
    const swa_lrs = perGroup<Real>('swa_lr', optimizer, swa_lr)
    groupsOf(optimizer).forEach((group, i) => {
      group.swa_lr = swa_lrs[i]
    })
    if (!Object.hasOwn(ANNEALS, anneal_strategy)) {
      throw new RangeError(`anneal_strategy must be one of 'cos' or 'linear', instead got ${anneal_strategy}`)
    }
    if (!(Number.isSafeInteger(anneal_epochs) && anneal_epochs >= 0)) {
      throw new RangeError(`anneal_epochs must be equal or greater than 0, got ${shown(anneal_epochs)}`)
    }
    super(...begin(SWALR, optimizer, last_epoch, { _anneal_strategy: anneal_strategy, anneal_epochs }))
  }

  /** How far the rate is from where it began to swa_lr, 0 to 1, by the part of the epochs. */
  anneal_func(part: number): number {
    return (ANNEALS[this._anneal_strategy] as (part: number) => number)(part)
  }

  override get_lr(): number[] {
    checkWithinStep(this)
    const { anneal_epochs } = this
    const step = anneal_epochs === 0 ? Math.max(1, this._step_count - 1) : this._step_count - 1
    const epochs = Math.max(1, anneal_epochs)
    const before = this.anneal_func(clamped(quotient(step - 1, epochs)))
    const after = this.anneal_func(clamped(quotient(step, epochs)))
    return eachGroup(this.optimizer, (group) => {
      const swa_lr = group.swa_lr as Real
      // The rate that it all began with, were it annealed so from the beginning.
      const first = before === 1 ? swa_lr : over(minus(group.lr, times(swa_lr, before)), 1 - before)
      return plus(times(swa_lr, after), times(first, 1 - after))
    })
  }
}
