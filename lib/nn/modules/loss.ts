// Losses of numbers: how far an input is from its target, or from the distribution that the target has.

import type { Tensor } from '../../core/tensor.js'
import * as F from '../functional/index.js'
import { lossModule } from './loss_module.js'

/**
 * Mean absolute error: ℓ = |x - y| of each element.
 *
 * Shapes: input and target (*), alike; the loss (), with `reduction` 'none' (*).
 * @see `torch.nn.L1Loss`
 */
export class L1Loss extends lossModule('nn.L1Loss') {
  forward(input: Tensor, target: Tensor): Tensor {
    return F.l1_loss(input, target, { reduction: this.reduction })
  }
}

/**
 * Mean squared error: ℓ = (x - y)² of each element.
 *
 * Shapes: input and target (*), alike; the loss (), with `reduction` 'none' (*).
 * @see `torch.nn.MSELoss`
 */
export class MSELoss extends lossModule('nn.MSELoss') {
  forward(input: Tensor, target: Tensor): Tensor {
    return F.mse_loss(input, target, { reduction: this.reduction })
  }
}

/**
 * Squared near zero, absolute beyond: ℓ = (x - y)² / 2β where |x - y| < β, else |x - y| - β / 2.
 *
 * `beta`, at least 0: where the square ends; with 0 it is L1Loss.
 * Shapes: input and target (*), alike; the loss (), with `reduction` 'none' (*).
 * @throws for a negative `beta`, when it is called
 * @see `torch.nn.SmoothL1Loss`; Girshick 2015, Fast R-CNN
 */
export class SmoothL1Loss extends lossModule('nn.SmoothL1Loss') {
  forward(input: Tensor, target: Tensor): Tensor {
    return F.smooth_l1_loss(input, target, { reduction: this.reduction, beta: this.beta })
  }
}

/**
 * Squared near zero, absolute beyond: ℓ = (x - y)² / 2 where |x - y| ≤ δ, else δ (|x - y| - δ / 2): δ times SmoothL1Loss
 * of β = δ.
 *
 * `delta`, above 0: where the square ends.
 * Shapes: input and target (*), alike; the loss (), with `reduction` 'none' (*).
 * @throws for a `delta` that is not above 0, when it is called
 * @see `torch.nn.HuberLoss`; Huber 1964, Robust estimation of a location parameter
 */
export class HuberLoss extends lossModule('nn.HuberLoss') {
  forward(input: Tensor, target: Tensor): Tensor {
    return F.huber_loss(input, target, { reduction: this.reduction, delta: this.delta })
  }
}

/**
 * Negative log likelihood of counts that follow Poisson's distribution: ℓ = eˣ - y x; where `log_input` is false, the
 * input is the rate itself, and ℓ = x - y log(x + ε).
 *
 * `full`: adds Stirling's approximation of log(y!), y log y - y + log(2π y) / 2, where y > 1. `eps`: keeps log(0) away.
 * Shapes: input and target (*), alike; the loss (), with `reduction` 'none' (*).
 * @see `torch.nn.PoissonNLLLoss`
 */
export class PoissonNLLLoss extends lossModule('nn.PoissonNLLLoss') {
  forward(log_input: Tensor, target: Tensor): Tensor {
    const { full, eps, reduction } = this
    return F.poisson_nll_loss(log_input, target, { log_input: this.log_input, full, eps, reduction })
  }
}

/**
 * Negative log likelihood of targets that are normally distributed, where a network gives mean and variance:
 * ℓ = (log max(var, ε) + (x - y)² / max(var, ε)) / 2.
 *
 * `full`: adds the constant log(2π) / 2. `eps`: the least variance; it has no part in the gradient.
 * Shapes: input and target (N, *); var as the input, or with a last dimension of 1, or without it, or a number; the loss
 * (), with `reduction` 'none' as the input.
 * @throws RangeError for a negative variance, and for one of another shape
 * @see `torch.nn.GaussianNLLLoss`; Nix and Weigend 1994, Estimating the mean and variance of the target probability
 * distribution
 */
export class GaussianNLLLoss extends lossModule('nn.GaussianNLLLoss') {
  forward(input: Tensor, target: Tensor, variance: Tensor | number): Tensor {
    const { full, eps, reduction } = this
    return F.gaussian_nll_loss(input, target, variance, { full, eps, reduction })
  }
}

/**
 * Kullback-Leibler divergence of log-probabilities x from probabilities y: ℓ = y (log y - x) of each element.
 *
 * `log_target`: the targets are log-probabilities too, and ℓ = eʸ (y - x). `reduction` 'batchmean', the sum divided by the
 * batch's size, is the divergence's definition; 'mean' divides by the number of elements.
 * Shapes: input and target (*), alike; the loss (), with `reduction` 'none' (*).
 * @see `torch.nn.KLDivLoss`
 */
export class KLDivLoss extends lossModule('nn.KLDivLoss', 'batchmean') {
  forward(input: Tensor, target: Tensor): Tensor {
    return F.kl_div(input, target, { reduction: this.reduction, log_target: this.log_target })
  }
}

/**
 * Binary cross entropy of probabilities x and targets y in [0, 1]: ℓ = -w (y log x + (1 - y) log(1 - x)), the logarithms
 * at least -100.
 *
 * `weight`: w, broadcast to the targets. BCEWithLogitsLoss is more precise where the probabilities are a sigmoid's.
 * Shapes: input and target (*), alike; the loss (), with `reduction` 'none' (*).
 * @throws RangeError for shapes that differ; Error for an input outside of [0, 1]
 * @see `torch.nn.BCELoss`
 */
export class BCELoss extends lossModule('nn.BCELoss') {
  forward(input: Tensor, target: Tensor): Tensor {
    return F.binary_cross_entropy(input, target, { weight: this.weight, reduction: this.reduction })
  }
}

/**
 * Binary cross entropy of logits x and targets y in [0, 1], a sigmoid and BCELoss in one step that does not overflow:
 * ℓ = -w (p y log σ(x) + (1 - y) log(1 - σ(x))).
 *
 * `weight`: w, broadcast to the targets. `pos_weight`: p, the weight of the positive targets, broadcast too; of several
 * classes (N, C) it has (C).
 * Shapes: input and target (*), alike; the loss (), with `reduction` 'none' (*).
 * @throws RangeError for shapes that differ
 * @see `torch.nn.BCEWithLogitsLoss`
 */
export class BCEWithLogitsLoss extends lossModule('nn.BCEWithLogitsLoss') {
  forward(input: Tensor, target: Tensor): Tensor {
    const { weight, pos_weight, reduction } = this
    return F.binary_cross_entropy_with_logits(input, target, { weight, pos_weight, reduction })
  }
}

/**
 * ℓ = log(1 + exp(-y x)) of each element, with targets y of 1 or -1.
 *
 * Shapes: input and target (*), alike; the loss (), with `reduction` 'none' (*).
 * @see `torch.nn.SoftMarginLoss`
 */
export class SoftMarginLoss extends lossModule('nn.SoftMarginLoss') {
  forward(input: Tensor, target: Tensor): Tensor {
    return F.soft_margin_loss(input, target, { reduction: this.reduction })
  }
}
