// Losses over classes: an input has a score for each class, and the target says which of them are right.

import type { Tensor } from '../../core/tensor.js'
import { warn } from '../../core/warn.js'
import * as F from '../functional/index.js'
import { type Arguments, read } from '../generated/arguments.js'
import { lossModule } from './loss_module.js'

/**
 * Cross entropy of logits x and classes y: ℓ_n = -w_{y_n} log softmax(x_n)_{y_n}; of probabilities y:
 * ℓ_n = -Σ_c w_c y_{n,c} log softmax(x_n)_c.
 *
 * `weight` (C): w; the 'mean' of classes is over the weights of the targets. `ignore_index`: the class whose targets count
 * nothing; of classes alone. `label_smoothing`, in [0, 1]: how much of the target is spread evenly over all classes.
 * Shapes: input (C), (N, C) or (N, C, d1, ...); target int64 classes (), (N) or (N, d1, ...), or probabilities of the
 * input's shape; the loss (), with `reduction` 'none' as the classes.
 * @throws for a class out of range, and for targets that are neither int64 nor of the input's shape
 * @see `torch.nn.CrossEntropyLoss`; label smoothing: Szegedy et al. 2016, Rethinking the Inception architecture
 */
export class CrossEntropyLoss extends lossModule('nn.CrossEntropyLoss') {
  forward(input: Tensor, target: Tensor): Tensor {
    const { weight, ignore_index, reduction, label_smoothing } = this
    return F.cross_entropy(input, target, { weight, ignore_index, reduction, label_smoothing })
  }
}

/**
 * Negative log likelihood of log-probabilities x and classes y: ℓ_n = -w_{y_n} x_{n, y_n}.
 *
 * `weight` (C): w; the 'mean' is over the weights of the targets. `ignore_index`: the class whose targets count nothing.
 * Shapes: input (C), (N, C) or (N, C, d1, ...); target int64 (), (N) or (N, d1, ...); the loss (), with `reduction` 'none'
 * as the target.
 * @throws for a class out of range
 * @see `torch.nn.NLLLoss`
 */
export class NLLLoss extends lossModule('nn.NLLLoss') {
  forward(input: Tensor, target: Tensor): Tensor {
    const { weight, ignore_index, reduction } = this
    return F.nll_loss(input, target, { weight, ignore_index, reduction })
  }
}

/** Python's old name of NLLLoss for images. */
export class NLLLoss2d extends NLLLoss {
  constructor(...args: Arguments['nn.NLLLoss2d']) {
    warn(
      '`NLLLoss2d` has been deprecated. Please use `NLLLoss` instead as a drop-in replacement and see ' +
        'https://pytorch.org/docs/main/nn.html#torch.nn.NLLLoss for more details.',
    )
    super(read('nn.NLLLoss2d', args))
  }
}

/**
 * Hinge loss of one right class: ℓ_n = Σ_{i ≠ y_n} w_{y_n} max(0, margin - x_{n, y_n} + x_{n, i})ᵖ / C.
 *
 * `p`: 1 or 2. `weight` (C): w.
 * Shapes: input (N, C) or (C); target int64 (N) or (); the loss (), with `reduction` 'none' as the target.
 * @throws RangeError for another `p`, and for a weight of another number of dimensions
 * @see `torch.nn.MultiMarginLoss`
 */
export class MultiMarginLoss extends lossModule('nn.MultiMarginLoss') {
  constructor(...args: Arguments['nn.MultiMarginLoss']) {
    super(...args)
    const { p, weight } = this
    if (p !== 1 && p !== 2) throw new RangeError('only p == 1 and p == 2 supported')
    if (weight !== null && weight.dim() !== 1) {
      throw new RangeError(`MultiMarginLoss: expected weight to be None or 1D tensor, got ${weight.dim()}D instead`)
    }
  }

  forward(input: Tensor, target: Tensor): Tensor {
    const { p, margin, weight, reduction } = this
    return F.multi_margin_loss(input, target, { p, margin, weight, reduction })
  }
}

/**
 * Hinge loss of several right classes: ℓ_n = Σ_{j right} Σ_{i not right} max(0, 1 - x_{n, j} + x_{n, i}) / C.
 *
 * Shapes: input (N, C) or (C); target int64 alike: the right classes, then -1, after which nothing counts; the loss (),
 * with `reduction` 'none' (N) or ().
 * @see `torch.nn.MultiLabelMarginLoss`
 */
export class MultiLabelMarginLoss extends lossModule('nn.MultiLabelMarginLoss') {
  forward(input: Tensor, target: Tensor): Tensor {
    return F.multilabel_margin_loss(input, target, { reduction: this.reduction })
  }
}

/**
 * Each class's own logistic loss: ℓ_n = -Σ_c w_c (y_{n,c} log σ(x_{n,c}) + (1 - y_{n,c}) log(1 - σ(x_{n,c}))) / C, with
 * targets y of 0 or 1.
 *
 * `weight` (C): w.
 * Shapes: input and target (N, C); the loss (), with `reduction` 'none' (N).
 * @see `torch.nn.MultiLabelSoftMarginLoss`
 */
export class MultiLabelSoftMarginLoss extends lossModule('nn.MultiLabelSoftMarginLoss') {
  forward(input: Tensor, target: Tensor): Tensor {
    return F.multilabel_soft_margin_loss(input, target, { weight: this.weight, reduction: this.reduction })
  }
}

/**
 * Connectionist temporal classification: -log of the probability of a target sequence, summed over all ways in which
 * repeated classes and blanks between them stretch it to the input's length.
 *
 * `blank`: the blank's class. `zero_infinity`: an infinite loss, of an input too short for its target, is zero, and its
 * gradient too. `reduction` 'mean' divides each loss by its target's length first.
 * Shapes: log_probs (T, N, C) or (T, C), log-probabilities; targets int64 (N, S), padded, or (sum of target_lengths);
 * input_lengths and target_lengths (N) or (), tensors or lists; the loss (), with `reduction` 'none' (N) or ().
 * @see `torch.nn.CTCLoss`; Graves et al. 2006, Connectionist temporal classification
 */
export class CTCLoss extends lossModule('nn.CTCLoss') {
  forward(
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | readonly number[],
    target_lengths: Tensor | readonly number[],
  ): Tensor {
    const { blank, reduction, zero_infinity } = this
    return F.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity)
  }
}
