// torch.nn.utils.parametrize: a parameter or buffer as a function of others, which are what is learned.

import { no_grad } from '../../autograd/grad_mode.js'
import { openMode, runInMode, type Synchronous } from '../../core/modes.js'
import { internals, type Tensor } from '../../core/tensor.js'
import { describe } from '../../operators/describe.js'
import { type Arguments, read } from '../generated/arguments.js'
import { partKind, partsOf, register, unregister } from '../modules/fields.js'
import type { Module } from '../modules/module.js'
import { ModuleDict } from '../modules/module_dict.js'
import { Parameter } from '../parameter.js'
import { changesOf, ParametrizationList, setTo } from './parametrization_list.js'

export { ParametrizationList } from './parametrization_list.js'

/** A module some of whose tensors are parametrized: `module.parametrizations.weight`. */
export type Parametrized<M extends Module, N extends string = string> = M & {
  readonly parametrizations: ModuleDict<Record<N, ParametrizationList>>
}

type Fields = Record<string, unknown>
const fieldsOf = (module: Module): Fields => module as unknown as Fields

/** The parametrizations of a module's tensors by their names; empty where there are none. */
function listsOf(module: Module): Map<string, ParametrizationList> {
  const { parametrizations } = fieldsOf(module)
  if (!(parametrizations instanceof ModuleDict)) return new Map()
  return new Map(partsOf(parametrizations, 'module') as [string, ParametrizationList][])
}

// --- values -----------------------------------------------------------------------------------------------------

let cacheUsers = 0
let cache = new Map<ParametrizationList, Tensor>()

function openCache(): () => void {
  cacheUsers++
  return () => {
    cacheUsers--
    if (cacheUsers === 0) cache = new Map()
  }
}

/**
 * Computes each parametrized tensor once, when it is first read, for as long as the function runs, or, as
 * `using _ = parametrize.cached()`, for the rest of the block: for weights that a forward reads many times, as a
 * recurrent one's. The outermost end forgets them.
 */
export function cached<T>(body: () => Synchronous<T>): T
export function cached(): Disposable
export function cached<T>(body?: () => Synchronous<T>): T | Disposable {
  const name = 'torch.nn.utils.parametrize.cached'
  return body === undefined ? openMode(name, openCache()) : runInMode(name, openCache, body)
}

/** The parametrizations of one tensor of a module that has some. */
const listOf = (module: Module, name: string): ParametrizationList =>
  (fieldsOf(module).parametrizations as Record<string, ParametrizationList>)[name] as ParametrizationList

function computed(module: Module, name: string): unknown {
  const list = listOf(module, name)
  if (cacheUsers === 0) return list()
  let value = cache.get(list)
  if (value === undefined) {
    value = list()
    // It may outlive the scope that it is first read in.
    if (internals.ownerOf(value) !== null) internals.setOwner(value, null)
    cache.set(list, value)
  }
  return value
}

// --- classes ----------------------------------------------------------------------------------------------------

/** The prototypes of parametrized modules, by their class's prototype and the names of the tensors. */
const prototypes = new WeakMap<object, Map<string, object>>()
/** The prototype of the class that a parametrized module had. */
const originals = new WeakMap<object, object>()

const prototypeBefore = (module: Module): object => {
  const prototype = Object.getPrototypeOf(module)
  return originals.get(prototype) ?? prototype
}

/**
 * Gives the module the class ParametrizedLinear, where Linear is its own, in which its parametrized tensors are computed
 * when they are read and taken apart when they are assigned; or its own class, where none are.
 */
function settleClass(module: Module): void {
  const before = prototypeBefore(module)
  const names = [...listsOf(module).keys()]
  Object.setPrototypeOf(module, names.length === 0 ? before : prototypeWith(before, names))
}

