import { sparseAdamOptions } from '../core/generated/contract.js'
import { native } from '../core/native.js'
import type { Tensor } from '../core/tensor.js'
import { type Arguments, type Keywords, read, type Settings } from './generated/arguments.js'
import {
  checkBetas,
  checkLearningRate,
  NativeOptimizer,
  type NumberOrTensor,
  numberOf,
  ordered,
  type Row,
} from './native_optimizer.js'
import type { ParamGroup } from './optimizer.js'

export type SparseAdamOptions = Keywords<'optim.SparseAdam', 'params'>

type SparseAdamSettings = Settings<'optim.SparseAdam'>

const ROW: Row = {
  name: 'SparseAdam',
  step: native.sparse_adam_step,
  state: ['exp_avg', 'exp_avg_sq'],
  like: ['exp_avg', 'exp_avg_sq'],
}

/**
 * Adam for sparse gradients, of `nn.Embedding(…, { sparse: true })`: only what a gradient touches is changed, in the parameters
 * and in the averages. The parameters are dense. The state's step is a number.
 */
export class SparseAdam extends NativeOptimizer<SparseAdamSettings> {
  constructor(...args: Arguments['optim.SparseAdam']) {
    const { params, ...settings } = read('optim.SparseAdam', args, new.target.name)
    const names = ['lr', 'betas', 'eps', 'maximize'] as const
    super(params, ordered(settings, names))
    this._check('Sparse', (param) => param.is_sparse, 'SparseAdam requires dense parameter tensors')
    this._check('Complex', (param) => param.is_complex(), 'SparseAdam does not support complex parameters')
  }

  protected override get row(): Row {
    return ROW
  }

  protected override checkOptions({ lr, betas, eps }: SparseAdamSettings): void {
    checkLearningRate(lr)
    if (!(numberOf(lr) > 0)) throw new RangeError(`Invalid learning rate: ${lr}`)
    if (!(eps > 0)) throw new RangeError(`Invalid epsilon value: ${eps}`)
    checkBetas(betas)
  }

  protected override optionsOf({ betas, eps }: ParamGroup<SparseAdamSettings>): Float64Array {
    const [beta1, beta2] = betas.map(numberOf) as [number, number]
    return sparseAdamOptions({ beta1, beta2, eps })
  }

  protected override countsOf({ params }: ParamGroup<SparseAdamSettings>): Float64Array {
    return Float64Array.from(params, (param) => {
      const { grad } = param
      if (grad === null) return 0
      if (!grad.is_sparse) {
        throw new Error('SparseAdam does not support dense gradients, please consider Adam instead')
      }
      const state = this.stateOf(param)
      state.step = numberOf((state.step as NumberOrTensor | undefined) ?? 0) + 1
      return state.step
    })
  }

  private _check(kind: string, refused: (param: Tensor) => boolean, message: string): void {
    const places = this.param_groups.flatMap(({ params }, i) =>
      params.flatMap((param, j) => (refused(param) ? [`[${i}, ${j}]`] : [])),
    )
    if (places.length > 0) throw new RangeError(`${kind} params at indices [${places.join(', ')}]: ${message}`)
  }
}
