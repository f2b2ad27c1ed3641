// What a pickle builds before it is whole, and what becomes of it: Python's containers as JavaScript's.

import { internals } from '../core/tensor.js'
import { UnpicklingError } from './error.js'
import { Storage, StorageType } from './storage.js'

/** More containers within each other are neither read nor written: what looks through them may be recursive. */
export const DEEPEST = 1000

/** A class, function or constant that a pickle names. */
export class Global {
  constructor(
    readonly path: string,
    /** What calling it does. */
    readonly call?: (args: readonly unknown[]) => unknown,
  ) {}
}

/** A dict while it is filled: only its end shows what it becomes. */
export class Dict {
  readonly items = new Map<unknown, unknown>()
  /** An OrderedDict may have attributes. */
  attributes: Dict | null = null

  constructor(readonly kind: 'dict' | 'OrderedDict' | 'Counter' = 'dict') {}

  filled(items: Iterable<readonly [unknown, unknown]>): this {
    for (const [key, value] of items) this.items.set(key, value)
    return this
  }
}

/** What a pickle sets the state of. */
export interface Buildable {
  build(state: unknown): void
  /** What becomes of it; without this it is no value. */
  finished?(): unknown
}

export const isBuildable = (value: unknown): value is Buildable =>
  typeof value === 'object' && value !== null && typeof (value as Partial<Buildable>).build === 'function'

// biome-ignore lint/suspicious/noExplicitAny: a class or function of any parameters
export type UserCallable = ((...args: any[]) => unknown) | (abstract new (...args: any[]) => unknown)

/** An object of a class that the user declared safe, before it is made. */
export class Instance implements Buildable {
  readonly states: unknown[] = []

  constructor(
    readonly make: UserCallable,
    readonly args: readonly unknown[],
    /** Whether the class's constructor is left out, as by Python's __new__. */
    readonly bare: boolean,
  ) {}

  build(state: unknown): void {
    this.states.push(state)
  }
}

/** Sets an own field, whatever it is called: `__proto__` is a name like any other. */
export function setField(object: object, name: string, value: unknown, enumerable = true): void {
  Object.defineProperty(object, name, { value, enumerable, configurable: true, writable: true })
}

/** The number of a name that JavaScript sorts before all others, or -1. */
function indexOf(name: string): number {
  const index = Number(name)
  return Number.isInteger(index) && index >= 0 && index < 2 ** 32 - 1 && String(index) === name ? index : -1
}

/** Whether an object has these names in this order. */
function keepsOrder(names: Iterable<string>): boolean {
  let last = -1
  let others = false
  for (const name of names) {
    const index = indexOf(name)
    if (index === -1) others = true
    else if (others || index <= last) return false
    else last = index
  }
  return true
}

const isCount = (key: unknown): boolean => typeof key === 'number' && Number.isSafeInteger(key) && key >= 0

/** The dicts in a state of PyTorch's own whose keys are numbers, which are an object's names here. */
function numberedIn({ items }: Dict): Dict | null {
  const state = items.get('state')
  if (items.size === 2 && items.has('param_groups') && state instanceof Dict) return state
  const milestones = items.get('milestones')
  if (items.has('last_epoch') && milestones instanceof Dict && milestones.kind === 'Counter') return milestones
  return null
}

interface Frame {
  node: object
  children: readonly unknown[]
  next: number
}

/** Makes of what a pickle built what JavaScript gets. */
export class Finisher {
  readonly #done = new Map<object, unknown>()
  /** Where on the stack what is being finished is; and the calls among it, the innermost last. */
  readonly #open = new Map<object, number>()
  readonly #calls: number[] = []
  readonly #numbered = new Set<Dict>()
  readonly #stack: Frame[] = []

  constructor(
    /** The arrays that are tuples. */
    readonly tuples: ReadonlySet<unknown>,
  ) {}

