import * as dtypes from '../core/dtype.js'
import { adamOptions } from '../core/generated/contract.js'
import { native } from '../core/native.js'
import { internals, type Tensor } from '../core/tensor.js'
import { checkKeys } from '../operators/arguments.js'
import { aten } from '../operators/table.js'
import { checkLearningRate, type LearningRate, nativeLearningRate, withLearningRate } from './learning_rate.js'
import {
  checkAtLeast,
  type ImplementationOptions,
  Optimizer,
  type ParamGroup,
  type Params,
  stepDevice,
} from './optimizer.js'

export interface AdamOptions extends ImplementationOptions {
  lr?: LearningRate | undefined
  /** Decay of the running averages of the gradient and of its square. */
  betas?: readonly [number, number] | undefined
  /** Added to the denominator. */
  eps?: number | undefined
  /** The factor of the L2 penalty; of the decay itself where decoupled_weight_decay is true. */
  weight_decay?: number | undefined
  /** Divides by the greatest average so far (Reddi et al. 2018). */
  amsgrad?: boolean | undefined
  maximize?: boolean | undefined
  decoupled_weight_decay?: boolean | undefined
}

export type AdamWOptions = Omit<AdamOptions, 'decoupled_weight_decay'>

type Settings = { [K in keyof AdamOptions]-?: Exclude<AdamOptions[K], undefined> }

const DEFAULTS: Settings = {
  lr: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weight_decay: 0,
  amsgrad: false,
  maximize: false,
  foreach: null,
  capturable: false,
  fused: null,
  decoupled_weight_decay: false,
}

/** Adam (Kingma and Ba 2014). */
export class Adam extends Optimizer<Settings> {
  constructor(params: Params<Settings>, lr: LearningRate | AdamOptions = {}, options: AdamOptions = {}) {
    const given = withLearningRate(lr, options)
    checkKeys('Adam', given, Object.keys(DEFAULTS))
    const set = Object.entries(given).filter(([, value]) => value !== undefined)
    super(params, { ...DEFAULTS, ...Object.fromEntries(set) })
  }

  protected checkOptions({ lr, betas, eps, weight_decay }: Settings): void {
    checkLearningRate(lr)
    checkAtLeast('epsilon value', eps)
    betas.forEach((beta, i) => {
      if (!(beta >= 0 && beta < 1)) throw new RangeError(`Invalid beta parameter at index ${i}: ${beta}`)
    })
    checkAtLeast('weight_decay value', weight_decay)
  }

  protected stepGroup(group: ParamGroup<Settings>): void {
    const { params, lr, betas, eps, weight_decay, amsgrad, maximize, decoupled_weight_decay } = group
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
      }),
      tensor,
    )
  }

  #begin(param: Tensor, amsgrad: boolean): void {
    const state = this.stateOf(param)
    this.keepState(state, 'step', aten<Tensor>('zeros', [], { dtype: dtypes.float32, device: stepDevice(param) }))
    const averages = ['exp_avg', 'exp_avg_sq', ...(amsgrad ? ['max_exp_avg_sq'] : [])]
    for (const name of averages) this.keepState(state, name, aten<Tensor>('zeros_like', param))
  }

  protected settingsForStateDict({ decoupled_weight_decay, fused, ...settings }: Settings) {
    return { ...settings, differentiable: false, fused, decoupled_weight_decay }
  }
}

/** Adam with weight decay apart from the gradient (Loshchilov and Hutter 2017). weight_decay is 0.01 by default. */
export class AdamW extends Adam {
  constructor(params: Params<Settings>, lr: LearningRate | AdamWOptions = {}, options: AdamWOptions = {}) {
    const given = withLearningRate(lr, options)
    checkKeys(
      'AdamW',
      given,
      Object.keys(DEFAULTS).filter((name) => name !== 'decoupled_weight_decay'),
    )
    super(params, { ...given, weight_decay: given.weight_decay ?? 1e-2, decoupled_weight_decay: true })
  }
}
