// The base of all layers: finds its parameters, buffers and submodules in its own fields, in their order.

import { no_grad } from '../../autograd/grad_mode.js'
import { Callable } from '../../core/callable.js'
import { requireCuda } from '../../core/cuda_available.js'
import { type DeviceLike, device as deviceOf } from '../../core/device.js'
import type { DType } from '../../core/dtype.js'
import * as dtypes from '../../core/dtype.js'
import { native } from '../../core/native.js'
import { internals, RemovableHandle, type Tensor } from '../../core/tensor.js'
import { checkKeys } from '../../operators/arguments.js'
import { isOptions } from '../../operators/operator.js'
import { Buffer, Parameter } from '../parameter.js'
import { moduleString } from './module_printing.js'
import { type LoadResult, loadStateDict, type StateDict, stateDict } from './state_dict.js'

/** Whether T is any. */
type IfAny<T, Yes, No> = 0 extends 1 & T ? Yes : No

// Calling a module calls its forward: whatever a subclass declares there is what a call takes and gives.
// biome-ignore lint/suspicious/noExplicitAny: any stands for "not said", which defers to forward
export interface Module<A extends any[] = any[], R = any> {
  (...args: IfAny<R, Parameters<this['forward']>, A>): IfAny<R, ReturnType<this['forward']>, R>
}

export type ForwardPreHook = (module: Module, args: unknown[]) => unknown
export type ForwardHook = (module: Module, args: unknown[], output: unknown) => unknown

/** What a module can be moved to. */
export interface MoveOptions {
  dtype?: DType | undefined
  device?: DeviceLike | undefined
  non_blocking?: boolean | undefined
}

/**
 * A layer, or a network of layers. A subclass creates its parts in its constructor, as fields, and computes in `forward`:
 * a field that is a Parameter is learned, a Buffer is kept, a Module is a part. Calling the module calls `forward`.
 */
// biome-ignore lint/suspicious/noExplicitAny: as above
// biome-ignore lint/correctness/noUnusedVariables: they are the interface's
export class Module<A extends any[] = any[], R = any> extends Callable {
  training = true
  readonly #preHooks = new Set<ForwardPreHook>()
  readonly #hooks = new Set<ForwardHook>()

  // biome-ignore lint/suspicious/noExplicitAny: subclasses say what they take and give
  forward(..._args: any[]): any {
    throw new Error(`Module [${this.constructor.name}] is missing the required "forward" function`)
  }

