// torch.nn.utils.prune: weights set to zero, and kept there.

import { contiguous_format } from '../../core/device.js'
import type { Tensor } from '../../core/tensor.js'
import * as torch from '../../generated/functions.js'
import { norm } from '../../tensor/functions.js'
import { type Arguments, read, type Values } from '../generated/arguments.js'
import type { Rest } from '../modules/call_types.js'
import type { Module } from '../modules/module.js'
import { hooksOf, removeHook } from './computed_field.js'
import { parameters_to_vector } from './convert_parameters.js'
import { BasePruningMethod, PruningContainer, prune } from './pruning_method.js'

export { BasePruningMethod, PruningContainer, type PruningType } from './pruning_method.js'

// --- how much ---------------------------------------------------------------------------------------------------

/** Whole numbers count elements or slices; fractions are a share of them. */
function checkAmount(amount: number): number {
  const fits = Number.isInteger(amount) ? amount >= 0 : amount >= 0 && amount <= 1
  if (fits) return amount
  throw new RangeError(`amount=${amount} should either be a float in the range [0, 1] or a non-negative integer`)
}

/** The whole number that is nearest, of two the even one, as Python rounds. */
function rounded(x: number): number {
  const below = Math.floor(x)
  const rest = x - below
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below
}

function countOf(amount: number, size: number): number {
  const count = Number.isInteger(amount) ? amount : rounded(amount * size)
  if (count <= size) return count
  throw new RangeError(`amount=${count} should be smaller than the number of parameters to prune=${size}`)
}

/** How many slices along a dimension there are. */
function slicesOf(t: Tensor, dim: number): number {
  if (t.dim() <= 1) {
    throw new RangeError(
      'Structured pruning can only be applied to multidimensional tensors. Found tensor of shape ' +
        `${t.shape} with ${t.dim()} dims`,
    )
  }
  if (dim >= t.dim()) throw new RangeError(`Invalid index ${dim} for tensor of size ${t.shape}`)
  return t.size(dim)
}

/** The mask without the elements of these places in the flattened tensor. */
function without(mask: Tensor, places: Tensor): Tensor {
  const next = mask.clone({ memory_format: contiguous_format })
  next.view(-1).index_fill_(0, places, 0)
  return next
}

/** The mask of the slices along a dimension that are kept: those of these places, or where a mask of booleans is true. */
function keeping(mask: Tensor, t: Tensor, dim: number, kept: Tensor): Tensor {
  const slices = torch.zeros_like(t)
  const index = Array.from({ length: t.dim() }, (): string | Tensor => ':')
  index[dim < 0 ? t.dim() + dim : dim] = kept
  slices.index_set_(index, 1)
  return slices.mul_(mask.to(slices.dtype))
}

// --- the methods ------------------------------------------------------------------------------------------------

type Computed = Arguments['nn.utils.prune.BasePruningMethod.compute_mask']

/** The tensor and the mask that compute_mask is called with. */
function maskArguments(args: Computed): [t: Tensor, mask: Tensor] {
  const { t, default_mask } = read('nn.utils.prune.BasePruningMethod.compute_mask', args)
  return [t, default_mask ?? torch.ones_like(t)]
}

/** Prunes nothing, but makes `name_orig` and `name_mask`. */
export class Identity extends BasePruningMethod {
  readonly PRUNING_TYPE = 'unstructured'

  compute_mask(...args: Computed): Tensor {
    return maskArguments(args)[1]
  }
}

/** Prunes elements at random. */
export class RandomUnstructured extends BasePruningMethod {
  readonly PRUNING_TYPE = 'unstructured'
  readonly amount: number

  constructor(...args: Arguments['nn.utils.prune.RandomUnstructured']) {
    super()
    this.amount = checkAmount(read('nn.utils.prune.RandomUnstructured', args).amount)
  }

  compute_mask(...args: Computed): Tensor {
    const [t, mask] = maskArguments(args)
    const count = countOf(this.amount, t.numel())
    return count === 0 ? mask.clone() : without(mask, torch.rand_like(t).view(-1).topk(count).indices)
  }
}

/** Prunes the elements of the smallest absolute values. */
export class L1Unstructured extends BasePruningMethod {
  readonly PRUNING_TYPE = 'unstructured'
  readonly amount: number

  constructor(...args: Arguments['nn.utils.prune.L1Unstructured']) {
    super()
    this.amount = checkAmount(read('nn.utils.prune.L1Unstructured', args).amount)
  }

  compute_mask(...args: Computed): Tensor {
    const [t, mask] = maskArguments(args)
    const count = countOf(this.amount, t.numel())
    if (count === 0) return mask.clone()
    return without(mask, t.abs().view(-1).topk(count, { largest: false }).indices)
  }
}

