// torch.autograd.functional: Jacobians, Hessians and their products with vectors.

import { internals, type Tensor } from '../core/tensor.js'
import * as torch from '../generated/functions.js'
import { readArguments, refuse, type SignatureKey } from '../operators/arguments.js'
import { grad } from './backward.js'
import { enable_grad } from './grad_mode.js'

/** One tensor, or several. */
export type Tensors = Tensor | readonly Tensor[]

/** A function of one tensor or several, which gives one or several. */
export type TensorFunction<I extends Tensors, O extends Tensors> = (
  ...inputs: I extends Tensor ? [Tensor] : I extends readonly Tensor[] ? [...I] : never
) => O

export interface FunctionalOptions {
  /** Makes the results part of a graph, so that they can be differentiated too. */
  create_graph?: boolean | undefined
  /** Refuses inputs that the results do not depend on; otherwise their gradients are zeros. */
  strict?: boolean | undefined
}

/** What these functions are called with. */
interface Call<I extends Tensors> {
  func: TensorFunction<I, never>
  inputs: I
  v?: Tensors | null
  create_graph: boolean
  strict: boolean
}

/** `vectorize` changes how Python computes, not what: it is taken and changes nothing. */
function readCall<I extends Tensors>(key: SignatureKey, args: readonly unknown[]): Call<I> {
  const values = readArguments(key, args)
  refuse(key, values, 'strategy', 'outer_jacobian_strategy')
  return values as unknown as Call<I>
}

const list = (tensors: Tensors): Tensor[] =>
  internals.isTensor(tensors) ? [tensors] : [...(tensors as readonly Tensor[])]
const zerosLike = (tensor: Tensor) => torch.zeros_like(tensor)

/** Results in the form in which their counterparts were given. */
const formed = (tensors: Tensor[], like: Tensors): Tensors =>
  internals.isTensor(like) ? (tensors[0] as Tensor) : tensors

function checkTensors(name: string, what: string, tensors: Tensors): void {
  for (const tensor of list(tensors)) {
    if (!internals.isTensor(tensor)) {
      throw new TypeError(`The ${what} given to ${name} must be either a Tensor or an array of Tensors`)
    }
  }
}

/** Inputs that start a graph of their own; with create_graph they stay part of theirs. */
function graphInputs(inputs: Tensors, create_graph: boolean): Tensor[] {
  return list(inputs).map((input) =>
    create_graph && input.requires_grad ? input.view_as(input) : input.detach().requires_grad_(),
  )
}

function evaluate(name: string, func: TensorFunction<never, Tensors>, inputs: Tensor[]): Tensors {
  const outputs = (func as (...inputs: Tensor[]) => Tensors)(...inputs)
  checkTensors(name, 'result of the function', outputs)
  return outputs
}

/** Gradients with zeros where there is none, and without the graph unless it is wanted. */
function gradients(
  name: string,
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  vectors: readonly (Tensor | null)[],
  { create_graph = false, strict = false }: FunctionalOptions,
): Tensor[] {
  const kept = outputs
    .map((output, i) => ({ output, vector: vectors[i] as Tensor | null }))
    .filter(({ output }) => output.requires_grad)
  if (strict && kept.length < outputs.length) {
    throw new Error(
      `Output ${outputs.findIndex((output) => !output.requires_grad)} of ${name} does not require gradients. It must depend on the inputs with strict: true.`,
    )
  }
  if (kept.length === 0) return inputs.map(zerosLike)
  const found = grad(
    kept.map(({ output }) => output),
    inputs,
    { grad_outputs: kept.map(({ vector }) => vector), create_graph, retain_graph: true, allow_unused: true },
  )
  return found.map((gradient, i) => {
    if (gradient !== null) return gradient
    if (strict)
      throw new Error(`The output of ${name} is independent of input ${i}, which strict: true does not allow.`)
    return zerosLike(inputs[i] as Tensor)
  })
}

const detached = (tensors: Tensors, create_graph: boolean): Tensors =>
  create_graph
    ? tensors
    : formed(
        list(tensors).map((tensor) => tensor.detach()),
        tensors,
      )

