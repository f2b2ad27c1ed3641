// torch.nn.functional.linear_cross_entropy: cross entropy of a linear layer's outputs, whole or in pieces of the batch.

import { AutogradFunction, type FunctionCtx, once_differentiable } from '../../autograd/function.js'
import { is_grad_enabled, no_grad } from '../../autograd/grad_mode.js'
import * as dtypes from '../../core/dtype.js'
import type { Tensor } from '../../core/tensor.js'
import { warn } from '../../core/warn.js'
import * as nn from '../../generated/nn_functional.js'
import { pythonFunction } from '../../operators/arguments.js'
import { describe } from '../../operators/describe.js'
import { type Reduction, reductionCode } from '../../operators/reduction.js'
import { linear } from './linear.js'
import { type Chunked, chunkedLoss, chunkedLosses, type Gradients } from './linear_cross_entropy_chunks.js'
import { LinearCrossEntropyOptions } from './linear_cross_entropy_options.js'

type Optional = Tensor | null

interface Keywords {
  linear_bias?: Tensor | null | undefined
  weight?: Tensor | null | undefined
  reduction?: Reduction | undefined
  ignore_index?: number | null | undefined
  label_smoothing?: number | undefined
  options?: LinearCrossEntropyOptions | null | undefined
}
type LinearCrossEntropy = (
  ...args:
    | [input: Tensor, linear_weight: Tensor, target: Tensor, options?: Keywords | undefined]
    | [input: Tensor, linear_weight: Tensor, options: { target: Tensor } & Keywords]
    | [input: Tensor, options: { linear_weight: Tensor; target: Tensor } & Keywords]
    | [options: { input: Tensor; linear_weight: Tensor; target: Tensor } & Keywords]
) => Tensor

const tuple = (sizes: readonly number[]) => `(${sizes.join(', ')}${sizes.length === 1 ? ',' : ''})`

/** Throws where shapes do not fit; returns the sizes of a K-dimensional loss, [] for one loss a row. */
function checkShapes(input: Tensor, linear_weight: Tensor, linear_bias: Optional): readonly number[] {
  const dims = input.dim()
  if (dims < 1 || dims > 2) throw new Error(`expected input with dimensionality 1 or 2, got ${dims}`)
  if (linear_weight.dim() < 2) {
    throw new Error(`expected linear_weight with dimensionality at least 2, got ${linear_weight.dim()}`)
  }
  const features = input.size(-1)
  if (features !== linear_weight.size(-1)) {
    throw new Error(
      'expected equal input and linear_weight last dimensions (in_features), got ' +
        `${features} and ${linear_weight.size(-1)}, respectively`,
    )
  }
  const outputs = linear_weight.shape.slice(0, -1)
  if (linear_bias !== null && !linear_bias.shape.equals(outputs)) {
    throw new Error(`expected linear_bias shape ${tuple(outputs)}, got ${tuple(linear_bias.shape)}`)
  }
  if (outputs.length > 1 && dims === 1) {
    throw new Error(
      `K-dimensional loss defined by linear_weight shape ${tuple(linear_weight.shape)} requires batched input, ` +
        `(N, ${features}), got unbatched input with shape ${tuple(input.shape)}`,
    )
  }
  return outputs.slice(1)
}

/** A 'mean' or 'sum', with its gradients computed beside it: backward has only to scale them. */
class LinearCrossEntropyChunked extends AutogradFunction {
  static override forward(
    ctx: FunctionCtx,
    input: Tensor,
    linear_weight: Tensor,
    linear_bias: Optional,
    chunked: Chunked,
    allow_retain_graph: boolean,
  ): Tensor {
    const [loss, gradients] = chunkedLoss({ ...chunked, input, linear_weight, linear_bias }, ctx.needs_input_grad, null)
    ctx.allow_retain_graph = allow_retain_graph
    const [input_grad, weight_grad, bias_grad] = gradients
    Object.assign(ctx, { input_grad, weight_grad, bias_grad })
    return loss
  }

  static override readonly backward = once_differentiable((ctx: FunctionCtx, grad: Tensor) => {
    const scaled = ['input_grad', 'weight_grad', 'bias_grad'].map((name, i) => {
      if (ctx.needs_input_grad[i] !== true) return null
      const gradient: Optional = ctx[name]
      if (gradient === null) {
        throw new Error(
          'linear_cross_entropy chunked backward called twice; retain_graph=True / double backward are not supported.',
        )
      }
      if (ctx.allow_retain_graph) return gradient.mul(grad)
      ctx[name] = null
      return gradient.mul_(grad)
    })
    return [...scaled, null, null]
  })
}

