import { sgdOptions } from '../core/generated/contract.js'
import { native } from '../core/native.js'
import { internals } from '../core/tensor.js'
import { type Arguments, type Keywords, read, type Settings } from './generated/arguments.js'
import { checkLearningRate, nativeLearningRate, numberOf } from './learning_rate.js'
import { checkAtLeast, checkImplementation, isFused, Optimizer, type ParamGroup, type Step } from './optimizer.js'

export type SGDOptions = Keywords<'optim.SGD', 'params'>

type SGDSettings = Settings<'optim.SGD'>

export interface SGD {
  step: Step
}

/**
 * Stochastic gradient descent: b ← μ b + (1 - τ) g, p ← p - lr b, with g the gradient plus weight_decay · p; with
 * `nesterov` the step is along g + μ b (Sutskever et al. 2013). `momentum` is μ, `dampening` τ: how much of a new
 * gradient the momentum leaves out. The first b is g. `maximize` goes up instead of down.
 */
export class SGD extends Optimizer<SGDSettings> {
  constructor(...args: Arguments['optim.SGD']) {
    const { params, ...settings } = read('optim.SGD', args)
    checkImplementation('SGD', settings)
    const { lr, momentum, dampening, weight_decay, nesterov, maximize, foreach, differentiable, fused } = settings
    super(params, { lr, momentum, dampening, weight_decay, nesterov, maximize, foreach, differentiable, fused })
  }

  protected override checkOptions({ lr, momentum, dampening, weight_decay, nesterov }: SGDSettings): void {
    checkLearningRate(lr)
    checkAtLeast('momentum value', momentum)
    checkAtLeast('weight_decay value', numberOf(weight_decay))
    if (nesterov && (momentum <= 0 || dampening !== 0)) {
      throw new RangeError('Nesterov momentum requires a momentum and zero dampening')
    }
  }

  protected override stepGroup(group: ParamGroup<SGDSettings>): void {
    const { params, lr, momentum, dampening, weight_decay, nesterov, maximize, fused } = group
    const [number, tensor] = nativeLearningRate(lr)
    const decay = numberOf(weight_decay)
    const given = { lr: number, momentum, dampening, weight_decay: decay, nesterov, maximize, fused: isFused(fused) }
    const options = sgdOptions(given)
    const made = native.sgd_step(this.handles(params), this.handles(params, 'momentum_buffer'), options, tensor)
    made?.forEach((handle, i) => {
      const param = params[i]
      if (handle !== null && param !== undefined) {
        this.keepState(this.stateOf(param), 'momentum_buffer', internals.wrap(handle))
      }
    })
  }
}
