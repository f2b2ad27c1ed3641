// The base of all layers: finds its parameters, buffers and submodules in its own fields, in their order.

import { no_grad } from '../../autograd/grad_mode.js'
import { requireCuda } from '../../core/cuda_available.js'
import { device as deviceOf } from '../../core/device.js'
import * as dtypes from '../../core/dtype.js'
import { native } from '../../core/native.js'
import { internals, RemovableHandle, type Tensor } from '../../core/tensor.js'
import { describe } from '../../operators/describe.js'
import { type ConversionArguments, conversionOf } from '../../tensor/conversion.js'
import { type Arguments, read } from '../generated/arguments.js'
import { Parameter } from '../parameter.js'
import type { AnyFunction, Forward, IfAny, IfOpen } from './call_types.js'
import { Fields, nonPersistentBuffers, partsOf, register, settleFields } from './fields.js'
import { moduleString } from './module_printing.js'
import { type LoadResult, loadStateDict, type StateDict, stateDict } from './state_dict.js'

// Calling a module calls its forward: whatever a subclass declares there is what a call takes and gives. One signature,
// so that TypeScript knows the result without looking at the arguments, as a loop that replaces a state needs it.
// biome-ignore lint/suspicious/noExplicitAny: any stands for "not said", which defers to forward
export interface Module<A extends any[] = any[], R = any> {
  (
    // biome-ignore lint/suspicious/noExplicitAny: as above
    ...args: IfOpen<this, any[], IfAny<R, Parameters<Forward<this>>, A>>
  ): IfAny<R, ReturnType<Forward<this>>, R>
}

export type ForwardPreHook = (module: Module, args: unknown[]) => unknown
export type ForwardHook = (module: Module, args: unknown[], output: unknown) => unknown

/**
 * A layer, or a network of layers. A subclass creates its parts in its constructor, as fields, and computes in `forward`:
 * a field that is a Parameter is learned, a Buffer is kept, a Module is a part. Calling the module calls `forward`.
 */
// biome-ignore lint/suspicious/noExplicitAny: as above
// biome-ignore lint/correctness/noUnusedVariables: they are the interface's
export class Module<A extends any[] = any[], R = any> extends Fields {
  training = true
  #called = false
  readonly #preHooks = new Set<ForwardPreHook>()
  readonly #hooks = new Set<ForwardHook>()
  readonly #alwaysCalled = new Set<ForwardHook>()