/** Checks a vector against what it multiplies; without one, a single number gets 1. */
function vectorFor(name: string, v: Tensors | null | undefined, like: readonly Tensor[], what: string): Tensor[] {
  if (v === null || v === undefined) {
    if (like.length !== 1 || like[0]?.numel() !== 1) {
      throw new Error(`The vector v can only be null if ${what} is a tensor with a single element (${name})`)
    }
    return [torch.ones_like(like[0])]
  }
  const vectors = list(v)
  if (vectors.length !== like.length) {
    throw new Error(`v is a list of invalid length: should be ${like.length} but got ${vectors.length}.`)
  }
  vectors.forEach((vector, i) => {
    const wanted = (like[i] as Tensor).shape
    if (!vector.shape.equals(wanted)) {
      throw new Error(`Entry ${i} in v has invalid size: should be ${wanted} but got ${vector.shape}.`)
    }
  })
  return vectors
}

/** Jacobians by output and input: tensors where both are one, lists of lists where both are lists. */
export type Jacobian<I extends Tensors, O extends Tensors> = O extends Tensor
  ? I extends Tensor
    ? Tensor
    : Tensor[]
  : I extends Tensor
    ? Tensor[]
    : Tensor[][]

/** All derivatives of all results: for each output and input a tensor of shape (*output, *input). */
export function jacobian<I extends Tensors, O extends Tensors>(
  func: TensorFunction<I, O>,
  inputs: I,
  create_graph?: boolean | FunctionalOptions,
  strict?: boolean | FunctionalOptions,
): Jacobian<I, O>
export function jacobian<I extends Tensors, O extends Tensors>(...args: unknown[]): Jacobian<I, O> {
  const { func, inputs, ...options } = readCall<I>('autograd.functional.jacobian', args)
  return enable_grad(() => {
    checkTensors('jacobian', 'inputs', inputs)
    const xs = graphInputs(inputs, options.create_graph ?? false)
    const outputs = evaluate('jacobian', func as never, xs)
    const blocks = list(outputs).map((output, o) => {
      const flat = output.reshape([-1])
      const rows = Array.from({ length: output.numel() }, (_, i) =>
        gradients('the function given to jacobian', [flat.select(0, i)], xs, [null], options),
      )
      return xs.map((x, j) => {
        const shape = [...(list(outputs)[o] as Tensor).shape, ...x.shape]
        if (rows.length === 0) return torch.zeros(shape, { dtype: x.dtype, device: x.device })
        const stacked = torch.stack(rows.map((row) => row[j] as Tensor)).view(shape)
        return options.create_graph ? stacked : stacked.detach()
      })
    })
    const byOutput = blocks.map((row) => formed(row, inputs))
    return (internals.isTensor(outputs) ? byOutput[0] : byOutput) as never
  }) as Jacobian<I, O>
}

/** The second derivatives of a function that gives one number. */
export function hessian<I extends Tensors>(
  func: TensorFunction<I, Tensor>,
  inputs: I,
  create_graph?: boolean | FunctionalOptions,
  strict?: boolean | FunctionalOptions,
): I extends Tensor ? Tensor : Tensor[][]
export function hessian<I extends Tensors>(...args: unknown[]): I extends Tensor ? Tensor : Tensor[][] {
  const { func, inputs, ...options } = readCall<I>('autograd.functional.hessian', args)
  const firstDerivatives = (...xs: Tensor[]): Tensors => {
    const value = (func as unknown as (...inputs: Tensor[]) => Tensor)(...xs)
    if (!internals.isTensor(value) || value.numel() !== 1) {
      throw new Error('The output of the function given to hessian should be a tensor with a single element')
    }
    const found = gradients('the function given to hessian', [value.squeeze()], xs, [null], {
      ...options,
      create_graph: true,
    })
    return formed(found, inputs)
  }
  const { create_graph, strict } = options
  return jacobian(firstDerivatives as never, inputs as never, { create_graph, strict }) as never
}

