// Rates that a function of the user's gives.

import { describe } from '../../operators/describe.js'
import { times } from '../arithmetic.js'
import { type Arguments, read } from '../generated/arguments.js'
import {
  begin,
  checkWithinStep,
  functionState,
  LRScheduler,
  loadFunctionState,
  type SchedulerStateDict,
} from './lr_scheduler.js'
import { eachGroup, lambdasOf, valuesOf } from './rates.js'

type Lambda = (epoch: number) => number

/** What both have: a function for each group. A `torch.Callable` has its fields in the state_dict. */
abstract class OfLambdas extends LRScheduler {
  declare lr_lambdas: Lambda[]

  override state_dict(): SchedulerStateDict {
    return { ...this.stateWithout('optimizer', 'lr_lambdas'), lr_lambdas: this.lr_lambdas.map(functionState) }
  }

  override load_state_dict(...args: Arguments['optim.lr_scheduler.LRScheduler.load_state_dict']): void {
    const { lr_lambdas, ...fields } = read('optim.lr_scheduler.LRScheduler.load_state_dict', args)
      .state_dict as SchedulerStateDict
    this.loadFields(fields)
    ;(lr_lambdas as (object | null)[]).forEach((state, i) => {
      loadFunctionState(this.lr_lambdas[i], state)
    })
  }
}

/**
 * lr = base_lr · λ(epoch).
 *
 * `lr_lambda`: λ, or a list of one for each group. A `torch.Callable` has its fields in the state_dict; a plain
 * function has none, and is to be given again. `last_epoch`: the epoch to go on from, with the `initial_lr` that the
 * groups then have; -1 to begin.
 * @throws RangeError for a list of another length than the groups.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.LambdaLR.html
 */
export class LambdaLR extends OfLambdas {
  constructor(...args: Arguments['optim.lr_scheduler.LambdaLR']) {
    const { optimizer, lr_lambda, last_epoch } = read('optim.lr_scheduler.LambdaLR', args, new.target.name)
    super(...begin(LambdaLR, optimizer, last_epoch, { lr_lambdas: lambdasOf(optimizer, lr_lambda) }))
  }

  override get_lr(): number[] {
    checkWithinStep(this)
    return this.base_lrs.map((base, i) => times(base, (this.lr_lambdas[i] as Lambda)(this.last_epoch)) as number)
  }
}

/**
 * lr ← lr · λ(epoch), from epoch 1 on.
 *
 * `lr_lambda`: λ, or a list of one for each group. A `torch.Callable` has its fields in the state_dict; a plain
 * function has none, and is to be given again. `last_epoch`: the epoch to go on from, with the `initial_lr` that the
 * groups then have; -1 to begin.
 * @throws RangeError for a list of another length than the groups, TypeError for what is no function.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.optim.lr_scheduler.MultiplicativeLR.html
 */
export class MultiplicativeLR extends OfLambdas {
  constructor(...args: Arguments['optim.lr_scheduler.MultiplicativeLR']) {
    const { optimizer, lr_lambda, last_epoch } = read('optim.lr_scheduler.MultiplicativeLR', args, new.target.name)
    const lr_lambdas = lambdasOf(optimizer, lr_lambda)
    for (const lambda of lr_lambdas) {
      if (typeof lambda !== 'function') {
        throw new TypeError(`lr_lambda should be a function, but got ${describe(lambda)}`)
      }
    }
    super(...begin(MultiplicativeLR, optimizer, last_epoch, { lr_lambdas }))
  }

  override get_lr(): number[] {
    checkWithinStep(this)
    if (this._is_initial) return valuesOf(this.optimizer, 'lr')
    return eachGroup(this.optimizer, ({ lr }, lambda) => times(lr, lambda(this.last_epoch)), this.lr_lambdas)
  }
}