  override __call__(...args: unknown[]): unknown {
    if (!this.#called) {
      settleFields(this)
      this.#called = true
    }
    if (this.#preHooks.size === 0 && this.#hooks.size === 0) return forwarding(this).forward(...args)
    let inputs = args
    for (const hook of this.#preHooks) {
      const changed = hook(this, inputs)
      if (changed !== undefined && changed !== null) inputs = Array.isArray(changed) ? changed : [changed]
    }
    let output: unknown
    const called = new Set<ForwardHook>()
    try {
      output = forwarding(this).forward(...inputs)
      for (const hook of this.#hooks) {
        called.add(hook)
        output = hook(this, inputs, output) ?? output
      }
    } catch (error) {
      for (const hook of this.#alwaysCalled) if (!called.has(hook)) hook(this, inputs, undefined)
      throw error
    }
    return output
  }

  /**
   * Calls `hook` before every forward; what it returns replaces the arguments. `prepend` puts it before the hooks that
   * are there. There are no keywords apart from the arguments: `with_kwargs` is refused.
   */
  register_forward_pre_hook(...args: Arguments['nn.Module.register_forward_pre_hook']): RemovableHandle {
    const { hook, prepend, with_kwargs } = read('nn.Module.register_forward_pre_hook', args)
    refuseKwargs(with_kwargs)
    return addHook(this.#preHooks, hook, prepend)
  }

  /**
   * Calls `hook` after every forward; what it returns replaces the output. `prepend` puts it before the hooks that are
   * there; with `always_call` it runs after a forward that threw too, with undefined as its output.
   */
  register_forward_hook(...args: Arguments['nn.Module.register_forward_hook']): RemovableHandle {
    const { hook, prepend, with_kwargs, always_call } = read('nn.Module.register_forward_hook', args)
    refuseKwargs(with_kwargs)
    if (!always_call) return addHook(this.#hooks, hook, prepend)
    const removable = addHook(this.#hooks, hook, prepend)
    this.#alwaysCalled.add(hook)
    return new RemovableHandle(() => {
      removable.remove()
      this.#alwaysCalled.delete(hook)
    })
  }

  /** @internal The hooks that run before forward, in their order. */
  get _forward_pre_hooks(): Set<ForwardPreHook> {
    return this.#preHooks
  }

  // --- parts ------------------------------------------------------------------------------------

  /** The direct submodules with their names. */
  named_children(): [string, Module][] {
    const seen = new Set<Module>()
    return modulesOf(this).filter(([, module]) => !seen.has(module) && seen.add(module))
  }

  children(): Module[] {
    return this.named_children().map(([, module]) => module)
  }

  /** This module and all below it with their paths, each once unless `remove_duplicate` is false. */
  named_modules(...args: Arguments['nn.Module.named_modules']): [string, Module][] {
    const { memo, prefix, remove_duplicate } = read('nn.Module.named_modules', args)
    return this.#namedModules(memo ?? new Set(), prefix, remove_duplicate)
  }

  #namedModules(memo: Set<Module>, prefix: string, remove_duplicate: boolean): [string, Module][] {
    if (memo.has(this)) return []
    if (remove_duplicate) memo.add(this)
    const below = modulesOf(this).flatMap(([name, module]) =>
      module.#namedModules(memo, prefix === '' ? name : `${prefix}.${name}`, remove_duplicate),
    )
    return [[prefix, this], ...below]
  }

  /** This module and all below it, each once unless `remove_duplicate` is false. */
  modules(...args: Arguments['nn.Module.modules']): Module[] {
    const { remove_duplicate } = read('nn.Module.modules', args)
    return remove_duplicate ? this.#modules() : this.#namedModules(new Set(), '', false).map(([, module]) => module)
  }

  #modules(): Module[] {
    const found = new Set<Module>()
    const collect = (module: Module): void => {
      if (found.has(module)) return
      found.add(module)
      for (const [, child] of modulesOf(module)) collect(child)
    }
    collect(this)
    return [...found]
  }

  #named<T>(
    own: (module: Module) => [string, T][],
    { prefix, recurse, remove_duplicate }: { prefix: string; recurse: boolean; remove_duplicate: boolean },
  ): [string, T][] {
    const seen = new Set<T>()
    const modules: [string, Module][] = recurse
      ? this.#namedModules(new Set(), prefix, remove_duplicate)
      : [[prefix, this]]
    return modules.flatMap(([path, module]) =>
      own(module)
        .filter(([, value]) => !remove_duplicate || (!seen.has(value) && seen.add(value)))
        .map(([name, value]): [string, T] => [path === '' ? name : `${path}.${name}`, value]),
    )
  }

  /** The parameters of this module and, unless `recurse` is false, of all below it, each once unless told otherwise. */
  named_parameters(...args: Arguments['nn.Module.named_parameters']): [string, Parameter][] {
    return this.#named(parametersOf, read('nn.Module.named_parameters', args))
  }

  /** Without names, which cost more than the rest: training needs these in every step. */
  parameters(...args: Arguments['nn.Module.parameters']): Parameter[] {
    const { recurse } = read('nn.Module.parameters', args)
    const found = new Set<Parameter>()
    for (const module of recurse ? this.#modules() : [this])
      for (const [, parameter] of parametersOf(module)) found.add(parameter)
    return [...found]
  }

  named_buffers(...args: Arguments['nn.Module.named_buffers']): [string, Tensor][] {
    return this.#named(buffersOf, read('nn.Module.named_buffers', args))
  }

  buffers(...args: Arguments['nn.Module.buffers']): Tensor[] {
    const { recurse } = read('nn.Module.buffers', args)
    return this.#named(buffersOf, { prefix: '', recurse, remove_duplicate: true }).map(([, buffer]) => buffer)
  }

  /** The names of this module's own buffers that are not in the state_dict. */
  get _non_persistent_buffers_set(): Set<string> {
    return nonPersistentBuffers(this)
  }

  /** The submodule at a path such as 'encoder.0'. */
  get_submodule(...args: Arguments['nn.Module.get_submodule']): Module {
    const { target } = read('nn.Module.get_submodule', args)
    return this.#at('submodule', target, this.named_modules())
  }

  get_parameter(...args: Arguments['nn.Module.get_parameter']): Parameter {
    const { target } = read('nn.Module.get_parameter', args)
    return this.#at('parameter', target, this.named_parameters())
  }

  get_buffer(...args: Arguments['nn.Module.get_buffer']): Tensor {
    const { target } = read('nn.Module.get_buffer', args)
    return this.#at('buffer', target, this.named_buffers())
  }

  #at<T>(kind: string, target: string, named: readonly [string, T][]): T {
    const found = named.find(([path]) => path === target)
    if (found === undefined) throw new RangeError(`${this.constructor.name} has no ${kind} '${target}'`)
    return found[1]
  }

  /**
   * Makes `tensor` a buffer: part of the module's state, and not learned. Whatever tensor is assigned to its name later
   * is one too. Only a persistent buffer is in the state_dict.
   */
  register_buffer(...args: Arguments['nn.Module.register_buffer']): void {
    const { name, tensor, persistent } = read('nn.Module.register_buffer', args)
    register(this, 'buffer', name, tensor, persistent)
  }

  register_parameter(...args: Arguments['nn.Module.register_parameter']): void {
    const { name, param } = read('nn.Module.register_parameter', args)
    if (param !== null && !(param instanceof Parameter)) {
      throw new TypeError(
        `cannot assign '${describe(param)}' to parameter '${name}': it must be an nn.Parameter or null`,
      )
    }
    register(this, 'parameter', name, param)
  }

  add_module(...args: Arguments['nn.Module.add_module']): void {
    const { name, module } = read('nn.Module.add_module', args)
    if (module !== null && !(module instanceof Module))
      throw new TypeError(`${describe(module)} is not a Module subclass`)
    register(this, 'module', name, module)
  }

  /** Another name of `add_module`. */
  register_module(...args: Arguments['nn.Module.register_module']): void {
    const { name, module } = read('nn.Module.register_module', args)
    this.add_module(name, module)
  }

  // --- state ------------------------------------------------------------------------------------

  /**
   * Parameters and persistent buffers by path, over the same data: detached, unless `keep_vars` is true. They are added
   * to `destination` where that is given.
   */
  state_dict(...args: Arguments['nn.Module.state_dict']): StateDict {
    const { destination, prefix, keep_vars } = read('nn.Module.state_dict', args)
    return stateDict(this, destination, prefix, keep_vars)
  }

  /**
   * Copies a state_dict's tensors into this module's; with `assign` its tensors take their place.
   * @throws if shapes differ or, unless `strict` is false, names do; nothing has changed then.
   */
  load_state_dict(...args: Arguments['nn.Module.load_state_dict']): LoadResult {
    const { state_dict, strict, assign } = read('nn.Module.load_state_dict', args)
    return loadStateDict(this, state_dict, strict, assign)
  }

  /** Sets training mode (dropout at work) here and below. */
  train(...args: Arguments['nn.Module.train']): this {
    const { mode } = read('nn.Module.train', args)
    for (const module of this.#modules()) module.training = mode
    return this
  }

  eval(): this {
    return this.train(false)
  }

  requires_grad_(...args: Arguments['nn.Module.requires_grad_']): this {
    const { requires_grad } = read('nn.Module.requires_grad_', args)
    for (const parameter of this.parameters()) parameter.requires_grad_(requires_grad)
    return this
  }

  /** Forgets all gradients: sets them to null, or to zero where `set_to_none` is false. */
  zero_grad(...args: Arguments['nn.Module.zero_grad']): void {
    const { set_to_none } = read('nn.Module.zero_grad', args)
    native.zero_grad(this.parameters().map(internals.handleOf), set_to_none)
  }

  /** Calls `fn` with every module below this one, deepest first, then with this one. */
  apply(...args: Arguments['nn.Module.apply']): this {
    const { fn } = read('nn.Module.apply', args)
    if (typeof fn !== 'function') throw new TypeError(`apply(): fn must be a function, not ${describe(fn)}`)
    for (const child of this.children()) child.apply(fn)
    fn(this)
    return this
  }

  // --- dtype and device ---------------------------------------------------------------------------

  /** Replaces the data of every parameter, gradient and buffer. */
  #convert(convert: (tensor: Tensor) => Tensor): this {
    no_grad(() => {
      for (const tensor of [...this.parameters(), ...this.buffers()]) {
        const { grad } = tensor
        const converted = convert(tensor.data)
        tensor.data = converted
        if (grad !== null) tensor.grad = convert(grad)
      }
    })
    for (const module of this.#modules()) module.moved()
    return this
  }

  /** Called when the parameters were moved to another device or dtype. */
  protected moved(): void {}

  /** Moves parameters and buffers to a device or (floating-point ones alone) a dtype, in place. Called as Tensor.to. */
  to(...args: ConversionArguments): this {
    const { device, dtype, non_blocking, copy, memory_format } = conversionOf(args)
    if (copy) throw new TypeError('.to() does not accept copy argument')
    if (dtype !== null && !dtype.is_floating_point && !dtype.is_complex) {
      throw new TypeError(`nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=${dtype}`)
    }
    if (device !== null && deviceOf(device).type === 'cuda') requireCuda()
    return this.#convert((tensor) => {
      const floating = tensor.dtype.is_floating_point || tensor.dtype.is_complex
      const format = memory_format !== null && (tensor.dim() === 4 || tensor.dim() === 5) ? memory_format : null
      return tensor.to({
        device,
        dtype: floating ? dtype : null,
        non_blocking,
        memory_format: format,
      })
    })
  }

  cpu(): this {
    return this.to('cpu')
  }

  cuda(...args: Arguments['nn.Module.cuda']): this {
    const { device } = read('nn.Module.cuda', args)
    return this.to(typeof device === 'number' ? `cuda:${device}` : (device ?? 'cuda'))
  }

  float(): this {
    return this.to(dtypes.float32)
  }

  double(): this {
    return this.to(dtypes.float64)
  }

  half(): this {
    return this.to(dtypes.float16)
  }

  bfloat16(): this {
    return this.to(dtypes.bfloat16)
  }

  // --- printing -----------------------------------------------------------------------------------

  /** What stands between the parentheses when the module is printed. */
  extra_repr(): string {
    return ''
  }

  override toString(): string {
    return moduleString(this, modulesOf(this))
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

export interface Forwarding {
  forward: AnyFunction
}

/** The module as what has the forward that a subclass declares. */
export const forwarding = (module: Module): Forwarding => module as unknown as Forwarding

Object.defineProperty(Module.prototype, 'forward', {
  value: function forward(this: Module): never {
    throw new Error(`Module [${this.constructor.name}] is missing the required "forward" function`)
  },
  writable: true,
  configurable: true,
})

const modulesOf = (module: Module): [string, Module][] => partsOf(module, 'module') as [string, Module][]
const parametersOf = (module: Module): [string, Parameter][] => partsOf(module, 'parameter')
const buffersOf = (module: Module): [string, Tensor][] => partsOf(module, 'buffer')

function addHook<H>(hooks: Set<H>, hook: H, prepend: boolean): RemovableHandle {
  if (typeof hook !== 'function') throw new TypeError(`a hook must be a function, not ${describe(hook)}`)
  const before = prepend ? [...hooks] : []
  if (prepend) hooks.clear()
  for (const each of [hook, ...before]) hooks.add(each)
  return new RemovableHandle(() => hooks.delete(hook))
}

function refuseKwargs(with_kwargs: boolean): void {
  if (!with_kwargs) return
  throw new TypeError('with_kwargs is not supported: keyword arguments are the last element of the arguments')
}
