// How a tensor of a module is pruned: a mask, which a hook lays on it before every forward.

import { Callable } from '../../core/callable.js'
import { contiguous_format } from '../../core/device.js'
import type { Tensor } from '../../core/tensor.js'
import * as torch from '../../generated/functions.js'
import { describe } from '../../operators/describe.js'
import { isOptions } from '../../operators/options.js'
import type { Index } from '../../tensor/indexing.js'
import { type Arguments, read } from '../generated/arguments.js'
import { unregister } from '../modules/fields.js'
import type { Module } from '../modules/module.js'
import type { Parameter } from '../parameter.js'
import { hooksOf, removeHook, setField, tensorOf } from './computed_field.js'

/** What a mask is computed of: all elements, whole slices of a dimension `dim`, or whatever the method likes. */
export type PruningType = 'unstructured' | 'structured' | 'global'

// biome-ignore lint/suspicious/noExplicitAny: each method has arguments of its own
type Makes = new (...args: any[]) => BasePruningMethod

/**
 * The base of pruning methods. A subclass says its PRUNING_TYPE and computes a mask; `Method.apply(module, name, ...)`
 * makes one with the rest of the arguments and prunes with it. The parameter is then `name_orig`, which is what is
 * learned, the mask the buffer `name_mask`, and `name` a plain tensor, their product, computed before every forward.
 */
export abstract class BasePruningMethod extends Callable {
  abstract readonly PRUNING_TYPE: PruningType
  /** The name of the tensor that it prunes. */
  declare _tensor_name: string | undefined
  /** The dimension whose slices a structured method prunes. */
  declare dim?: number

  /** The mask of tensor `t`, of ones and zeros: `default_mask`, which holds already, with more zeros. */
  abstract compute_mask(t: Tensor, default_mask: Tensor): Tensor

  override __call__(module: Module, _inputs?: unknown): void {
    setField(module, this._tensor_name as string, this.apply_mask(module))
  }

  /** The product of the original parameter and the mask, which gradients flow through. */
  apply_mask(...args: Arguments['nn.utils.prune.BasePruningMethod.apply_mask']): Tensor {
    const { module } = read('nn.utils.prune.BasePruningMethod.apply_mask', args)
    if (this._tensor_name === undefined) throw new Error(`Module ${module} has to be pruned`)
    const original = tensorOf(module, `${this._tensor_name}_orig`)
    return tensorOf(module, `${this._tensor_name}_mask`).to(original.dtype).mul(original)
  }

  /** The tensor with the mask on it that this method computes from the tensor itself, or from `importance_scores`. */
  prune(...args: Arguments['nn.utils.prune.BasePruningMethod.prune']): Tensor {
    const { t, default_mask, importance_scores } = read('nn.utils.prune.BasePruningMethod.prune', args)
    if (importance_scores !== null && !importance_scores.shape.equals(t.shape)) {
      throw new RangeError(
        `importance_scores should have the same shape as tensor t, got ${importance_scores.shape} vs ${t.shape}`,
      )
    }
    return t.mul(this.compute_mask(importance_scores ?? t, default_mask ?? torch.ones_like(t)))
  }

  /** Makes the pruning lasting: the parameter `name` is there again, with zeros, and `name_orig` and the mask are gone. */
  remove(...args: Arguments['nn.utils.prune.BasePruningMethod.remove']): void {
    const { module } = read('nn.utils.prune.BasePruningMethod.remove', args)
    const name = this._tensor_name
    if (name === undefined) throw new Error(`Module ${module} has to be pruned before pruning can be removed`)
    const pruned = this.apply_mask(module)
    const original = tensorOf(module, `${name}_orig`) as Parameter
    original.data = pruned.data
    for (const field of [name, `${name}_orig`, `${name}_mask`]) unregister(module, field)
    module.register_parameter(name, original)
  }

  /**
   * Prunes a tensor of a module with a method of this class, made with the rest of the arguments, beside the methods
   * that prune it already. `importance_scores`, of the tensor's shape, takes the tensor's place when the mask is computed.
   */
  static override apply(this: Makes, module: Module, name: string, ...args: unknown[]): BasePruningMethod {
    const last = args.at(-1)
    if (!isOptions(last)) return prune(module, name, new this(...args), null)
    const { importance_scores, ...rest } = last
    const own = [...args.slice(0, -1), ...(Object.keys(rest).length > 0 ? [rest] : [])]
    return prune(module, name, new this(...own), (importance_scores as Tensor | null | undefined) ?? null)
  }
}

