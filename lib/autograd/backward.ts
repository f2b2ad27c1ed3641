import { native } from '../core/native.js'
import { internals, type Tensor } from '../core/tensor.js'
import { zeros_like } from '../generated/functions.js'
import { readArguments } from '../operators/arguments.js'

export interface BackwardOptions {
  /** Keeps the graph for another backward; by default as create_graph. */
  retain_graph?: boolean | null | undefined
  /** Makes the gradients part of a graph, so that they can be differentiated too. */
  create_graph?: boolean | undefined
  /** The leaves whose gradients are wanted; by default all. */
  inputs?: readonly Tensor[] | Tensor | null | undefined
}

type Gradients = Tensor | null | readonly (Tensor | null)[]

const listOf = <T>(value: T | readonly T[]): readonly T[] => (Array.isArray(value) ? value : [value]) as readonly T[]
const handlesOf = (tensors: readonly Tensor[]) => tensors.map(internals.handleOf)
const optionalHandles = (tensors: readonly (Tensor | null)[]) =>
  tensors.map((tensor) => (tensor === null ? null : internals.handleOf(tensor)))

/** torch.autograd.backward: gradients of the graph's leaves, added to their `grad`. */
export function backward(
  tensors: Tensor | readonly Tensor[],
  grad_tensors: Gradients | undefined = null,
  { retain_graph, create_graph = false, inputs = null }: BackwardOptions = {},
): void {
  if (Array.isArray(inputs) && inputs.length === 0) {
    throw new RangeError("'inputs' argument to backward cannot be empty.")
  }
  native.backward(
    handlesOf(listOf<Tensor>(tensors)),
    grad_tensors === null ? null : optionalHandles(listOf<Tensor | null>(grad_tensors)),
    retain_graph ?? undefined,
    create_graph,
    inputs === null ? null : handlesOf(listOf<Tensor>(inputs)),
  )
  native.reachable(tensors, grad_tensors, inputs)
}

export interface GradOptions {
  grad_outputs?: Gradients | undefined
  retain_graph?: boolean | null | undefined
  create_graph?: boolean | undefined
  /** Gives null, instead of an error, for inputs that the outputs do not depend on. */
  allow_unused?: boolean | null | undefined
  /** Gives zeros for these inputs. */
  materialize_grads?: boolean | undefined
}

/**
 * torch.autograd.grad: gradients of the outputs with respect to the inputs, without touching any `grad`. `grad_outputs`
 * are the gradients to start from, by default 1 for an output with one element.
 */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options?: GradOptions,
): (Tensor | null)[]
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  grad_outputs: Gradients,
  options?: Omit<GradOptions, 'grad_outputs'>,
): (Tensor | null)[]
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  ...rest: unknown[]
): (Tensor | null)[] {
  const { grad_outputs, retain_graph, create_graph, allow_unused, materialize_grads } = readArguments('grad', rest, {
    grad_outputs: null as Gradients,
    retain_graph: null as boolean | null,
    create_graph: false as boolean,
    allow_unused: null as boolean | null,
    materialize_grads: false as boolean,
  })
  if (materialize_grads && allow_unused === false) {
    throw new RangeError(
      'Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False.',
    )
  }
  const wanted = listOf<Tensor>(inputs)
  const handles = native.gradients(
    handlesOf(listOf<Tensor>(outputs)),
    handlesOf(wanted),
    grad_outputs === null ? null : optionalHandles(listOf<Tensor | null>(grad_outputs)),
    retain_graph ?? undefined,
    create_graph,
    allow_unused ?? materialize_grads,
  )
  native.reachable(outputs, inputs, grad_outputs)
  return handles.map((handle, i) => {
    if (handle !== null) return internals.wrap(handle)
    return materialize_grads ? zeros_like(wanted[i] as Tensor) : null
  })
}