  override __call__(...args: unknown[]): unknown {
    if (this.#preHooks.size === 0 && this.#hooks.size === 0) return this.forward(...args)
    let inputs = args
    for (const hook of this.#preHooks) {
      const changed = hook(this, inputs)
      if (changed !== undefined && changed !== null) inputs = Array.isArray(changed) ? changed : [changed]
    }
    let output: unknown = this.forward(...inputs)
    for (const hook of this.#hooks) output = hook(this, inputs, output) ?? output
    return output
  }

  /** Calls `hook` before every forward; what it returns replaces the arguments. */
  register_forward_pre_hook(hook: ForwardPreHook): RemovableHandle {
    this.#preHooks.add(hook)
    return new RemovableHandle(() => this.#preHooks.delete(hook))
  }

  /** Calls `hook` after every forward; what it returns replaces the output. */
  register_forward_hook(hook: ForwardHook): RemovableHandle {
    this.#hooks.add(hook)
    return new RemovableHandle(() => this.#hooks.delete(hook))
  }

  // --- parts ------------------------------------------------------------------------------------

  /** The module's own fields of one type, in their order. */
  *#fields<T>(is: (value: unknown) => value is T): Generator<[string, T]> {
    for (const name of Object.keys(this)) {
      const value: unknown = (this as unknown as Record<string, unknown>)[name]
      if (is(value)) yield [name, value]
      else refuseHidden(this, name, value)
    }
  }

  /** The direct submodules with their names. */
  named_children(): [string, Module][] {
    const seen = new Set<Module>()
    return [...this.#fields(isModule)].filter(([, module]) => !seen.has(module) && seen.add(module))
  }

  children(): Module[] {
    return this.named_children().map(([, module]) => module)
  }

  /** This module and all below it, each once, with their paths. */
  named_modules(prefix = '', seen: Set<Module> = new Set()): [string, Module][] {
    if (seen.has(this)) return []
    seen.add(this)
    const below = [...this.#fields(isModule)].flatMap(([name, module]) =>
      module.named_modules(prefix === '' ? name : `${prefix}.${name}`, seen),
    )
    return [[prefix, this], ...below]
  }

  modules(): Module[] {
    const found = new Set<Module>()
    const collect = (module: Module): void => {
      if (found.has(module)) return
      found.add(module)
      for (const value of Object.values(module)) if (isModule(value)) collect(value)
    }
    collect(this)
    return [...found]
  }

  #named<T>(is: (value: unknown) => value is T, prefix: string, recurse: boolean): [string, T][] {
    const seen = new Set<T>()
    const modules: [string, Module][] = recurse ? this.named_modules(prefix) : [[prefix, this]]
    return modules.flatMap(([path, module]) =>
      [...module.#fields(is)]
        .filter(([, value]) => !seen.has(value) && seen.add(value))
        .map(([name, value]): [string, T] => [path === '' ? name : `${path}.${name}`, value]),
    )
  }

  /** The parameters of this module and, unless `recurse` is false, of all below it, each once. */
  named_parameters(prefix = '', recurse = true): [string, Parameter][] {
    return this.#named(isParameter, prefix, recurse)
  }

  /** Without names, which cost more than the rest: training asks for these in every step. */
  parameters(recurse = true): Parameter[] {
    const found = new Set<Parameter>()
    for (const module of recurse ? this.modules() : [this]) {
      for (const name of Object.keys(module)) {
        const value = (module as unknown as Record<string, unknown>)[name]
        if (isParameter(value)) found.add(value)
        else if (typeof value === 'object') refuseHidden(module, name, value)
      }
    }
    return [...found]
  }

  named_buffers(prefix = '', recurse = true): [string, Buffer][] {
    return this.#named(isBuffer, prefix, recurse)
  }

  buffers(recurse = true): Buffer[] {
    return this.named_buffers('', recurse).map(([, buffer]) => buffer)
  }

  /** The submodule at a path such as 'encoder.0'. */
  get_submodule(target: string): Module {
    const found = this.named_modules().find(([path]) => path === target)
    if (found === undefined) throw new RangeError(`${this.constructor.name} has no submodule '${target}'`)
    return found[1]
  }

  get_parameter(target: string): Parameter {
    const found = this.named_parameters().find(([path]) => path === target)
    if (found === undefined) throw new RangeError(`${this.constructor.name} has no parameter '${target}'`)
    return found[1]
  }

  #register(name: string, value: unknown): void {
    if (name === '' || name.includes('.'))
      throw new RangeError(`'${name}' cannot name a part of a module: it is empty or has a dot`)
    ;(this as unknown as Record<string, unknown>)[name] = value
  }

  register_buffer(name: string, tensor: Tensor | null, { persistent = true } = {}): void {
    this.#register(name, tensor === null ? null : new Buffer(tensor, { persistent }))
  }

  register_parameter(name: string, parameter: Parameter | null): void {
    this.#register(name, parameter)
  }

  add_module(name: string, module: Module | null): void {
    this.#register(name, module)
  }

  // --- state ------------------------------------------------------------------------------------

  /** Parameters and persistent buffers by path, detached, over the same data. */
  state_dict({ prefix = '', keep_vars = false } = {}): StateDict {
    return stateDict(this, prefix, keep_vars)
  }

  /**
   * Copies a state_dict's tensors into this module's.
   * @throws if shapes differ or, unless `strict` is false, names do; nothing has changed then.
   */
  load_state_dict(state_dict: Readonly<Record<string, Tensor>>, { strict = true } = {}): LoadResult {
    return loadStateDict(this, state_dict, strict)
  }

  /** Sets training mode (dropout at work) here and below. */
  train(mode = true): this {
    for (const module of this.modules()) module.training = mode
    return this
  }

  eval(): this {
    return this.train(false)
  }

  requires_grad_(requires_grad = true): this {
    for (const parameter of this.parameters()) parameter.requires_grad_(requires_grad)
    return this
  }

  /** Forgets all gradients: sets them to null, or to zero where `set_to_none` is false. */
  zero_grad({ set_to_none = true } = {}): void {
    native.zero_grad(this.parameters().map(internals.handleOf), set_to_none)
  }

  /** Calls `fn` with every module below this one, deepest first, then with this one. */
  apply(fn: (module: Module) => void): this {
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
    for (const module of this.modules()) module.moved()
    return this
  }

  /** Called when the parameters were moved to another device or dtype. */
  protected moved(): void {}

  /** Moves parameters and buffers to a device or (floating-point ones alone) a dtype, in place. */
  to(target: DType | DeviceLike | MoveOptions, dtype?: DType): this {
    const options: MoveOptions = isOptions(target)
      ? (target as MoveOptions)
      : typeof target === 'object' && 'itemsize' in target
        ? { dtype: target }
        : { device: target as DeviceLike, dtype }
    checkKeys('to', options, ['dtype', 'device', 'non_blocking'])
    if (options.dtype !== undefined && !options.dtype.is_floating_point && !options.dtype.is_complex) {
      throw new TypeError(
        `nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=${options.dtype}`,
      )
    }
    if (options.device !== undefined && deviceOf(options.device).type === 'cuda') requireCuda()
    return this.#convert((tensor) => {
      const floating = tensor.dtype.is_floating_point || tensor.dtype.is_complex
      return tensor.to({
        device: options.device,
        dtype: floating ? options.dtype : undefined,
        non_blocking: options.non_blocking,
      })
    })
  }

  cpu(): this {
    return this.to('cpu')
  }

  cuda(device: DeviceLike | number = 'cuda'): this {
    return this.to(typeof device === 'number' ? `cuda:${device}` : device)
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
    return moduleString(this)
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

const isModule = (value: unknown): value is Module => value instanceof Module
const isParameter = (value: unknown): value is Parameter => value instanceof Parameter
const isBuffer = (value: unknown): value is Buffer => value instanceof Buffer

/** Parts in a plain container would silently not be learned. #private fields hide parts on purpose. */
function refuseHidden(module: Module, name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  let items: Iterable<unknown>
  if (Array.isArray(value) || value instanceof Map || value instanceof Set) items = value.values()
  else if (isOptions(value)) items = Object.values(value)
  else return
  for (const item of items) {
    const kind = isModule(item) ? 'Module' : isParameter(item) ? 'Parameter' : null
    if (kind === null) continue
    throw new TypeError(
      `${module.constructor.name}.${name} holds a ${kind} in a plain container, where it would not be found: use ` +
        `nn.${kind}List or nn.${kind}Dict`,
    )
  }
}