function prototypeWith(before: object, names: readonly string[]): object {
  const known = prototypes.get(before) ?? new Map<string, object>()
  prototypes.set(before, known)
  const key = [...names].sort().join()
  let prototype = known.get(key)
  if (prototype === undefined) {
    const own = before.constructor as new () => object
    const Computed = class extends own {}
    Object.defineProperty(Computed, 'name', { value: `Parametrized${own.name}` })
    prototype = Computed.prototype
    for (const name of names) {
      Object.defineProperty(prototype, name, {
        get(this: Module) {
          return computed(this, name)
        },
        set(this: Module, value: Tensor) {
          listOf(this, name).right_inverse(value)
        },
        configurable: true,
      })
    }
    originals.set(prototype, before)
    known.set(key, prototype)
  }
  return prototype
}

// --- the functions ----------------------------------------------------------------------------------------------

/**
 * Makes a module's parameter or buffer a function of others: reading `module[tensor_name]` gives
 * `parametrization(original)`, through which gradients reach the original, `module.parametrizations[tensor_name].original`;
 * that is what parameters() and the state_dict have (`parametrizations.weight.original`). Several are applied in the
 * order of their registration. Returns the module, which now prints as `ParametrizedLinear(...)`.
 *
 * A parametrization with a method `right_inverse` can be assigned to: `module.weight = X` sets the original to
 * `right_inverse(X)`, and registering does so with the tensor that is there. Where it returns an array of tensors, they
 * are original0, original1, ..., and forward takes them all. Only the first parametrization of a tensor may do so.
 *
 * With `unsafe` it is not checked that it keeps dtype and shape.
 * @throws if the module has no such tensor, or if the parametrization changes dtype or shape.
 */
export function register_parametrization<M extends Module, N extends string>(
  module: M,
  tensor_name: N,
  parametrization: Module,
  options?: { unsafe?: boolean | undefined },
): Parametrized<M, N>
export function register_parametrization<M extends Module, N extends string>(options: {
  module: M
  tensor_name: N
  parametrization: Module
  unsafe?: boolean | undefined
}): Parametrized<M, N>
export function register_parametrization(...args: unknown[]): Module {
  const { module, tensor_name, parametrization, unsafe } = read('nn.utils.parametrize.register_parametrization', args)
  parametrization.train(module.training)
  const known = listsOf(module).get(tensor_name)
  if (known !== undefined) {
    if (!unsafe) checkNext(module, tensor_name, parametrization)
    known.append(parametrization)
    known.unsafe ||= unsafe
    return module
  }
  const kind = partKind(module, tensor_name)
  if (kind !== 'parameter' && kind !== 'buffer') {
    throw new RangeError(
      `Module '${module}' does not have a parameter, a buffer, or a parametrized element with name '${tensor_name}'`,
    )
  }
  const list = new ParametrizationList([parametrization], fieldsOf(module)[tensor_name] as Tensor, unsafe)
  unregister(module, tensor_name)
  if (!is_parametrized(module)) register(module, 'module', 'parametrizations', new ModuleDict())
  ;(fieldsOf(module).parametrizations as Module).register_module(tensor_name, list)
  settleClass(module)
  return module
}

/** Checks that one more parametrization keeps dtype and shape, in both directions. */
function checkNext(module: Module, name: string, parametrization: Module): void {
  const before = fieldsOf(module)[name] as Tensor
  const value: unknown = parametrization(before)
  if (!internals.isTensor(value)) {
    throw new RangeError(`A parametrization must return a tensor. Got ${describe(value)}.`)
  }
  const registering = (what: string) =>
    `Registering a parametrization may not change the ${what} of the tensor, unless the \`unsafe\` flag is enabled.`
  checkSame(before, value, registering, `module.${name}`, `parametrization(module.${name})`)
  const inverse = changesOf(parametrization).inverseOf(value)
  if (inverse === undefined) return
  if (!internals.isTensor(inverse)) {
    throw new RangeError(`parametrization.right_inverse must return a tensor. Got: ${describe(inverse)}`)
  }
  const returned = (what: string) =>
    `The tensor returned by parametrization.right_inverse must have the same ${what} as module.${name}, unless the ` +
    '`unsafe` flag is enabled.'
  checkSame(before, inverse, returned, `module.${name}`, 'returned', ' ')
}