/** Prunes whole slices along a dimension, at random. */
export class RandomStructured extends BasePruningMethod {
  readonly PRUNING_TYPE = 'structured'
  readonly amount: number
  override readonly dim: number

  constructor(...args: Arguments['nn.utils.prune.RandomStructured']) {
    super()
    const { amount, dim } = read('nn.utils.prune.RandomStructured', args)
    this.amount = checkAmount(amount)
    this.dim = dim
  }

  compute_mask(...args: Computed): Tensor {
    const [t, mask] = maskArguments(args)
    const slices = slicesOf(t, this.dim)
    const count = countOf(this.amount, slices)
    if (count === 0) return mask
    const drawn = torch.rand([slices])
    return keeping(mask, t, this.dim, drawn.gt(drawn.kthvalue(count).values))
  }
}

/** Prunes the slices along a dimension that have the smallest norms. */
export class LnStructured extends BasePruningMethod {
  readonly PRUNING_TYPE = 'structured'
  readonly amount: number
  /** The p of the norm. */
  readonly n: Values['nn.utils.prune.LnStructured']['n']
  override readonly dim: number

  constructor(...args: Arguments['nn.utils.prune.LnStructured']) {
    super()
    const { amount, n, dim } = read('nn.utils.prune.LnStructured', args)
    this.amount = checkAmount(amount)
    this.n = n
    this.dim = dim
  }

  compute_mask(...args: Computed): Tensor {
    const [t, mask] = maskArguments(args)
    const slices = slicesOf(t, this.dim)
    const count = countOf(this.amount, slices)
    if (count === 0) return mask
    const own = this.dim < 0 ? t.dim() + this.dim : this.dim
    const others = Array.from({ length: t.dim() }, (_, i) => i).filter((i) => i !== own)
    return keeping(mask, t, own, norm(t, this.n, others).topk(slices - count).indices)
  }
}

/** Prunes with a mask that is given. */
export class CustomFromMask extends BasePruningMethod {
  readonly PRUNING_TYPE = 'global'
  readonly mask: Tensor

  constructor(...args: Arguments['nn.utils.prune.CustomFromMask']) {
    super()
    this.mask = read('nn.utils.prune.CustomFromMask', args).mask
  }

  compute_mask(...args: Computed): Tensor {
    const [, mask] = maskArguments(args)
    if (!mask.shape.equals(this.mask.shape)) {
      throw new RangeError(`default_mask shape ${mask.shape} must match self.mask shape ${this.mask.shape}`)
    }
    return mask.mul(this.mask.to(mask.dtype))
  }
}

// --- the functions ----------------------------------------------------------------------------------------------

/** Prunes nothing, but makes `name_orig` and `name_mask`. Returns the module, as all of these functions do. */
export function identity<M extends Module>(module: M, ...rest: Rest<Arguments['nn.utils.prune.identity']>): M
export function identity(...args: Arguments['nn.utils.prune.identity']): Module
export function identity(...args: Arguments['nn.utils.prune.identity']): Module {
  const { module, name } = read('nn.utils.prune.identity', args)
  prune(module, name, new Identity(), null)
  return module
}

/** Prunes `amount` elements, or, where it is a fraction, that share of them, at random. */
export function random_unstructured<M extends Module>(
  module: M,
  ...rest: Rest<Arguments['nn.utils.prune.random_unstructured']>
): M
export function random_unstructured(...args: Arguments['nn.utils.prune.random_unstructured']): Module
export function random_unstructured(...args: Arguments['nn.utils.prune.random_unstructured']): Module {
  const { module, name, amount } = read('nn.utils.prune.random_unstructured', args)
  prune(module, name, new RandomUnstructured(amount), null)
  return module
}

/**
 * Prunes `amount` elements, or that share of them: those of the smallest absolute values, or of the smallest
 * `importance_scores`.
 */
export function l1_unstructured<M extends Module>(
  module: M,
  ...rest: Rest<Arguments['nn.utils.prune.l1_unstructured']>
): M
export function l1_unstructured(...args: Arguments['nn.utils.prune.l1_unstructured']): Module
export function l1_unstructured(...args: Arguments['nn.utils.prune.l1_unstructured']): Module {
  const { module, name, amount, importance_scores } = read('nn.utils.prune.l1_unstructured', args)
  prune(module, name, new L1Unstructured(amount), importance_scores)
  return module
}

