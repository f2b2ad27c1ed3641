import type { Tensor } from '../../core/tensor.js'
import { reductionCode, reductionOf } from '../../operators/reduction.js'
import * as F from '../functional/index.js'
import { type Arguments, read } from '../generated/arguments.js'
import { Module } from './module.js'

/** What the losses' constructors have in common: size_average and reduce are Python's old words for the reduction. */
interface Reducing {
  size_average: boolean | null
  reduce: boolean | null
  reduction: F.Reduction
}

class Loss extends Module {
  reduction: F.Reduction

  constructor({ size_average, reduce, reduction }: Reducing) {
    super()
    this.reduction = reductionOf(size_average, reduce, reduction)
    reductionCode(this.reduction)
  }
}

/** A loss over classes, each with a weight. */
class WeightedLoss extends Loss {
  declare weight: Tensor | null

  constructor(values: Reducing & { weight: Tensor | null }) {
    super(values)
    this.register_buffer('weight', values.weight)
  }
}

/** Mean squared error of input and target (*): the mean of (x - y)², or their sum, or each, as `reduction` says. */
export class MSELoss extends Loss {
  constructor(...args: Arguments['nn.MSELoss']) {
    super(read('nn.MSELoss', args))
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.mse_loss(input, target, { reduction: this.reduction })
  }
}

/** Mean absolute error of input and target (*): the mean of |x - y|, or their sum, or each, as `reduction` says. */
export class L1Loss extends Loss {
  constructor(...args: Arguments['nn.L1Loss']) {
    super(read('nn.L1Loss', args))
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.l1_loss(input, target, { reduction: this.reduction })
  }
}

/**
 * Cross entropy of logits (C), (N, C) or (N, C, d1, ...) and targets: int64 classes (), (N) or (N, d1, ...), or
 * probabilities of the logits' shape. `weight` (C): the weight of each class; `ignore_index`: the class whose targets
 * count nothing; `label_smoothing`, in [0, 1]: how much of the target is spread over all classes.
 */
export class CrossEntropyLoss extends WeightedLoss {
  ignore_index: number
  label_smoothing: number

  constructor(...args: Arguments['nn.CrossEntropyLoss']) {
    const values = read('nn.CrossEntropyLoss', args)
    super(values)
    this.ignore_index = values.ignore_index
    this.label_smoothing = values.label_smoothing
  }

  forward(input: Tensor, target: Tensor): Tensor {
    const { weight, ignore_index, reduction, label_smoothing } = this
    return F.cross_entropy(input, target, { weight, ignore_index, reduction, label_smoothing })
  }
}

/**
 * Negative log likelihood of log-probabilities (N, C) or (N, C, d1, ...) and int64 classes (N) or (N, d1, ...).
 * `weight` (C): the weight of each class; `ignore_index`: the class whose targets count nothing.
 */
export class NLLLoss extends WeightedLoss {
  ignore_index: number

  constructor(...args: Arguments['nn.NLLLoss']) {
    const values = read('nn.NLLLoss', args)
    super(values)
    this.ignore_index = values.ignore_index
  }

  forward(input: Tensor, target: Tensor): Tensor {
    const { weight, ignore_index, reduction } = this
    return F.nll_loss(input, target, { weight, ignore_index, reduction })
  }
}
