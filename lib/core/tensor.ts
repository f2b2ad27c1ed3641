/// <reference lib="esnext.disposable" preserve="true" />
// The tensor: a JavaScript object over a handle. Its operators come from methods.ts and generated/.

import { type Device, device } from './device.js'
import { type DType, dtypeOf } from './dtype.js'
import { type Handle, native } from './native.js'
import { Size } from './size.js'

/** What frees a tensor instead of the garbage collector: a scope. */
export interface Owner {
  own(tensor: Tensor): void
  /** Where the scope was opened: "file.ts:12:3". */
  readonly origin: string
}

let currentOwner: Owner | null = null
let nextId = 1
const INTERNAL = Symbol('internal')
/** Structured cloning fails for a symbol, and says which. The tensors of every copy of this library have the same. */
const NOT_CLONED = Symbol.for('a tensor: post tensor.share(), and take it with torch.from_shared(token). It')

/**
 * What a tensor's object refers to beside its handle: functions that native code holds for the tensor. Native code lets
 * go of those where a tensor's object alone keeps it alive (native/memory/references.h).
 */
export interface Edges {
  [hook: number]: unknown
  /** Of the custom Function that the tensor is a result of. */
  backward?: unknown
}

/** Tensor's private parts, for the library's own modules. */
interface Internals {
  /** What lets a subclass call Tensor's constructor. */
  readonly token: symbol
  isTensor(value: unknown): value is Tensor
  /** Whether the value is a tensor of another copy of this library. */
  isForeign(value: unknown): boolean
  /** @throws TypeError where the value is no tensor. */
  checkTensor(value: unknown): void
  handleOf(tensor: Tensor): Handle
  /** The tensor's handle, also where it is withheld. */
  heldHandleOf(tensor: Tensor): Handle
  /** Withholds the tensor's handle from everything that asks for it, or gives it out again: `uninitialized`. */
  withhold(tensor: Tensor, uninitialized: boolean): void
  /** The tensor of a handle that native code just made; the current scope owns it. */
  wrap(handle: Handle): Tensor
  /** The same, freed only by the garbage collector, even inside a scope. */
  wrapUnowned(handle: Handle): Tensor
  /** Hands a tensor to another owner, or to the garbage collector. */
  setOwner(tensor: Tensor, owner: Owner | null): void
  ownerOf(tensor: Tensor): Owner | null
  edgesOf(tensor: Tensor): Edges
  /** Frees the tensor's handle. */
  free(tensor: Tensor): void
  /** Frees those of the tensors that this owner owns, in one call. */
  freeOwned(tensors: readonly Tensor[], owner: Owner): void
}

/** Few tensors have any: a field would cost all of them. As a field, an entry lives as long as its tensor. */
const edgesOfTensors = new WeakMap<Tensor, Edges>()

export let internals: Internals

export class Tensor {
  /** 0 once it is freed, negative while it is withheld. */
  #handle: Handle
  #owner: Owner | null
  /** Unique in this thread. Two tensors are the same tensor iff their ids are equal. */
  readonly id: number
  /** @internal Keeps structured cloning (postMessage, IPC) from making an object of the id alone. */
  readonly __not_cloned: symbol

  /** @internal Tensors are made by `torch.tensor`, `torch.zeros` and the other factories. */
  constructor(token: symbol, handle: Handle) {
    if (token !== INTERNAL) {
      throw new TypeError('tensors are made by torch.tensor(data), torch.zeros(size) and the other factories')
    }
    this.#handle = handle
    this.#owner = null
    this.id = nextId++
    this.__not_cloned = NOT_CLONED
  }

