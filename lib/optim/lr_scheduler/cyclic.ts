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
 * The rate goes from `base_lr` to `max_lr` and back, again and again (Smith 2015): lr = base_lr + (max_lr - base_lr) ·
 * h · s, with h the height on a triangle of `step_size_up` steps up and `step_size_down` down, and s the scale of the
 * cycle. It is set at every batch: a step is a batch, not an epoch.
 *
 * `base_lr`, `max_lr`: the least and the greatest rate, numbers or lists of one for each group. `step_size_up`: 2000
 * where not given. `step_size_down`: as many as up where not given. `mode`: triangular, s = 1; triangular2, s = 1 /
 * 2^(cycle - 1), each cycle half as high; exp_range, s = gamma^steps. `gamma`: 1 where not given. `scale_fn`: says s
 * instead, by the number of the cycle, from 1 on, or of the step, as `scale_mode` (cycle, iterations) says.
 * `cycle_momentum`: whether momentum, or the first of `betas`, goes the other way, from `max_momentum` (0.9 where not
 * given) down to `base_momentum` (0.8). `last_epoch`: the epoch to go on from, with the `initial_lr` that the groups
 * then have; -1 to begin.
 * @throws RangeError for an unknown mode without a scale_fn, for lists of another length than the groups, and where the
 * optimizer has no momentum to cycle.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.CyclicLR.html
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
