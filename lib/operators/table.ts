// The operators that Python exposes, each found in libtorch when it is first called.

import type { Tensor } from '../core/tensor.js'
import { factories, overloads } from './generated/overloads.js'
import { Operator, operatorFunction, operatorMethod } from './operator.js'
import { isOptions } from './options.js'

const operators = new Map<string, Operator>()

function operatorOf(name: string): Operator {
  let operator = operators.get(name)
  if (operator === undefined) {
    operator = new Operator(`aten::${name}`, overloads[name]?.[0])
    operators.set(name, operator)
  }
  return operator
}

/** The function torch.NAME. Its type is the caller's to say: generated files hold the signatures. */
export function operatorNamed<F>(name: string): F {
  const invoke = operatorFunction(name, operatorOf(name), overloads[name]?.[1] ?? 0)
  return (factories.has(name) ? withRequiresGrad(name, invoke) : invoke) as F
}

/** Python's factories take `requires_grad` beside what their operators take. */
function withRequiresGrad(name: string, make: (...args: unknown[]) => unknown): (...args: unknown[]) => unknown {
  const invoke = (...args: unknown[]): unknown => {
    const options = args.at(-1)
    if (!isOptions(options) || !Object.hasOwn(options, 'requires_grad')) return make(...args)
    const { requires_grad, ...rest } = options
    const made = make(...args.slice(0, -1), rest) as Tensor
    return requires_grad ? made.requires_grad_() : made
  }
  return Object.defineProperty(invoke, 'name', { value: name })
}

/** The method Tensor.NAME. */
export function methodNamed(name: string): (...args: unknown[]) => unknown {
  return operatorMethod(name, operatorOf(name), overloads[name]?.[2] ?? 0)
}

/** An operator as it is in ATen: sizes come as a list, and nothing of Python's is added. Its type is the caller's to say. */
export function atenNamed<F>(name: string): F {
  return operatorFunction(name, operatorOf(name), 0) as F
}