/** The results, and the product of a vector with the Jacobian: what a backward from v gives. */
export function vjp<I extends Tensors, O extends Tensors>(
  func: TensorFunction<I, O>,
  inputs: I,
  v?: Tensors | null | (FunctionalOptions & { v?: Tensors | null }),
  create_graph?: boolean | FunctionalOptions,
  strict?: boolean | FunctionalOptions,
): [outputs: O, vjp: I extends Tensor ? Tensor : Tensor[]]
export function vjp<I extends Tensors, O extends Tensors>(
  ...args: unknown[]
): [outputs: O, vjp: I extends Tensor ? Tensor : Tensor[]] {
  const { func, inputs, v, ...options } = readCall<I>('autograd.functional.vjp', args)
  return enable_grad(() => {
    checkTensors('vjp', 'inputs', inputs)
    const xs = graphInputs(inputs, options.create_graph ?? false)
    const outputs = evaluate('vjp', func as never, xs)
    const vectors = vectorFor('vjp', v, list(outputs), 'the output of the function')
    const found = gradients('the function given to vjp', list(outputs), xs, vectors, options)
    return [
      detached(outputs, options.create_graph ?? false),
      detached(formed(found, inputs), options.create_graph ?? false),
    ] as never
  }) as never
}

/** The results, and the product of the Jacobian with a vector: the derivative in the direction v. Two backwards. */
export function jvp<I extends Tensors, O extends Tensors>(
  func: TensorFunction<I, O>,
  inputs: I,
  v?: Tensors | null | (FunctionalOptions & { v?: Tensors | null }),
  create_graph?: boolean | FunctionalOptions,
  strict?: boolean | FunctionalOptions,
): [outputs: O, jvp: O extends Tensor ? Tensor : Tensor[]]
export function jvp<I extends Tensors, O extends Tensors>(
  ...args: unknown[]
): [outputs: O, jvp: O extends Tensor ? Tensor : Tensor[]] {
  const { func, inputs, v, ...options } = readCall<I>('autograd.functional.jvp', args)
  return enable_grad(() => {
    checkTensors('jvp', 'inputs', inputs)
    const xs = graphInputs(inputs, options.create_graph ?? false)
    const vectors = vectorFor('jvp', v, list(inputs), 'the input of the function')
    const outputs = evaluate('jvp', func as never, xs)
    // The product with the Jacobian is linear in its vector: its own derivative is the other product.
    const dummies = list(outputs).map((output) => zerosLike(output).requires_grad_())
    const back = gradients('the function given to jvp', list(outputs), xs, dummies, { ...options, create_graph: true })
    const found = gradients('the function given to jvp', back, dummies, vectors, {
      create_graph: options.create_graph ?? false,
    })
    return [
      detached(outputs, options.create_graph ?? false),
      detached(formed(found, outputs), options.create_graph ?? false),
    ] as never
  }) as never
}

/** The function's number, and the product of a vector with its Hessian. */
export function vhp<I extends Tensors>(
  func: TensorFunction<I, Tensor>,
  inputs: I,
  v?: Tensors | null | (FunctionalOptions & { v?: Tensors | null }),
  create_graph?: boolean | FunctionalOptions,
  strict?: boolean | FunctionalOptions,
): [output: Tensor, vhp: I extends Tensor ? Tensor : Tensor[]]
export function vhp<I extends Tensors>(
  ...args: unknown[]
): [output: Tensor, vhp: I extends Tensor ? Tensor : Tensor[]] {
  const { func, inputs, v, ...options } = readCall<I>('autograd.functional.vhp', args)
  return enable_grad(() => {
    checkTensors('vhp', 'inputs', inputs)
    const create_graph = options.create_graph ?? false
    const xs = graphInputs(inputs, create_graph)
    const vectors = vectorFor('vhp', v, list(inputs), 'the input of the function')
    const output = evaluate('vhp', func as never, xs) as Tensor
    if (output.numel() !== 1)
      throw new Error('The Tensor returned by the function given to vhp should contain a single element')
    const name = 'the function given to vhp'
    const first = gradients(name, [output.squeeze()], xs, [null], { ...options, create_graph: true })
    const found = gradients(name, first, xs, vectors, options)
    return [detached(output, create_graph), detached(formed(found, inputs), create_graph)] as never
  }) as never
}

/** The function's number, and the product of its Hessian with a vector: that of `vhp`, as the Hessian is symmetric. */
export const hvp = ((...args: unknown[]) => {
  const { func, inputs, v, create_graph, strict } = readCall('autograd.functional.hvp', args)
  return vhp(func as never, inputs as never, v, { create_graph, strict })
}) as typeof vhp
