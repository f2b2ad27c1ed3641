// The nodes of autograd's graph, and hooks on them.

import { type Handle, type NativeNode, native } from '../core/native.js'
import { type Edges, internals, RemovableHandle, type Tensor } from '../core/tensor.js'
import { describe } from '../operators/describe.js'

const tensorsOf = (handles: readonly (Handle | null)[]) =>
  handles.map((handle) => (handle === null ? null : internals.wrap(handle)))

/** What a hook of a node gave in place of gradients, as native code reads it. */
function replacements(result: NodeHookResult, count: number): (Handle | null)[] | undefined {
  if (result === undefined || result === null) return undefined
  const list: readonly unknown[] = Array.isArray(result) ? result : [result]
  if (list.length !== count) {
    throw new Error(`hook has returned an incorrect number of values (got ${list.length}, but expected ${count})`)
  }
  return Array.from(list, (tensor) => {
    if (tensor === null || tensor === undefined) return null
    if (internals.isTensor(tensor)) return internals.handleOf(tensor)
    throw new TypeError(`expected an array of Tensors, a Tensor or nothing, but hook returned ${describe(result)}`)
  })
}

type Gradients = (Tensor | null)[]
type NodeHookResult = Tensor | readonly (Tensor | null)[] | undefined | null | void

type HookAfter = (grad_inputs: Gradients, grad_outputs: Gradients) => NodeHookResult
type HookBefore = (grad_outputs: Gradients) => NodeHookResult

/** Hooks as native code calls them. Made apart from the node: a closure that reached it would keep it alive. */
const hookAfter = (hook: HookAfter) => (inputs: (Handle | null)[], outputs: (Handle | null)[]) =>
  replacements(hook(tensorsOf(inputs), tensorsOf(outputs)), inputs.length)
const hookBefore = (hook: HookBefore) => (outputs: (Handle | null)[]) =>
  replacements(hook(tensorsOf(outputs)), outputs.length)

const NOT_CLONED = Symbol('a node of a graph')

/** A node of the graph: the operation that made a tensor, or what adds to a leaf's gradient. */
export class GradFn {
  readonly #node: NativeNode
  readonly #edges: Edges
  readonly #result: Handle
  /** @internal Keeps structured cloning from making an empty object. */
  readonly __not_cloned = NOT_CLONED

  /** @internal `result` is a handle of a tensor that the node made, and `edges` are that tensor's. */
  constructor(node: NativeNode, edges: Edges = {}, result: Handle = 0) {
    this.#node = node
    this.#edges = edges
    this.#result = result
  }

  name(): string {
    return native.node_name(this.#node)
  }

  /** The nodes that this one's gradients go to, and to which of their inputs. */
  get next_functions(): [node: GradFn | null, input: number][] {
    const flat = native.next_functions(this.#node)
    return Array.from({ length: flat.length / 2 }, (_, i) => [
      flat[2 * i] === null ? null : new GradFn(flat[2 * i] as NativeNode),
      flat[2 * i + 1] as number,
    ])
  }

  /** The leaf whose gradient this node adds to, or null. */
  get variable(): Tensor | null {
    const handle = native.node_variable(this.#node)
    return handle === null ? null : internals.wrap(handle)
  }

  /** Calls `hook` after each run of this node with its inputs' gradients and its outputs'; it may replace the former. */
  register_hook(hook: HookAfter): RemovableHandle {
    return new RemovableHandle(native.node_post_hook(this.#node, hookAfter(hook), this.#edges, this.#result))
  }

  /** Calls `hook` before each run of this node with its outputs' gradients; it may replace them. */
  register_prehook(hook: HookBefore): RemovableHandle {
    return new RemovableHandle(native.node_pre_hook(this.#node, hookBefore(hook), this.#edges, this.#result))
  }

  toString(): string {
    return `<${this.name().replace(/^.*::/, '')}>`
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

/** The node that made a tensor, or null for a leaf. */
export function gradFnOf(tensor: Tensor): GradFn | null {
  const handle = internals.handleOf(tensor)
  const node = native.grad_fn(handle)
  return node === null ? null : new GradFn(node, internals.edgesOf(tensor), handle)
}
