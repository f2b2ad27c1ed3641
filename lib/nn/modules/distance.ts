// Modules of two inputs: how far apart they are, how alike.

import type { Tensor } from '../../core/tensor.js'
import * as F from '../functional/index.js'
import { settingsModule } from './settings_module.js'

/**
 * The p-norm of the difference of two vectors, ‖x1 - x2 + ε‖_p. Inputs (N, D) or (D), broadcast against each other;
 * output (N) or (), with keepdim (N, 1) or (1).
 *
 * - p (2): the norm's exponent, kept as `norm`
 * - eps (1e-6): ε, which keeps the gradient finite where both are alike
 * - keepdim (false): whether the vectors' dimension stays, with size 1
 *
 * @throws on a call, where the shapes cannot be broadcast.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.PairwiseDistance.html
 */
export class PairwiseDistance extends settingsModule('nn.PairwiseDistance', '', ({ p, eps, keepdim }) => ({
  norm: p,
  eps,
  keepdim,
})) {
  forward(x1: Tensor, x2: Tensor): Tensor {
    return F.pairwise_distance(x1, x2, this.norm, this.eps, this.keepdim)
  }
}

/**
 * The cosine of the angle between vectors along a dimension: x1 · x2 / (max(‖x1‖, ε) max(‖x2‖, ε)). Inputs (*, D, *),
 * broadcast against each other; output (*, *).
 *
 * - dim (1): the vectors' dimension
 * - eps (1e-8): ε, which keeps the division finite
 *
 * @throws on a call, where the shapes cannot be broadcast, or lack the dimension.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.CosineSimilarity.html
 */
export class CosineSimilarity extends settingsModule('nn.CosineSimilarity') {
  forward(x1: Tensor, x2: Tensor): Tensor {
    return F.cosine_similarity(x1, x2, this.dim, this.eps)
  }
}
