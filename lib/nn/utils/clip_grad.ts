import { native } from '../../core/native.js'
import { internals, type Tensor } from '../../core/tensor.js'
import { type Arguments, read } from '../generated/arguments.js'

/** Of parameters, or of a single one. A tensor is iterable too, so it is looked for first. */
function handlesOf(callee: string, parameters: Tensor | Iterable<Tensor>): number[] {
  if (internals.isTensor(parameters)) return [internals.handleOf(parameters)]
  const list = typeof parameters?.[Symbol.iterator] === 'function' ? [...parameters] : [parameters]
  if (!list.every(internals.isTensor)) throw new TypeError(`${callee}: the parameters must be Tensors`)
  return list.map(internals.handleOf)
}

/**
 * Scales the gradients in place so that their norm, over all of them together, is at most max_norm (Pascanu et al.
 * 2013). Returns the norm before, a tensor without dimensions. `norm_type` is the p of the norm, Infinity for the
 * greatest element; `error_if_nonfinite` throws where the norm is nan or infinite, at the price of waiting for the
 * device; `foreach` changes nothing here, where all parameters take one native call in any case.
 */
export function clip_grad_norm_(...args: Arguments['nn.utils.clip_grad_norm_']): Tensor {
  const { parameters, max_norm, norm_type, error_if_nonfinite } = read('nn.utils.clip_grad_norm_', args)
  const handles = handlesOf('clip_grad_norm_', parameters)
  return internals.wrap(native.clip_grad_norm(handles, max_norm, norm_type, error_if_nonfinite))
}

/** Clamps every element of the gradients to [-clip_value, clip_value], in place. */
export function clip_grad_value_(...args: Arguments['nn.utils.clip_grad_value_']): void {
  const { parameters, clip_value } = read('nn.utils.clip_grad_value_', args)
  native.clip_grad_value(handlesOf('clip_grad_value_', parameters), clip_value)
}
