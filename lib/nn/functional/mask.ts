// Masks of attention.

import * as dtypes from '../../core/dtype.js'
import type { Tensor } from '../../core/tensor.js'
import { warn } from '../../core/warn.js'
import * as torch from '../../generated/functions.js'

/**
 * A mask as numbers to add to the scores: -∞ where a mask of booleans is true. `other`: the mask whose dtype should be the
 * same.
 */
export function additive(
  mask: Tensor | null,
  name: string,
  like: Tensor,
  other: Tensor | null = null,
  otherName = '',
): Tensor | null {
  if (mask === null) return null
  const floating = mask.dtype.is_floating_point
  if (!floating && mask.dtype !== dtypes.bool) throw new Error(`only bool and floating types of ${name} are supported`)
  if (other !== null && other.dtype !== mask.dtype) {
    warn(`Support for mismatched ${name} and ${otherName} is deprecated. Use same type for both instead.`)
  }
  return floating ? mask : torch.zeros_like(mask, { dtype: like.dtype }).masked_fill_(mask, -Infinity)
}
