import { cosine, minus, over, plus, quotient, type Real, times } from '../arithmetic.js'
import { type Arguments, read } from '../generated/arguments.js'
import { begin, checkWithinStep, LRScheduler } from './lr_scheduler.js'
import {
  type AnyOptimizer,
  beginMomentum,
  checkOptimizer,
  eachGroup,
  groupsOf,
  isWhole,
  perGroup,
  setMomentum,
  shown,
  usesBeta1,
} from './rates.js'

/** From the step before to `end_step` values go from one name's in the group to another's. */
interface Phase {
  end_step: number
  start_lr: string
  end_lr: string
  start_momentum: string
  end_momentum: string
}

type Anneal = (start: Real, end: Real, part: number) => Real

const ANNEALS: Record<string, Anneal> = {
  cos: (start, end, part) => plus(times(over(minus(start, end), 2), cosine(Math.PI * part) + 1), end),
  linear: (start, end, part) => plus(times(minus(end, start), part), start),
}

type Given = ReturnType<typeof read<'optim.lr_scheduler.OneCycleLR'>>

/**
 * One cycle (Smith and Topin 2017): the rate goes from max_lr / div_factor up to `max_lr` in the part `pct_start` of
 * all steps, then down to the first rate / final_div_factor in the rest; with `three_phase` first back to where it
 * began, in as many steps as up, and then down. Between two ends a and b, at the part t of a phase, it is b + (a - b) ·
 * (1 + cos(π t)) / 2, or a + (b - a) · t. It is set at every batch: a step is a batch, not an epoch.
 *
 * `max_lr`: the greatest rate, a number or a list of one for each group. `total_steps`: how many steps; or `epochs`
 * times `steps_per_epoch`. `pct_start`: from 0 to 1, 0.3 where not given. `anneal_strategy`: cos or linear.
 * `cycle_momentum`: whether momentum, or the first of `betas`, goes the other way, from `max_momentum` (0.95 where not
 * given) to `base_momentum` (0.85) and back. `div_factor`: 25 where not given. `final_div_factor`: 10000 where not
 * given. `last_epoch`: the epoch to go on from, with the `initial_lr` that the groups then have; -1 to begin.
 * @throws RangeError for a count of steps that is missing or no whole number above 0, for a step beyond it, for a
 * pct_start out of its range, an unknown strategy, lists of another length than the groups, and where the optimizer has
 * no momentum to cycle.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.OneCycleLR.html
 */
export class OneCycleLR extends LRScheduler {
  declare total_steps: number
  declare _schedule_phases: Phase[]
  declare _anneal_func_type: 'cos' | 'linear'
  declare cycle_momentum: boolean
  declare use_beta1: boolean

  constructor(...args: Arguments['optim.lr_scheduler.OneCycleLR']) {
    const given = read('optim.lr_scheduler.OneCycleLR', args, new.target.name)
    const { optimizer, last_epoch, pct_start, anneal_strategy, cycle_momentum, three_phase } = given
    checkOptimizer(optimizer)
    const total_steps = stepsOf(given)
    if (!(pct_start >= 0 && pct_start <= 1)) {
      throw new RangeError(`Expected float between 0 and 1 pct_start, but got ${shown(pct_start)}`)
    }
    if (!Object.hasOwn(ANNEALS, anneal_strategy)) {
      throw new RangeError(`anneal_strategy must be one of 'cos' or 'linear', instead got ${anneal_strategy}`)
    }
    const max_lrs = perGroup('max_lr', optimizer, given.max_lr)
    if (last_epoch === -1) {
      groupsOf(optimizer).forEach((group, i) => {
        group.initial_lr = over(max_lrs[i] as Real, given.div_factor)
        group.max_lr = max_lrs[i]
        group.min_lr = over(group.initial_lr as Real, given.final_div_factor)
      })
    }
    super(
      ...begin(OneCycleLR, optimizer, last_epoch, {
        total_steps,
        _schedule_phases: three_phase ? threePhases(pct_start, total_steps) : twoPhases(pct_start, total_steps),
        _anneal_func_type: anneal_strategy,
        cycle_momentum,
        ...(cycle_momentum ? { use_beta1: beginMomenta(optimizer, given) } : {}),
      }),
    )
  }

  override get_lr(): number[] {
    checkWithinStep(this)
    const { last_epoch: step, total_steps, _schedule_phases: phases } = this
    if (step > total_steps) {
      throw new RangeError(`Tried to step ${step} times. The specified number of total steps is ${total_steps}`)
    }
    const at = phases.findIndex(({ end_step }, i) => step <= end_step || i === phases.length - 1)
    const phase = phases[at] as Phase
    const begin = phases[at - 1]?.end_step ?? 0
    const part = quotient(step - begin, phase.end_step - begin)
    const anneal = ANNEALS[this._anneal_func_type]
    if (anneal === undefined) throw new RangeError(`Unknown _anneal_func_type: ${this._anneal_func_type}`)
    return eachGroup(this.optimizer, (group) => {
      const value = (start: string, end: string): Real => anneal(group[start] as Real, group[end] as Real, part)
      if (this.cycle_momentum) {
        setMomentum(group, this.use_beta1, value(phase.start_momentum, phase.end_momentum) as number)
      }
      return value(phase.start_lr, phase.end_lr)
    })
  }
}

function stepsOf({ total_steps, epochs, steps_per_epoch }: Given): number {
  const checked = (name: string, value: number): number => {
    if (!isWhole(value, 1)) throw new RangeError(`Expected positive integer ${name}, but got ${shown(value)}`)
    return value
  }
  if (total_steps !== null) return checked('total_steps', total_steps)
  if (epochs !== null && steps_per_epoch !== null) {
    return checked('epochs', epochs) * checked('steps_per_epoch', steps_per_epoch)
  }
  throw new RangeError('You must define either total_steps OR (epochs AND steps_per_epoch)')
}

/** Where the rate goes up, momentum goes down. */
const UP = { start_lr: 'initial_lr', end_lr: 'max_lr', start_momentum: 'max_momentum', end_momentum: 'base_momentum' }
const down = (to: string) => ({
  ...{ start_lr: 'max_lr', end_lr: to },
  ...{ start_momentum: 'base_momentum', end_momentum: 'max_momentum' },
})

const twoPhases = (pct_start: number, total_steps: number): Phase[] => [
  { end_step: pct_start * total_steps - 1, ...UP },
  { end_step: total_steps - 1, ...down('min_lr') },
]

const threePhases = (pct_start: number, total_steps: number): Phase[] => [
  { end_step: pct_start * total_steps - 1, ...UP },
  { end_step: 2 * pct_start * total_steps - 2, ...down('initial_lr') },
  {
    ...{ end_step: total_steps - 1, start_lr: 'initial_lr', end_lr: 'min_lr' },
    ...{ start_momentum: 'max_momentum', end_momentum: 'max_momentum' },
  },
]

/** Whether momentum is the first of `betas`; the groups begin at its maximum where the schedule does. */
function beginMomenta(optimizer: AnyOptimizer, { last_epoch, max_momentum, base_momentum }: Given): boolean {
  const useBeta1 = usesBeta1(optimizer)
  const maxima = perGroup('max_momentum', optimizer, max_momentum)
  const bases = perGroup('base_momentum', optimizer, base_momentum)
  if (last_epoch === -1) beginMomentum(optimizer, useBeta1, maxima, bases)
  return useBeta1
}
