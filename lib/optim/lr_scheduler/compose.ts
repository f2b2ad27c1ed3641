// Several schedulers of one optimizer: one after the other, or all at once.

import type { Real } from '../arithmetic.js'
import { type Arguments, read } from '../generated/arguments.js'
import { LRScheduler, type SchedulerStateDict, unscheduled } from './lr_scheduler.js'
import { ReduceLROnPlateau } from './plateau.js'
import { type AnyOptimizer, groupsOf, setValue, valuesOf } from './rates.js'

/** What both have: the schedulers, whose states are in the state_dict. */
abstract class OfSchedulers extends LRScheduler {
  declare _schedulers: LRScheduler[]

  override state_dict(): SchedulerStateDict {
    return {
      ...this.stateWithout('optimizer', '_schedulers'),
      _schedulers: this._schedulers.map((scheduler) => scheduler.state_dict()),
    }
  }

  override load_state_dict(...args: Arguments['optim.lr_scheduler.LRScheduler.load_state_dict']): void {
    const { _schedulers, ...fields } = read('optim.lr_scheduler.LRScheduler.load_state_dict', args)
      .state_dict as SchedulerStateDict
    this.loadFields(fields)
    ;(_schedulers as SchedulerStateDict[]).forEach((state, i) => {
      this._schedulers[i]?.load_state_dict(state)
    })
  }
}

/** Throws for a scheduler that cannot be led, or belongs to another optimizer. */
function checkSchedulers(name: string, schedulers: readonly LRScheduler[], optimizer: AnyOptimizer): void {
  schedulers.forEach((scheduler, i) => {
    if (!(typeof scheduler === 'object' && scheduler !== null && 'optimizer' in scheduler)) {
      throw new TypeError(`${name} at index ${i} should have \`optimizer\` as its attribute.`)
    }
    if (scheduler instanceof ReduceLROnPlateau) {
      throw new RangeError(
        `${name} does not support \`ReduceLROnPlateau\` scheduler as it requires additional kwargs to be specified when ` +
          `calling \`step\`, but got one at index ${i} in the given schedulers sequence.`,
      )
    }
    if (scheduler.optimizer !== optimizer) {
      throw new RangeError(
        `${name} expects all schedulers to belong to the same optimizer, but got scheduler ${scheduler.constructor.name} ` +
          `at index ${i} has ${scheduler.optimizer}, which is different from ${optimizer?.constructor.name}.`,
      )
    }
  })
}

/** How many of the milestones are at or before an epoch: bisect_right. */
const passed = (milestones: readonly number[], epoch: number): number => {
  const at = milestones.findIndex((milestone) => milestone > epoch)
  return at === -1 ? milestones.length : at
}

/**
 * One scheduler after the other: the next one begins, at its epoch 0, at each epoch of `milestones`. The schedulers
 * have made their first steps when they were made; those are taken back. The state_dict has those of the schedulers.
 *
 * `schedulers`: of this optimizer. `milestones`: epochs, rising, one fewer than the schedulers. `last_epoch`: one less
 * than the epoch to begin at, -1 where not given.
 * @throws RangeError for no scheduler, one of another optimizer, a ReduceLROnPlateau, or another number of milestones;
 * TypeError for what is no scheduler.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.SequentialLR.html
 */
export class SequentialLR extends OfSchedulers {
  declare _milestones: number[]

  constructor(...args: Arguments['optim.lr_scheduler.SequentialLR']) {
    const given = read('optim.lr_scheduler.SequentialLR', args, new.target.name)
    const { optimizer, milestones, last_epoch } = given
    const schedulers = [...given.schedulers]
    const { name } = new.target
    if (schedulers.length < 1) throw new RangeError(`${name} expects at least one scheduler, but got no scheduler.`)
    checkSchedulers(name, schedulers, optimizer)
    if (milestones.length !== schedulers.length - 1) {
      throw new RangeError(
        'Sequential Schedulers expects number of schedulers provided to be one more than the number of milestone points, ' +
          `but got number of schedulers ${schedulers.length} and the number of milestones to be equal to ${milestones.length}`,
      )
    }
    super(...unscheduled())
    Object.assign(this, {
      ...{ _schedulers: schedulers, _milestones: [...milestones], last_epoch: last_epoch + 1, optimizer },
    })
    for (const group of groupsOf(optimizer)) setValue(group, 'lr', group.initial_lr as Real)
    this.recursive_undo()
    const first = schedulers[passed(this._milestones, 0)] as LRScheduler
    first._initial_step()
    this._last_lr = first.get_last_lr()
  }

  /** Takes back the first steps of the schedulers, or of those in `sched`. */
  recursive_undo(...args: Arguments['optim.lr_scheduler.SequentialLR.recursive_undo']): void {
    const scheduler = read('optim.lr_scheduler.SequentialLR.recursive_undo', args).sched ?? this
    if (scheduler instanceof OfSchedulers) for (const inner of scheduler._schedulers) this.recursive_undo(inner)
    else scheduler.last_epoch -= 1
  }

  override step(...args: Arguments['optim.lr_scheduler.SequentialLR.step']): void {
    read('optim.lr_scheduler.SequentialLR.step', args)
    this.last_epoch += 1
    const at = passed(this._milestones, this.last_epoch)
    const scheduler = this._schedulers[at] as LRScheduler
    if (at > 0 && this._milestones[at - 1] === this.last_epoch) scheduler._update_lr(0)
    else scheduler.step()
    this._last_lr = scheduler.get_last_lr()
  }
}

/**
 * All schedulers at once: each step is one of each, in their order, so that each changes what the one before has set:
 * the rates are products where the schedulers multiply. The state_dict has those of the schedulers.
 *
 * `schedulers`: of one optimizer. `optimizer`: the first one’s where not given.
 * @throws RangeError for no scheduler, one of another optimizer, or a ReduceLROnPlateau; TypeError for what is no
 * scheduler.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.ChainedScheduler.html
 */
export class ChainedScheduler extends OfSchedulers {
  constructor(...args: Arguments['optim.lr_scheduler.ChainedScheduler']) {
    const given = read('optim.lr_scheduler.ChainedScheduler', args, new.target.name)
    const schedulers = [...given.schedulers]
    const { name } = new.target
    const [first] = schedulers
    if (first === undefined) {
      throw new RangeError(`${name} expects at least one scheduler to be chained, but got no scheduler.`)
    }
    const optimizer: AnyOptimizer = given.optimizer ?? first.optimizer
    checkSchedulers(name, schedulers, optimizer)
    super(...unscheduled())
    Object.assign(this, { _schedulers: schedulers, optimizer, _last_lr: valuesOf(optimizer, 'lr') })
  }

  override step(...args: Arguments['optim.lr_scheduler.SequentialLR.step']): void {
    read('optim.lr_scheduler.SequentialLR.step', args, 'step')
    for (const scheduler of this._schedulers) scheduler.step()
    this._last_lr = valuesOf(this.optimizer, 'lr')
  }
}
