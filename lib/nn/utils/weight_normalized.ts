// The parametrization of weight_norm.

import type { Tensor } from '../../core/tensor.js'
import * as aten from '../../generated/aten.js'
import * as torch from '../../generated/functions.js'
import { Module } from '../modules/module.js'

export class WeightNormalized extends Module {
  static override readonly name: string = '_WeightNorm'
  /** -1 for one length of the whole weight. */
  readonly dim: number

  constructor(dim: number | null) {
    super()
    this.dim = dim ?? -1
  }

  forward(weight_g: Tensor, weight_v: Tensor): Tensor {
    return aten._weight_norm(weight_v, weight_g, this.dim)
  }

  right_inverse(weight: Tensor): Tensor[] {
    return [torch.norm_except_dim(weight, 2, this.dim), weight]
  }
}
