// Modules of TorchScript's, as nn.Modules: their parameters and buffers are TorchScript's own tensors.

import { writeFileAtomic } from '../core/atomic_file.js'
import { SlotKind } from '../core/generated/contract.js'
import { type Handle, type NativeScript, native, type ScriptTree } from '../core/native.js'
import { internals, Tensor } from '../core/tensor.js'
import { register, swapPart, TAKEN } from '../nn/modules/fields.js'
import { Module } from '../nn/modules/module.js'
import { Buffer as ModuleBuffer, Parameter } from '../nn/parameter.js'
import { describe } from '../operators/describe.js'
import type { Memo } from '../tensor/deepcopy.js'
import { bytesOf } from './bytes.js'
import { type Owner, ScriptFunction } from './callable.js'
import { decode, encode, keepUntilHere, SCRIPT, type Wrap } from './values.js'

const INTERNAL = Symbol('internal')

type Described = ScriptTree['modules'][number]

/** Makes what holds a tensor that TorchScript holds too. */
function hold(handle: Handle, kind: number): Tensor {
  const cls = kind === SlotKind.Parameter ? Parameter : ModuleBuffer
  const tensor: Tensor = Reflect.construct(Tensor, [internals.token, handle], cls)
  if (cls === ModuleBuffer) Object.defineProperty(tensor, 'persistent', { value: true })
  native.track(tensor, handle)
  return tensor
}

/**
 * A module that was made in Python by torch.jit.script or trace, and loaded by `torch.jit.load`. It is an nn.Module: its
 * parameters train with our optimizers, `state_dict`, `to` and `eval` do what they do elsewhere. Methods and attributes
 * of its file have their names.
 */
export class ScriptModule extends Module {
  // biome-ignore lint/suspicious/noExplicitAny: only its file knows what it takes
  declare forward: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  [member: string]: any
  readonly #script: NativeScript
  readonly #className: string
  /** Parameters and buffers, as native code lists them. */
  readonly #tensors: string[] = []
  readonly #slots = new Map<string, number>()
  readonly #assigns: boolean
  #attached = false

  /** @internal Modules come from torch.jit.load. */
  constructor(token: symbol, described: Described) {
    super()
    if (token !== INTERNAL) {
      throw new TypeError(
        'a ScriptModule is made in Python, by torch.jit.script or torch.jit.trace, and loaded by torch.jit.load',
      )
    }
    this.#script = described.script
    this.#className = described.class_name
    this.#assigns = described.assigns
    this.#defineMembers(described)
  }

  get [SCRIPT](): NativeScript {
    return this.#script
  }

