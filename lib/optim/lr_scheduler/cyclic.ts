import { minus, plus, power, quotient, type Real, times } from '../arithmetic.js'
import { type Arguments, read } from '../generated/arguments.js'
import {
  begin,
  checkWithinStep,
  functionState,
  LRScheduler,
  loadFunctionState,
  type SchedulerStateDict,
} from './lr_scheduler.js'
import { beginMomentum, checkOptimizer, groupsOf, perGroup, setMomentum, setValue, usesBeta1 } from './rates.js'

type Scale = (x: number) => number

interface Mode {
  scale_mode: 'cycle' | 'iterations'
  scale: (x: number, gamma: number) => number
}

const MODES: Record<string, Mode> = {
  triangular: { scale_mode: 'cycle', scale: () => 1 },
  triangular2: { scale_mode: 'cycle', scale: (x) => 1 / power(2, x - 1) },
  exp_range: { scale_mode: 'iterations', scale: (x, gamma) => power(gamma, x) },
}

/**
 * The rate goes from `base_lr` to `max_lr` and back, again and again (Smith 2015), in `step_size_up` steps up and
 * `step_size_down` down. `mode`: triangular; triangular2, where each cycle is half as high; exp_range, where the height is
 * multiplied by gammaⁿ. `scale_fn` says the height instead, by the number of the cycle or of the step (`scale_mode`).
 * With `cycle_momentum` momentum, or the first of `betas`, goes the other way, between `max_momentum` and `base_momentum`.
 */
export class CyclicLR extends LRScheduler {
  declare max_lrs: number[]
  declare total_size: number
  declare step_ratio: number
  declare mode: string
  declare gamma: number
  declare _scale_fn_custom: Scale | null
  declare scale_mode: 'cycle' | 'iterations'
  declare cycle_momentum: boolean
  declare use_beta1: boolean
  declare base_momentums: number[]
  declare max_momentums: number[]

  constructor(...args: Arguments['optim.lr_scheduler.CyclicLR']) {
    const given = read('optim.lr_scheduler.CyclicLR', args, new.target.name)
    const { optimizer, last_epoch, mode, gamma, scale_fn, cycle_momentum, step_size_up } = given
    checkOptimizer(optimizer)
    const base_lrs = perGroup('base_lr', optimizer, given.base_lr)
    if (last_epoch === -1) {
      groupsOf(optimizer).forEach((group, i) => {
        setValue(group, 'lr', base_lrs[i] as Real)
      })
    }
    const max_lrs = perGroup('max_lr', optimizer, given.max_lr)
    const total_size = step_size_up + (given.step_size_down ?? step_size_up)
    const step_ratio = quotient(step_size_up, total_size)
    const known = Object.hasOwn(MODES, mode)
    if (!known && scale_fn === null) throw new RangeError('mode is invalid and scale_fn is None')
    const scale_mode = scale_fn === null ? (MODES[mode] as Mode).scale_mode : given.scale_mode
    const fields = {
      max_lrs,
      total_size,
      step_ratio,
      mode,
      gamma,
      _scale_fn_custom: scale_fn,
      scale_mode,
      cycle_momentum,
    }
    super(...begin(CyclicLR, optimizer, last_epoch, { ...fields, ...(cycle_momentum ? momenta(given) : {}) }))
    // The groups may have had another initial_lr.
    this.base_lrs = base_lrs as number[]
  }

  scale_fn(...args: Arguments['optim.lr_scheduler.CyclicLR.scale_fn']): number {
    const { x } = read('optim.lr_scheduler.CyclicLR.scale_fn', args)
    if (this._scale_fn_custom !== null) return this._scale_fn_custom(x)
    return (MODES[this.mode] as Mode).scale(x, this.gamma)
  }

  override get_lr(): number[] {
    checkWithinStep(this)
    const { last_epoch, total_size, step_ratio } = this
    const cycle = Math.floor(1 + last_epoch / total_size)
    const x = 1 + last_epoch / total_size - cycle
    const height = x <= step_ratio ? quotient(x, step_ratio) : quotient(x - 1, step_ratio - 1)
    const scaled = (range: Real): Real =>
      times(times(range, height), this.scale_fn(this.scale_mode === 'cycle' ? cycle : last_epoch))
    const rates = this.base_lrs.map((base, i) => plus(base, scaled(minus(this.max_lrs[i] as Real, base))) as number)
    if (this.cycle_momentum) {
      groupsOf(this.optimizer).forEach((group, i) => {
        const [base, max] = [this.base_momentums[i] as number, this.max_momentums[i] as number]
        setMomentum(group, this.use_beta1, minus(max, scaled(max - base)) as number)
      })
    }
    return rates
  }

  override state_dict(): SchedulerStateDict {
    const state = this.stateWithout('optimizer', '_scale_fn_custom')
    return { ...state, _scale_fn_custom: functionState(this._scale_fn_custom) }
  }

  override load_state_dict(...args: Arguments['optim.lr_scheduler.LRScheduler.load_state_dict']): void {
    const { _scale_fn_custom, ...fields } = read('optim.lr_scheduler.LRScheduler.load_state_dict', args)
      .state_dict as SchedulerStateDict
    this.loadFields(fields)
    loadFunctionState(this._scale_fn_custom, _scale_fn_custom)
    if (this._scale_fn_custom === null) this.scale_mode = MODES[this.mode]?.scale_mode ?? this.scale_mode
  }
}

/** The momenta between which to go, which the groups begin at where the schedule does. */
function momenta({
  optimizer,
  last_epoch,
  base_momentum,
  max_momentum,
}: ReturnType<typeof read<'optim.lr_scheduler.CyclicLR'>>): object {
  const use_beta1 = usesBeta1(optimizer)
  const base_momentums = perGroup('base_momentum', optimizer, base_momentum)
  const max_momentums = perGroup('max_momentum', optimizer, max_momentum)
  if (last_epoch === -1) beginMomentum(optimizer, use_beta1, max_momentums, base_momentums)
  return { use_beta1, base_momentums, max_momentums }
}
