import { sgdOptions } from '../core/generated/contract.js'
import { native } from '../core/native.js'
import { type Arguments, type Keywords, read, type Settings } from './generated/arguments.js'
import { checkAtLeast, checkFused, checkLearningRate, NativeOptimizer, ordered, type Row } from './native_optimizer.js'
import type { ParamGroup } from './optimizer.js'

export type SGDOptions = Keywords<'optim.SGD', 'params'>

type SGDSettings = Settings<'optim.SGD'>

const ROW: Row = {
  name: 'SGD',
  step: native.sgd_step,
  state: ['momentum_buffer'],
  like: ['momentum_buffer'],
}

/**
 * Stochastic gradient descent: b ← μ b + (1 - τ) g, p ← p - lr b, with g the gradient plus weight_decay · p; with
 * `nesterov` the step is along g + μ b (Sutskever et al. 2013). `momentum` is μ, `dampening` τ: how much of a new
 * gradient the momentum leaves out. The first b is g. `maximize` goes up instead of down. Gradients may be sparse. `fused`
 * takes libtorch's kernel, `foreach` Python's implementation of that name; `differentiable` lets autograd record the step.
 */
export class SGD extends NativeOptimizer<SGDSettings> {
  constructor(...args: Arguments['optim.SGD']) {
    const { params, ...settings } = read('optim.SGD', args, new.target.name)
    checkFused(settings)
    const names = [
      'lr',
      'momentum',
      'dampening',
      'weight_decay',
      'nesterov',
      'maximize',
      'foreach',
      'differentiable',
      'fused',
    ] as const
    super(params, ordered(settings, names))
  }

  protected override get row(): Row {
    return ROW
  }

  protected override checkOptions({ lr, momentum, dampening, weight_decay, nesterov }: SGDSettings): void {
    checkLearningRate(lr)
    checkAtLeast('momentum value', momentum)
    checkAtLeast('weight_decay value', weight_decay)
    if (nesterov && (momentum <= 0 || dampening !== 0)) {
      throw new RangeError('Nesterov momentum requires a momentum and zero dampening')
    }
  }

  protected override optionsOf({ momentum, dampening, nesterov }: ParamGroup<SGDSettings>): Float64Array {
    return sgdOptions({ momentum, dampening, nesterov })
  }
}
