import { sgdOptions } from '../core/generated/contract.js'
import { native } from '../core/native.js'
import { internals } from '../core/tensor.js'
import { checkKeys } from '../operators/arguments.js'
import { checkLearningRate, type LearningRate, nativeLearningRate, withLearningRate } from './learning_rate.js'
import { checkAtLeast, type ImplementationOptions, Optimizer, type ParamGroup, type Params } from './optimizer.js'

export interface SGDOptions extends Omit<ImplementationOptions, 'capturable'> {
  lr?: LearningRate | undefined
  momentum?: number | undefined
  /** How much of a new gradient the momentum leaves out. */
  dampening?: number | undefined
  /** The factor of the L2 penalty. */
  weight_decay?: number | undefined
  nesterov?: boolean | undefined
  maximize?: boolean | undefined
}

type Settings = { [K in keyof SGDOptions]-?: Exclude<SGDOptions[K], undefined> }

const DEFAULTS: Settings = {
  lr: 1e-3,
  momentum: 0,
  dampening: 0,
  weight_decay: 0,
  nesterov: false,
  maximize: false,
  foreach: null,
  fused: null,
}

/** Stochastic gradient descent, with momentum on request (Sutskever et al. 2013). */
export class SGD extends Optimizer<Settings> {
  constructor(params: Params<Settings>, lr: LearningRate | SGDOptions = {}, options: SGDOptions = {}) {
    const given = withLearningRate(lr, options)
    checkKeys('SGD', given, Object.keys(DEFAULTS))
    const set = Object.entries(given).filter(([, value]) => value !== undefined)
    super(params, { ...DEFAULTS, ...Object.fromEntries(set) })
  }

  protected checkOptions({ lr, momentum, dampening, weight_decay, nesterov }: Settings): void {
    checkLearningRate(lr)
    checkAtLeast('momentum value', momentum)
    checkAtLeast('weight_decay value', weight_decay)
    if (nesterov && (momentum <= 0 || dampening !== 0)) {
      throw new RangeError('Nesterov momentum requires a momentum and zero dampening')
    }
  }

  protected stepGroup(group: ParamGroup<Settings>): void {
    const { params, lr, momentum, dampening, weight_decay, nesterov, maximize } = group
    const [number, tensor] = nativeLearningRate(lr)
    const options = sgdOptions({ lr: number, momentum, dampening, weight_decay, nesterov, maximize })
    const made = native.sgd_step(this.handles(params), this.handles(params, 'momentum_buffer'), options, tensor)
    made?.forEach((handle, i) => {
      const param = params[i]
      if (handle !== null && param !== undefined) {
        this.keepState(this.stateOf(param), 'momentum_buffer', internals.wrap(handle))
      }
    })
  }

  protected settingsForStateDict({ fused, ...settings }: Settings) {
    return { ...settings, differentiable: false, fused }
  }
}
