import { DType } from '../core/dtype.js'
import { internals } from '../core/tensor.js'

const DEEPEST = 3

/** What a value is, in a message about a wrong one: "string 'a'", "list of whole number". Native code says it alike. */
export function describe(value: unknown, depth = 0): string {
  switch (typeof value) {
    case 'number':
      if (Number.isNaN(value)) return 'NaN'
      if (!Number.isFinite(value)) return String(value)
      if (Number.isSafeInteger(value)) return 'whole number'
      return Number.isInteger(value) ? 'number beyond 2**53, which a bigint can say (2n ** 60n)' : 'fractional number'
    case 'string':
      return `string '${value}'`
    case 'object':
      if (value === null) return 'null'
      if (value instanceof DType) return 'torch.dtype'
      if (internals.isTensor(value)) return 'Tensor'
      if (internals.isForeign(value)) return 'Tensor of another copy of tstorch'
      if (Array.isArray(value)) {
        if (value.length === 0) return 'empty list'
        // An array may hold itself.
        return depth === DEEPEST ? 'list' : `list of ${describe(value[0], depth + 1)}`
      }
      return className(value)
    default:
      return typeof value
  }
}

function className(value: object): string {
  const name: unknown = (value.constructor as { name?: unknown } | undefined)?.name
  return typeof name === 'string' && name !== '' && name !== 'Object' ? name : 'object'
}
