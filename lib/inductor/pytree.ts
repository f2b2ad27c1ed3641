// How Python's torch.export nests a model's inputs and outputs: trees of tuples, lists and dicts, as pytree writes them.

import { describe } from '../operators/describe.js'
import { NamedTuple } from '../operators/operator.js'
import { isPlainObject } from '../operators/options.js'

/** A tree without its leaves. */
export interface TreeSpec {
  readonly type: string | null
  readonly context: string | null
  readonly children_spec: readonly TreeSpec[]
}

const VERSION = 1
const LISTS = ['builtins.tuple', 'builtins.list', 'collections.deque', 'torch.Size', 'builtins.slice']
const DICTS = ['builtins.dict', 'collections.OrderedDict']
const NAMED = 'collections.namedtuple'

/** @throws where the text is no tree of a kind that is known here. */
export function parseSpec(text: string): TreeSpec {
  const [version, spec] = JSON.parse(text) as [number, TreeSpec]
  if (version !== VERSION)
    throw new Error(`the model's inputs and outputs are described in an unknown way (${version})`)
  return spec
}

const keysOf = (spec: TreeSpec): unknown[] => JSON.parse(spec.context ?? '[]')

function unknownType(spec: TreeSpec): Error {
  return new Error(`the model takes or gives a ${spec.type}: export it with tuples, lists and dicts alone`)
}

/** The leaves of a value that has the form of the tree, into `leaves`. `place` names it in messages. */
export function flatten(value: unknown, spec: TreeSpec, place: string, leaves: unknown[]): void {
  const { type, children_spec: children } = spec
  if (type === null) {
    leaves.push(value)
  } else if (LISTS.includes(type) || type === NAMED) {
    const items = Array.isArray(value) || value instanceof NamedTuple ? [...value] : null
    if (items === null || items.length !== children.length) {
      throw new TypeError(`${place} must be a list of ${children.length}, not ${describe(value)}`)
    }
    children.forEach((child, i) => {
      flatten(items[i], child, `${place}[${i}]`, leaves)
    })
  } else if (DICTS.includes(type)) {
    const keys = keysOf(spec)
    const entries = value instanceof Map ? value : isPlainObject(value) ? new Map(Object.entries(value)) : null
    if (entries === null) throw new TypeError(`${place} must be a dict, not ${describe(value)}`)
    for (const key of entries.keys()) {
      if (!keys.includes(key)) throw new TypeError(`${place} has an unexpected '${key}'; expected ${keys.join(', ')}`)
    }
    keys.forEach((key, i) => {
      if (!entries.has(key)) throw new TypeError(`${place} lacks '${key}'`)
      flatten(entries.get(key), children[i] as TreeSpec, `${place}['${key}']`, leaves)
    })
  } else {
    throw unknownType(spec)
  }
}

/** The names of a named tuple's fields, where the file has them. */
const fieldsOf = (spec: TreeSpec): string[] | null => {
  const { fields } = JSON.parse(spec.context ?? '{}') as { fields?: string[] }
  return Array.isArray(fields) ? fields : null
}

/** The tree with leaves, taken one after the other. */
export function unflatten(leaves: Iterator<unknown>, spec: TreeSpec): unknown {
  const { type, children_spec: children } = spec
  if (type === null) return leaves.next().value
  const items = children.map((child) => unflatten(leaves, child))
  if (LISTS.includes(type)) return items
  if (type === NAMED) {
    const fields = fieldsOf(spec)
    return fields === null ? items : new NamedTuple(fields, items)
  }
  if (!DICTS.includes(type)) throw unknownType(spec)
  const keys = keysOf(spec)
  if (!keys.every((key) => typeof key === 'string')) return new Map(keys.map((key, i) => [key, items[i]]))
  return Object.assign(Object.create(null), Object.fromEntries(keys.map((key, i) => [key, items[i]])))
}

export const leavesOf = ({ type, children_spec }: TreeSpec): number =>
  type === null ? 1 : children_spec.reduce((sum, child) => sum + leavesOf(child), 0)
