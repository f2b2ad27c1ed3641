// torch.nn.functional.scaled_dot_product_attention

import type { Tensor } from '../../core/tensor.js'
import * as nn from '../../generated/nn_functional.js'
import { isOptions } from '../../operators/options.js'
import { CausalBias, CausalVariant } from '../attention/bias.js'

type Attention = typeof nn.scaled_dot_product_attention

/** The place of the mask among the arguments. */
const MASK = 3
/** The place of is_causal. */
const CAUSAL = 5

/**
 * softmax(Q Kᵀ · scale + mask) V. query: (*, L, E); key: (*, S, E); value: (*, S, Ev). `attn_mask` (*, L, S) is added to
 * the scores, or, of booleans, says with true which keys a query sees; it may be a CausalBias. Returns (*, L, Ev).
 */
export const scaled_dot_product_attention: Attention = (...args: unknown[]): Tensor => {
  const last = args.at(-1)
  const options = isOptions(last) ? last : null
  const inPlace = options === null ? args : args.slice(0, -1)
  const bias = options?.attn_mask ?? inPlace[MASK]
  const attention = nn.scaled_dot_product_attention as (...args: unknown[]) => Tensor
  if (!(bias instanceof CausalBias)) return attention(...args)
  if ((options?.is_causal ?? inPlace[CAUSAL]) === true) {
    throw new RangeError('CausalBias should not be used with causal=True')
  }
  const known = bias.seq_len_q === bias.seq_len_kv || bias.variant === CausalVariant.UPPER_LEFT
  const query = (options?.query ?? inPlace[0]) as Tensor
  const masked = {
    ...options,
    attn_mask: known ? null : bias._materialize(query.device),
    is_causal: known,
  }
  // What comes after the mask is named: dropout_p and is_causal may be in place.
  if (inPlace.length > MASK + 1) Object.assign(masked, { dropout_p: inPlace[MASK + 1] })
  return attention(...inPlace.slice(0, MASK), masked)
}