/** A loss for each row. Backward computes the logits again: it needs a factor for each row first. */
class LinearCrossEntropyChunkedNoReduction extends AutogradFunction {
  static override forward(
    ctx: FunctionCtx,
    input: Tensor,
    linear_weight: Tensor,
    linear_bias: Optional,
    chunked: Chunked,
  ): Tensor {
    const { target, weight } = chunked
    ctx.save_for_backward(input, linear_weight, linear_bias, target, weight)
    ctx.chunked = { ...chunked, target: null, weight: null }
    return chunkedLosses({ ...chunked, input, linear_weight, linear_bias })
  }

  static override readonly backward = once_differentiable((ctx: FunctionCtx, grad: Tensor) => {
    const [input, linear_weight, linear_bias, target, weight] = ctx.saved_tensors as Tensor[]
    const all = { ...ctx.chunked, input, linear_weight, linear_bias, target, weight }
    const gradients: Gradients = chunkedLoss(all, ctx.needs_input_grad, grad)[1]
    return [...gradients, null]
  })
}

/**
 * Cross entropy of a linear layer's outputs: input (N, in) or (in), linear_weight (C, in) or (C, d1, ..., in), target as
 * that of cross_entropy for logits (N, C, d1, ...). With `options` the logits are computed in pieces of the batch, for
 * int64 targets without label_smoothing and without d1; what they do not fit is computed whole, with a warning.
 */
export const linear_cross_entropy = pythonFunction<LinearCrossEntropy>(
  'nn.functional.linear_cross_entropy',
  (
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    linear_bias: Optional,
    weight: Optional,
    reduction: Reduction,
    ignore_index: number | null,
    label_smoothing: number,
    options: unknown,
  ) => {
    if (options !== null && !(options instanceof LinearCrossEntropyOptions)) {
      throw new TypeError(
        `linear_cross_entropy(): argument 'options' must be LinearCrossEntropyOptions or null, not ${describe(options)}`,
      )
    }
    const extra = checkShapes(input, linear_weight, linear_bias)
    const [features, classes] = [input.size(-1), linear_weight.size(0)]
    const shape = [...input.shape.slice(0, -1), ...linear_weight.shape.slice(0, -1)]
    if (ignore_index !== null && target.shape.equals(shape)) {
      throw new Error('ignore_index cannot be specified when target contains probabilities')
    }
    const ignored = ignore_index ?? -100
    const code = reductionCode(reduction)
    if (options !== null) {
      if (extra.length === 0 && label_smoothing === 0 && target.dtype === dtypes.int64) {
        const chunked = { target, weight, reduction, ignore_index: ignored }
        return inChunks(input, linear_weight, linear_bias, chunked, options)
      }
      warn(
        "linear_cross_entropy: ``options`` ignored; chunked path needs reduction in {'mean','sum','none'}, " +
          'label_smoothing == 0, target.dtype == int64, out_features == (). Got ' +
          `reduction='${reduction}', label_smoothing=${label_smoothing}, target.dtype=${target.dtype}, ` +
          `out_features=${tuple(extra)}, linear_bias.shape=${linear_bias === null ? 'None' : tuple(linear_bias.shape)}.`,
      )
    }
    const whole = extra.length === 0
    const flatWeight = whole ? linear_weight : linear_weight.reshape([-1, features])
    const flatBias = whole ? linear_bias : (linear_bias?.reshape([-1]) ?? null)
    const logits = linear(input, flatWeight, flatBias)
    const shaped = whole ? logits : logits.reshape([...shape.slice(0, -extra.length - 1), classes, ...extra])
    return nn.cross_entropy_loss(shaped, target, weight, code, ignored, label_smoothing)
  },
)

function inChunks(
  given: Tensor,
  linear_weight: Tensor,
  linear_bias: Optional,
  { target: givenTarget, ...others }: Omit<Chunked, 'chunk' | 'policy' | 'acc_dtype'>,
  options: LinearCrossEntropyOptions,
): Tensor {
  const batched = given.dim() === 2
  const [input, target] = batched ? [given, givenTarget] : [given.unsqueeze(0), givenTarget.unsqueeze(0)]
  const [batch, features] = input.shape as unknown as [number, number]
  const resolved = options.resolve(batch, features, linear_weight.size(0), input.dtype, input.device)
  const chunked: Chunked = { ...others, target, ...resolved }
  const run = (): Tensor =>
    chunked.reduction === 'none'
      ? LinearCrossEntropyChunkedNoReduction.apply(input, linear_weight, linear_bias, chunked)
      : LinearCrossEntropyChunked.apply(input, linear_weight, linear_bias, chunked, options.allow_retain_graph)
  const parts = { ...chunked, input, linear_weight, linear_bias }
  const result = is_grad_enabled()
    ? run()
    : no_grad(() => (chunked.reduction === 'none' ? chunkedLosses(parts) : chunkedLoss(parts, [], null)[0]))
  return batched ? result : result.squeeze(0)
}
