// What travels between a loader's thread and its workers. Tensors are not copied: both threads have the same memory.
// What structured cloning knows is cloned; what it does not know is described here, and made anew where it arrives.

import { URL } from 'node:url'
import { types } from 'node:util'
import { Device, device, strided } from '../../../core/device.js'
import { DType, dtypeNamed } from '../../../core/dtype.js'
import { Size } from '../../../core/size.js'
import { from_shared, internals, shareIn, type Tensor } from '../../../core/tensor.js'
import { Parameter } from '../../../nn/parameter.js'
import { describe } from '../../../operators/describe.js'
import { Generator } from '../../../operators/generator.js'
import { isPlainObject } from '../../../operators/options.js'
import { libraryFunction, libraryNamed, libraryObject } from './library.js'
import { type AnyFunction, isClass, knownAs, type Named, nameOf } from './named.js'
import { ofParts, type Parts, partsOf } from './sparse.js'

/** Says that an object stands for another one, and of which kind that is. */
const KIND = 'tstorch:kind'

type Description = { readonly [KIND]: string } & Record<string, unknown>

const isDescription = (value: object): value is Description => Object.hasOwn(value, KIND)

/** What structured cloning clones as it is. */
const isCloned = (value: object): boolean =>
  types.isTypedArray(value) ||
  types.isAnyArrayBuffer(value) ||
  types.isDataView(value) ||
  types.isDate(value) ||
  types.isRegExp(value) ||
  types.isNativeError(value) ||
  types.isBoxedPrimitive(value)

/** Something on its way to another thread: a value for postMessage, and the names that are to be known there. */
export interface Packed {
  readonly value: unknown
  /** Whether there is anything in it to be made anew. */
  readonly described: boolean
  readonly names: readonly Named[]
}

/**
 * Makes a value ready for postMessage. Its tensors belong to the group until they are taken.
 * @param what What the value is, for the message where something cannot travel.
 */
export function pack(value: unknown, group: number, what: string): Packed {
  const packer = new Packer(group)
  const packed = packer.pack(value, what)
  return { value: packed, described: packer.described, names: packer.names }
}

/** The value that was packed in another thread. Its names must be known here. */
export function unpack({ value, described }: Packed): unknown {
  return described ? new Unpacker().unpack(value) : value
}

class Packer {
  readonly names: Named[] = []
  described = false
  readonly #group: number
  /** What is met twice is one object where it arrives, too. */
  readonly #packed = new Map<unknown, unknown>()

  constructor(group: number) {
    this.#group = group
  }

  pack(value: unknown, path: string): unknown {
    if (typeof value === 'symbol') throw refusal(path, 'a symbol')
    if (typeof value !== 'function' && (typeof value !== 'object' || value === null)) return value
    const before = this.#packed.get(value)
    if (before !== undefined) return before
    if (Array.isArray(value) && !(value instanceof Size)) return this.#list(value, path)
    const packed = this.#special(value, path)
    if (packed !== undefined) return this.#remember(value, packed)
    const object = value as object
    if (types.isMap(object)) return this.#map(object, path)
    if (types.isSet(object)) return this.#set(object, path)
    if (isPlainObject(object)) return this.#plain(object, path)
    return this.#instance(object, path)
  }

