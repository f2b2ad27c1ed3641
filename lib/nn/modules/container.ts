// Sequential and ModuleList: modules in a row.

import { ASSIGNED, MISSING } from '../../core/callable.js'
import { describe } from '../../operators/describe.js'
import { isOptions } from '../../operators/options.js'
import { type Arguments, read } from '../generated/arguments.js'
import { partsOf } from './fields.js'
import { Module } from './module.js'
import { listString } from './module_printing.js'

const POSITION = /^-?\d+$/

/** The element at a position, counted from the end where negative. */
export function elementAt<T>(list: readonly T[], position: number): T {
  if (!Number.isInteger(position) || position < -list.length || position >= list.length) {
    throw new RangeError(`index ${position} is out of range`)
  }
  return list.at(position) as T
}

/** The elements of Python's list[start:end:step]. */
export function sliceOf<T>(list: readonly T[], start?: number | null, end?: number | null, step = 1): T[] {
  if (!Number.isInteger(step) || step === 0) throw new RangeError(`a slice's step must be a whole number other than 0`)
  const [lowest, highest] = step > 0 ? [0, list.length] : [-1, list.length - 1]
  const bounded = (bound: number | null | undefined, otherwise: number): number => {
    if (bound === null || bound === undefined) return otherwise
    return Math.min(Math.max(bound < 0 ? bound + list.length : bound, lowest), highest)
  }
  const [from, to] = step > 0 ? [bounded(start, 0), bounded(end, highest)] : [bounded(start, highest), bounded(end, -1)]
  const found: T[] = []
  for (let i = from; step > 0 ? i < to : i > to; i += step) found.push(list[i] as T)
  return found
}

/** What both have: positions, from the end where negative, `seq[-1]` as `seq.at(-1)`. */
class ModulesInARow extends Module {
  override get length(): number {
    return partsOf(this, 'module').length
  }

  /** The module at a position, counted from the end where negative. */
  at(position: number): Module {
    return elementAt(inARow(this), position)
  }

  [Symbol.iterator](): Iterator<Module> {
    return inARow(this)[Symbol.iterator]()
  }

  /** Positions that are no names: those from the end, and those of named modules. Beyond the end there is nothing. */
  [MISSING](name: string): unknown {
    return POSITION.test(name) ? inARow(this).at(Number(name)) : undefined
  }

  override [ASSIGNED](name: string | symbol, value: unknown): boolean {
    if (typeof name !== 'string' || !POSITION.test(name)) return super[ASSIGNED](name, value)
    const key = elementAt(namesOf(this), Number(name))
    ;(this as unknown as Record<string, unknown>)[key] = value
    return true
  }
}

const inARow = (module: Module): Module[] => partsOf(module, 'module').map(([, part]) => part as Module)
const namesOf = (module: Module): string[] => partsOf(module, 'module').map(([name]) => name)

/** Puts other modules in the place of those that are there, and numbers them. */
function renumber(row: Module, modules: readonly Module[]): void {
  for (const name of namesOf(row)) delete (row as unknown as Record<string, unknown>)[name]
  modules.forEach((module, i) => {
    row.add_module(String(i), module)
  })
}

function remove(row: Module, position: number): Module {
  const modules = inARow(row)
  const removed = elementAt(modules, position)
  renumber(row, modules.toSpliced(position, 1))
  return removed
}

function insert(row: Module, index: number, module: Module): void {
  const modules = inARow(row)
  if (!(module instanceof Module)) throw new TypeError(`module should be of type: nn.Module, not ${describe(module)}`)
  if (index < -modules.length || index > modules.length) throw new RangeError(`Index out of range: ${index}`)
  renumber(row, modules.toSpliced(index, 0, module))
}

/**
 * Modules in a row, each called with the output of the one before: `new nn.Sequential(a, b)`, or with names
 * `new nn.Sequential({ a, b })`, also in a Map. `seq[0]` is the first of them, `seq[-1]` the last.
 *
 * https://docs.pytorch.org/docs/2.13/generated/torch.nn.Sequential.html
 */
class SequentialBase extends ModulesInARow {
  static override readonly name: string = 'Sequential';
  [position: number]: Module

  constructor(...modules: Module[] | [Record<string, Module> | ReadonlyMap<string, Module>]) {
    super()
    const [first] = modules
    const named =
      modules.length === 1 && first instanceof Map
        ? [...(first as ReadonlyMap<string, Module>)]
        : modules.length === 1 && isOptions(first)
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
    for (const module of this) value = module(value)
    return value
  }

  /** Adds a module at the end. */
  append(...args: Arguments['nn.Sequential.append']): this {
    const { module } = read('nn.Sequential.append', args)
    this.add_module(String(this.length), module)
    return this
  }

  /**
   * Puts a module before the one at a position; all are numbered anew.
   * @throws {RangeError} where the position is further from the ends than there are modules.
   */
  insert(...args: Arguments['nn.Sequential.insert']): this {
    const { index, module } = read('nn.Sequential.insert', args)
    insert(this, index, module)
    return this
  }

