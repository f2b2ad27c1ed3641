import { get_default_dtype } from '../core/default_dtype.js'
import * as dtypes from '../core/dtype.js'
import { adagradOptions } from '../core/generated/contract.js'
import { native } from '../core/native.js'
import type { Tensor } from '../core/tensor.js'
import { full_like, zeros } from '../generated/functions.js'
import { type Arguments, type Keywords, read, type Settings } from './generated/arguments.js'
import { checkAtLeast, checkFused, checkLearningRate, NativeOptimizer, ordered, type Row } from './native_optimizer.js'
import type { ParamGroup } from './optimizer.js'
import { kept } from './state.js'

export type AdagradOptions = Keywords<'optim.Adagrad', 'params'>

type AdagradSettings = Settings<'optim.Adagrad'>

const ROW: Row = {
  name: 'Adagrad',
  step: native.adagrad_step,
  state: ['step', 'sum'],
  like: ['sum'],
}

/**
 * Adagrad (Duchi, Hazan and Singer 2011): s ← s + g², p ← p - lr / (1 + (t - 1) lr_decay) · g / (√s + eps), with g the gradient
 * plus weight_decay · p. The state, the sum s among it, is there from the start: s begins with `initial_accumulator_value`.
 * Sparse gradients change only what they touch. `fused` takes libtorch's kernel.
 */
export class Adagrad extends NativeOptimizer<AdagradSettings> {
  constructor(...args: Arguments['optim.Adagrad']) {
    const { params, ...settings } = read('optim.Adagrad', args, new.target.name)
    checkFused(settings)
    const names = [
      'lr',
      'lr_decay',
      'eps',
      'weight_decay',
      'initial_accumulator_value',
      'foreach',
      'maximize',
      'differentiable',
      'fused',
    ] as const
    super(params, ordered(settings, names))
    for (const group of this.param_groups) for (const param of group.params) this._begin(param, group.fused)
  }

  protected override get row(): Row {
    return ROW
  }

  protected override checkOptions(settings: AdagradSettings): void {
    checkLearningRate(settings.lr)
    for (const name of ['lr_decay', 'weight_decay', 'initial_accumulator_value'] as const) {
      checkAtLeast(`${name} value`, settings[name])
    }
    checkAtLeast('epsilon value', settings.eps)
  }

  protected override optionsOf(group: ParamGroup<AdagradSettings>): Float64Array {
    const { lr_decay, eps } = group
    const { initial_accumulator_value } = this.defaults
    return adagradOptions({ lr_decay, initial_accumulator_value, eps })
  }

  private _begin(param: Tensor, fused: boolean | null): void {
    const double = !fused && get_default_dtype() === dtypes.float64
    const state = this.stateOf(param)
    const device = param.is_cuda ? param.device : 'cpu'
    state.step = kept(zeros([], { dtype: double ? dtypes.float64 : dtypes.float32, device }))
    const first = this.defaults.initial_accumulator_value
    state.sum = kept(full_like(param.detach(), param.is_complex() ? { re: first, im: first } : first))
  }
}
