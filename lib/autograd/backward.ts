import { native } from '../native.js'
import { internals, type Tensor } from '../tensor.js'

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
}

export interface GradOptions {
  grad_outputs?: Gradients | undefined
  retain_graph?: boolean | null | undefined
  create_graph?: boolean | undefined
  /** Gives null, instead of an error, for inputs that the outputs do not depend on. */
  allow_unused?: boolean | undefined
}

/** torch.autograd.grad: gradients of the outputs with respect to the inputs, without touching any `grad`. */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  { grad_outputs = null, retain_graph, create_graph = false, allow_unused = false }: GradOptions = {},
): (Tensor | null)[] {
  const handles = native.gradients(
    handlesOf(listOf<Tensor>(outputs)),
    handlesOf(listOf<Tensor>(inputs)),
    grad_outputs === null ? null : optionalHandles(listOf<Tensor | null>(grad_outputs)),
    retain_graph ?? undefined,
    create_graph,
    allow_unused,
  )
  return handles.map((handle) => (handle === null ? null : internals.wrap(handle)))
}
