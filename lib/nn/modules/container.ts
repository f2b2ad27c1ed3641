import { internals } from '../../core/tensor.js'
import { describe } from '../../operators/describe.js'
import { isOptions } from '../../operators/options.js'
import { type Arguments, read } from '../generated/arguments.js'
import { Parameter } from '../parameter.js'
import { partsOf } from './fields.js'
import { Module } from './module.js'
import { listString } from './module_printing.js'

const inOrder = <T>(parts: readonly [string, T][]): T[] => parts.map(([, part]) => part)

/** Modules in a row, each called with the output of the one before. `seq[0]` is the first of them. */
class SequentialBase extends Module {
  static override readonly name: string = 'Sequential';
  [position: number]: Module

  constructor(...modules: Module[] | [Record<string, Module>]) {
    super()
    const [first] = modules
    const named =
      modules.length === 1 && isOptions(first)
        ? Object.entries(first as Record<string, Module>)
        : (modules as Module[]).map((module, i): [string, Module] => [String(i), module])
    for (const [name, module] of named) {
      if (!(module instanceof Module)) throw new TypeError(`Sequential: ${name} is not a Module`)
      this.add_module(name, module)
    }
  }

  // biome-ignore lint/suspicious/noExplicitAny: the first module says what it takes, the last what it gives
  forward(input: any): any {
    let value = input
    for (const module of this._children()) value = module(value)
    return value
  }

  override get length(): number {
    return this._children().length
  }

  /** The module at a position, counted from the end where negative. */
  at(position: number): Module {
    return elementAt(this._children(), position)
  }

  append(...args: Arguments['nn.Sequential.append']): this {
    const { module } = read('nn.Sequential.append', args)
    this.add_module(String(this.length), module)
    return this
  }

  [Symbol.iterator](): Iterator<Module> {
    return this._children()[Symbol.iterator]()
  }

  private _children(): Module[] {
    return inOrder(partsOf(this, 'module')) as Module[]
  }
}

/** Its modules by position or name, each with its own type where the call that made it shows them. */
export type Sequential<M extends readonly Module[] | Readonly<Record<string, Module>> = Module[]> = SequentialBase &
  (M extends readonly Module[] ? { [I in Extract<keyof M, `${number}`>]: M[I] } : M)

export const Sequential = SequentialBase as unknown as {
  new <M extends Module[]>(...modules: M): Sequential<M>
  new <M extends Record<string, Module>>(modules: M): Sequential<M>
}

function elementAt<T>(list: readonly T[], position: number): T {
  const element = list.at(position)
  if (element === undefined) throw new RangeError(`index ${position} is out of range`)
  return element
}

/** A list of modules that are found as parts. It has no forward. */
export class ModuleList<M extends Module = Module> extends Module {
  [position: number]: M

  constructor(...args: [modules?: Iterable<M> | { modules?: Iterable<M> | null } | null]) {
    super()
    const { modules } = read('nn.ModuleList', args)
    this.extend((modules ?? []) as Iterable<M>)
  }

  append(...args: [module: M | { module: M }]): this {
    const { module } = read('nn.ModuleList.append', args)
    this.add_module(String(this.length), module)
    return this
  }

  extend(...args: [modules: Iterable<M> | { modules: Iterable<M> }]): this {
    const { modules } = read('nn.ModuleList.extend', args)
    if (typeof modules?.[Symbol.iterator] !== 'function') {
      throw new TypeError(`ModuleList.extend should be called with an iterable, but got ${describe(modules)}`)
    }
    for (const module of modules) this.append(module as M)
    return this
  }

  override get length(): number {
    return this._items().length
  }

  at(position: number): M {
    return elementAt(this._items(), position)
  }

  [Symbol.iterator](): Iterator<M> {
    return this._items()[Symbol.iterator]()
  }

  override toString(): string {
    return listString(this, this._items())
  }

  private _items(): M[] {
    return inOrder(partsOf(this, 'module')).filter((part): part is M & typeof part => part instanceof Module)
  }
}

/** Modules by name that are found as parts: `heads['a']`. It has no forward. */
class ModuleDictBase extends Module {
  static override readonly name: string = 'ModuleDict'

  constructor(...args: Arguments['nn.ModuleDict']) {
    super()
    const { modules } = read('nn.ModuleDict', args)
    for (const [name, module] of Object.entries(modules ?? {})) {
      if (name in this) throw new RangeError(`'${name}' is a name that modules use themselves`)
      this.add_module(name, module)
    }
  }

  keys(): string[] {
    return partsOf(this, 'module').map(([name]) => name)
  }
}

export type ModuleDict<M extends Record<string, Module> = Record<string, Module>> = ModuleDictBase & M
export const ModuleDict = ModuleDictBase as unknown as new <M extends Record<string, Module>>(
  modules?: M | { modules: M } | null,
) => ModuleDict<M>

/** A list of parameters that are found as a module's own. */
export class ParameterList extends Module {
  constructor(...args: Arguments['nn.ParameterList']) {
    super()
    const { values } = read('nn.ParameterList', args)
    if (values !== null) this.extend(values)
  }

  append(...args: Arguments['nn.ParameterList.append']): this {
    const { value } = read('nn.ParameterList.append', args)
    this.register_parameter(String(this.length), value instanceof Parameter ? value : new Parameter(value))
    return this
  }

  extend(...args: Arguments['nn.ParameterList.extend']): this {
    const { values } = read('nn.ParameterList.extend', args)
    if (typeof values?.[Symbol.iterator] !== 'function' || internals.isTensor(values)) {
      throw new TypeError(`ParameterList.extend should be called with an iterable, but got ${describe(values)}`)
    }
    for (const value of values) this.append(value)
    return this
  }

  override get length(): number {
    return this._items().length
  }

  at(position: number): Parameter {
    return elementAt(this._items(), position)
  }

  override extra_repr(): string {
    const line = ({ dtype, shape, is_cuda, device }: Parameter, i: number) =>
      `  (${i}): Parameter containing: [${dtype} of size ${shape.join('x')}${is_cuda ? ` (${device})` : ''}]`
    return this._items().map(line).join('\n')
  }

  [Symbol.iterator](): Iterator<Parameter> {
    return this._items()[Symbol.iterator]()
  }

  private _items(): Parameter[] {
    return inOrder(partsOf(this, 'parameter'))
  }
}
