// What schedulers share: the count of steps, the rates they set, and the state_dict in Python's layout.

import { Callable } from '../../core/callable.js'
import { keep } from '../../core/scope.js'
import { warn } from '../../core/warn.js'
import type { Real } from '../arithmetic.js'
import { type Arguments, read } from '../generated/arguments.js'
import { deferFirstStep, settle } from './first_step.js'
import { type AnyOptimizer, checkOptimizer, copied, groupsOf, setRates, valuesOf } from './rates.js'
import { checkStepOrder, trackSteps } from './step_order.js'

export const EPOCH_DEPRECATION_WARNING =
  'The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where possible. Please use ' +
  '`scheduler.step()` to step the scheduler. During the deprecation, if epoch is different from None, the closed form ' +
  'is used instead of the new chainable form, where available. Please open an issue if you are unable to replicate ' +
  'your use case: https://github.com/pytorch/pytorch/issues/new/choose.'

/** A scheduler's state by name, and that of the schedulers in it. */
// biome-ignore lint/suspicious/noExplicitAny: its fields are as different as schedulers are
export type SchedulerStateDict = Record<string, any>

/** How a scheduler of the library's own begins: its fields are there before its first step. */
class Beginning {
  constructor(
    readonly owner: unknown,
    /** null where it has no first step of its own. */
    readonly schedule: { optimizer: unknown; last_epoch: number; fields: object } | null,
  ) {}
}

type Given = Arguments['optim.lr_scheduler.LRScheduler']

/** A scheduler of whatever kind may be given a metric; those that take none say so. */
type StepArguments =
  | Arguments['optim.lr_scheduler.LRScheduler.step']
  | Arguments['optim.lr_scheduler.ReduceLROnPlateau.step']

/** What a class of the library gives to the constructor of LRScheduler. */
export const begin = (owner: unknown, optimizer: unknown, last_epoch: number, fields: object): Given =>
  [new Beginning(owner, { optimizer, last_epoch, fields })] as unknown as Given

/** The same for those that only lead others, or step otherwise. */
export const unscheduled = (): Given => [new Beginning(null, null)] as unknown as Given

/**
 * What schedulers share. A subclass overrides `get_lr`, which gives each group's rate at `last_epoch`, and perhaps
 * `_get_closed_form_lr`, which does so for any epoch; it knows `base_lrs`, the rates that the groups began with.
 *
 * The first call of `get_lr`, at epoch 0, comes from the constructor in Python. Here it comes when a group's `lr` is first
 * looked at, or the scheduler is used: a subclass sets its fields after `super(optimizer, last_epoch)`, and needs them.
 *
 * Where a group's `lr` is a tensor it stays that tensor and is filled; `base_lrs` and `get_last_lr()` hold tensors then.
 */
export class LRScheduler {
  // Not own fields before they are set: the state_dict lists them in the order in which Python sets them.
  declare optimizer: AnyOptimizer
  declare base_lrs: number[]
  declare last_epoch: number
  declare _step_count: number
  declare _is_initial: boolean
  declare _get_lr_called_within_step: boolean
  declare _last_lr: number[]

  /** `last_epoch`: where to go on; from 0 on the groups must have their `initial_lr`. */
  constructor(...args: Given) {
    const [first] = args as unknown[]
    const own = first instanceof Beginning ? first : null
    if (own?.schedule === null) return
    const { optimizer, last_epoch } = own?.schedule ?? read('optim.lr_scheduler.LRScheduler', args, new.target.name)
    checkOptimizer(optimizer)
    Object.assign(this, own?.schedule?.fields)
    this.optimizer = optimizer
    beginRates(optimizer, last_epoch)
    this.base_lrs = valuesOf(optimizer, 'initial_lr')
    this.last_epoch = last_epoch
    trackSteps(optimizer)
    if (new.target === (own?.owner ?? LRScheduler)) this._initial_step()
    else deferFirstStep(this, ['last_epoch'])
  }

  /** @internal Makes the first step. */
  _initial_step(): void {
    this._step_count = 0
    this._is_initial = true
    try {
      this.step()
    } finally {
      this._is_initial = false
    }
  }

