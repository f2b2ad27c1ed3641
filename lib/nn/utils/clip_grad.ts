// torch.nn.utils: gradients kept from growing too large.

import { no_grad } from '../../autograd/grad_mode.js'
import { native } from '../../core/native.js'
import { internals, type Tensor } from '../../core/tensor.js'
import { warn } from '../../core/warn.js'
import * as aten from '../../generated/aten.js'
import * as torch from '../../generated/functions.js'
import { vector_norm } from '../../generated/linalg.js'
import { type Arguments, read } from '../generated/arguments.js'

/** A single tensor, or all of an iterable. A tensor is iterable too, so it is looked for first. */
function tensorsOf(callee: string, given: Tensor | Iterable<Tensor>, what = 'parameters'): Tensor[] {
  if (internals.isTensor(given)) return [given]
  const list: unknown[] = typeof given?.[Symbol.iterator] === 'function' ? [...given] : [given]
  if (!list.every(internals.isTensor)) throw new TypeError(`${callee}: the ${what} must be Tensors`)
  return list
}

const gradientsOf = (tensors: readonly Tensor[]): Tensor[] => tensors.flatMap(({ grad }) => grad ?? [])

/** The tensors in groups of one device and dtype, as the operators for lists of tensors take them. */
function groups(tensors: readonly Tensor[]): Tensor[][] {
  const found = new Map<string, Tensor[]>()
  for (const tensor of tensors) {
    const key = `${tensor.device} ${tensor.dtype}`
    const group = found.get(key)
    if (group === undefined) found.set(key, [tensor])
    else group.push(tensor)
  }
  return [...found.values()]
}

/**
 * The norm of all tensors together, as if they were one vector: a tensor without dimensions. `norm_type` is the p of the
 * norm, Infinity for the greatest element. `foreach` changes nothing here: the tensors of one device and dtype take one
 * call in any case.
 * @throws if `error_if_nonfinite` is true and the norm is nan or infinite.
 */
export function get_total_norm(...args: Arguments['nn.utils.get_total_norm']): Tensor {
  const { tensors, norm_type, error_if_nonfinite } = read('nn.utils.get_total_norm', args)
  const list = tensorsOf('get_total_norm', tensors, 'tensors')
  const [first] = list
  if (first === undefined) return torch.zeros([])
  return no_grad((): Tensor => {
    const norms = groups(list).flatMap((group) => aten._foreach_norm(group, norm_type))
    const total: Tensor = vector_norm(torch.stack(norms.map((norm) => norm.to(first.device))), norm_type)
    if (error_if_nonfinite && !total.isfinite().item<boolean>()) {
      throw new Error(
        `The total norm of order ${Number.isInteger(norm_type) ? norm_type.toFixed(1) : norm_type} for gradients from ` +
          '`parameters` is non-finite, so it cannot be clipped. To disable this error and scale the gradients by the ' +
          'non-finite norm anyway, set `error_if_nonfinite=False`',
      )
    }
    return total
  })
}

/**
 * Scales the gradients in place by max_norm / total_norm where that is less than 1, with a norm that get_total_norm gave
 * for them, or for them and others.
 */
export function clip_grads_with_norm_(...args: Arguments['nn.utils.clip_grads_with_norm_']): void {
  const { parameters, max_norm, total_norm } = read('nn.utils.clip_grads_with_norm_', args)
  const gradients = gradientsOf(tensorsOf('clip_grads_with_norm_', parameters))
  no_grad(() => {
    const coefficient = total_norm.add(1e-6).reciprocal().mul(max_norm).clamp({ max: 1 })
    for (const group of groups(gradients)) {
      aten._foreach_mul_(group, coefficient.to((group[0] as Tensor).device))
    }
  })
}

/**
 * Scales the gradients in place so that their norm, over all of them together, is at most max_norm (Pascanu et al.
 * 2013). Returns the norm before, a tensor without dimensions. `norm_type` is the p of the norm, Infinity for the
 * greatest element; `error_if_nonfinite` throws where the norm is nan or infinite, at the price of waiting for the
 * device; `foreach` changes nothing here, where all parameters take one native call in any case.
 */
export function clip_grad_norm_(...args: Arguments['nn.utils.clip_grad_norm_']): Tensor {
  const { parameters, max_norm, norm_type, error_if_nonfinite } = read('nn.utils.clip_grad_norm_', args)
  const list = tensorsOf('clip_grad_norm_', parameters)
  if (error_if_nonfinite) get_total_norm(gradientsOf(list), { norm_type, error_if_nonfinite })
  return internals.wrap(native.clip_grad_norm(list.map(internals.handleOf), max_norm, norm_type))
}

/** @deprecated for clip_grad_norm_ */
export function clip_grad_norm(...args: Arguments['nn.utils.clip_grad_norm_']): Tensor {
  warn('`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.')
  return clip_grad_norm_(...args)
}

/** Clamps every element of the gradients to [-clip_value, clip_value], in place. */
export function clip_grad_value_(...args: Arguments['nn.utils.clip_grad_value_']): void {
  const { parameters, clip_value } = read('nn.utils.clip_grad_value_', args)
  native.clip_grad_value(tensorsOf('clip_grad_value_', parameters).map(internals.handleOf), clip_value)
}
