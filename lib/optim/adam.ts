import { adamOptions } from '../core/generated/contract.js'
import { native } from '../core/native.js'
import { internals } from '../core/tensor.js'
import { type Arguments, type Keywords, read, type Settings } from './generated/arguments.js'
import {
  checkAtLeast,
  checkBetas,
  checkFused,
  checkLearningRate,
  NativeOptimizer,
  type NumberOrTensor,
  ordered,
  type Row,
} from './native_optimizer.js'
import type { ParamGroup } from './optimizer.js'

export type AdamOptions = Keywords<'optim.Adam', 'params'>
export type AdamWOptions = Keywords<'optim.AdamW', 'params'>

type AdamSettings = Settings<'optim.Adam'>

const ROW: Row = {
  name: 'Adam',
  step: native.adam_step,
  state: ['step', 'exp_avg', 'exp_avg_sq', 'max_exp_avg_sq'],
  like: ['exp_avg', 'exp_avg_sq', 'max_exp_avg_sq'],
}

const plain = (value: NumberOrTensor): number => (internals.isTensor(value) ? Number.NaN : value)

/**
 * Adam (Kingma and Ba 2014): m ← β₁ m + (1 - β₁) g, v ← β₂ v + (1 - β₂) g², p ← p - lr m̂ / (√v̂ + eps), with m̂ and v̂
 * the averages divided by 1 - βᵗ. `weight_decay` is the factor of the L2 penalty, or with `decoupled_weight_decay` of the
 * decay itself; `amsgrad` divides by the greatest average so far (Reddi et al. 2018); `maximize` goes up instead of down.
 * `lr` and both `betas` may be tensors. `fused` takes libtorch's kernel, `foreach` Python's implementation of that name;
 * `capturable` is for CUDA graphs; `differentiable` lets autograd record the step.
 */
export class Adam extends NativeOptimizer<AdamSettings> {
  constructor(...args: Arguments['optim.Adam']) {
    const { params, ...settings } = read('optim.Adam', args, new.target.name)
    checkFused(settings)
    const betas = settings.betas.map((beta) => (internals.isTensor(beta) && beta.dim() > 0 ? beta.squeeze() : beta))
    const names = [
      ...(['lr', 'betas', 'eps', 'weight_decay', 'amsgrad', 'maximize', 'foreach', 'capturable'] as const),
      ...(['differentiable', 'fused', 'decoupled_weight_decay'] as const),
    ]
    super(params, ordered({ ...settings, betas }, names))
  }

  protected override get row(): Row {
    return ROW
  }

  protected override checkOptions({ lr, betas, eps, weight_decay, foreach, capturable }: AdamSettings): void {
    const together = foreach === true && !capturable
    if (together && internals.isTensor(lr)) {
      throw new RangeError('lr as a Tensor is not supported for capturable=False and foreach=True')
    }
    checkLearningRate(lr)
    checkAtLeast('epsilon value', eps)
    betas.forEach((beta, i) => {
      if (internals.isTensor(beta) && beta.numel() !== 1) throw new RangeError(`Tensor betas[${i}] must be 1-element`)
    })
    checkBetas(betas)
    checkAtLeast('weight_decay value', weight_decay)
    const tensors = betas.map(internals.isTensor)
    if (tensors[0] !== tensors[1]) throw new RangeError('betas must be either both floats or both Tensors')
    if (together && tensors[0]) {
      throw new RangeError('betas[0] as a Tensor is not supported for capturable=False and foreach=True')
    }
  }

  protected override optionsOf(group: ParamGroup<AdamSettings>): Float64Array {
    const { eps, amsgrad, decoupled_weight_decay } = group
    const [beta1, beta2] = group.betas.map(plain) as [number, number]
    return adamOptions({ beta1, beta2, eps, amsgrad, decoupled_weight_decay })
  }
}

/** Adam with weight decay apart from the gradient (Loshchilov and Hutter 2017). weight_decay is 0.01 by default. */
export class AdamW extends Adam {
  constructor(...args: Arguments['optim.AdamW']) {
    super({ ...read('optim.AdamW', args), decoupled_weight_decay: true })
  }
}