  #remember<T>(value: unknown, packed: T): T {
    this.#packed.set(value, packed)
    return packed
  }

  #describe(kind: string, fields: Record<string, unknown>): Description {
    this.described = true
    return { [KIND]: kind, ...fields }
  }

  #list(list: readonly unknown[], path: string): unknown[] {
    const packed: unknown[] = this.#remember(list, [])
    for (let i = 0; i < list.length; i++) packed.push(this.pack(list[i], `${path}[${i}]`))
    return packed
  }

  #map(map: ReadonlyMap<unknown, unknown>, path: string): Map<unknown, unknown> {
    const packed = this.#remember(map, new Map<unknown, unknown>())
    for (const [key, value] of map) packed.set(this.pack(key, `a key of ${path}`), this.pack(value, `${path}.get(…)`))
    return packed
  }

  #set(set: ReadonlySet<unknown>, path: string): Set<unknown> {
    const packed = this.#remember(set, new Set())
    for (const value of set) packed.add(this.pack(value, `a value of ${path}`))
    return packed
  }

  #plain(object: object, path: string): unknown {
    // The user's own field of that name.
    if (isDescription(object)) {
      const entries: unknown[] = []
      const packed = this.#remember(object, this.#describe('plain', { entries }))
      entries.push(...Object.entries(object).map(([key, value]) => [key, this.pack(value, `${path}.${key}`)]))
      return packed
    }
    return this.#fields(object, this.#remember(object, {}), path)
  }

  #fields(object: object, packed: Record<string, unknown>, path: string): Record<string, unknown> {
    for (const [key, value] of Object.entries(object)) {
      // A field may be called __proto__.
      Object.defineProperty(packed, key, {
        value: this.pack(value, `${path}.${key}`),
        writable: true,
        enumerable: true,
        configurable: true,
      })
    }
    return packed
  }

  /** What is no list, Map, Set or plain object and no object of a class of the user's; else undefined. */
  #special(value: object | AnyFunction, path: string): unknown {
    if (internals.isTensor(value)) return this.#tensor(value, path)
    if (value instanceof DType) return this.#describe('dtype', { name: value.name })
    if (value instanceof Device) return this.#describe('device', { spec: value.spec })
    if (value instanceof Size) return this.#describe('size', { sizes: [...value] })
    if (value instanceof Generator) {
      const state = value.get_state()
      return this.#describe('generator', { device: state.device.spec, state: this.pack(state, path) })
    }
    if (value instanceof URL) return this.#describe('url', { href: value.href })
    if (Buffer.isBuffer(value)) return this.#describe('buffer', { bytes: new Uint8Array(value) })
    if (typeof value === 'object' && isCloned(value)) return value
    return undefined
  }

  #tensor(tensor: Tensor, path: string): Description {
    const { requires_grad } = tensor
    if (requires_grad && !tensor.is_leaf) {
      throw new Error(
        `${path}: Cowardly refusing to serialize non-leaf tensor which requires_grad, since autograd does not support ` +
          'crossing thread boundaries. If you just want to transfer the data, call detach() on the tensor before ' +
          'serializing (e.g., in collate_fn).',
      )
    }
    if (tensor.layout !== strided) {
      const parts = partsOf(tensor.detach(), (part) => this.pack(part, path))
      return this.#describe('sparse', { parts, requires_grad })
    }
    const token = shareIn(tensor, this.#group)
    return this.#describe(tensor instanceof Parameter ? 'parameter' : 'tensor', { token, requires_grad })
  }

  #instance(value: object | AnyFunction, path: string): Description {
    const library = libraryFunction(value)
    if (library !== null) return this.#describe('library', { name: library })
    const { __reduce__: reduce } = value as { __reduce__?: () => readonly [AnyFunction, readonly unknown[]] }
    if (typeof reduce === 'function' && !isClassOrFunction(value)) return this.#reduced(value, reduce.call(value), path)
    if (isClassOrFunction(value)) return this.#name(value as AnyFunction, path)
    const made = libraryObject(value)
    if (made !== null) {
      const args = made.args.map(([field, argument]) => this.pack(argument, `${path}.${field}`))
      return this.#remember(
        value,
        this.#describe('made', { maker: this.#describe('library', { name: made.name }), args }),
      )
    }
    const { constructor: maker } = value
    if (typeof maker !== 'function') throw refusal(path, describe(value))
    const named = nameOf(maker as AnyFunction)
    if (named === null || typeof value === 'function')
      throw refusal(path, `an object of the class ${maker.name}`, maker.name)
    this.names.push(named)
    const fields: Record<string, unknown> = {}
    const packed = this.#remember(value, this.#describe('instance', { named, fields }))
    this.#fields(value, fields, path)
    return packed
  }

  #name(value: AnyFunction, path: string): Description {
    const named = nameOf(value)
    if (named === null) {
      const kind = isClass(value) ? 'the class' : 'the function'
      throw refusal(path, value.name === '' ? 'a function' : `${kind} ${value.name}`, value.name)
    }
    this.names.push(named)
    return this.#describe('named', { named })
  }

  /** As Python's pickle: [class or function, its arguments]. */
  #reduced(value: object, parts: readonly [AnyFunction, readonly unknown[]], path: string): Description {
    if (!Array.isArray(parts) || typeof parts[0] !== 'function' || !Array.isArray(parts[1])) {
      throw new TypeError(`${path}: __reduce__() must give [class or function, [arguments]], not ${describe(parts)}`)
    }
    const [maker, args] = parts
    const packed = {
      maker: this.pack(maker, `${path}.__reduce__()[0]`),
      args: this.pack(args, `${path}.__reduce__()[1]`),
    }
    return this.#remember(value, this.#describe('made', packed))
  }
}