  #defineMembers({ slots, constants, methods }: Described): void {
    const define = (name: string, get: () => unknown, set: (value: unknown) => void): void => {
      if (name !== 'training' && name in Module.prototype) return
      Object.defineProperty(this, name, { get, set, enumerable: false, configurable: true })
    }
    const attribute = (name: string): void =>
      define(
        name,
        () => this.#get(name),
        (value) => this.#set(name, value),
      )
    const owner: Owner = { script: this.#script, wrap: wrapScript, done: () => this.#settle() }
    for (const name of methods) {
      if (name !== 'forward' && name in Module.prototype) continue
      Object.defineProperty(this, name, {
        value: new ScriptFunction(owner, name),
        enumerable: false,
        writable: true,
        configurable: true,
      })
    }
    for (let i = 0; i < slots.length; i += 3) {
      const [name, kind] = slots.slice(i, i + 2) as [string, number]
      this.#slots.set(name, kind)
      if (kind === SlotKind.Attribute) attribute(name)
      else if (kind !== SlotKind.Module) this.#tensors.push(name)
    }
    for (const name of constants) attribute(name)
    if (!this.#slots.has('training')) this.training = false
  }

  /** @internal Gives the module its parts. */
  attach(parts: readonly [name: string, kind: number, part: unknown][]): void {
    for (const [name, kind, part] of parts) {
      if (kind === SlotKind.Module) register(this, 'module', name, part as Module)
      else if (kind === SlotKind.Parameter) register(this, 'parameter', name, part as Parameter)
      else register(this, 'buffer', name, part as Tensor)
    }
    this.#attached = true
  }

  override [TAKEN](name: string, value: unknown): unknown {
    if (!(#slots in this) || !this.#attached) return value
    const kind = this.#slots.get(name)
    if (kind === undefined || kind === SlotKind.Attribute) return value
    if (kind === SlotKind.Module && !(value instanceof ScriptModule)) {
      throw new Error(
        'Cannot re-assign modules in a ScriptModule with non-scripted module, tried to replace existing module ' +
          `'${name}': ${describe(value)}`,
      )
    }
    this.#set(name, value)
    return value
  }

  #get(name: string): unknown {
    return decode(native.jit_get(this.#script, name), wrapScript)
  }

  #set(name: string, value: unknown): void {
    native.jit_set(this.#script, name, encode(value))
    keepUntilHere(value)
  }

  /** Takes in the tensors that a method has put into attributes, here and below. */
  #settle(): void {
    if (!this.#assigns) return
    for (const module of this.modules()) if (module instanceof ScriptModule) module.#takeChanged()
  }

  #takeChanged(): void {
    const known = this.#tensors.map((name) => this[name] as Tensor | null)
    const handles = Float64Array.from(known, (tensor) => (tensor === null ? 0 : internals.handleOf(tensor)))
    const changed = native.jit_changed(this.#script, handles)
    keepUntilHere(known)
    for (let i = 0; i < changed.length; i += 2) {
      const name = this.#tensors[changed[i] as number] as string
      const handle = changed[i + 1] as Handle | null
      swapPart(this, name, handle === null ? null : hold(handle, this.#slots.get(name) as number))
    }
  }

  /**
   * Calls forward in a thread of its own, so that this one goes on: the promise is kept when it is done. Gradients are
   * recorded where they are when this is called. `torch.backends.tstorch` says how many threads there are, and how many
   * calls may wait. Hooks do not run.
   * @throws (the promise is rejected) where too many calls wait already, or with what forward throws.
   */
  async forward_async(...args: unknown[]): Promise<unknown> {
    return this.call_async('forward', ...args)
  }

  /** Calls a method by name, as `forward_async` calls forward. */
  async call_async(method: string, ...args: unknown[]): Promise<unknown> {
    const found: unknown = this[method]
    if (!(found instanceof ScriptFunction)) throw new Error(`Method '${method}' is not defined.`)
    return found.call_async(...args)
  }

  /** The code of forward, as Python. */
  get code(): string {
    return (this.forward as ScriptFunction).code
  }

  /** The graph of forward. */
  get graph(): string {
    return (this.forward as ScriptFunction).graph
  }

  get inlined_graph(): string {
    return (this.forward as ScriptFunction).inlined_graph
  }

  /** The name of its class in Python. */
  get original_name(): string {
    return this.#className
  }

  override extra_repr(): string {
    return `original_name=${this.#className}`
  }

  /** Writes the module to a file, as `torch.jit.save`. */
  save(f: string, options: { _extra_files?: Readonly<Record<string, string | Uint8Array>> } = {}): void {
    writeFileAtomic(f, [this.save_to_buffer(options)])
  }

  /** The bytes of the module's file. */
  save_to_buffer(options: { _extra_files?: Readonly<Record<string, string | Uint8Array>> } = {}): Uint8Array {
    return bytesOf(this.#script, options._extra_files ?? {})
  }

  /** @internal The copy that torch.deepcopy makes. */
  override __deepcopy__(memo: Memo): Module {
    const copy = moduleOf(native.jit_copy(this.#script))
    memo.set(this, copy)
    return copy
  }
}

/** Python's name of the class of loaded modules. */
export class RecursiveScriptModule extends ScriptModule {}

/** The module of TorchScript's, with all below it. */
export function moduleOf(script: NativeScript): RecursiveScriptModule {
  const { modules: described, tensors: handles } = native.jit_tree(script)
  const modules = described.map((each) => new RecursiveScriptModule(INTERNAL, each))
  const tensors = new Map<number, Tensor>()
  // A tensor that is a parameter anywhere is one.
  for (const wanted of [SlotKind.Parameter, SlotKind.Buffer]) {
    for (const { slots } of described) {
      for (let i = 0; i < slots.length; i += 3) {
        const [kind, position] = slots.slice(i + 1, i + 3) as [number, number]
        if (kind === wanted && position >= 0 && !tensors.has(position)) {
          tensors.set(position, hold(handles[position] as Handle, kind))
        }
      }
    }
  }
  described.forEach(({ slots }, i) => {
    const parts: [string, number, unknown][] = []
    for (let slot = 0; slot < slots.length; slot += 3) {
      const [name, kind, position] = slots.slice(slot, slot + 3) as [string, number, number]
      if (kind === SlotKind.Attribute) continue
      const found = kind === SlotKind.Module ? modules[position] : tensors.get(position)
      parts.push([name, kind, found ?? null])
    }
    modules[i]?.attach(parts)
  })
  return modules[0] as RecursiveScriptModule
}

/** An object of a class of TorchScript's that is no module. It can be passed to methods again. */
export class ScriptObject {
  declare readonly [SCRIPT]: NativeScript
  readonly #className: string

  constructor(script: NativeScript, className: string) {
    Object.defineProperty(this, SCRIPT, { value: script })
    this.#className = className
    const [attributes, methods] = native.jit_members(script)
    for (const name of attributes) {
      Object.defineProperty(this, name, {
        get: () => decode(native.jit_get(script, name), wrapScript),
        set: (value: unknown) => native.jit_set(script, name, encode(value)),
        enumerable: true,
      })
    }
    const owner: Owner = { script, wrap: wrapScript, done: () => {} }
    for (const name of methods) {
      if (!name.startsWith('__')) Object.defineProperty(this, name, { value: new ScriptFunction(owner, name) })
    }
  }

  toString(): string {
    return `<torch.ScriptObject of class ${this.#className}>`
  }
}

export const wrapScript: Wrap = (script, className, isModule) =>
  isModule ? moduleOf(script) : new ScriptObject(script, className)

/** The module's native part. */
export function scriptOf(module: unknown, callee: string): NativeScript {
  if (module instanceof ScriptModule) return module[SCRIPT]
  throw new TypeError(
    `${callee}(): expected a ScriptModule, which torch.jit.load gives, not ${describe(module)}: modules that are written ` +
      'here are saved as a state_dict, by torch.save or torch.safetensors',
  )
}
