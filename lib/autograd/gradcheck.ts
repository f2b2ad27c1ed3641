// torch.autograd.gradcheck: gradients against differences of the function's values.

import * as dtypes from '../core/dtype.js'
import { internals, type Tensor } from '../core/tensor.js'
import { warn } from '../core/warn.js'
import * as torch from '../generated/functions.js'
import { refuse } from '../operators/arguments.js'
import { type Arguments, read } from '../operators/generated/arguments.js'
import { grad } from './backward.js'
import type { Tensors } from './functional.js'
import { enable_grad, no_grad } from './grad_mode.js'

/** What Python checks besides, or in another way. */
const UNSUPPORTED = [
  ...['check_grad_dtypes', 'check_batched_grad', 'check_batched_forward_grad', 'check_forward_ad', 'check_backward_ad'],
  ...['gen_non_contig_grad_outputs', 'check_fwd_over_rev', 'check_rev_over_rev', 'fast_mode', 'masked'],
]

type Checked = (...inputs: Tensor[]) => Tensors

const list = (tensors: Tensors): Tensor[] =>
  internals.isTensor(tensors) ? [tensors] : [...(tensors as readonly Tensor[])]
const differentiable = ({ dtype }: Tensor) => dtype.is_floating_point || dtype.is_complex

/** Complex tensors as pairs of real ones, so that everything is checked over the real numbers. */
const real = (tensor: Tensor): Tensor => (tensor.dtype.is_complex ? torch.view_as_real(tensor.resolve_conj()) : tensor)

/** d outputs[o] / d input by central differences: (elements of the input, elements of the output). */
function numerical(func: Checked, inputs: Tensor[], place: number, eps: number): Tensor[] {
  return no_grad(() => {
    const input = inputs[place] as Tensor
    const base = input.detach().contiguous().clone()
    const flat = real(base).view([-1])
    const values = (): Tensor[] => {
      const replaced = inputs.map((x, i) => (i === place ? base : x))
      return list(func(...replaced))
        .filter(differentiable)
        .map((output) => real(output.detach()).reshape([-1]).clone())
    }
    const rows: Tensor[][] = []
    for (let i = 0; i < flat.numel(); i++) {
      const element = flat.select(0, i)
      const original = element.clone()
      element.copy_(original.add(eps))
      const above = values()
      element.copy_(original.sub(eps))
      const below = values()
      element.copy_(original)
      rows.push(above.map((value, o) => value.sub(below[o] as Tensor).div(2 * eps)))
    }
    const count = rows[0]?.length ?? 0
    return Array.from({ length: count }, (_, o) => torch.stack(rows.map((row) => row[o] as Tensor)))
  })
}

/** The same by backward. */
function analytical(output: Tensor, input: Tensor): Tensor {
  const flat = real(output).reshape([-1])
  const columns = Array.from({ length: flat.numel() }, (_, i) => {
    const element = flat.select(0, i)
    const [gradient] = flat.requires_grad ? grad(element, input, { retain_graph: true, allow_unused: true }) : [null]
    return real(gradient ?? torch.zeros_like(input)).reshape([-1])
  })
  if (columns.length === 0) return torch.zeros([real(input).numel(), 0], { dtype: dtypes.float64 })
  return torch.stack(columns, 1)
}

/**
 * Whether backward agrees with differences of the function's values, for all inputs that require gradients. Meant for
 * float64 and complex128. `eps` is the step of the differences, `nondet_tol` how far two backwards of the same graph may
 * differ.
 * @throws where they differ, unless raise_exception is false.
 */
export function gradcheck(...args: Arguments['autograd.gradcheck']): boolean {
  const values = read('autograd.gradcheck', args)
  refuse('autograd.gradcheck', values, ...UNSUPPORTED)
  const { func, inputs, eps, atol, rtol, raise_exception, nondet_tol } = values
  try {
    check(func, list(inputs), eps, atol, rtol, nondet_tol)
    return true
  } catch (error) {
    if (raise_exception) throw error
    return false
  }
}

function check(func: Checked, inputs: Tensor[], eps: number, atol: number, rtol: number, nondet_tol: number): void {
  const wanted = inputs.flatMap((input, i) => (internals.isTensor(input) && input.requires_grad ? [i] : []))
  if (wanted.length === 0) {
    throw new RangeError(
      'gradcheck expects at least one input tensor to require gradient, but none of the them have requires_grad=True.',
    )
  }
  for (const i of wanted) {
    const { dtype } = inputs[i] as Tensor
    if (dtype === dtypes.float64 || dtype === dtypes.complex128) continue
    warn(
      `Input #${i} requires gradient and is not a double precision floating point or complex. ` +
        'This check will likely fail if all the inputs are not of double precision floating point or complex.',
    )
  }
  const outputs = list(func(...inputs)).filter(differentiable)
  for (const i of wanted) {
    const input = inputs[i] as Tensor
    const byDifferences = numerical(func, inputs, i, eps)
    outputs.forEach((output, o) => {
      const byBackward = analytical(output, input)
      const numbers = byDifferences[o] as Tensor
      if (!byBackward.allclose(numbers, rtol, atol)) {
        throw new Error(
          `Jacobian mismatch for output ${o} with respect to input ${i},\nnumerical:${numbers}\nanalytical:${byBackward}\n`,
        )
      }
      const again = analytical(output, input)
      if (byBackward.numel() > 0 && byBackward.sub(again).abs().amax([]).item() > nondet_tol) {
        throw new Error(
          'Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives ' +
            'different values, although analytical gradient matches numerical gradient.',
        )
      }
    })
  }
}

/** gradcheck of the gradients: second derivatives, from given or random gradients of the outputs. */
export function gradgradcheck(...args: Arguments['autograd.gradgradcheck']): boolean {
  const values = read('autograd.gradgradcheck', args)
  refuse('autograd.gradgradcheck', values, ...UNSUPPORTED)
  const { func, inputs, grad_outputs, eps, atol, rtol, raise_exception, nondet_tol } = values
  const xs = list(inputs)
  const wanted = xs.flatMap((input, i) => (input.requires_grad ? [i] : []))
  const outputs = list(func(...xs)).filter(differentiable)
  const vectors =
    grad_outputs === null
      ? outputs.map((output) => torch.randn_like(output).requires_grad_())
      : list(grad_outputs as Tensors)
  const gradients = (...all: Tensor[]): Tensor[] => {
    const own = all
      .slice(0, xs.length)
      .map((x, i) => (wanted.includes(i) && !x.requires_grad ? x.detach().requires_grad_() : x))
    const results = list(func(...own)).filter(differentiable)
    return grad(
      results,
      wanted.map((i) => own[i] as Tensor),
      { grad_outputs: all.slice(xs.length), create_graph: true, allow_unused: true },
    ).map((gradient, i) => gradient ?? torch.zeros_like(own[wanted[i] as number]))
  }
  // The differences need a graph too: the function under test is itself a gradient.
  const withGraph: Checked = (...all) => enable_grad(() => gradients(...all) as never) as unknown as Tensor[]
  return gradcheck(withGraph, [...xs, ...vectors], { eps, atol, rtol, raise_exception, nondet_tol })
}
