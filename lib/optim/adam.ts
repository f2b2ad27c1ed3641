import * as dtypes from '../core/dtype.js'
import { adamOptions } from '../core/generated/contract.js'
import { native } from '../core/native.js'
import { internals, type Tensor } from '../core/tensor.js'
import { zeros, zeros_like } from '../generated/functions.js'
import { type Arguments, type Keywords, read, type Settings } from './generated/arguments.js'
import { checkLearningRate, nativeLearningRate, numberOf } from './learning_rate.js'
import {
  checkAtLeast,
  checkImplementation,
  isFused,
  Optimizer,
  type ParamGroup,
  type Step,
  stepDevice,
} from './optimizer.js'

export type AdamOptions = Keywords<'optim.Adam', 'params'>
export type AdamWOptions = Keywords<'optim.AdamW', 'params'>

type AdamSettings = Settings<'optim.Adam'>

export interface Adam {
  step: Step
}

/**
 * Adam (Kingma and Ba 2014): m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g², p ← p - lr m̂ / (√v̂ + eps), with m̂ and v̂
 * the averages divided by 1 - βᵗ. `weight_decay` is the factor of the L2 penalty, or with `decoupled_weight_decay` of the
 * decay itself; `amsgrad` divides by the greatest average so far (Reddi et al. 2018); `maximize` goes up instead of down.
 */
export class Adam extends Optimizer<AdamSettings> {
  constructor(...args: Arguments['optim.Adam']) {
    const { params, ...settings } = read('optim.Adam', args, new.target.name)
    checkImplementation('Adam', settings)
    const { lr, eps, weight_decay, amsgrad, maximize, foreach, capturable, differentiable, fused } = settings
    const { decoupled_weight_decay } = settings
    const betas = settings.betas.map(numberOf) as unknown as readonly [number, number]
    super(params, {
      ...{ lr, betas, eps, weight_decay, amsgrad, maximize, foreach, capturable, differentiable, fused },
      decoupled_weight_decay,
    })
  }

  protected override checkOptions({ lr, betas, eps, weight_decay }: AdamSettings): void {
    checkLearningRate(lr)
    checkAtLeast('epsilon value', eps)
    betas.forEach((beta, i) => {
      if (!(beta >= 0 && beta < 1)) throw new RangeError(`Invalid beta parameter at index ${i}: ${beta}`)
    })
    checkAtLeast('weight_decay value', weight_decay)
  }

  protected override stepGroup(group: ParamGroup<AdamSettings>): void {
    const { params, lr, betas, eps, weight_decay, amsgrad, maximize, decoupled_weight_decay, fused } = group
    for (const param of params) {
      if (this.state.get(param)?.step === undefined && native.has_grad(internals.handleOf(param)))
        this.#begin(param, amsgrad)
    }
    const [number, tensor] = nativeLearningRate(lr)
    native.adam_step(
      this.handles(params),
      this.handles(params, 'exp_avg'),
      this.handles(params, 'exp_avg_sq'),
      this.handles(params, 'max_exp_avg_sq'),
      this.handles(params, 'step'),
      adamOptions({
        lr: number,
        beta1: betas[0],
        beta2: betas[1],
        eps,
        weight_decay,
        amsgrad,
        maximize,
        decoupled_weight_decay,
        fused: isFused(fused),
      }),
      tensor,
    )
  }

  #begin(param: Tensor, amsgrad: boolean): void {
    const state = this.stateOf(param)
    this.keepState(state, 'step', zeros([], { dtype: dtypes.float32, device: stepDevice(param) }))
    const averages = ['exp_avg', 'exp_avg_sq', ...(amsgrad ? ['max_exp_avg_sq'] : [])]
    for (const name of averages) this.keepState(state, name, zeros_like(param))
  }
}

/** Adam with weight decay apart from the gradient (Loshchilov and Hutter 2017). weight_decay is 0.01 by default. */
export class AdamW extends Adam {
  constructor(...args: Arguments['optim.AdamW']) {
    super({ ...read('optim.AdamW', args), decoupled_weight_decay: true })
  }
}