  /** The state: all fields but the optimizer. */
  state_dict(): SchedulerStateDict {
    return this.stateWithout('optimizer')
  }

  /** Takes over a state. */
  load_state_dict(...args: Arguments['optim.lr_scheduler.LRScheduler.load_state_dict']): void {
    this.loadFields(read('optim.lr_scheduler.LRScheduler.load_state_dict', args).state_dict)
  }

  /** @internal */
  protected stateWithout(...names: string[]): SchedulerStateDict {
    settle(this)
    return Object.fromEntries(Object.entries(this).filter(([name]) => !names.includes(name)))
  }

  /** @internal */
  protected loadFields(fields: object): void {
    settle(this)
    Object.assign(this, keep(fields))
  }

  /** The rates that were last set, one for each group. */
  get_last_lr(): number[] {
    settle(this)
    return this._last_lr
  }

  /** Each group's rate at `last_epoch`, for subclasses to say. */
  get_lr(): readonly Real[] {
    throw new Error(`${this.constructor.name} has no get_lr`)
  }

  /** Goes on to the next epoch, or to `epoch`, which is deprecated. To be called after the optimizer's step. */
  step(...args: StepArguments): void {
    const { epoch } = read('optim.lr_scheduler.LRScheduler.step', args)
    settle(this)
    if (this._step_count === 1) checkStepOrder(this.optimizer)
    this._step_count += 1
    if (epoch !== null) warn(EPOCH_DEPRECATION_WARNING)
    this._update_lr(epoch)
  }

  /** @internal Sets the rates of the next epoch, or of this one. */
  _update_lr(epoch: number | null = null): void {
    this.settingRates(() => {
      this.last_epoch = epoch ?? this.last_epoch + 1
      return epoch === null ? this.get_lr() : (this._get_closed_form_lr?.() ?? this.get_lr())
    })
  }

  /** @internal Sets the rates that `rates` gives, which may ask `get_lr` for them. */
  protected settingRates(rates: () => readonly Real[]): void {
    this._get_lr_called_within_step = true
    let next: readonly Real[]
    try {
      next = rates()
    } finally {
      this._get_lr_called_within_step = false
    }
    setRates(this.optimizer, next)
    this._last_lr = valuesOf(this.optimizer, 'lr')
  }
}

export interface LRScheduler {
  /** Each group's rate at `last_epoch`, whatever the rate before was. */
  _get_closed_form_lr?(): readonly Real[]
}

// Only schedulers that make a first step have them as fields.
LRScheduler.prototype._is_initial = false
LRScheduler.prototype._get_lr_called_within_step = false

/** Notes the rates to begin with, or checks that they are noted. */
function beginRates(optimizer: AnyOptimizer, last_epoch: number): void {
  groupsOf(optimizer).forEach((group, i) => {
    // Whichever scheduler was there before makes its first step before this one begins.
    const { lr } = group
    if (last_epoch === -1) {
      if (!Object.hasOwn(group, 'initial_lr')) group.initial_lr = keep(copied(lr))
    } else if (!Object.hasOwn(group, 'initial_lr')) {
      throw new RangeError(
        `param 'initial_lr' is not specified in param_groups[${i}] when resuming scheduler with last_epoch >= 0.\n` +
          'This typically happens when:\n' +
          "1. You're trying to resume training from a checkpoint but haven't properly loaded the optimizer state\n" +
          "2. You're using last_epoch >= 0 for a fresh training run (not recommended)",
      )
    }
  })
}

/** Warns who calls get_lr from outside. */
export function checkWithinStep(scheduler: LRScheduler): void {
  if (!scheduler._get_lr_called_within_step) {
    warn('To get the last learning rate computed by the scheduler, please use `get_last_lr()`.')
  }
}

/** The state of a function: its fields where it is a `torch.Callable`; a plain function has none. */
export const functionState = (fn: unknown): object | null => (fn instanceof Callable ? { ...fn } : null)

/** Gives a function its state back. */
export function loadFunctionState(fn: unknown, state: object | null): void {
  if (state !== null) Object.assign(fn as object, state)
}
