// A module called with other tensors in the places of its own.

import { internals, type Tensor } from '../../core/tensor.js'
import { describe } from '../../operators/describe.js'
import { partKind, swapPart, unregister } from '../modules/fields.js'
import { Module } from '../modules/module.js'
import { fieldsOf } from './computed_field.js'

type Tensors = Readonly<Record<string, Tensor>>

const quoted = (names: readonly string[]): string => names.map((name) => `'${name}'`).join(', ')

/** The tensors of the module under all their names. */
function namedTensors(module: Module): [string, Tensor][] {
  const all = { remove_duplicate: false }
  return [...module.named_parameters(all), ...module.named_buffers(all)]
}

/** The tensors given, also under the other names of what the module has under several. */
function tied(module: Module, given: Tensors): Tensors {
  const namesOf = new Map<Tensor, string[]>()
  for (const [name, tensor] of namedTensors(module)) {
    const names = namesOf.get(tensor)
    if (names === undefined) namesOf.set(tensor, [name])
    else names.push(name)
  }
  const all: Record<string, Tensor> = { ...given }
  for (const names of namesOf.values()) {
    const there = names.filter((name) => Object.hasOwn(given, name))
    if (names.length === 1 || there.length === 0) continue
    if (new Set(there.map((name) => given[name])).size > 1) {
      throw new RangeError(
        `functional_call got multiple values for keys [${quoted(names.sort())}], which are tied. Consider using ` +
          'tie_weights=False',
      )
    }
    for (const name of names) all[name] = given[there[0] as string] as Tensor
  }
  return all
}

function checkNames(module: Module, given: Tensors): void {
  const own = new Set(namedTensors(module).map(([name]) => name))
  const unexpected = Object.keys(given).filter((name) => !own.has(name))
  const missing = [...own].filter((name) => !Object.hasOwn(given, name))
  const problems = [
    ...(unexpected.length > 0 ? [`Unexpected key(s): ${quoted(unexpected.sort())}.`] : []),
    ...(missing.length > 0 ? [`Missing key(s): ${quoted(missing.sort())}.`] : []),
  ]
  if (problems.length === 0) return
  throw new Error(`Error(s) in reparametrizing for ${module.constructor.name}:\n\t${problems.join('\n\t')}`)
}

/** The module whose field a path names, and the field. */
function placeOf(module: Module, path: string): [owner: Module, name: string] {
  const parts = path.split('.')
  const name = parts.pop() as string
  let owner = module
  for (const [i, part] of parts.entries()) {
    const found = fieldsOf(owner)[part]
    if (found === undefined) throw new TypeError(`${owner.constructor.name} has no attribute \`${part}\``)
    if (!(found instanceof Module)) {
      throw new TypeError(
        `submodule \`${parts.slice(0, i + 1).join('.')}\`: ${found} is not an instance of torch.nn.Module`,
      )
    }
    owner = found
  }
  if (name === '') throw new RangeError('tensor name can\'t be empty string ""')
  return [owner, name]
}

/** Stands for a field that is not there. */
const MISSING = Symbol('missing')

/** Puts a tensor in the place that a path names, unchecked, and gives what was there. */
function swap(module: Module, path: string, value: unknown): unknown {
  if (value !== MISSING && value !== null && !internals.isTensor(value)) {
    throw new TypeError(`${describe(value)} is not an instance of torch.Tensor`)
  }
  const [owner, name] = placeOf(module, path)
  const kind = partKind(owner, name)
  if (value !== MISSING && (kind === 'parameter' || kind === 'buffer')) return swapPart(owner, name, value)
  const fields = fieldsOf(owner)
  const before = name in owner ? fields[name] : MISSING
  if (before !== MISSING && before !== null && !internals.isTensor(before)) {
    throw new TypeError(`attribute \`${name}\`: ${before} is not an instance of torch.Tensor`)
  }
  if (value === MISSING) unregister(owner, name)
  else fields[name] = value
  return before
}

/** Puts all tensors in their places, and gives what was there; where one does not go, all are as they were. */
function swapAll(module: Module, given: Readonly<Record<string, unknown>>): Map<string, unknown> {
  const before = new Map<string, unknown>()
  try {
    for (const [path, value] of Object.entries(given)) before.set(path, swap(module, path, value))
  } catch (error) {
    for (const [path, value] of before) swap(module, path, value)
    throw error
  }
  return before
}

/** Calls a module with tensors in the places that their paths name. */
export function callWith(
  module: Module,
  given: Tensors,
  args: unknown,
  kwargs: object | null,
  tie_weights: boolean,
  strict: boolean,
): unknown {
  const placed = tie_weights ? tied(module, given) : given
  if (strict) checkNames(module, placed)
  const inPlace = args === null ? [] : Array.isArray(args) ? args : [args]
  const before = swapAll(module, placed)
  try {
    return module(...inPlace, ...(kwargs === null || Object.keys(kwargs).length === 0 ? [] : [kwargs]))
  } finally {
    for (const [path, value] of before) {
      const after = swap(module, path, value)
      // A buffer that the module replaced, as a count that it keeps: the caller sees the new one.
      if (Object.hasOwn(given, path) && given[path] !== after) (given as Record<string, unknown>)[path] = after
    }
  }
}
