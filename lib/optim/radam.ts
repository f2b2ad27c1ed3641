import { radamOptions } from '../core/generated/contract.js'
import { native } from '../core/native.js'
import { type Arguments, type Keywords, read, type Settings } from './generated/arguments.js'
import {
  checkAtLeast,
  checkBetas,
  checkLearningRate,
  NativeOptimizer,
  numberOf,
  ordered,
  type Row,
} from './native_optimizer.js'
import type { ParamGroup } from './optimizer.js'

export type RAdamOptions = Keywords<'optim.RAdam', 'params'>

type RAdamSettings = Settings<'optim.RAdam'>

const ROW: Row = {
  name: 'RAdam',
  step: native.radam_step,
  state: ['step', 'exp_avg', 'exp_avg_sq'],
  like: ['exp_avg', 'exp_avg_sq'],
}

/**
 * RAdam (Liu et al. 2019), Adam whose adaptive rate is rectified: with m̂ Adam's corrected average of g and ρ∞ = 2 / (1 - β₂) - 1,
 * ρ = ρ∞ - 2 t β₂ᵗ / (1 - β₂ᵗ) tells how much the average v of g² is worth; p ← p - lr m̂ r √(1 - β₂ᵗ) / (√v + eps) where ρ > 5,
 * with r = √((ρ - 4)(ρ - 2) ρ∞ / ((ρ∞ - 4)(ρ∞ - 2) ρ)), else p ← p - lr m̂.
 */
export class RAdam extends NativeOptimizer<RAdamSettings> {
  constructor(...args: Arguments['optim.RAdam']) {
    const { params, ...settings } = read('optim.RAdam', args, new.target.name)
    const names = [
      'lr',
      'betas',
      'eps',
      'weight_decay',
      'maximize',
      'foreach',
      'capturable',
      'decoupled_weight_decay',
      'differentiable',
    ] as const
    super(params, ordered(settings, names))
  }

  protected override get row(): Row {
    return ROW
  }

  protected override checkOptions({ lr, betas, eps, weight_decay }: RAdamSettings): void {
    checkLearningRate(lr)
    checkAtLeast('epsilon value', eps)
    checkBetas(betas)
    checkAtLeast('weight_decay value', weight_decay)
  }

  protected override optionsOf(group: ParamGroup<RAdamSettings>): Float64Array {
    const { eps, decoupled_weight_decay } = group
    const [beta1, beta2] = group.betas.map(numberOf) as [number, number]
    return radamOptions({ beta1, beta2, eps, decoupled_weight_decay })
  }
}
