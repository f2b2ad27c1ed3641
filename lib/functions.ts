// Functions whose form in Python is not the operator's.

import { tensor } from './factories.js'
import type { Scalar } from './operator.js'
import { aten } from './operator_table.js'
import type { Tensor } from './tensor.js'

/** Elements of `input` where the condition holds, else of `other`; the indices where it holds when given alone. */
export function where(condition: Tensor): Tensor[]
export function where(condition: Tensor, input: Tensor | Scalar, other: Tensor | Scalar): Tensor
export function where(condition: Tensor, input?: Tensor | Scalar, other?: Tensor | Scalar): Tensor | Tensor[] {
  if (input === undefined && other === undefined) return aten<Tensor[]>('where', condition)
  // Two numbers alone decide the dtype.
  if (typeof input === 'number' && typeof other === 'number') {
    return aten<Tensor>('where', condition, tensor(input), tensor(other))
  }
  return aten<Tensor>('where', condition, input, other)
}

/** Sums of products, in Einstein's notation: `torch.einsum('bij,bjk->bik', a, b)`. The operands may be one array. */
export function einsum(equation: string, ...operands: Tensor[] | [readonly Tensor[]]): Tensor {
  return aten<Tensor>('einsum', equation, operands.flat())
}