function checkSame(
  before: Tensor,
  after: Tensor,
  message: (what: string) => string,
  nameBefore: string,
  nameAfter: string,
  dot = '.',
): void {
  for (const what of ['dtype', 'shape'] as const) {
    if (String(before[what]) === String(after[what])) continue
    throw new RangeError(
      `${message(what)}\n${nameBefore}.${what}: ${before[what]}\n${nameAfter}${dot}${what}: ${after[what]}`,
    )
  }
}

/** Whether the tensor of this name, or, without a name, any of the module's own, is parametrized. */
export function is_parametrized(...args: Arguments['nn.utils.parametrize.is_parametrized']): boolean {
  const { module, tensor_name } = read('nn.utils.parametrize.is_parametrized', args)
  const lists = listsOf(module)
  return tensor_name === null ? lists.size > 0 : lists.has(tensor_name)
}

/**
 * Takes all parametrizations from a tensor, which keeps its present value (in the original parameter, so that an
 * optimizer that has it goes on), or, with `leave_parametrized` false, that of its original. Returns the module.
 * @throws if the tensor is not parametrized, or if it should take the value of several originals.
 */
export function remove_parametrizations<M extends Module>(
  module: M,
  tensor_name: string,
  leave_parametrized?: boolean | { leave_parametrized?: boolean | undefined },
): M
export function remove_parametrizations<M extends Module>(options: {
  module: M
  tensor_name: string
  leave_parametrized?: boolean | undefined
}): M
export function remove_parametrizations(...args: unknown[]): Module {
  const { module, tensor_name, leave_parametrized } = read('nn.utils.parametrize.remove_parametrizations', args)
  const list = listsOf(module).get(tensor_name)
  if (list === undefined) {
    throw new RangeError(`Module ${module} does not have a parametrization on ${tensor_name}`)
  }
  const value = () => fieldsOf(module)[tensor_name] as Tensor
  let kept: Tensor
  if (list.is_tensor) {
    kept = list.original
    if (leave_parametrized) no_grad(() => setTo(kept, value()))
  } else if (leave_parametrized) {
    const present = value()
    kept = present.requires_grad ? new Parameter(present) : present
  } else {
    throw new RangeError(
      'Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a sequence of ' +
        'tensors.',
    )
  }
  unregister(fieldsOf(module).parametrizations as Module, tensor_name)
  settleClass(module)
  register(module, kept instanceof Parameter ? 'parameter' : 'buffer', tensor_name, kept)
  if (!is_parametrized(module)) unregister(module, 'parametrizations')
  return module
}

/** A module's class, and of a parametrized one the class that it had before. */
export function type_before_parametrizations(
  ...args: Arguments['nn.utils.parametrize.type_before_parametrizations']
): abstract new (
  ...args: never[]
) => Module {
  const { module } = read('nn.utils.parametrize.type_before_parametrizations', args)
  return prototypeBefore(module).constructor as abstract new (
    ...args: never[]
  ) => Module
}

/**
 * Gives the parametrizations of one module, of one of its tensors or of all, to another, together with the originals,
 * which both then share. Tensors that the other lacks are made. Returns the other.
 */
export function transfer_parametrizations_and_params<M extends Module>(
  from_module: Module,
  to_module: M,
  tensor_name?: string | null | { tensor_name?: string | null | undefined },
): M
export function transfer_parametrizations_and_params<M extends Module>(options: {
  from_module: Module
  to_module: M
  tensor_name?: string | null | undefined
}): M
export function transfer_parametrizations_and_params(...args: unknown[]): Module {
  const key = 'nn.utils.parametrize.transfer_parametrizations_and_params'
  const { from_module, to_module, tensor_name } = read(key, args)
  const lists = listsOf(from_module)
  if (lists.size === 0) return to_module
  for (const name of tensor_name === null ? lists.keys() : [tensor_name]) {
    const list = lists.get(name)
    if (list === undefined) throw new RangeError(`'${name}' is not parametrized`)
    if (!(name in to_module)) {
      register(to_module, 'parameter', name, new Parameter(fieldsOf(from_module)[name] as Tensor))
    }
    for (const parametrization of list) register_parametrization(to_module, name, parametrization)
    const target = fieldsOf(listsOf(to_module).get(name) as Module)
    for (const original of list.originalNames) target[original] = fieldsOf(list)[original]
  }
  return to_module
}
