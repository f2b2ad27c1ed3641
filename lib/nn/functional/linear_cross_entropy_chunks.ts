// The loops of linear_cross_entropy over pieces of the batch. They run without autograd, in few buffers that all pieces
// share: the logits of one piece, and what gradients are summed in.

import * as dtypes from '../../core/dtype.js'
import { scope } from '../../core/scope.js'
import type { Tensor } from '../../core/tensor.js'
import { amax, empty, mm, mul, zeros, zeros_like } from '../../generated/functions.js'
import type { Reduction } from '../../operators/reduction.js'
import type { ResolvedOptions } from './linear_cross_entropy_options.js'

/** What is computed, beside the tensors that have gradients. */
export interface Chunked extends ResolvedOptions {
  /** (N), int64. */
  target: Tensor
  /** (C): the weights of the classes. */
  weight: Tensor | null
  reduction: Reduction
  ignore_index: number
}

/** input (N, in), linear_weight (C, in), linear_bias (C). */
export interface All extends Chunked {
  input: Tensor
  linear_weight: Tensor
  linear_bias: Tensor | null
}

/** Those of input, linear_weight and linear_bias; null where none is wanted. */
export type Gradients = [input: Tensor | null, linear_weight: Tensor | null, linear_bias: Tensor | null]

/** Which dtypes things have. Without a wider dtype for sums, all have the input's. */
function dtypesOf({ input: { dtype }, acc_dtype: wide, policy }: All) {
  if (dtype === wide) return { loss: dtype, inputGrad: dtype, logits: dtype }
  const half = dtype === dtypes.float16 || dtype === dtypes.bfloat16
  if (!half || wide !== dtypes.float32) {
    throw new Error(
      `linear_cross_entropy supports float32 acc_dtype with float16/bfloat16 inputs, but got ${wide} acc_dtype and ` +
        `${dtype} inputs.`,
    )
  }
  const saves = policy !== 'accurate'
  return {
    loss: dtype === dtypes.float16 ? wide : dtype,
    inputGrad: saves ? dtype : wide,
    // bfloat16 has too few digits for a softmax.
    logits: saves && dtype === dtypes.float16 ? dtype : wide,
  }
}

/** For each row -w / d: w its target's weight, d the sum of these for a 'mean', and 0 where the target is ignored. */
function rowFactors(all: All, ignored: Tensor, target: Tensor, lossGrad: Tensor | null): Tensor {
  const { weight, acc_dtype, reduction } = all
  const factors = (weight === null ? ignored.logical_not() : weight.index_select(0, target)).to(acc_dtype)
  const kept = weight === null ? factors : factors.masked_fill(ignored, 0)
  if (reduction === 'mean') {
    const sum = kept.sum()
    return kept.div(sum.neg().masked_fill(sum.eq(0), Number.NaN))
  }
  if (reduction === 'sum') return kept.neg()
  // A loss for each row wants w alone, its gradient -w times what comes from above.
  return lossGrad === null ? kept : kept.neg().mul(lossGrad.to(acc_dtype))
}

interface Piece {
  start: number
  rows: number
  /** The scores of the piece's rows, less the greatest of each row. */
  logits: Tensor
  /** The piece of the input, in the wider dtype where gradients or logits want it. */
  wideInput: Tensor
  target: Tensor
  factors: Tensor
}

/** Calls `visit` with each piece. */
function forEachPiece(all: All, lossGrad: Tensor | null, weightCast: Tensor, visit: (piece: Piece) => void): void {
  const { input, target, linear_bias, ignore_index, chunk, acc_dtype } = all
  const [batch] = input.shape as unknown as [number]
  const classes = all.linear_weight.size(0)
  const { device } = input
  const ignored = target.eq(ignore_index)
  // What is ignored may be no class at all.
  const inside = ignore_index < 0 || ignore_index >= classes ? target.masked_fill(ignored, 0) : target
  const factors = rowFactors(all, ignored, inside, lossGrad)
  const buffer = empty([chunk, classes], { dtype: weightCast.dtype, device })
  const bias = linear_bias?.to(buffer.dtype) ?? null
  const transposed = weightCast.t()
  for (let start = 0; start < batch; start += chunk) {
    const rows = Math.min(chunk, batch - start)
    scope(() => {
      const logits = buffer.narrow(0, 0, rows)
      const piece = input.narrow(0, start, rows)
      const wideInput = piece.to(acc_dtype)
      mm(input.dtype === buffer.dtype ? piece : wideInput, transposed, { out: logits })
      if (bias !== null) logits.add_(bias)
      logits.sub_(amax(logits, [1], true))
      visit({
        start,
        rows,
        logits,
        wideInput,
        target: inside.narrow(0, start, rows),
        factors: factors.narrow(0, start, rows),
      })
    })
  }
}

