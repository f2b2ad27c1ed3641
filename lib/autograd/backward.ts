import { native } from '../core/native.js'
import { internals, type Tensor } from '../core/tensor.js'
import { zeros_like } from '../generated/functions.js'
import { type Arguments, read, type Values } from '../operators/generated/arguments.js'

type Gradients = Tensor | null | readonly (Tensor | null)[]

const listOf = <T>(value: T | readonly T[]): readonly T[] => (Array.isArray(value) ? value : [value]) as readonly T[]
const handlesOf = (tensors: readonly Tensor[]) => tensors.map(internals.handleOf)
const optionalHandles = (tensors: readonly (Tensor | null)[]) =>
  tensors.map((tensor) => (tensor === null ? null : internals.handleOf(tensor)))

/**
 * torch.autograd.backward: gradients of the graph's leaves, added to their `grad`. `retain_graph` keeps the graph for
 * another backward (by default as create_graph); `create_graph` makes the gradients part of a graph, so that they can be
 * differentiated too; `inputs` are the leaves whose gradients are wanted, by default all.
 */
export function backward(...args: Arguments['autograd.backward']): void {
  const values = read('autograd.backward', args)
  if (values.grad_variables !== null) {
    throw new TypeError("backward(): 'grad_variables' is Python's old name; write grad_tensors")
  }
  accumulate(values.tensors, values.grad_tensors, values)
}

/** What backward does, of a tensor and of the module. */
export function accumulate(
  tensors: Tensor | readonly Tensor[],
  grad_tensors: Gradients,
  { retain_graph, create_graph, inputs }: Omit<Values['Tensor.backward'], 'gradient'>,
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

/**
 * torch.autograd.grad: gradients of the outputs with respect to the inputs, without touching any `grad`. `grad_outputs`
 * are the gradients to start from, by default 1 for an output with one element. Inputs that the outputs do not depend on
 * are an error, null with `allow_unused`, zeros with `materialize_grads`.
 */
export function grad(...args: Arguments['autograd.grad']): (Tensor | null)[] {
  const values = read('autograd.grad', args)
  const { outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused, materialize_grads } = values
  if (!values.only_inputs) throw new Error('only_inputs=false is not supported')
  if (values.is_grads_batched) throw new Error('is_grads_batched=true is not supported')
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
