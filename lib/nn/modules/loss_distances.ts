// Losses of similarity: two or three inputs, which should be near each other, or far apart by a margin.

import type { Tensor } from '../../core/tensor.js'
import * as F from '../functional/index.js'
import type { Arguments } from '../generated/arguments.js'
import { PairwiseDistance } from './distance.js'
import { lossModule } from './loss_module.js'

/**
 * Of distances x and targets y of 1 or -1: ℓ = x where y is 1, max(0, margin - x) where it is -1.
 *
 * Shapes: input and target (*), alike; the loss (), with `reduction` 'none' (*).
 * @see `torch.nn.HingeEmbeddingLoss`
 */
export class HingeEmbeddingLoss extends lossModule('nn.HingeEmbeddingLoss') {
  forward(input: Tensor, target: Tensor): Tensor {
    return F.hinge_embedding_loss(input, target, { margin: this.margin, reduction: this.reduction })
  }
}

/**
 * Of two vectors and a target y of 1 or -1: ℓ = 1 - cos(x1, x2) where y is 1, max(0, cos(x1, x2) - margin) where it is -1.
 *
 * `margin`: from -1 to 1; 0 to 0.5 is usual.
 * Shapes: input1 and input2 (N, D) or (D); target (N) or (); the loss (), with `reduction` 'none' as the target.
 * @see `torch.nn.CosineEmbeddingLoss`
 */
export class CosineEmbeddingLoss extends lossModule('nn.CosineEmbeddingLoss') {
  forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return F.cosine_embedding_loss(input1, input2, target, { margin: this.margin, reduction: this.reduction })
  }
}

/**
 * Of two scores, the first of which should be the higher where y is 1, the lower where it is -1:
 * ℓ = max(0, -y (x1 - x2) + margin).
 *
 * Shapes: input1, input2 and target (N) or (); the loss (), with `reduction` 'none' alike.
 * @throws for inputs that differ in their number of dimensions
 * @see `torch.nn.MarginRankingLoss`
 */
export class MarginRankingLoss extends lossModule('nn.MarginRankingLoss') {
  forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return F.margin_ranking_loss(input1, input2, target, { margin: this.margin, reduction: this.reduction })
  }
}

function checkMargin(name: string, margin: number): void {
  if (margin > 0) return
  throw new RangeError(`${name}: expected margin to be greater than 0, got ${margin} instead`)
}

/**
 * Of an anchor, an example like it and one unlike it: ℓ = max(0, d(a, p) - d(a, n) + margin), d(x, y) = ‖x - y + ε‖_p.
 *
 * `margin`, above 0. `p`: of the norm. `eps`: ε. `swap`: d(p, n) counts instead of d(a, n) where it is less.
 * Shapes: anchor, positive and negative (N, D) or (D); the loss (), with `reduction` 'none' (N) or ().
 * @throws RangeError for a margin that is not above 0
 * @see `torch.nn.TripletMarginLoss`; Balntas et al. 2016, Learning shallow convolutional feature descriptors with triplet
 * losses
 */
export class TripletMarginLoss extends lossModule('nn.TripletMarginLoss') {
  constructor(...args: Arguments['nn.TripletMarginLoss']) {
    super(...args)
    checkMargin('TripletMarginLoss', this.margin)
  }

  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    const { margin, p, eps, swap, reduction } = this
    return F.triplet_margin_loss(anchor, positive, negative, { margin, p, eps, swap, reduction })
  }
}

/**
 * TripletMarginLoss with a distance of one's own: ℓ = max(0, d(a, p) - d(a, n) + margin).
 *
 * `distance_function`: d, a function or a module; null for PairwiseDistance. `margin`, above 0. `swap`: d(p, n) counts
 * instead of d(a, n) where it is less.
 * Shapes: anchor, positive and negative as d takes them; the loss (), with `reduction` 'none' as d gives it.
 * @throws RangeError for a margin that is not above 0; Error for inputs that differ in their number of dimensions
 * @see `torch.nn.TripletMarginWithDistanceLoss`
 */
export class TripletMarginWithDistanceLoss extends lossModule('nn.TripletMarginWithDistanceLoss') {
  constructor(...args: Arguments['nn.TripletMarginWithDistanceLoss']) {
    super(...args)
    checkMargin('TripletMarginWithDistanceLoss', this.margin)
    this.distance_function ??= new PairwiseDistance()
  }

  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    const { distance_function, margin, swap, reduction } = this
    return F.triplet_margin_with_distance_loss(anchor, positive, negative, {
      distance_function,
      margin,
      swap,
      reduction,
    })
  }
}
