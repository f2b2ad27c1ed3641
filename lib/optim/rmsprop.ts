import { rmspropOptions } from '../core/generated/contract.js'
import { native } from '../core/native.js'
import { type Arguments, type Keywords, read, type Settings } from './generated/arguments.js'
import { checkAtLeast, checkLearningRate, NativeOptimizer, ordered, type Row } from './native_optimizer.js'
import type { ParamGroup } from './optimizer.js'

export type RMSpropOptions = Keywords<'optim.RMSprop', 'params'>

type RMSpropSettings = Settings<'optim.RMSprop'>

const ROW: Row = {
  name: 'RMSprop',
  step: native.rmsprop_step,
  state: ['step', 'square_avg', 'momentum_buffer', 'grad_avg'],
  like: ['square_avg', 'momentum_buffer', 'grad_avg'],
}

/**
 * RMSprop (Hinton 2012): v ← α v + (1 - α) g², p ← p - lr g / (√v + eps), with g the gradient plus weight_decay · p; with
 * `centered` the square of the average of g is taken off v; with `momentum` μ, b ← μ b + g / (√v + eps), p ← p - lr b. `alpha`
 * is α.
 */
export class RMSprop extends NativeOptimizer<RMSpropSettings> {
  constructor(...args: Arguments['optim.RMSprop']) {
    const { params, ...settings } = read('optim.RMSprop', args, new.target.name)
    const names = [
      'lr',
      'momentum',
      'alpha',
      'eps',
      'centered',
      'weight_decay',
      'capturable',
      'foreach',
      'maximize',
      'differentiable',
    ] as const
    super(params, ordered(settings, names))
  }

  protected override get row(): Row {
    return ROW
  }

  protected override checkOptions({ lr, eps, momentum, weight_decay, alpha }: RMSpropSettings): void {
    checkLearningRate(lr)
    checkAtLeast('epsilon value', eps)
    checkAtLeast('momentum value', momentum)
    checkAtLeast('weight_decay value', weight_decay)
    checkAtLeast('alpha value', alpha)
  }

  protected override optionsOf({ alpha, eps, momentum, centered }: ParamGroup<RMSpropSettings>): Float64Array {
    return rmspropOptions({ alpha, eps, momentum, centered })
  }
}
