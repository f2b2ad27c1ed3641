// Activations over the elements along a dimension.

import type { Tensor } from '../../core/tensor.js'
import * as F from '../functional/index.js'
import { settingsModule } from './settings_module.js'

/**
 * Probabilities along a dimension: exp(x_i) / Σ_j exp(x_j). Any shape.
 *
 * - dim (null): the dimension whose elements sum to 1; without it, Python's deprecated choice by the number of
 *   dimensions: 0 for inputs of 0, 1 or 3 dimensions, else 1
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Softmax.html
 */
export class Softmax extends settingsModule('nn.Softmax', '{dim=}') {
  forward(input: Tensor): Tensor {
    return F.softmax(input, { dim: this.dim })
  }
}

/**
 * Probabilities along the channels of images: Softmax over C of an input (N, C, H, W) or (C, H, W).
 *
 * @throws where the input has neither 3 nor 4 dimensions.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Softmax2d.html
 */
export class Softmax2d extends settingsModule('nn.Softmax2d') {
  forward(input: Tensor): Tensor {
    const dims = input.dim()
    if (dims !== 3 && dims !== 4) throw new RangeError(`Softmax2d: expected input to be 3D or 4D, got ${dims}D instead`)
    return F.softmax(input, -3)
  }
}

/**
 * Probabilities along a dimension, the smallest element's the greatest: exp(-x_i) / Σ_j exp(-x_j). Any shape.
 *
 * - dim (null): as Softmax's
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Softmin.html
 */
export class Softmin extends settingsModule('nn.Softmin', '{dim=}') {
  forward(input: Tensor): Tensor {
    return F.softmin(input, { dim: this.dim })
  }
}

/**
 * Log-probabilities along a dimension: the logarithm of Softmax, computed in one step. Any shape.
 *
 * - dim (null): as Softmax's
 *
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.LogSoftmax.html
 */
export class LogSoftmax extends settingsModule('nn.LogSoftmax', '{dim=}') {
  forward(input: Tensor): Tensor {
    return F.log_softmax(input, { dim: this.dim })
  }
}