/** A class, or a function that is no callable object with a class of its own. */
const isClassOrFunction = (value: object | AnyFunction): boolean =>
  typeof value === 'function' && (isClass(value as AnyFunction) || value instanceof Function)

function refusal(path: string, what: string, name = ''): TypeError {
  const shown = name === '' ? 'f' : name
  return new TypeError(
    `${path} is ${what}, which cannot travel to a worker thread. A class or a function travels by its name: export it ` +
      `from a module that does not start the program, and say which, in a class by \`static url = import.meta.url\`, of ` +
      `a function by \`${shown}.url = import.meta.url\`. An object travels with its own fields, or by a method ` +
      '`__reduce__()` that gives [class, constructor arguments]. Or load without workers: num_workers: 0.',
  )
}

class Unpacker {
  /** What was looked into, or made. */
  readonly #arrived = new Map<object, unknown>()

  unpack(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) return value
    if (this.#arrived.has(value)) return this.#arrived.get(value)
    if (isDescription(value)) return this.#made(value)
    this.#arrived.set(value, value)
    if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) value[i] = this.unpack(value[i])
    } else if (types.isMap(value)) {
      const entries = [...value]
      value.clear()
      for (const [key, each] of entries) value.set(this.unpack(key), this.unpack(each))
    } else if (types.isSet(value)) {
      const values = [...value]
      value.clear()
      for (const each of values) value.add(this.unpack(each))
    } else if (isPlainObject(value)) {
      this.#fields(value, value)
    }
    return value
  }

  #fields(from: object, to: object): void {
    for (const [key, value] of Object.entries(from)) {
      Object.defineProperty(to, key, {
        value: this.unpack(value),
        writable: true,
        enumerable: true,
        configurable: true,
      })
    }
  }

  #made(description: Description): unknown {
    const kind = description[KIND]
    if (kind === 'instance') {
      const made = Object.create(knownAs(description.named as Named).prototype)
      this.#arrived.set(description, made)
      this.#fields(description.fields as object, made)
      return made
    }
    if (kind === 'plain') {
      const made = {}
      this.#arrived.set(description, made)
      this.#fields(Object.fromEntries(description.entries as [string, unknown][]), made)
      return made
    }
    const made = this.#makers[kind]?.(description)
    this.#arrived.set(description, made)
    return made
  }

  // biome-ignore lint/suspicious/noExplicitAny: each knows the fields of its kind
  readonly #makers: Record<string, (description: any) => unknown> = {
    tensor: ({ token, requires_grad }) => ofThis(from_shared({ tstorch_shared: token }), requires_grad),
    parameter: ({ token, requires_grad }) => new Parameter(from_shared({ tstorch_shared: token }), requires_grad),
    sparse: ({ parts, requires_grad }) => ofThis(ofParts(this.unpack(parts) as Parts<Tensor>), requires_grad),
    dtype: ({ name }) => dtypeNamed(name),
    device: ({ spec }) => device(spec),
    size: ({ sizes }) => Size.of_sizes(sizes),
    generator: ({ device, state }) => new Generator({ device }).set_state(this.unpack(state) as Tensor),
    url: ({ href }) => new URL(href),
    buffer: ({ bytes }) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    library: ({ name }) => libraryNamed(name),
    named: ({ named }) => knownAs(named),
    made: ({ maker, args }) => {
      const make = this.unpack(maker) as AnyFunction
      const given = this.unpack(args) as unknown[]
      return isClass(make) ? Reflect.construct(make, given) : make(...given)
    },
  }
}

const ofThis = (tensor: Tensor, requires_grad: boolean): Tensor => (requires_grad ? tensor.requires_grad_() : tensor)
