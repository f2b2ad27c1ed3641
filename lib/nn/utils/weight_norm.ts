// torch.nn.utils.weight_norm: the older form, by a hook. parametrizations.weight_norm is the one to use.

import { Callable } from '../../core/callable.js'
import type { Tensor } from '../../core/tensor.js'
import { warn } from '../../core/warn.js'
import * as aten from '../../generated/aten.js'
import * as torch from '../../generated/functions.js'
import { type Arguments, read } from '../generated/arguments.js'
import type { Rest } from '../modules/call_types.js'
import { unregister } from '../modules/fields.js'
import type { Module } from '../modules/module.js'
import { is_lazy, Parameter } from '../parameter.js'
import { hooksOf, removeHook, setField, tensorOf } from './computed_field.js'

/** Computes a weight of its lengths and its directions before every forward. */
class WeightNorm extends Callable {
  constructor(
    readonly tensorName: string,
    /** -1 for one length of the whole weight. */
    readonly dim: number,
  ) {
    super()
  }

  weightOf(module: Module): Tensor {
    const [g, v] = ['_g', '_v'].map((suffix) => tensorOf(module, this.tensorName + suffix)) as [Tensor, Tensor]
    return aten._weight_norm(v, g, this.dim)
  }

  override __call__(module: Module): void {
    setField(module, this.tensorName, this.weightOf(module))
  }
}

/**
 * Makes a weight w = g v / ‖v‖ of the parameters `name_g`, its lengths, and `name_v`, its directions (Salimans and Kingma
 * 2016), by a hook before every forward. Each slice along `dim` has a length of its own; with null the whole weight has
 * one. Returns the module.
 * @deprecated for parametrizations.weight_norm
 * @throws if the weight is normalized already.
 */
export function weight_norm<M extends Module>(module: M, ...rest: Rest<Arguments['nn.utils.weight_norm']>): M
export function weight_norm(...args: Arguments['nn.utils.weight_norm']): Module
export function weight_norm(...args: Arguments['nn.utils.weight_norm']): Module {
  const { module, name, dim } = read('nn.utils.weight_norm', args)
  warn('`torch.nn.utils.weight_norm` is deprecated in favor of `torch.nn.utils.parametrizations.weight_norm`.')
  if (hooksOf(module, WeightNorm).some(({ tensorName }) => tensorName === name)) {
    throw new Error(`Cannot register two weight_norm hooks on the same parameter ${name}`)
  }
  const hook = new WeightNorm(name, dim ?? -1)
  const weight = tensorOf(module, name)
  if (is_lazy(weight)) {
    throw new RangeError(
      "The module passed to `WeightNorm` can't have uninitialized parameters. Make sure to run the dummy forward before " +
        'applying weight normalization',
    )
  }
  unregister(module, name)
  module.register_parameter(`${name}_g`, new Parameter(torch.norm_except_dim(weight, 2, hook.dim)))
  module.register_parameter(`${name}_v`, new Parameter(weight))
  hook.__call__(module)
  module.register_forward_pre_hook(hook as never)
  return module
}

/**
 * Undoes weight_norm: the weight is one parameter again, with its present value. Returns the module.
 * @throws if the weight is not normalized.
 */
export function remove_weight_norm<M extends Module>(
  module: M,
  ...rest: Rest<Arguments['nn.utils.remove_weight_norm']>
): M
export function remove_weight_norm(...args: Arguments['nn.utils.remove_weight_norm']): Module
export function remove_weight_norm(...args: Arguments['nn.utils.remove_weight_norm']): Module {
  const { module, name } = read('nn.utils.remove_weight_norm', args)
  const hook = hooksOf(module, WeightNorm).find(({ tensorName }) => tensorName === name)
  if (hook === undefined) throw new RangeError(`weight_norm of '${name}' not found in ${module}`)
  const weight = hook.weightOf(module)
  for (const field of [name, `${name}_g`, `${name}_v`]) unregister(module, field)
  module.register_parameter(name, new Parameter(weight))
  removeHook(module, hook)
  return module
}
