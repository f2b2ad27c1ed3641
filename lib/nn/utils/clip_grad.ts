import { native } from '../../core/native.js'
import { internals, type Tensor } from '../../core/tensor.js'
import { readArguments, required } from '../../operators/arguments.js'

/** Parameters, or a single one. A tensor is iterable too, so it is looked for first. */
type Parameters = Tensor | Iterable<Tensor>

function handlesOf(parameters: Parameters): number[] {
  const list = internals.isTensor(parameters) ? [parameters] : [...parameters]
  return list.map(internals.handleOf)
}

export interface ClipGradNormOptions {
  /** The p of the norm; Infinity for the greatest element. */
  norm_type?: number | undefined
  /** Throws where the norm is nan or infinite, at the price of waiting for the device. */
  error_if_nonfinite?: boolean | undefined
  /** As in Python; it changes nothing here, where all parameters take one native call in any case. */
  foreach?: boolean | null | undefined
}

/**
 * Scales the gradients in place so that their norm, over all of them together, is at most max_norm (Pascanu et al.
 * 2013). Returns the norm before, a tensor without dimensions.
 */
export function clip_grad_norm_(parameters: Parameters, max_norm: number, options?: ClipGradNormOptions): Tensor
export function clip_grad_norm_(
  parameters: Parameters,
  max_norm: number,
  norm_type: number,
  error_if_nonfinite?: boolean,
  foreach?: boolean | null,
): Tensor
export function clip_grad_norm_(...args: unknown[]): Tensor {
  const { parameters, max_norm, norm_type, error_if_nonfinite } = readArguments('clip_grad_norm_', args, {
    parameters: required<Parameters>(),
    max_norm: required<number>(),
    norm_type: 2 as number,
    error_if_nonfinite: false as boolean,
    foreach: null as boolean | null,
  })
  return internals.wrap(native.clip_grad_norm(handlesOf(parameters), max_norm, norm_type, error_if_nonfinite))
}

/** Clamps every element of the gradients to [-clip_value, clip_value], in place. */
export function clip_grad_value_(
  parameters: Parameters,
  clip_value: number,
  _options: { foreach?: boolean | null | undefined } = {},
): void {
  native.clip_grad_value(handlesOf(parameters), clip_value)
}
