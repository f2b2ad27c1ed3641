// ParameterList and ParameterDict: parameters in a row, and by name. They hold other values too, as in Python.

import { internals, type Tensor } from '../../core/tensor.js'
import { describe } from '../../operators/describe.js'
import { type Arguments, read } from '../generated/arguments.js'
import { Parameter } from '../parameter.js'
import { elementAt, sliceOf } from './container.js'
import { TAKEN } from './fields.js'
import { Module } from './module.js'
import { pairsOf } from './module_dict.js'

// biome-ignore lint/suspicious/noExplicitAny: a parameter, unless something else was put there
type Value = any

/** A tensor becomes a parameter, as whatever is put into a list or dict. */
const asParameter = (value: unknown): unknown =>
  internals.isTensor(value) && !(value instanceof Parameter) ? new Parameter(value) : value

const fieldsOf = (module: Module): Record<string, Value> => module as unknown as Record<string, Value>

/** Puts a value there; a parameter only where nothing of the module's own has the name. */
function put(module: Module, name: string, value: unknown): void {
  const taken = asParameter(value)
  if (taken instanceof Parameter) module.register_parameter(name, taken)
  else if (name in module && !Object.hasOwn(module, name)) throw new RangeError(`attribute '${name}' already exists`)
  else fieldsOf(module)[name] = taken
}

function typeOf(value: unknown): string {
  if (value === null || value === undefined) return 'NoneType'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float'
  if (typeof value === 'string') return 'str'
  if (typeof value === 'boolean') return 'bool'
  if (Array.isArray(value)) return 'list'
  return (value as object).constructor?.name ?? 'dict'
}

function line(key: string | number, value: unknown, dtype: (tensor: Tensor) => string): string {
  if (!internals.isTensor(value)) return `  (${key}): Object of type: ${typeOf(value)}`
  const { shape, is_cuda, device } = value
  const kind = value instanceof Parameter ? 'Parameter' : 'Tensor'
  return `  (${key}): ${kind} containing: [${dtype(value)} of size ${shape.join('x')}${is_cuda ? ` (${device})` : ''}]`
}

/**
 * A list of parameters that are found as a module's own: `list[0]`, `for (const p of list)`. Tensors that are put into
 * it become parameters.
 *
 * https://docs.pytorch.org/docs/2.13/generated/torch.nn.ParameterList.html
 */
export class ParameterList extends Module {
  [position: number]: Value

  constructor(...args: [values?: Iterable<unknown> | { values?: Iterable<unknown> | null } | null]) {
    super()
    const { values } = read('nn.ParameterList', args as Arguments['nn.ParameterList'])
    if (values !== null) this.extend(values)
  }

  override [TAKEN](name: string, value: unknown): unknown {
    return /^\d+$/.test(name) ? asParameter(value) : value
  }

  override __call__(): never {
    throw new Error('ParameterList should not be called.')
  }

  append(...args: Arguments['nn.ParameterList.append']): this {
    const { value } = read('nn.ParameterList.append', args)
    put(this, String(this.length), value)
    return this
  }

  /** Adds values at the end. Python's `list += values`. */
  extend(...args: [values: Iterable<unknown> | { values: Iterable<unknown> }]): this {
    const { values } = read('nn.ParameterList.extend', args as Arguments['nn.ParameterList.extend'])
    if (typeof values?.[Symbol.iterator] !== 'function' || internals.isTensor(values)) {
      throw new TypeError(`ParameterList.extend should be called with an iterable, but got ${describe(values)}`)
    }
    for (const value of [...values]) this.append(value)
    return this
  }

  override get length(): number {
    let count = 0
    while (Object.hasOwn(this, String(count))) count++
    return count
  }

  /** The value at a position, counted from the end where negative. */
  at(position: number): Value {
    return elementAt([...this], position)
  }

  /** Python's `list[start:end:step]`: a list of these values. */
  slice(start?: number | null, end?: number | null, step = 1): ParameterList {
    const make = this.constructor as new (values: Value[]) => ParameterList
    return new make(sliceOf([...this], start, end, step))
  }

  override extra_repr(): string {
    return [...this].map((value, i) => line(i, value, ({ dtype }) => String(dtype))).join('\n')
  }

  *[Symbol.iterator](): Iterator<Value> {
    for (let i = 0; Object.hasOwn(this, String(i)); i++) yield this[i]
  }
}

function set(dict: ParameterDictBase, key: string, value: unknown): void {
  if (typeof key !== 'string') {
    throw new TypeError(
      `Index given to ParameterDict cannot be used as a key as it is not a string (type is '${typeOf(key)}').`,
    )
  }
  put(dict, key, value)
  dict._keys.add(key)
}

/** Values by name: an object, whose names Python sorts; a Map or pairs, in their order; another ParameterDict. */
type Named = Readonly<Record<string, unknown>> | Iterable<readonly [string, unknown]> | ParameterDictBase

/**
 * Parameters by name that are found as a module's own: `dict['a']`, `for (const name of dict)`. Tensors that are put
 * into it become parameters. A name that modules use themselves, such as 'forward' or 'keys', is refused.
 *
 * https://docs.pytorch.org/docs/2.13/generated/torch.nn.ParameterDict.html
 */
