import { adamaxOptions } from '../core/generated/contract.js'
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

export type AdamaxOptions = Keywords<'optim.Adamax', 'params'>

type AdamaxSettings = Settings<'optim.Adamax'>

const ROW: Row = {
  name: 'Adamax',
  step: native.adamax_step,
  state: ['step', 'exp_avg', 'exp_inf'],
  like: ['exp_avg', 'exp_inf'],
}

/**
 * Adamax (Kingma and Ba 2014), Adam with the infinity norm: m ← β₁ m + (1 - β₁) g, u ← max(β₂ u, |g| + eps),
 * p ← p - lr / (1 - β₁ᵗ) · m / u, with g the gradient plus weight_decay · p. The state is exp_avg, m, and exp_inf, u.
 */
export class Adamax extends NativeOptimizer<AdamaxSettings> {
  constructor(...args: Arguments['optim.Adamax']) {
    const { params, ...settings } = read('optim.Adamax', args, new.target.name)
    const names = ['lr', 'betas', 'eps', 'weight_decay', 'foreach', 'maximize', 'differentiable', 'capturable'] as const
    super(params, ordered(settings, names))
  }

  protected override get row(): Row {
    return ROW
  }

  protected override checkOptions({ lr, betas, eps, weight_decay }: AdamaxSettings): void {
    checkLearningRate(lr)
    checkAtLeast('epsilon value', eps)
    checkBetas(betas)
    checkAtLeast('weight_decay value', weight_decay)
  }

  protected override optionsOf({ betas, eps }: ParamGroup<AdamaxSettings>): Float64Array {
    const [beta1, beta2] = betas.map(numberOf) as [number, number]
    return adamaxOptions({ beta1, beta2, eps })
  }
}
