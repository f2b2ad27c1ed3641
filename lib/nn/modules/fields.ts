// A module's own fields: which of them are its parts (parameters, buffers and modules), and what may take their places.

import { ASSIGNED, Callable } from '../../core/callable.js'
import { internals, type Tensor } from '../../core/tensor.js'
import { describe } from '../../operators/describe.js'
import { isOptions, ownFields } from '../../operators/options.js'
import { copyFields, deepcopy, type Memo } from '../../tensor/deepcopy.js'
import { Buffer, Parameter } from '../parameter.js'
import { registrationHooks } from './hooks.js'
import type { Module } from './module.js'

interface Kinds {
  parameter: Parameter
  buffer: Tensor
  module: Fields
}

type Kind = keyof Kinds

interface Part {
  kind: Kind
  /** Null is Python's None: the name stays taken. */
  value: unknown
  /** Whether a buffer is in the state_dict. */
  persistent: boolean
}

/** What may take the place of a part, and what it is called. */
const EXPECTED: Record<Kind, [what: string, expected: string]> = {
  parameter: ['parameter', 'nn.Parameter or null'],
  buffer: ['buffer', 'nn.Buffer, Tensor or null'],
  module: ['child module', 'nn.Module or null'],
}

/** The method of this name may take another value than the one that a field is assigned. */
export const TAKEN = Symbol('taken')

let ledgerOf: (module: Fields) => Map<string, Part>

/**
 * An object with parts. A field that holds one is an accessor, so that an assignment is checked as Python's is; a field
 * that a subclass declares becomes one when the parts are next asked for.
 */
export class Fields extends Callable {
  readonly #ledger = new Map<string, Part>()

  static {
    ledgerOf = (module) => module.#ledger
  }

  /** What a field becomes that is assigned this value. */
  [TAKEN](_name: string, value: unknown): unknown {
    return value
  }

