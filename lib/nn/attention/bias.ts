// torch.nn.attention.bias: causal masks that are known by their kind, so that no mask has to be made.

import type { DeviceLike } from '../../core/device.js'
import { bool } from '../../core/dtype.js'
import { native } from '../../core/native.js'
import { internals, Tensor } from '../../core/tensor.js'
import { warn } from '../../core/warn.js'
import * as torch from '../../generated/functions.js'
import { type Arguments, read } from '../generated/arguments.js'

/** Where the diagonal of a causal mask begins: in the upper left corner, or where it ends in the lower right one. */
export const CausalVariant = Object.freeze({ UPPER_LEFT: 1, LOWER_RIGHT: 2 })
export type CausalVariant = (typeof CausalVariant)[keyof typeof CausalVariant]

/**
 * A causal mask for `scaled_dot_product_attention`: which of seq_len_kv keys each of seq_len_q queries sees. Query i sees
 * key j where j <= i (UPPER_LEFT) or j <= i + seq_len_kv - seq_len_q (LOWER_RIGHT). As a tensor it has no elements; it
 * prints as the mask.
 */
export class CausalBias extends Tensor {
  declare readonly __causal_bias: true
  declare readonly variant: CausalVariant
  declare readonly seq_len_q: number
  declare readonly seq_len_kv: number

  constructor(...args: Arguments['nn.attention.bias.CausalBias']) {
    const { variant, seq_len_q, seq_len_kv } = read('nn.attention.bias.CausalBias', args)
    if (variant !== CausalVariant.UPPER_LEFT && variant !== CausalVariant.LOWER_RIGHT) {
      throw new TypeError(`variant must be a CausalVariant, got ${variant}`)
    }
    super(internals.token, native.data(internals.handleOf(torch.empty([0]))))
    internals.setOwner(this, null)
    for (const [name, value] of Object.entries({ variant, seq_len_q, seq_len_kv })) {
      Object.defineProperty(this, name, { value })
    }
    if (variant === CausalVariant.LOWER_RIGHT && seq_len_q > seq_len_kv) {
      warn('Lower right causal bias will produce NaNs in the output when seq_len_q > seq_len_kv!')
    }
  }

  /** The mask itself, (seq_len_q, seq_len_kv), true where a query sees a key. */
  _materialize(device: DeviceLike = 'cpu'): Tensor {
    const { variant, seq_len_q, seq_len_kv } = this
    const all = torch.ones([seq_len_q, seq_len_kv], { dtype: bool, device })
    return all.tril(variant === CausalVariant.UPPER_LEFT ? 0 : seq_len_kv - seq_len_q)
  }

  override toString(): string {
    return this._materialize().toString()
  }
}

function sizes(callee: string, size: readonly number[]): [q: number, kv: number] {
  if (size.length !== 2) throw new RangeError(`${callee} only supports 2D tensors`)
  return size as [number, number]
}

/** The causal mask of queries and keys that begin together: `causal_upper_left(seq_len_q, seq_len_kv)`. */
export function causal_upper_left(...size: number[]): CausalBias {
  return new CausalBias(CausalVariant.UPPER_LEFT, ...sizes('causal_upper_left', size))
}

/** The causal mask of queries and keys that end together: `causal_lower_right(seq_len_q, seq_len_kv)`. */
export function causal_lower_right(...size: number[]): CausalBias {
  return new CausalBias(CausalVariant.LOWER_RIGHT, ...sizes('causal_lower_right', size))
}
