import { adadeltaOptions } from '../core/generated/contract.js'
import { native } from '../core/native.js'
import { type Arguments, type Keywords, read, type Settings } from './generated/arguments.js'
import { checkAtLeast, checkLearningRate, NativeOptimizer, ordered, type Row } from './native_optimizer.js'
import type { ParamGroup } from './optimizer.js'

export type AdadeltaOptions = Keywords<'optim.Adadelta', 'params'>

type AdadeltaSettings = Settings<'optim.Adadelta'>

const ROW: Row = {
  name: 'Adadelta',
  step: native.adadelta_step,
  state: ['step', 'square_avg', 'acc_delta'],
  like: ['square_avg', 'acc_delta'],
}

/**
 * Adadelta (Zeiler 2012): v ← ρ v + (1 - ρ) g², Δ = g √(u + eps) / √(v + eps), u ← ρ u + (1 - ρ) Δ², p ← p - lr Δ, with g the
 * gradient plus weight_decay · p. `rho` is ρ. The state is square_avg, v, and acc_delta, u. `maximize` goes up instead of
 * down; `foreach` takes Python's implementation of that name; `capturable` is for CUDA graphs; `differentiable` lets autograd
 * record the step.
 */
export class Adadelta extends NativeOptimizer<AdadeltaSettings> {
  constructor(...args: Arguments['optim.Adadelta']) {
    const { params, ...settings } = read('optim.Adadelta', args, new.target.name)
    const names = ['lr', 'rho', 'eps', 'weight_decay', 'maximize', 'capturable', 'foreach', 'differentiable'] as const
    super(params, ordered(settings, names))
  }

  protected override get row(): Row {
    return ROW
  }

  protected override checkOptions({ lr, rho, eps, weight_decay }: AdadeltaSettings): void {
    checkLearningRate(lr)
    if (!(rho >= 0 && rho <= 1)) throw new RangeError(`Invalid rho value: ${rho}`)
    checkAtLeast('epsilon value', eps)
    checkAtLeast('weight_decay value', weight_decay)
  }

  protected override optionsOf({ rho, eps }: ParamGroup<AdadeltaSettings>): Float64Array {
    return adadeltaOptions({ rho, eps })
  }
}
