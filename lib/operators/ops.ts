// torch.ops

import { Operator, operatorFunction } from './operator.js'

type Invoke = (...args: unknown[]) => unknown

const known = new Map<string, Invoke>()

/**
 * torch.ops.aten: every operator of libtorch by its name in ATen, also those that Python does not expose elsewhere:
 * `torch.ops.aten._softmax(x, 1, false)`. As in Python, arguments that such an operator does not expect may end the
 * process; operators that take any arguments for memory that is there cannot be called (docs/operators.md).
 */
export const aten: Readonly<Record<string, Invoke>> = new Proxy(Object.create(null), {
  get(_, name) {
    // Resolving a promise reads `then` of any object.
    if (typeof name !== 'string' || name === 'then') return undefined
    let invoke = known.get(name)
    if (invoke === undefined) {
      invoke = operatorFunction(name, new Operator(`aten::${name}`), 0)
      known.set(name, invoke)
    }
    return invoke
  },
})
