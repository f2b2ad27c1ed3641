// torch.nn.functional: losses.

import { native } from '../../core/native.js'
import { internals, type Tensor } from '../../core/tensor.js'
import { warn } from '../../core/warn.js'
import * as aten from '../../generated/aten.js'
import * as torch from '../../generated/functions.js'
import * as nn from '../../generated/nn_functional.js'
import { pythonFunction } from '../../operators/arguments.js'
import type * as signature from '../../operators/generated/python_functions.js'
import { type Reduction, reductionCode, reductionOf } from '../../operators/reduction.js'

const { handleOf } = internals

type Optional = Tensor | null
type Flag = boolean | null

const codeOf = (size_average: Flag, reduce: Flag, reduction: Reduction) =>
  reductionCode(reductionOf(size_average, reduce, reduction))

function reduced(loss: Tensor, reduction: Reduction): Tensor {
  reductionCode(reduction)
  return reduction === 'none' ? loss : reduction === 'sum' ? loss.sum() : loss.mean()
}

/** Broadcasts the two, with a warning where their shapes differ. */
function ofOneShape(input: Tensor, target: Tensor): [input: Tensor, target: Tensor] {
  if (native.same_sizes(handleOf(input), handleOf(target))) return [input, target]
  warn(
    `Using a target size (${target.shape}) that is different to the input size (${input.shape}). ` +
      'This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.',
  )
  const [wideInput, wideTarget] = aten.broadcast_tensors([input, target])
  return [wideInput, wideTarget]
}

/** Errors times weights; their mean is over the weights. */
function weighted(errors: Tensor, weight: Tensor, input: Tensor, reduction: Reduction): Tensor {
  if (!weight.shape.equals(input.shape)) throw new RangeError('Weights and input must have the same size.')
  const products = errors.mul(weight)
  return reduction === 'mean' ? products.sum().div(weight.sum()) : reduced(products, reduction)
}

export const mse_loss = pythonFunction<signature.nn_functional_mse_loss>(
  'nn.functional.mse_loss',
  (input: Tensor, target: Tensor, average: Flag, reduce: Flag, reduction: Reduction, weight: Optional) => {
    const chosen = reductionOf(average, reduce, reduction)
    const [x, y] = ofOneShape(input, target)
    if (weight !== null) return weighted(x.sub(y).pow(2), weight, input, chosen)
    return aten.mse_loss(x, y, reductionCode(chosen))
  },
)

export const l1_loss = pythonFunction<signature.nn_functional_l1_loss>(
  'nn.functional.l1_loss',
  (input: Tensor, target: Tensor, average: Flag, reduce: Flag, reduction: Reduction, weight: Optional) => {
    const chosen = reductionOf(average, reduce, reduction)
    const [x, y] = ofOneShape(input, target)
    if (weight !== null) return weighted(x.sub(y).abs(), weight, input, chosen)
    return aten.l1_loss(x, y, reductionCode(chosen))
  },
)

export const smooth_l1_loss = pythonFunction<signature.nn_functional_smooth_l1_loss>(
  'nn.functional.smooth_l1_loss',
  (input: Tensor, target: Tensor, average: Flag, reduce: Flag, reduction: Reduction, beta: number) => {
    const code = codeOf(average, reduce, reduction)
    const [x, y] = ofOneShape(input, target)
    return beta === 0 ? aten.l1_loss(x, y, code) : aten.smooth_l1_loss(x, y, code, beta)
  },
)

export const huber_loss = pythonFunction<signature.nn_functional_huber_loss>(
  'nn.functional.huber_loss',
  (input: Tensor, target: Tensor, reduction: Reduction, delta: number, weight: Optional) => {
    const [x, y] = ofOneShape(input, target)
    if (weight === null) return aten.huber_loss(x, y, reductionCode(reduction), delta)
    if (!weight.shape.equals(input.shape)) throw new RangeError('Weights and input must have the same size.')
    return reduced(aten.huber_loss(x, y, reductionCode('none'), delta).mul(weight), reduction)
  },
)

/**
 * Cross entropy between logits and targets.
 * input: (C), (N, C) or (N, C, d1, ...) logits; target: class indices (int64) of shape (), (N) or (N, d1, ...), or
 * probabilities of input's shape.
 */
export const cross_entropy = pythonFunction<signature.nn_functional_cross_entropy>(
  'nn.functional.cross_entropy',
  (
    input: Tensor,
    target: Tensor,
    weight: Optional,
    average: Flag,
    ignore_index: number,
    reduce: Flag,
    reduction: Reduction,
    label_smoothing: number,
  ) => nn.cross_entropy_loss(input, target, weight, codeOf(average, reduce, reduction), ignore_index, label_smoothing),
)

/** Negative log likelihood. input: (N, C) or (N, C, d1, ...) log-probabilities; target: (N) or (N, d1, ...) classes. */
export const nll_loss = pythonFunction<signature.nn_functional_nll_loss>(
  'nn.functional.nll_loss',
  (
    input: Tensor,
    target: Tensor,
    weight: Optional,
    average: Flag,
    ignore_index: number,
    reduce: Flag,
    reduction: Reduction,
  ) => nn.nll_loss_nd(input, target, weight, codeOf(average, reduce, reduction), ignore_index),
)

