import type { Tensor } from '../../core/tensor.js'
import { checkKeys } from '../../operators/arguments.js'
import { reductionCode } from '../../operators/reduction.js'
import * as F from '../functional/index.js'
import { Buffer } from '../parameter.js'
import { Module } from './module.js'

interface LossOptions {
  reduction?: F.Reduction | undefined
}

interface ClassLossOptions extends LossOptions {
  /** (C): the weight of each class. */
  weight?: Tensor | null | undefined
  /** The class whose targets count nothing. */
  ignore_index?: number | undefined
}

interface CrossEntropyOptions extends ClassLossOptions {
  /** In [0, 1]: how much of the target is spread over all classes. */
  label_smoothing?: number | undefined
}

class Loss extends Module {
  reduction: F.Reduction

  constructor(reduction: F.Reduction = 'mean') {
    super()
    reductionCode(reduction)
    this.reduction = reduction
  }
}

/** Mean squared error of input and target (*). Reduced to a number unless reduction is 'none'. */
export class MSELoss extends Loss {
  constructor(options: LossOptions = {}) {
    checkKeys('MSELoss', options, ['reduction'])
    super(options.reduction)
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.mse_loss(input, target, { reduction: this.reduction })
  }
}

/** Mean absolute error of input and target (*). */
export class L1Loss extends Loss {
  constructor(options: LossOptions = {}) {
    checkKeys('L1Loss', options, ['reduction'])
    super(options.reduction)
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    return F.l1_loss(input, target, { reduction: this.reduction })
  }
}

/**
 * Cross entropy of logits (C), (N, C) or (N, C, d1, ...) and targets: int64 classes (), (N) or (N, d1, ...), or
 * probabilities of the logits' shape.
 */
export class CrossEntropyLoss extends Loss {
  weight: Buffer | null
  ignore_index: number
  label_smoothing: number

  constructor(options: CrossEntropyOptions = {}) {
    checkKeys('CrossEntropyLoss', options, ['weight', 'ignore_index', 'reduction', 'label_smoothing'])
    super(options.reduction)
    this.weight = options.weight ? new Buffer(options.weight) : null
    this.ignore_index = options.ignore_index ?? -100
    this.label_smoothing = options.label_smoothing ?? 0
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    const { weight, ignore_index, reduction, label_smoothing } = this
    return F.cross_entropy(input, target, { weight, ignore_index, reduction, label_smoothing })
  }
}

/** Negative log likelihood of log-probabilities (N, C) or (N, C, d1, ...) and int64 classes (N) or (N, d1, ...). */
export class NLLLoss extends Loss {
  weight: Buffer | null
  ignore_index: number

  constructor(options: ClassLossOptions = {}) {
    checkKeys('NLLLoss', options, ['weight', 'ignore_index', 'reduction'])
    super(options.reduction)
    this.weight = options.weight ? new Buffer(options.weight) : null
    this.ignore_index = options.ignore_index ?? -100
  }

  override forward(input: Tensor, target: Tensor): Tensor {
    const { weight, ignore_index, reduction } = this
    return F.nll_loss(input, target, { weight, ignore_index, reduction })
  }
}
