import { asgdOptions } from '../core/generated/contract.js'
import { native } from '../core/native.js'
import { type Arguments, type Keywords, read, type Settings } from './generated/arguments.js'
import { checkAtLeast, checkLearningRate, NativeOptimizer, ordered, type Row } from './native_optimizer.js'
import type { ParamGroup } from './optimizer.js'

export type ASGDOptions = Keywords<'optim.ASGD', 'params'>

type ASGDSettings = Settings<'optim.ASGD'>

const ROW: Row = {
  name: 'ASGD',
  step: native.asgd_step,
  state: ['step', 'eta', 'mu', 'ax'],
  like: ['ax'],
}

/**
 * Averaged stochastic gradient descent (Polyak and Juditsky 1992): p ← (1 - lambd · η) p - η g with
 * η = lr / (1 + lambd · lr · t)ᵅ, α being `alpha`. The state has the average of the parameters, ax: what p is, until from step
 * `t0` on it is averaged.
 */
export class ASGD extends NativeOptimizer<ASGDSettings> {
  constructor(...args: Arguments['optim.ASGD']) {
    const { params, ...settings } = read('optim.ASGD', args, new.target.name)
    const names = [
      'lr',
      'lambd',
      'alpha',
      't0',
      'weight_decay',
      'foreach',
      'maximize',
      'differentiable',
      'capturable',
    ] as const
    super(params, ordered(settings, names))
  }

  protected override get row(): Row {
    return ROW
  }

  protected override checkOptions({ lr, weight_decay }: ASGDSettings): void {
    checkLearningRate(lr)
    checkAtLeast('weight_decay value', weight_decay)
  }

  protected override optionsOf({ lambd, alpha, t0 }: ParamGroup<ASGDSettings>): Float64Array {
    return asgdOptions({ lambd, alpha, t0 })
  }
}