/** The loss of each row, (N). */
export function chunkedLosses(all: All): Tensor {
  const { input, linear_weight, acc_dtype } = all
  const out = empty([input.size(0)], { dtype: input.dtype, device: input.device })
  forEachPiece(all, null, linear_weight.to(dtypesOf(all).logits), ({ start, rows, logits, target, factors }) => {
    const own = logits.gather(1, target.unsqueeze(1)).squeeze(1)
    const losses = logits.exp_().sum(1, { dtype: acc_dtype }).log_().sub_(own.to(acc_dtype))
    out.narrow(0, start, rows).copy_(losses.mul_(factors))
  })
  return out
}

/**
 * The loss () and the gradients that are wanted. `lossGrad` (N), which `reduction` 'none' has in backward, weighs the
 * rows' gradients; the loss means nothing then.
 */
export function chunkedLoss(
  all: All,
  wanted: readonly boolean[],
  lossGrad: Tensor | null,
): [loss: Tensor, gradients: Gradients] {
  const { input, linear_weight, linear_bias, acc_dtype, policy, reduction } = all
  const types = dtypesOf(all)
  const { dtype, device } = input
  const weightCast = linear_weight.to(types.logits)
  const loss = zeros([], { dtype: types.loss, device })
  if (reduction === 'mean' && input.size(0) === 0) loss.fill_(Number.NaN)
  const [ofInput, ofWeight, ofBias] = [
    wanted[0] === true,
    wanted[1] === true,
    wanted[2] === true && linear_bias !== null,
  ]
  const inputGrad = ofInput ? empty(input.shape, { dtype: types.inputGrad, device }) : null
  const weightGrad = ofWeight ? zeros(linear_weight.shape, { dtype, device }) : null
  const biasGrad = ofBias ? zeros([linear_weight.size(0)], { dtype, device }) : null
  // A buffer for the weight's gradient of one piece, where it is to be summed in the wider dtype.
  const buffered = ofWeight && !(policy === 'compact' && types.logits === dtype)
  const weightBuffer = buffered ? empty(linear_weight.shape, { dtype: acc_dtype, device }) : null
  forEachPiece(all, lossGrad, weightCast, ({ start, rows, logits, wideInput, target, factors }) => {
    loss.add_(factors.dot(logits.gather(1, target.unsqueeze(1)).squeeze(1).to(acc_dtype)))
    const sums = logits.exp_().sum(1, { dtype: acc_dtype })
    // From here on softmax(logits) times the rows' factors.
    if (ofInput || ofWeight || ofBias) logits.mul_(factors.div(sums).to(logits.dtype).unsqueeze(1))
    loss.sub_(factors.dot(sums.log_()))
    if (biasGrad !== null) {
      const own = dtype === acc_dtype ? biasGrad : zeros_like(biasGrad, { dtype: acc_dtype })
      own.sub_(logits.sum(0, { dtype: acc_dtype })).index_add_(0, target, factors)
      if (own !== biasGrad) biasGrad.add_(own.to(dtype))
    }
    if (inputGrad !== null) {
      const place = inputGrad.narrow(0, start, rows)
      const direct = place.dtype === weightCast.dtype
      const own = direct ? place : empty(place.shape, { dtype: weightCast.dtype, device })
      mul(weightCast.index_select(0, target), factors.to(own.dtype).unsqueeze(1), { out: own })
      own.addmm_(logits, weightCast, { alpha: -1 })
      if (!direct) place.copy_(own)
    }
    if (weightGrad === null) return
    const scattered = wideInput.mul(factors.unsqueeze(1))
    if (weightBuffer === null) {
      weightGrad.addmm_(logits.t(), input.narrow(0, start, rows), { alpha: -1 })
      weightGrad.index_add_(0, target, scattered.to(dtype))
    } else {
      mm(logits.to(acc_dtype).t(), wideInput, { out: weightBuffer })
      weightBuffer.index_add_(0, target, scattered, { alpha: -1 })
      weightGrad.sub_(weightBuffer)
    }
  })
  return [loss.to(dtype), [inputGrad?.to(dtype) ?? null, weightGrad, biasGrad]]
}