  finish(root: unknown): unknown {
    this.#enter(root)
    for (let frame = this.#stack.at(-1); frame !== undefined; frame = this.#stack.at(-1)) {
      const { children } = frame
      const depth = this.#stack.length
      while (frame.next < children.length && this.#stack.length === depth) this.#enter(children[frame.next++])
      if (this.#stack.length > depth) continue
      this.#stack.pop()
      this.#open.delete(frame.node)
      if (this.#calls.at(-1) === this.#stack.length) this.#calls.pop()
      this.#complete(frame.node)
    }
    return this.#final(root)
  }

  #final(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value
    return this.#done.has(value) ? this.#done.get(value) : value
  }

  #enter(value: unknown): void {
    if (typeof value !== 'object' || value === null || internals.isTensor(value)) return
    // A call needs its arguments whole.
    if ((this.#open.get(value) ?? Number.POSITIVE_INFINITY) <= (this.#calls.at(-1) ?? -1)) {
      throw new UnpicklingError('an object is among the arguments that make it')
    }
    if (this.#done.has(value)) return
    const children = this.#childrenOf(value)
    if (children === null) return
    if (this.#stack.length >= DEEPEST) {
      throw new UnpicklingError(`it holds containers in more than ${DEEPEST} others`)
    }
    this.#open.set(value, this.#stack.length)
    if (value instanceof Instance && !value.bare) this.#calls.push(this.#stack.length)
    this.#stack.push({ node: value, children, next: 0 })
  }

  /** Null for what stays as it is. */
  #childrenOf(value: object): readonly unknown[] | null {
    if (Array.isArray(value)) {
      this.#done.set(value, value)
      return value
    }
    if (value instanceof Dict) {
      const numbered = numberedIn(value)
      if (numbered !== null) this.#numbered.add(numbered)
      this.#done.set(value, this.#emptyFor(value))
      return [...value.items.keys(), ...value.items.values(), value.attributes]
    }
    if (value instanceof Set) {
      this.#done.set(value, value)
      return [...value]
    }
    if (value instanceof Instance) {
      if (value.bare) this.#done.set(value, Object.create(value.make.prototype))
      return [value.args, ...value.states]
    }
    if (value instanceof Global) throw new UnpicklingError(`it holds ${value.path} itself, which is no value here`)
    if (value instanceof StorageType || value instanceof Storage)
      throw new UnpicklingError('it holds a storage without a tensor')
    if (!isBuildable(value)) return null
    if (value.finished === undefined) throw new UnpicklingError('it holds what is no value here')
    this.#done.set(value, value.finished())
    return null
  }

  #emptyFor(dict: Dict): object {
    const keys = [...dict.items.keys()]
    const numbered = this.#numbered.has(dict) && keys.every((key) => typeof key === 'string' || isCount(key))
    const named = numbered || (keys.every((key) => typeof key === 'string') && keepsOrder(keys as string[]))
    return named ? Object.create(null) : new Map()
  }

  #complete(node: object): void {
    if (Array.isArray(node)) {
      for (let i = 0; i < node.length; i++) node[i] = this.#final(node[i])
      if (this.tuples.has(node)) Object.freeze(node)
    } else if (node instanceof Dict) {
      this.#fill(node, this.#done.get(node) as object)
    } else if (node instanceof Instance) {
      this.#realise(node)
    }
  }

  #fill({ items, attributes }: Dict, made: object): void {
    if (made instanceof Map) for (const [key, value] of items) made.set(this.#final(key), this.#final(value))
    else for (const [key, value] of items) setField(made, String(key), this.#final(value))
    const metadata = attributes?.items.get('_metadata')
    if (metadata !== undefined && !Object.hasOwn(made, '_metadata')) {
      setField(made, '_metadata', this.#final(metadata), false)
    }
  }

  #realise(node: Instance): void {
    const args = node.args.map((arg) => this.#final(arg))
    let made = this.#done.get(node)
    if (!node.bare) {
      const isClass = /^class\b/.test(Function.prototype.toString.call(node.make))
      made = isClass ? Reflect.construct(node.make, args) : Reflect.apply(node.make, undefined, args)
      this.#done.set(node, made)
    }
    for (const state of node.states) setState(made, this.#final(state))
  }
}

/** Python's own way of giving an object its state. */
function setState(made: unknown, state: unknown): void {
  if (typeof made !== 'object' || made === null) throw new UnpicklingError('the state of what is no object')
  const own = (made as { __setstate__?: unknown }).__setstate__
  if (typeof own === 'function') {
    Reflect.apply(own, made, [state])
    return
  }
  const parts = Array.isArray(state) ? state : [state]
  for (const fields of parts) {
    if (fields === null) continue
    if (typeof fields !== 'object' || fields instanceof Map)
      throw new UnpicklingError('a state that is no dict of names')
    for (const [name, value] of Object.entries(fields as object)) setField(made, name, value)
  }
}