class ParameterDictBase extends Module {
  static override readonly name: string = 'ParameterDict'
  /** The names in their order, also of what is no parameter. */
  declare readonly _keys: Set<string>

  constructor(...args: [parameters?: Named | { parameters: Named } | null]) {
    super()
    Object.defineProperty(this, '_keys', { value: new Set() })
    const { parameters } = read('nn.ParameterDict', args as Arguments['nn.ParameterDict'])
    if (parameters !== null) this.update(parameters as Named)
  }

  override [TAKEN](name: string, value: unknown): unknown {
    if (name !== 'training') this._keys?.add(name)
    return asParameter(value)
  }

  override __call__(): never {
    throw new Error('ParameterDict should not be called.')
  }

  override get length(): number {
    return this.keys().length
  }

  /** Python's `key in dict`. */
  has(key: string): boolean {
    return this._keys.has(key) && Object.hasOwn(this, key)
  }

  /** The names, in the order in which they were added. */
  keys(): string[] {
    return [...this._keys].filter((key) => Object.hasOwn(this, key))
  }

  values(): Value[] {
    return this.keys().map((key) => fieldsOf(this)[key])
  }

  items(): [key: string, value: Value][] {
    return this.keys().map((key) => [key, fieldsOf(this)[key]])
  }

  /** The names. */
  [Symbol.iterator](): Iterator<string> {
    return this.keys()[Symbol.iterator]()
  }

  /** The names from the last to the first. Python's `reversed(dict)`. */
  reversed(): string[] {
    return this.keys().reverse()
  }

  /** Another dict with the same parameters. */
  copy(): ParameterDict {
    return new ParameterDict(this.items())
  }

  /** The value of that name; `default` where there is none, which is then put there. */
  setdefault(...args: Arguments['nn.ParameterDict.setdefault']): Value {
    const { key, default: value } = read('nn.ParameterDict.setdefault', args)
    if (!this.has(key)) set(this, key, value)
    return fieldsOf(this)[key]
  }

  clear(): void {
    for (const key of this.keys()) this.pop(key)
  }

  /**
   * Takes out a value.
   * @throws {RangeError} where there is none of that name.
   */
  pop(...args: Arguments['nn.ParameterDict.pop']): Value {
    const { key } = read('nn.ParameterDict.pop', args)
    if (!this.has(key)) throw new RangeError(`${this.constructor.name} has no parameter '${key}'`)
    const value = fieldsOf(this)[key]
    delete fieldsOf(this)[key]
    this._keys.delete(key)
    return value
  }

  /**
   * Takes out the pair that was added last.
   * @throws {RangeError} where there is none.
   */
  popitem(): [key: string, value: Value] {
    const key = this.keys().at(-1)
    if (key === undefined) throw new RangeError('popitem(): dictionary is empty')
    return [key, this.pop(key)]
  }

  /** The value of that name, or `default`. */
  get(...args: Arguments['nn.ParameterDict.get']): Value {
    const { key, default: value } = read('nn.ParameterDict.get', args)
    return this.has(key) ? fieldsOf(this)[key] : value
  }

  /** Another dict, with `default` under each of the names. */
  fromkeys(...args: Arguments['nn.ParameterDict.fromkeys']): ParameterDict {
    const { keys, default: value } = read('nn.ParameterDict.fromkeys', args)
    return new ParameterDict([...keys].map((key): [string, unknown] => [key, value]))
  }

  /** Adds values, in the place of those that have their names. Python's `dict |= other`. */
  update(...args: [parameters: Named | { parameters: Named }]): void {
    const { parameters } = read('nn.ParameterDict.update', args as Arguments['nn.ParameterDict.update'])
    if (parameters instanceof ParameterDictBase) {
      for (const [key, value] of parameters.items()) set(this, key, value)
      return
    }
    const pairs = pairsOf('ParameterDict', parameters)
    // Python sorts a dict's names.
    const sorted = Symbol.iterator in (parameters as object) ? pairs : pairs.sort(([a], [b]) => (a < b ? -1 : 1))
    for (const [key, value] of sorted) set(this, key, value)
  }

  /** Python's `dict | other`: a new dict with the values of both, of `other` where both have the name. */
  or(other: ParameterDict): ParameterDict {
    const both = this.copy()
    both.update(other)
    return both
  }

  override extra_repr(): string {
    return this.items()
      .map(([key, value]) => line(key, value, (tensor) => tensor.type()))
      .join('\n')
  }
}

export type ParameterDict<P extends Record<string, unknown> = Record<string, Parameter>> = ParameterDictBase & {
  [K in keyof P]: P[K] extends Tensor ? Parameter : P[K]
}
export const ParameterDict = ParameterDictBase as unknown as {
  new <P extends Record<string, unknown>>(parameters?: P | { parameters: P } | null): ParameterDict<P>
  new (parameters: Iterable<readonly [string, unknown]> | ParameterDictBase): ParameterDict
}