  [ASSIGNED](name: string | symbol, given: unknown): boolean {
    const value = typeof name === 'string' ? this[TAKEN](name, given) : given
    const kind = kindOf(value)
    if (typeof name !== 'string') return false
    // The field is not there, so a part of this name was deleted. (A method may be put on a class's prototype too.)
    if (#ledger in this) this.#ledger.delete(name)
    if (kind === null) return false
    put(this, name, kind, value)
    return true
  }
}

function kindOf(value: unknown): Kind | null {
  if (value instanceof Parameter) return 'parameter'
  if (value instanceof Fields) return 'module'
  return value instanceof Buffer ? 'buffer' : null
}

const accessors = new Map<string, PropertyDescriptor>()

/** One accessor for all fields of a name, so that all modules of a class have one layout. */
function accessorOf(name: string): PropertyDescriptor {
  let accessor = accessors.get(name)
  if (accessor === undefined) {
    accessor = ownFields({
      get(this: Fields): unknown {
        return ledgerOf(this).get(name)?.value
      },
      set(this: Fields, value: unknown): void {
        assign(this, name, value)
      },
      enumerable: true,
      configurable: true,
    })
    accessors.set(name, accessor)
  }
  return accessor
}

function put(module: Fields, name: string, kind: Kind, given: unknown, persistent = true): void {
  let value = given
  if (registrationHooks[kind].size > 0 && value !== null && value !== undefined) {
    for (const hook of [...registrationHooks[kind].values()]) value = hook(module as Module, name, value) ?? value
  }
  // What a module holds lives as long as the module, also where a scope made it.
  if (internals.isTensor(value) && internals.ownerOf(value) !== null) internals.setOwner(value, null)
  const stays = value instanceof Buffer ? value.persistent : persistent
  ledgerOf(module).set(name, { kind, value, persistent: stays })
  Object.defineProperty(module, name, accessorOf(name))
}

/** module.name = value, where the field is a part. */
function assign(module: Fields, name: string, given: unknown, hint = ''): void {
  const part = ledgerOf(module).get(name) as Part
  const value = module[TAKEN](name, given)
  const kind = kindOf(value)
  const fits =
    value === null ||
    value === undefined ||
    kind === 'parameter' ||
    (part.kind !== 'parameter' && kind === 'module') ||
    (part.kind === 'buffer' && internals.isTensor(value))
  if (!fits) {
    const [what, expected] = EXPECTED[part.kind]
    throw new TypeError(`cannot assign '${describe(value)}' as ${what} '${name}' (${expected} expected)${hint}`)
  }
  put(module, name, kind ?? part.kind, value, part.persistent)
}

/** Makes a field a part of the kind. Null takes the name and stands for no value. */
export function register<K extends Kind>(
  module: Fields,
  kind: K,
  name: string,
  value: Kinds[K] | null,
  persistent = true,
): void {
  if (typeof name !== 'string') throw new TypeError(`the name of a ${kind} must be a string, not ${describe(name)}`)
  if (name === '' || name.includes('.'))
    throw new RangeError(`'${name}' cannot name a part of a module: it is empty or has a dot`)
  const there = name in module ? (module as unknown as Record<string, unknown>)[name] : null
  const ours = ledgerOf(module).get(name)?.kind === kind
  if (!ours && there !== null && there !== undefined) throw new RangeError(`attribute '${name}' already exists`)
  put(module, name, kind, value, persistent)
}

const REPLACED =
  ": a field of a subclass with a value of its own replaced it after the constructor of the base; write the field with 'declare'"

/** Takes in what fields that are declared hold by now, and calls `visit` with each field's name, part and value. */
function settle(module: Fields, visit: (name: string, part: Part | undefined, value: unknown) => void): void {
  const ledger = ledgerOf(module)
  let parts = 0
  for (const name of Object.keys(module)) {
    const value: unknown = (module as unknown as Record<string, unknown>)[name]
    // Most fields are settings, which are no parts and are passed over soon. One in the place of a part is counted below.
    if (typeof value !== 'object' && typeof value !== 'function' && value !== undefined) continue
    let part = ledger.get(name)
    if (part === undefined) {
      const kind = kindOf(value)
      if (kind !== null) put(module, name, kind, value)
    } else if (value !== part.value) {
      // A field that a subclass declares is defined anew after the base's constructor: `linear!: nn.Linear` as undefined.
      if (value === undefined) Object.defineProperty(module, name, accessorOf(name))
      else assign(module, name, value, REPLACED)
    }
    part = ledger.get(name)
    if (part !== undefined) parts++
    visit(name, part, part === undefined ? value : part.value)
  }
  if (parts === ledger.size) return
  for (const [name, part] of ledger) {
    if (!Object.hasOwn(module, name)) ledger.delete(name)
    else {
      const value: unknown = (module as unknown as Record<string, unknown>)[name]
      if (value !== part.value) assign(module, name, value, REPLACED)
    }
  }
}

/** Takes in what fields that are declared hold by now. */
export function settleFields(module: Fields): void {
  settle(module, () => {})
}

/** The module's own parts of one kind, in the order of its fields, those that are null left out. */
export function partsOf<K extends Kind>(module: Fields, kind: K): [name: string, part: Kinds[K]][] {
  const found: [string, Kinds[K]][] = []
  settle(module, (name, part, value) => {
    if (part === undefined) refuseHidden(module, name, value)
    else if (part.kind === kind && value !== null && value !== undefined) found.push([name, value as Kinds[K]])
  })
  return inOrder(module, found)
}

const isPosition = (name: string): boolean => /^\d/.test(name)

/** The parameters and the modules that a module itself holds, with their names. */
export function parametersAndModulesOf(module: Fields): [[name: string, Parameter][], [name: string, Module][]] {
  const parameters: [string, Parameter][] = []
  const modules: [string, Module][] = []
  settle(module, (name, part, value) => {
    if (part === undefined) refuseHidden(module, name, value)
    else if (value === null || value === undefined) return
    else if (part.kind === 'parameter') parameters.push([name, value as Parameter])
    else if (part.kind === 'module') modules.push([name, value as Module])
  })
  return [inOrder(module, parameters), inOrder(module, modules)]
}

/** The parts as they were registered: JavaScript has fields whose names are numbers before all others, by number. */
function inOrder<T>(module: Fields, parts: [name: string, part: T][]): [name: string, part: T][] {
  if (parts.length < 2 || !isPosition(parts[0]?.[0] as string)) return parts
  let inPlace = 0
  for (const name of ledgerOf(module).keys()) if (name === parts[inPlace]?.[0]) inPlace++
  if (inPlace === parts.length) return parts
  const found = new Map(parts)
  return [...ledgerOf(module).keys()].flatMap((name): [string, T][] =>
    found.has(name) ? [[name, found.get(name) as T]] : [],
  )
}

/** The kind of part that a field is, or null. */
export function partKind(module: Fields, name: string): Kind | null {
  settleFields(module)
  return ledgerOf(module).get(name)?.kind ?? null
}

/** Takes a part away, so that its name is free. Nothing where there is none. */
export function unregister(module: Fields, name: string): void {
  ledgerOf(module).delete(name)
  delete (module as unknown as Record<string, unknown>)[name]
}

/**
 * Puts a value into a part's place, unchecked: it may be a tensor that is computed, where a parameter stands. Gives the
 * value that was there.
 */
export function swapPart(module: Fields, name: string, value: unknown): unknown {
  const part = ledgerOf(module).get(name) as Part
  const before = part.value
  part.value = value
  return before
}

/** The module's own parts of one kind by name, also those that are null. */
export function partRecord<K extends Kind>(module: Fields, kind: K): Record<string, Kinds[K] | null> {
  const found: Record<string, Kinds[K] | null> = Object.create(null)
  settle(module, (name, part, value) => {
    if (part?.kind === kind) found[name] = (value ?? null) as Kinds[K] | null
  })
  return found
}

/** The names of the module's own buffers that are not in its state_dict. */
export function nonPersistentBuffers(module: Fields): Set<string> {
  settleFields(module)
  const own = [...ledgerOf(module)].filter(([, { kind, persistent }]) => kind === 'buffer' && !persistent)
  return new Set(own.map(([name]) => name))
}

/** Gives a module without fields copies of another one's. */
export function copyModuleFields(from: Fields, to: Fields, memo: Memo): void {
  settleFields(from)
  for (const name of Reflect.ownKeys(from)) {
    const part = typeof name === 'string' ? ledgerOf(from).get(name) : undefined
    if (part === undefined) {
      copyFields(from, to, memo, [name])
      continue
    }
    const value = deepcopy(part.value, memo)
    if (internals.isTensor(value) && internals.ownerOf(value) !== null) internals.setOwner(value, null)
    ledgerOf(to).set(name as string, { ...part, value })
    Object.defineProperty(to, name, Object.getOwnPropertyDescriptor(from, name) as PropertyDescriptor)
  }
}

/** Modules in a plain container would silently not be trained. #private fields hide them on purpose. */
function refuseHidden(module: Fields, name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  let items: Iterable<unknown>
  if (Array.isArray(value) || value instanceof Map || value instanceof Set) items = value.values()
  else if (isOptions(value)) items = Object.values(value)
  else return
  for (const item of items) {
    const kind = item instanceof Fields ? 'Module' : item instanceof Parameter ? 'Parameter' : null
    if (kind === null) continue
    throw new TypeError(
      `${module.constructor.name}.${name} holds a ${kind} in a plain container, where it would not be found: use ` +
        `nn.${kind}List or nn.${kind}Dict`,
    )
  }
}
