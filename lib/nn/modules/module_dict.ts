// ModuleDict: modules by name.

import { describe } from '../../operators/describe.js'
import { type Arguments, read } from '../generated/arguments.js'
import { partsOf } from './fields.js'
import { Module } from './module.js'

/** Modules by name: an object, a Map, pairs, or another ModuleDict. */
type Named = Readonly<Record<string, Module>> | Iterable<readonly [string, Module]> | ModuleDictBase

/** The pairs of a mapping, or pairs themselves; `what` is whose `update` asks. */
export function pairsOf(what: string, mapping: unknown): [string, unknown][] {
  if ((typeof mapping !== 'object' && typeof mapping !== 'function') || mapping === null) {
    throw new TypeError(
      `${what}.update should be called with an iterable of key/value pairs, but got ${describe(mapping)}`,
    )
  }
  if (typeof (mapping as Iterable<unknown>)[Symbol.iterator] !== 'function') return Object.entries(mapping)
  return Array.from(mapping as Iterable<unknown>, (pair, i) => {
    if (!Array.isArray(pair)) {
      throw new TypeError(`${what} update sequence element #${i} should be Iterable; is ${describe(pair)}`)
    }
    if (pair.length !== 2) {
      throw new RangeError(`${what} update sequence element #${i} has length ${pair.length}; 2 is required`)
    }
    return pair as [string, unknown]
  })
}

/**
 * Modules by name that are found as parts: `heads['a']`, `heads.a`, `for (const name of heads)`. It has no forward. A
 * name that modules use themselves, such as 'forward' or 'type', is refused, as in Python.
 *
 * https://docs.pytorch.org/docs/2.13/generated/torch.nn.ModuleDict.html
 */
class ModuleDictBase extends Module {
  static override readonly name: string = 'ModuleDict'

  constructor(...args: [modules?: Named | { modules: Named } | null]) {
    super()
    const { modules } = read('nn.ModuleDict', args as Arguments['nn.ModuleDict'])
    if (modules !== null) this.update(modules)
  }

  override get length(): number {
    return this.keys().length
  }

  /** Python's `key in dict`. */
  has(key: string): boolean {
    return this.keys().includes(key)
  }

  /** The names, in the order in which they were added. */
  keys(): string[] {
    return partsOf(this, 'module').map(([name]) => name)
  }

  values(): Module[] {
    return this.items().map(([, module]) => module)
  }

  items(): [name: string, module: Module][] {
    return partsOf(this, 'module') as unknown as [string, Module][]
  }

  /** The names. */
  [Symbol.iterator](): Iterator<string> {
    return this.keys()[Symbol.iterator]()
  }

  clear(): void {
    for (const key of this.keys()) this.pop(key)
  }

  /**
   * Takes out a module.
   * @throws {RangeError} where there is none of that name.
   */
  pop(...args: Arguments['nn.ModuleDict.pop']): Module {
    const { key } = read('nn.ModuleDict.pop', args)
    const found = this.items().find(([name]) => name === key)
    if (found === undefined) throw new RangeError(`${this.constructor.name} has no module '${key}'`)
    delete (this as unknown as Record<string, unknown>)[key]
    return found[1]
  }

  /** Adds modules, in the place of those that have their names. */
  update(...args: [modules: Named | { modules: Named }]): void {
    const { modules } = read('nn.ModuleDict.update', args as Arguments['nn.ModuleDict.update'])
    const named = modules as unknown
    const pairs = named instanceof ModuleDictBase ? named.items() : pairsOf('ModuleDict', named)
    for (const [name, module] of pairs) this.add_module(name, module as Module)
  }
}

export type ModuleDict<M extends Record<string, Module> = Record<string, Module>> = ModuleDictBase & M
export const ModuleDict = ModuleDictBase as unknown as {
  new <M extends Record<string, Module>>(modules?: M | { modules: M } | null): ModuleDict<M>
  new (modules: Iterable<readonly [string, Module]> | ModuleDictBase): ModuleDict
}