/** Prunes `amount` slices along `dim`, or that share of them, at random. */
export function random_structured<M extends Module>(
  module: M,
  ...rest: Rest<Arguments['nn.utils.prune.random_structured']>
): M
export function random_structured(...args: Arguments['nn.utils.prune.random_structured']): Module
export function random_structured(...args: Arguments['nn.utils.prune.random_structured']): Module {
  const { module, name, amount, dim } = read('nn.utils.prune.random_structured', args)
  prune(module, name, new RandomStructured(amount, dim), null)
  return module
}

/** Prunes the `amount` slices along `dim`, or that share of them, whose norms of order `n` are smallest. */
export function ln_structured<M extends Module>(module: M, ...rest: Rest<Arguments['nn.utils.prune.ln_structured']>): M
export function ln_structured(...args: Arguments['nn.utils.prune.ln_structured']): Module
export function ln_structured(...args: Arguments['nn.utils.prune.ln_structured']): Module {
  const { module, name, amount, n, dim, importance_scores } = read('nn.utils.prune.ln_structured', args)
  prune(module, name, new LnStructured(amount, n, dim), importance_scores)
  return module
}

/** Prunes what the mask has zeros for. */
export function custom_from_mask<M extends Module>(
  module: M,
  ...rest: Rest<Arguments['nn.utils.prune.custom_from_mask']>
): M
export function custom_from_mask(...args: Arguments['nn.utils.prune.custom_from_mask']): Module
export function custom_from_mask(...args: Arguments['nn.utils.prune.custom_from_mask']): Module {
  const { module, name, mask } = read('nn.utils.prune.custom_from_mask', args)
  prune(module, name, new CustomFromMask(mask), null)
  return module
}

/**
 * Prunes tensors of several modules together, as if they were one: [module, name] each. `pruning_method` is a class of
 * this namespace of type 'unstructured', and `options` has what it is made with (`{ amount: 0.2 }`).
 * `importance_scores` are the scores of some of the tensors, [module, name, scores] each, in the place of their values.
 */
export function global_unstructured(
  parameters: Iterable<readonly [module: Module, name: string]>,
  // biome-ignore lint/suspicious/noExplicitAny: each method has arguments of its own
  pruning_method: new (options: any) => BasePruningMethod,
  options: {
    importance_scores?: Iterable<readonly [module: Module, name: string, scores: Tensor]> | null | undefined
    [argument: string]: unknown
  } = {},
): void {
  if (typeof parameters?.[Symbol.iterator] !== 'function') {
    throw new TypeError('global_unstructured(): parameters is not an Iterable')
  }
  const { importance_scores, ...rest } = options
  const given = [...(importance_scores ?? [])]
  const pruned = [...parameters].map(([module, name]) => {
    const fields = module as unknown as Record<string, Tensor | undefined>
    const tensor = fields[name] as Tensor
    const scores = given.find((score) => score[0] === module && score[1] === name)?.[2] ?? tensor
    return { module, name, tensor, scores, mask: fields[`${name}_mask`] ?? torch.ones_like(tensor) }
  })
  const method = new pruning_method(rest)
  if (method.PRUNING_TYPE !== 'unstructured') {
    throw new TypeError(
      'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method ' +
        `${pruning_method.name} of type ${method.PRUNING_TYPE}`,
    )
  }
  const whole = new PruningContainer(method).compute_mask(
    parameters_to_vector(pruned.map(({ scores }) => scores)),
    parameters_to_vector(pruned.map(({ mask }) => mask)),
  )
  let start = 0
  for (const { module, name, tensor } of pruned) {
    custom_from_mask(module, name, whole.narrow(0, start, tensor.numel()).view_as(tensor))
    start += tensor.numel()
  }
}

/**
 * Makes a pruning lasting: `name` is a parameter again, with zeros, and `name_orig` and `name_mask` are gone.
 * @throws if the tensor is not pruned.
 */
export function remove<M extends Module>(module: M, ...rest: Rest<Arguments['nn.utils.prune.remove']>): M
export function remove(...args: Arguments['nn.utils.prune.remove']): Module
export function remove(...args: Arguments['nn.utils.prune.remove']): Module {
  const { module, name } = read('nn.utils.prune.remove', args)
  const hook = hooksOf(module, BasePruningMethod).find(({ _tensor_name }) => _tensor_name === name)
  if (hook === undefined) {
    throw new RangeError(`Parameter '${name}' of module ${module} has to be pruned before pruning can be removed`)
  }
  hook.remove(module)
  removeHook(module, hook)
  return module
}

/** Whether any tensor of the module, or of a module below it, is pruned. */
export function is_pruned(...args: Arguments['nn.utils.prune.is_pruned']): boolean {
  const { module } = read('nn.utils.prune.is_pruned', args)
  return module.modules().some((each) => hooksOf(each, BasePruningMethod).length > 0)
}
