import { nadamOptions } from '../core/generated/contract.js'
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

export type NAdamOptions = Keywords<'optim.NAdam', 'params'>

type NAdamSettings = Settings<'optim.NAdam'>

const ROW: Row = {
  name: 'NAdam',
  step: native.nadam_step,
  state: ['step', 'mu_product', 'exp_avg', 'exp_avg_sq'],
  like: ['exp_avg', 'exp_avg_sq'],
}

/**
 * NAdam (Dozat 2016), Adam with Nesterov's momentum: m and v are Adam's averages of g and g²,
 * μₜ = β₁ (1 - ½ 0.96^(t · momentum_decay)) and P the product of all μ so far (mu_product);
 * p ← p - lr ((1 - μₜ) g / (1 - P) + μₜ₊₁ m / (1 - P μₜ₊₁)) / (√(v / (1 - β₂ᵗ)) + eps). `weight_decay` is the factor of the
 * L2 penalty, or with `decoupled_weight_decay` of the decay itself.
 */
export class NAdam extends NativeOptimizer<NAdamSettings> {
  constructor(...args: Arguments['optim.NAdam']) {
    const { params, ...settings } = read('optim.NAdam', args, new.target.name)
    const names = [
      'lr',
      'betas',
      'eps',
      'weight_decay',
      'momentum_decay',
      'decoupled_weight_decay',
      'maximize',
      'foreach',
      'capturable',
      'differentiable',
    ] as const
    super(params, ordered(settings, names))
  }

  protected override get row(): Row {
    return ROW
  }

  protected override checkOptions({ lr, betas, eps, weight_decay, momentum_decay }: NAdamSettings): void {
    checkLearningRate(lr)
    checkAtLeast('epsilon value', eps)
    checkBetas(betas)
    checkAtLeast('weight_decay value', weight_decay)
    checkAtLeast('momentum_decay value', momentum_decay)
  }

  protected override optionsOf(group: ParamGroup<NAdamSettings>): Float64Array {
    const { eps, momentum_decay, decoupled_weight_decay } = group
    const [beta1, beta2] = group.betas.map(numberOf) as [number, number]
    return nadamOptions({ beta1, beta2, eps, momentum_decay, decoupled_weight_decay })
  }
}
