// torch.nn.functional: the operators under generated/, and those whose Python signature is not the operator's.

import type { DType } from '../dtype.js'
import { native } from '../native.js'
import { aten } from '../operator_table.js'
import { internals, type Tensor } from '../tensor.js'
import { type Reduction, reductionCode } from './reduction.js'

const { handleOf, isTensor } = internals

export * from '../generated/nn_functional.js'

export type { Reduction }

interface LossOptions {
  reduction?: Reduction | undefined
}

/** x Wᵀ + b. input: (*, in); weight: (out, in) or (in); bias: (out) or (). Returns (*, out), or (*). */
export function linear(input: Tensor, weight: Tensor, bias: Tensor | null = null): Tensor {
  const missing = isTensor(input) ? (isTensor(weight) ? null : 'weight') : 'input'
  if (missing !== null || (bias !== null && !isTensor(bias))) {
    throw new TypeError(`linear(): argument '${missing ?? 'bias'}' must be Tensor`)
  }
  return internals.wrap(native.linear(handleOf(input), handleOf(weight), bias === null ? null : handleOf(bias)))
}

/** Mean squared error. input, target: (*), of one shape. */
export function mse_loss(input: Tensor, target: Tensor, { reduction = 'mean' }: LossOptions = {}): Tensor {
  const [expandedInput, expandedTarget] = ofOneShape('mse_loss', input, target)
  return aten<Tensor>('mse_loss', expandedInput, expandedTarget, reductionCode(reduction))
}

/** Mean absolute error. input, target: (*), of one shape. */
export function l1_loss(input: Tensor, target: Tensor, { reduction = 'mean' }: LossOptions = {}): Tensor {
  const [expandedInput, expandedTarget] = ofOneShape('l1_loss', input, target)
  return aten<Tensor>('l1_loss', expandedInput, expandedTarget, reductionCode(reduction))
}

/** Broadcasts the two, with a warning where their shapes differ. */
function ofOneShape(name: string, input: Tensor, target: Tensor): [input: Tensor, target: Tensor] {
  if (native.same_sizes(handleOf(input), handleOf(target))) return [input, target]
  process.emitWarning(
    `Using a target size (${target.shape}) that is different to the input size (${input.shape}) in ${name}. ` +
      'This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.',
  )
  return aten<[Tensor, Tensor]>('broadcast_tensors', [input, target])
}

export interface CrossEntropyOptions extends LossOptions {
  /** (C): the weight of each class. */
  weight?: Tensor | null | undefined
  /** The class whose targets count nothing. */
  ignore_index?: number | undefined
  /** In [0, 1]: how much of the target is spread over all classes. */
  label_smoothing?: number | undefined
}

/**
 * Cross entropy between logits and targets.
 * input: (C), (N, C) or (N, C, d1, ...) logits; target: class indices (int64) of shape (), (N) or (N, d1, ...), or
 * probabilities of input's shape.
 */
export function cross_entropy(
  input: Tensor,
  target: Tensor,
  { weight = null, ignore_index = -100, reduction = 'mean', label_smoothing = 0 }: CrossEntropyOptions = {},
): Tensor {
  return aten<Tensor>(
    'cross_entropy_loss',
    input,
    target,
    weight,
    reductionCode(reduction),
    ignore_index,
    label_smoothing,
  )
}

/** Negative log likelihood. input: (N, C) or (N, C, d1, ...) log-probabilities; target: (N) or (N, d1, ...) classes. */
export function nll_loss(
  input: Tensor,
  target: Tensor,
  { weight = null, ignore_index = -100, reduction = 'mean' }: Omit<CrossEntropyOptions, 'label_smoothing'> = {},
): Tensor {
  return aten<Tensor>('nll_loss_nd', input, target, weight, reductionCode(reduction), ignore_index)
}

/** Targets in {0, 1} against probabilities. input, target: (*). */
export function binary_cross_entropy(
  input: Tensor,
  target: Tensor,
  { weight = null, reduction = 'mean' }: { weight?: Tensor | null } & LossOptions = {},
): Tensor {
  return aten<Tensor>('binary_cross_entropy', input, target, weight, reductionCode(reduction))
}

/** Targets in {0, 1} against logits. input, target: (*). */
export function binary_cross_entropy_with_logits(
  input: Tensor,
  target: Tensor,
  {
    weight = null,
    reduction = 'mean',
    pos_weight = null,
  }: { weight?: Tensor | null; pos_weight?: Tensor | null } & LossOptions = {},
): Tensor {
  return aten<Tensor>('binary_cross_entropy_with_logits', input, target, weight, pos_weight, reductionCode(reduction))
}

interface SoftmaxOptions {
  dim?: number | undefined
  dtype?: DType | null | undefined
}

function softmaxLike(name: string) {
  return (input: Tensor, dim: number | SoftmaxOptions, { dtype = null }: SoftmaxOptions = {}): Tensor => {
    const options: SoftmaxOptions = typeof dim === 'number' ? { dim, dtype } : dim
    if (options.dim === undefined) throw new TypeError(`${name}() missing required argument 'dim'`)
    return aten<Tensor>(name, input, options.dim, options.dtype ?? null)
  }
}

export const softmax = softmaxLike('softmax')
export const log_softmax = softmaxLike('log_softmax')

/** Zeroes each element with probability p and scales the rest by 1 / (1 - p), in training. */
export function dropout(input: Tensor, p = 0.5, { training = true, inplace = false } = {}): Tensor {
  if (!(p >= 0 && p <= 1)) throw new RangeError(`dropout probability has to be between 0 and 1, but got ${p}`)
  return aten<Tensor>(inplace ? 'dropout_' : 'dropout', input, p, training)
}

export interface EmbeddingOptions {
  /** The row that no gradient reaches. */
  padding_idx?: number | null | undefined
  /** Rows with a larger norm are scaled down to it, in place. */
  max_norm?: number | null | undefined
  norm_type?: number | undefined
  scale_grad_by_freq?: boolean | undefined
  sparse?: boolean | undefined
}

/** Rows of a table. input: int64 (*); weight: (V, D). Returns (*, D). */
export function embedding(
  input: Tensor,
  weight: Tensor,
  {
    padding_idx = null,
    max_norm = null,
    norm_type = 2,
    scale_grad_by_freq = false,
    sparse = false,
  }: EmbeddingOptions = {},
): Tensor {
  const rows = weight.size(0)
  if (padding_idx !== null && (padding_idx >= rows || padding_idx < -rows)) {
    throw new RangeError('Padding_idx must be within num_embeddings')
  }
  const padding = padding_idx === null ? -1 : padding_idx < 0 ? rows + padding_idx : padding_idx
  if (max_norm !== null) aten('embedding_renorm_', weight.detach(), input.contiguous(), max_norm, norm_type)
  return aten<Tensor>('embedding', weight, input, padding, scale_grad_by_freq, sparse)
}

/** max(0, x). */
export function relu(input: Tensor, { inplace = false }: { inplace?: boolean } = {}): Tensor {
  return aten<Tensor>(inplace ? 'relu_' : 'relu', input)
}
