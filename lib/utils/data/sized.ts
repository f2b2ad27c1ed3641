// Python's len(), of what is indexed or counted here.

import { types } from 'node:util'
import { internals, type Tensor } from '../../core/tensor.js'
import { describe } from '../../operators/describe.js'

/** What has a length: arrays, datasets, samplers; Maps and Sets; a tensor along its first dimension. */
export type Sized = { readonly length: number } | { readonly size: number } | Tensor

/** How many elements there are. @throws {TypeError} where the object does not say. */
export function lengthOf(source: unknown): number {
  if (internals.isTensor(source)) {
    if (source.dim() === 0) throw new TypeError('len() of a 0-d tensor')
    return source.size(0)
  }
  const isCounted = types.isMap(source) || types.isSet(source)
  const length = isCounted ? source.size : (source as { length?: unknown }).length
  if (typeof length === 'number') return length
  throw new TypeError(`object of type '${describe(source)}' has no len(): it needs a \`length\``)
}