  /** Adds modules, or those of another Sequential, at the end. Python's `seq += other`. */
  extend(...args: Arguments['nn.Sequential.extend']): this {
    const { sequential } = read('nn.Sequential.extend', args)
    if (typeof sequential?.[Symbol.iterator] !== 'function') {
      throw new TypeError(`Sequential.extend should be called with an iterable, but got ${describe(sequential)}`)
    }
    for (const module of [...sequential]) this.append(module)
    return this
  }

  /** Takes out the module at a position, and numbers the others anew. */
  pop(...args: Arguments['nn.Sequential.pop']): Module {
    return remove(this, read('nn.Sequential.pop', args).key)
  }

  /** Python's `seq[start:end:step]`: a Sequential of these modules, under the names that they have here. */
  slice(start?: number | null, end?: number | null, step = 1): Sequential {
    const make = this.constructor as new (modules: ReadonlyMap<string, Module>) => Sequential
    return new make(new Map(sliceOf(partsOf(this, 'module') as unknown as [string, Module][], start, end, step)))
  }

  /** Python's `seq + other`: a new Sequential of the modules of both. */
  add(other: Sequential): Sequential {
    if (!(other instanceof SequentialBase)) {
      throw new RangeError(`add operator supports only objects of Sequential class, but ${describe(other)} is given.`)
    }
    return new Sequential(...this, ...other)
  }

  /** Python's `seq * times`: a new Sequential that runs these modules so many times, the same ones each time. */
  mul(times: number): Sequential {
    if (!Number.isInteger(times))
      throw new TypeError(`unsupported operand type(s) for *: Sequential and ${describe(times)}`)
    if (times <= 0) throw new RangeError(`Non-positive multiplication factor ${times} for Sequential`)
    return new Sequential(...Array.from({ length: times }, () => [...this]).flat())
  }
}

/** Its modules by position or name, each with its own type where the call that made it shows them. */
export type Sequential<M extends readonly Module[] | Readonly<Record<string, Module>> = Module[]> = SequentialBase &
  (M extends readonly Module[] ? { [I in Extract<keyof M, `${number}`>]: M[I] } : M)

export const Sequential = SequentialBase as unknown as {
  new (modules: ReadonlyMap<string, Module>): Sequential
  new <M extends Module[]>(...modules: M): Sequential<M>
  new <M extends Record<string, Module>>(modules: M): Sequential<M>
}

/**
 * A list of modules that are found as parts: `list[0]`, `list[-1]`, `for (const layer of list)`. It has no forward.
 *
 * https://docs.pytorch.org/docs/2.13/generated/torch.nn.ModuleList.html
 */
export class ModuleList<M extends Module = Module> extends ModulesInARow {
  [position: number]: M

  constructor(...args: [modules?: Iterable<M> | { modules?: Iterable<M> | null } | null]) {
    super()
    const { modules } = read('nn.ModuleList', args)
    if (modules !== null) this.extend(modules as Iterable<M>)
  }

  /** Adds a module at the end. */
  append(...args: [module: M | { module: M }]): this {
    const { module } = read('nn.ModuleList.append', args)
    this.add_module(String(this.length), module)
    return this
  }

  /** Adds modules at the end. Python's `list += modules`. */
  extend(...args: [modules: Iterable<M> | { modules: Iterable<M> }]): this {
    const { modules } = read('nn.ModuleList.extend', args)
    if (typeof modules?.[Symbol.iterator] !== 'function') {
      throw new TypeError(`ModuleList.extend should be called with an iterable, but got ${describe(modules)}`)
    }
    for (const module of [...modules]) this.append(module as M)
    return this
  }

  /**
   * Puts a module before the one at a position.
   * @throws {RangeError} where the position is further from the ends than there are modules.
   */
  insert(...args: Arguments['nn.ModuleList.insert']): void {
    const { index, module } = read('nn.ModuleList.insert', args)
    insert(this, index, module)
  }

  /** Takes out the module at a position; those behind it move up. */
  pop(...args: Arguments['nn.ModuleList.pop']): M {
    return remove(this, read('nn.ModuleList.pop', args).key) as M
  }

  /** Python's `list[start:end:step]`: a list of these modules. */
  slice(start?: number | null, end?: number | null, step = 1): ModuleList<M> {
    const make = this.constructor as new (modules: M[]) => ModuleList<M>
    return new make(sliceOf([...this], start, end, step))
  }

  /** Python's `list + modules`: a new list. */
  add(modules: Iterable<M>): ModuleList<M> {
    return new ModuleList<M>([...this, ...modules])
  }

  override at(position: number): M {
    return super.at(position) as M
  }

  override [Symbol.iterator](): Iterator<M> {
    return super[Symbol.iterator]() as Iterator<M>
  }

  override toString(): string {
    return listString(this, this)
  }
}