  static {
    // What is no tensor has no #handle, which costs less to catch than to ask each time.
    const live = (tensor: Tensor): Handle => {
      let handle: Handle
      try {
        handle = tensor.#handle
      } catch {
        throw new TypeError(noTensorMessage(tensor))
      }
      if (handle <= 0)
        throw handle === 0 ? new Error(freedMessage(tensor.#owner)) : new RangeError(uninitialized(tensor))
      return handle
    }
    internals = {
      token: INTERNAL,
      isTensor: (value): value is Tensor => typeof value === 'object' && value !== null && #handle in value,
      isForeign(value) {
        if (typeof value !== 'object' || value === null || internals.isTensor(value)) return false
        try {
          return (value as Partial<Tensor>).__not_cloned === NOT_CLONED
        } catch {
          return false
        }
      },
      checkTensor(value) {
        if (!internals.isTensor(value)) throw new TypeError(noTensorMessage(value))
      },
      handleOf: live,
      heldHandleOf: (tensor) => (#handle in tensor && tensor.#handle < 0 ? -tensor.#handle : live(tensor)),
      withhold(tensor, uninitialized) {
        const handle = internals.heldHandleOf(tensor)
        tensor.#handle = uninitialized ? -handle : handle
      },
      wrap(handle) {
        const tensor = new Tensor(INTERNAL, handle)
        if (currentOwner === null) {
          native.track(tensor, handle)
        } else {
          tensor.#owner = currentOwner
          currentOwner.own(tensor)
        }
        return tensor
      },
      wrapUnowned(handle) {
        const tensor = new Tensor(INTERNAL, handle)
        native.track(tensor, handle)
        return tensor
      },
      setOwner(tensor, owner) {
        if (owner === null) native.track(tensor, live(tensor))
        tensor.#owner = owner
        owner?.own(tensor)
      },
      ownerOf: (tensor) => tensor.#owner,
      edgesOf(tensor) {
        let edges = edgesOfTensors.get(tensor)
        if (edges === undefined) {
          edges = {}
          edgesOfTensors.set(tensor, edges)
        }
        return edges
      },
      free(tensor) {
        internals.checkTensor(tensor)
        if (tensor.#handle === 0) return
        native.release(Math.abs(tensor.#handle))
        tensor.#handle = 0
      },
      freeOwned(tensors, owner) {
        // A handle that is already freed counts as 0, which names nothing.
        const handles = new Float64Array(tensors.length)
        for (let i = 0; i < tensors.length; i++) {
          const tensor = tensors[i] as Tensor
          if (tensor.#owner !== owner) continue
          handles[i] = tensor.#handle
          tensor.#handle = 0
        }
        native.release_all(handles)
      },
    }
  }

  /** The size of each dimension. */
  get shape(): Size {
    return shapeOf(this)
  }

  /** The number of dimensions. */
  dim(): number {
    return native.dim(internals.handleOf(this))
  }

  get ndim(): number {
    return native.dim(internals.handleOf(this))
  }

  ndimension(): number {
    return native.dim(internals.handleOf(this))
  }

  /** The number of elements. */
  numel(): number {
    return native.numel(internals.handleOf(this))
  }

  nelement(): number {
    return native.numel(internals.handleOf(this))
  }

  storage_offset(): number {
    return native.storage_offset(internals.handleOf(this))
  }

  get dtype(): DType {
    return dtypeOfTensor(this)
  }

  get device(): Device {
    return deviceOf(this)
  }

  get is_cuda(): boolean {
    return deviceOf(this).type === 'cuda'
  }

  get is_cpu(): boolean {
    return deviceOf(this).type === 'cpu'
  }

  get is_meta(): boolean {
    return deviceOf(this).type === 'meta'
  }

  /** Whether the layout is sparse COO. */
  get is_sparse(): boolean {
    return native.layout(internals.handleOf(this)) === 'Sparse'
  }

  get is_sparse_csr(): boolean {
    return native.layout(internals.handleOf(this)) === 'SparseCsr'
  }

  get is_mkldnn(): boolean {
    return native.layout(internals.handleOf(this)) === 'Mkldnn'
  }

  get is_quantized(): boolean {
    return /^qu?int/.test(dtypeOfTensor(this).name)
  }

  /** Bytes of one element. */
  get itemsize(): number {
    return dtypeOfTensor(this).itemsize
  }

  element_size(): number {
    return dtypeOfTensor(this).itemsize
  }

  /** Bytes of all elements. */
  get nbytes(): number {
    return native.numel(internals.handleOf(this)) * dtypeOfTensor(this).itemsize
  }

  // --- autograd ---------------------------------------------------------------------------------

  get requires_grad(): boolean {
    return native.requires_grad(internals.handleOf(this))
  }

  set requires_grad(value: boolean) {
    native.set_requires_grad(internals.handleOf(this), value)
  }

  get is_leaf(): boolean {
    return native.is_leaf(internals.handleOf(this))
  }

  /** The gradient that backward accumulated, or null. Scopes never free it. */
  get grad(): Tensor | null {
    const handle = native.grad(internals.handleOf(this))
    return handle === null ? null : internals.wrapUnowned(handle)
  }

  set grad(value: Tensor | null) {
    native.set_grad(internals.handleOf(this), value === null ? null : internals.handleOf(value))
  }

  /** Makes backward keep the gradient of this tensor although it is not a leaf. */
  retain_grad(): void {
    native.retain_grad(internals.handleOf(this))
  }

  get retains_grad(): boolean {
    return native.retains_grad(internals.handleOf(this))
  }

  /** How often the tensor was changed in place. */
  get _version(): number {
    return native.version(internals.handleOf(this))
  }

  /** The same elements, detached: autograd does not notice when they are changed. */
  get data(): Tensor {
    return internals.wrap(native.data(internals.handleOf(this)))
  }

  set data(value: Tensor) {
    native.set_data(internals.handleOf(this), internals.handleOf(value))
  }

  // --- life -------------------------------------------------------------------------------------

  /** Frees this name of the tensor now. Graphs, views and optimizers that use the data keep it. */
  dispose(): void {
    internals.free(this)
  }

  /** Whether the tensor was disposed of, or freed by its scope. */
  get is_disposed(): boolean {
    internals.checkTensor(this)
    return this.#handle === 0
  }

  [Symbol.dispose](): void {
    internals.free(this)
  }

  /**
   * A token for `postMessage`, with which another worker thread takes the tensor's data (not a copy) by
   * `torch.from_shared(token)`, once. A token that was posted and is never taken keeps the data until the process ends.
   * @throws if the tensor belongs to a graph.
   */
  share(): SharedToken {
    return tokenOf(internals.wrapUnowned(native.share(internals.handleOf(this))))
  }

  /** Refuses arithmetic: TypeScript compiles `-x` and `x < y`, which JavaScript would answer with NaN. */
  [Symbol.toPrimitive](hint: string): string | number {
    if (hint === 'string') return this.toString()
    const error = new TypeError(
      'a tensor is not a number: write a.add(b), a.neg(), a.lt(b), or a.item() for the number of a tensor with one element',
    )
    // console.log('%d', tensor) prints the number, as Python's '%d' % tensor.
    if (!FORMATTED.test(error.stack ?? '')) throw error
    return native.numel(internals.handleOf(this)) === 1 ? Number(native.item(internals.handleOf(this))) : Number.NaN
  }

  toString(): string {
    return `tensor(..., size=[${shapeOf(this).join(', ')}])`
  }
}

/** The stack of a conversion that Node's formatting asks for. */
const FORMATTED =
  /^.*\n.*toPrimitive.*\n(?:\s+at Number \(<anonymous>\)\n)?\s+at formatWithOptions.*node:internal\/util/

const shapeOf = (tensor: Tensor): Size => Size.of_sizes(native.sizes(internals.handleOf(tensor)))
const dtypeOfTensor = (tensor: Tensor): DType => dtypeOf(native.dtype(internals.handleOf(tensor)))
const deviceOf = (tensor: Tensor): Device => device(native.device(internals.handleOf(tensor)))

/** Sees a gradient; a tensor that it returns takes the gradient's place. */
export type Hook = (grad: Tensor) => Tensor | undefined | null | void

/** What `tensor.share()` gives and `torch.from_shared` takes. */
export interface SharedToken {
  readonly tstorch_shared: number
}

/**
 * The alias is out of the garbage collector's reach only once its number is read: whoever posts, copies or takes the
 * token does so, and a token that nobody read nobody can take.
 */
function tokenOf(alias: Tensor): SharedToken {
  let token: number | undefined
  return {
    get tstorch_shared() {
      if (token === undefined) {
        token = native.put_shared(internals.handleOf(alias))
        internals.free(alias)
      }
      return token
    },
  }
}

/** The number of a token of a group, which ends with the group where nobody has taken it: 0 where it has ended. */
export function shareIn(tensor: Tensor, group: number): number {
  const alias = native.share(internals.handleOf(tensor))
  const token = native.put_shared(alias, group)
  native.release(alias)
  return token
}

/** The tensor that another thread shared. A token is good for one use. */
export function from_shared(token: SharedToken): Tensor {
  return internals.wrap(native.from_shared(token.tstorch_shared))
}

/** Removes a hook. */
export class RemovableHandle {
  #remove: (() => void) | null

  constructor(remove: () => void) {
    this.#remove = remove
  }

  remove(): void {
    this.#remove?.()
    this.#remove = null
  }

  [Symbol.dispose](): void {
    this.remove()
  }
}

/** Lets `owner` own the tensors made from now on; gives back the owner before. */
export function swapOwner(owner: Owner | null): Owner | null {
  const before = currentOwner
  currentOwner = owner
  return before
}

function noTensorMessage(value: unknown): string {
  const kind = value === null ? 'null' : typeof value
  if (internals.isForeign(value)) {
    return 'expected a Tensor, not one of another copy of tstorch (npm ls tstorch shows where they come from)'
  }
  const hint = kind === 'object' ? "; another thread's tensor comes by tensor.share() and torch.from_shared(token)" : ''
  return `expected a Tensor, not ${kind}${hint}`
}

function uninitialized(tensor: Tensor): string {
  return (
    'Attempted to use an uninitialized parameter. This error happens when you are using a `LazyModule` or explicitly ' +
    `manipulating \`torch.nn.parameter.${tensor.constructor.name}\` objects. When using LazyModules Call \`forward\` with ` +
    'a dummy batch to initialize the parameters before calling torch functions'
  )
}

function freedMessage(owner: Owner | null): string {
  if (owner === null) return 'this tensor was disposed of: its dispose() was called'
  return (
    `this tensor was freed by the torch.scope at ${owner.origin}. To use it afterwards, return it from the scope ` +
    '(`h = torch.scope(() => ...)`) or keep it inside (`torch.keep(h)`)'
  )
}

export function is_tensor(value: unknown): value is Tensor {
  return internals.isTensor(value)
}