export const binary_cross_entropy = pythonFunction<signature.nn_functional_binary_cross_entropy>(
  'nn.functional.binary_cross_entropy',
  (input: Tensor, target: Tensor, weight: Optional, average: Flag, reduce: Flag, reduction: Reduction) => {
    const code = codeOf(average, reduce, reduction)
    if (!target.shape.equals(input.shape)) {
      throw new RangeError(
        `Using a target size (${target.shape}) that is different to the input size (${input.shape}) is deprecated. ` +
          'Please ensure they have the same size.',
      )
    }
    const expanded = weight === null ? null : (aten.broadcast_tensors([target, weight])[1] as Tensor)
    return aten.binary_cross_entropy(input, target, expanded, code)
  },
)

export const binary_cross_entropy_with_logits =
  pythonFunction<signature.nn_functional_binary_cross_entropy_with_logits>(
    'nn.functional.binary_cross_entropy_with_logits',
    (
      input: Tensor,
      target: Tensor,
      weight: Optional,
      average: Flag,
      reduce: Flag,
      reduction: Reduction,
      pos_weight: Optional,
    ) => {
      const code = codeOf(average, reduce, reduction)
      if (!target.shape.equals(input.shape)) {
        throw new RangeError(`Target size (${target.shape}) must be the same as input size (${input.shape})`)
      }
      return torch.binary_cross_entropy_with_logits(input, target, weight, pos_weight, code)
    },
  )

export const kl_div = pythonFunction<signature.nn_functional_kl_div>(
  'nn.functional.kl_div',
  (
    input: Tensor,
    target: Tensor,
    average: Flag,
    reduce: Flag,
    reduction: Reduction | 'batchmean',
    log_target: boolean,
  ) => {
    if (average === null && reduce === null && reduction === 'mean') {
      warn(
        "reduction: 'mean' divides the total loss by both the batch size and the support size. 'batchmean' divides " +
          'only by the batch size, and aligns with the KL div math definition.',
      )
    }
    const batchmean = reduction === 'batchmean'
    const code = codeOf(average, reduce, batchmean ? 'sum' : (reduction as Reduction))
    const loss = torch.kl_div(input, target, code, { log_target })
    return batchmean && input.dim() > 0 ? loss.div(input.size(0)) : loss
  },
)

export const poisson_nll_loss = pythonFunction<signature.nn_functional_poisson_nll_loss>(
  'nn.functional.poisson_nll_loss',
  (
    input: Tensor,
    target: Tensor,
    log_input: boolean,
    full: boolean,
    average: Flag,
    eps: number,
    reduce: Flag,
    reduction: Reduction,
  ) => torch.poisson_nll_loss(input, target, log_input, full, eps, codeOf(average, reduce, reduction)),
)

export const gaussian_nll_loss = pythonFunction<signature.nn_functional_gaussian_nll_loss>(
  'nn.functional.gaussian_nll_loss',
  (input: Tensor, target: Tensor, given: Tensor | number, full: boolean, eps: number, reduction: Reduction) => {
    const negative = typeof given === 'number' ? given < 0 : Boolean(given.lt(0).any().item<boolean>())
    if (negative) throw new RangeError('var has negative entry/entries')
    let variance = typeof given === 'number' ? torch.ones_like(input).mul(given) : given
    const [wanted, shape] = [[...input.shape], [...variance.shape]]
    if (!variance.shape.equals(wanted)) {
      const different = shape.filter((size, i) => size !== wanted[i])
      if (variance.shape.equals(wanted.slice(0, -1))) variance = variance.unsqueeze(-1)
      else if (!(shape.length === wanted.length && different.reduce((sum, size) => sum + size, 0) === 1)) {
        throw new RangeError('var is of incorrect size')
      }
    }
    if (!['none', 'mean', 'sum'].includes(reduction)) throw new RangeError(`${reduction} is not valid`)
    variance = variance.clone()
    // The least variance is no part of the graph.
    variance.detach().clamp_(eps)
    let loss = variance.log().add(input.sub(target).pow(2).div(variance)).mul(0.5)
    if (full) loss = loss.add(0.5 * Math.log(2 * Math.PI))
    return reduced(loss, reduction)
  },
)

/** The losses whose operator takes Python's values in Python's order, and the reduction as a number last. */
const plain =
  <A extends unknown[]>(
    operator: (...values: [...A, reduction: number]) => Tensor,
    checks: (...values: A) => void = () => {},
  ) =>
  (...values: [...A, size_average: Flag, reduce: Flag, reduction: Reduction]): Tensor => {
    const [average, reduce, reduction] = values.splice(-3) as [Flag, Flag, Reduction]
    const own = values as unknown[] as A
    checks(...own)
    return operator(...own, codeOf(average, reduce, reduction))
  }