/** Prunes a tensor with one more method. */
export function prune(
  module: Module,
  name: string,
  method: BasePruningMethod,
  importance_scores: Tensor | null,
): BasePruningMethod {
  method._tensor_name = name
  const tensor = tensorOf(module, name)
  if (importance_scores !== null && !importance_scores.shape.equals(tensor.shape)) {
    throw new RangeError(
      `importance_scores should have the same shape as parameter ${name} of ${module}, got ${importance_scores.shape} ` +
        `vs ${tensor.shape}`,
    )
  }
  const scores = importance_scores ?? tensor
  const before = hooksOf(module, BasePruningMethod).find((hook) => hook._tensor_name === name)
  if (before === undefined) {
    const mask = method.compute_mask(scores, torch.ones_like(tensor))
    unregister(module, name)
    module.register_parameter(`${name}_orig`, tensor as Parameter)
    return install(module, name, method, mask)
  }
  const container = before instanceof PruningContainer ? before : new PruningContainer(before)
  container.add_pruning_method(method)
  const mask = tensorOf(module, `${name}_mask`).detach().clone({ memory_format: contiguous_format })
  const next = container.compute_mask(scores, mask)
  removeHook(module, before)
  return install(module, name, container, next)
}

function install(module: Module, name: string, method: BasePruningMethod, mask: Tensor): BasePruningMethod {
  module.register_buffer(`${name}_mask`, mask)
  method.__call__(module)
  module.register_forward_pre_hook(method as never)
  return method
}

/** Several methods on one tensor, in the order in which they came: each prunes what those before it have left. */
export class PruningContainer extends BasePruningMethod {
  readonly PRUNING_TYPE = 'global'
  private _methods: BasePruningMethod[] = []

  constructor(...methods: BasePruningMethod[]) {
    super()
    if (methods.length === 1) this._tensor_name = methods[0]?._tensor_name
    for (const method of methods) this.add_pruning_method(method)
  }

  /** @throws if it is no pruning method, or prunes a tensor of another name. */
  add_pruning_method(...args: Arguments['nn.utils.prune.PruningContainer.add_pruning_method']): void {
    const { method } = read('nn.utils.prune.PruningContainer.add_pruning_method', args)
    if (!(method instanceof BasePruningMethod)) {
      throw new TypeError(`${describe(method)} is not a BasePruningMethod subclass`)
    }
    if (method._tensor_name !== this._tensor_name) {
      throw new RangeError(
        `Can only add pruning methods acting on the parameter named '${this._tensor_name}' to PruningContainer. Found ` +
          `'${method._tensor_name}'`,
      )
    }
    this._methods.push(method)
  }

  get length(): number {
    return this._methods.length
  }

  at(position: number): BasePruningMethod {
    const method = this._methods.at(position)
    if (method === undefined) throw new RangeError(`index ${position} is out of range`)
    return method
  }

  [Symbol.iterator](): Iterator<BasePruningMethod> {
    return this._methods[Symbol.iterator]()
  }

  /** The mask that the last method makes of what the mask given has left. */
  compute_mask(...args: Arguments['nn.utils.prune.PruningContainer.compute_mask']): Tensor {
    const { t, default_mask } = read('nn.utils.prune.PruningContainer.compute_mask', args)
    const mask = default_mask ?? torch.ones_like(t)
    const method = this.at(-1)
    const left = leftBy(mask, method, t)
    const next = mask.to(t.dtype, false, true)
    next.index_set_(left, method.compute_mask(t.index(...left), mask.index(...left)).to(next.dtype))
    return next
  }
}

/** What a mask leaves to a method: elements, slices, or everything. */
function leftBy(mask: Tensor, method: BasePruningMethod, t: Tensor): Index[] {
  if (method.PRUNING_TYPE === 'unstructured') return [mask.eq(1)]
  const all: Index[] = Array.from({ length: t.dim() }, () => ':')
  if (method.PRUNING_TYPE === 'global') return all
  if (method.PRUNING_TYPE !== 'structured') {
    throw new RangeError(`Unrecognized PRUNING_TYPE ${method.PRUNING_TYPE}`)
  }
  if (method.dim === undefined) {
    throw new TypeError('Pruning methods of PRUNING_TYPE "structured" need to have the attribute `dim` defined.')
  }
  const dim = method.dim < 0 ? t.dim() + method.dim : method.dim
  if (dim < 0) throw new RangeError(`Index is out of bounds for tensor with dimensions ${t.dim()}`)
  const others = all.map((_, i) => i).filter((i) => i !== dim)
  all[dim] = mask.sum(others).ne(0)
  return all
}