export const hinge_embedding_loss = pythonFunction<signature.nn_functional_hinge_embedding_loss>(
  'nn.functional.hinge_embedding_loss',
  plain<[input: Tensor, target: Tensor, margin: number]>(torch.hinge_embedding_loss),
)
export const multilabel_margin_loss = pythonFunction<signature.nn_functional_multilabel_margin_loss>(
  'nn.functional.multilabel_margin_loss',
  plain<[input: Tensor, target: Tensor]>(aten.multilabel_margin_loss),
)
export const soft_margin_loss = pythonFunction<signature.nn_functional_soft_margin_loss>(
  'nn.functional.soft_margin_loss',
  plain<[input: Tensor, target: Tensor]>(aten.soft_margin_loss),
)
export const cosine_embedding_loss = pythonFunction<signature.nn_functional_cosine_embedding_loss>(
  'nn.functional.cosine_embedding_loss',
  plain<[input1: Tensor, input2: Tensor, target: Tensor, margin: number]>(torch.cosine_embedding_loss),
)
export const margin_ranking_loss = pythonFunction<signature.nn_functional_margin_ranking_loss>(
  'nn.functional.margin_ranking_loss',
  plain<[input1: Tensor, input2: Tensor, target: Tensor, margin: number]>(
    torch.margin_ranking_loss,
    (input1, input2, target) => {
      if (input1.dim() === input2.dim() && input1.dim() === target.dim()) return
      throw new Error(
        'margin_ranking_loss : All input tensors should have same dimension but got sizes: ' +
          `input1: ${input1.shape}, input2: ${input2.shape}, target: ${target.shape} `,
      )
    },
  ),
)
export const multi_margin_loss = pythonFunction<signature.nn_functional_multi_margin_loss>(
  'nn.functional.multi_margin_loss',
  plain<[input: Tensor, target: Tensor, p: number, margin: number, weight: Optional]>(
    aten.multi_margin_loss,
    (_input, _target, p, _margin, weight) => {
      if (p !== 1 && p !== 2) throw new RangeError('only p == 1 and p == 2 supported')
      if (weight !== null && weight.dim() !== 1) throw new RangeError('weight must be one-dimensional')
    },
  ),
)

function checkMargin(margin: number): void {
  if (!(margin > 0)) throw new RangeError(`margin must be greater than 0, got ${margin}`)
}

export const triplet_margin_loss = pythonFunction<signature.nn_functional_triplet_margin_loss>(
  'nn.functional.triplet_margin_loss',
  plain<[anchor: Tensor, positive: Tensor, negative: Tensor, margin: number, p: number, eps: number, swap: boolean]>(
    torch.triplet_margin_loss,
    (_anchor, _positive, _negative, margin) => checkMargin(margin),
  ),
)

export const triplet_margin_with_distance_loss =
  pythonFunction<signature.nn_functional_triplet_margin_with_distance_loss>(
    'nn.functional.triplet_margin_with_distance_loss',
    (
      anchor: Tensor,
      positive: Tensor,
      negative: Tensor,
      distance_function: ((x: Tensor, y: Tensor) => Tensor) | null,
      margin: number,
      swap: boolean,
      reduction: Reduction,
    ) => {
      reductionCode(reduction)
      checkMargin(margin)
      const dims = [anchor.dim(), positive.dim(), negative.dim()]
      if (new Set(dims).size > 1) {
        throw new Error(
          'The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: ' +
            `anchor ${dims[0]}D, positive ${dims[1]}D, and negative ${dims[2]}D inputs`,
        )
      }
      const distance = distance_function ?? ((x, y) => torch.pairwise_distance(x, y))
      const near = distance(anchor, positive)
      let far = distance(anchor, negative)
      if (swap) far = far.minimum(distance(positive, negative))
      return reduced(near.add(margin).sub(far).clamp_min(0), reduction)
    },
  )

export const multilabel_soft_margin_loss = pythonFunction<signature.nn_functional_multilabel_soft_margin_loss>(
  'nn.functional.multilabel_soft_margin_loss',
  (input: Tensor, target: Tensor, weight: Optional, average: Flag, reduce: Flag, reduction: Reduction) => {
    const chosen = reductionOf(average, reduce, reduction)
    const yes = target.mul(nn.log_sigmoid(input))
    const no = torch.rsub(target, 1).mul(nn.log_sigmoid(input.neg()))
    const each = yes.add(no).neg()
    const classes = input.dim() - 1
    return reduced((weight === null ? each : each.mul(weight)).sum(classes).div(input.size(classes)), chosen)
  },
)

export const ctc_loss = pythonFunction<signature.nn_functional_ctc_loss>(
  'nn.functional.ctc_loss',
  (
    log_probs: Tensor,
    targets: Tensor,
    input_lengths: Tensor | readonly number[],
    target_lengths: Tensor | readonly number[],
    blank: number,
    reduction: Reduction,
    zero_infinity: boolean,
  ) =>
    torch.ctc_loss(
      log_probs,
      targets,
      // Both are lists, or both are tensors.
      input_lengths as Tensor,
      target_lengths as Tensor,
      blank,
      reductionCode(reduction),
      zero_infinity,
    ),
)
