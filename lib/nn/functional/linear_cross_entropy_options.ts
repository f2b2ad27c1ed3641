// torch.nn.LinearCrossEntropyOptions: how linear_cross_entropy is to be computed in pieces.

import { cuda } from '../../core/cuda_available.js'
import type { Device } from '../../core/device.js'
import type { DType } from '../../core/dtype.js'
import * as dtypes from '../../core/dtype.js'
import { pythonRepr } from '../../core/python_repr.js'
import { type Arguments, read } from '../generated/arguments.js'

export type AccumulationPolicy = 'accurate' | 'balanced' | 'compact'

/** Options without 'auto' and null, for one call. */
export interface ResolvedOptions {
  chunk: number
  policy: AccumulationPolicy
  acc_dtype: DType
}

/** What 'auto' means, by kind of device, for halves; ASIDE for everything else. */
const AUTO: Readonly<Record<string, readonly [AccumulationPolicy, string]>> = {
  cuda: ['compact', 'aspect_ratio:2'],
  cpu: ['accurate', 'aspect_ratio'],
}
const ASIDE = ['compact', 'aspect_ratio:2'] as const

const POLICIES: readonly string[] = ['auto', 'accurate', 'balanced', 'compact']
const isHalf = (dtype: DType): boolean => dtype === dtypes.float16 || dtype === dtypes.bfloat16
const quoted = (value: unknown): string => (typeof value === 'string' ? `'${value}'` : pythonRepr(value))

/**
 * Has linear_cross_entropy and LinearCrossEntropyLoss go through the batch in pieces, so that the logits of all classes
 * for the whole batch are never there at once. Pays off where there are many more classes than features.
 *
 * `allow_retain_graph`: whether backward may run twice on a 'mean' or 'sum'; costs a copy of the gradients.
 * `batch_chunk_size`: rows of the batch in a piece; null for all at once. `chunking_method`: how that is chosen:
 * 'aspect_ratio', so that a piece's logits take as much memory as the input; 'aspect_ratio:N', 1 / N of it; 'auto', by
 * device and dtype; null, by `batch_chunk_size`. `acc_policy`: what is kept in `acc_dtype`: 'accurate', as much as
 * possible; 'balanced', what the gradients need; 'compact', as balanced, without a buffer for the weight's gradient;
 * 'auto', by device and dtype. `acc_dtype`: in which sums are taken: null for float32 of halves under 'auto', else the
 * input's own.
 * @throws RangeError for a value that is none of these
 * @see `torch.nn.LinearCrossEntropyOptions`
 */
export class LinearCrossEntropyOptions {
  readonly allow_retain_graph: boolean
  readonly batch_chunk_size: number | null
  readonly chunking_method: string | null
  readonly acc_policy: AccumulationPolicy | 'auto'
  readonly acc_dtype: DType | null

  constructor(...args: Arguments['nn.LinearCrossEntropyOptions']) {
    const values = read('nn.LinearCrossEntropyOptions', args)
    const { acc_policy, chunking_method, batch_chunk_size, acc_dtype } = values
    if (!POLICIES.includes(acc_policy)) throw new RangeError(`invalid acc_policy: ${quoted(acc_policy)}`)
    if (
      chunking_method !== null &&
      chunking_method !== 'auto' &&
      !/^aspect_ratio(:0*[1-9]\d*)?$/.test(chunking_method)
    ) {
      throw new RangeError(`invalid chunking_method: ${quoted(chunking_method)}`)
    }
    if (batch_chunk_size !== null && batch_chunk_size <= 0) {
      throw new RangeError(`batch_chunk_size must be positive int or None, got ${batch_chunk_size}`)
    }
    const accumulates = [null, dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64]
    if (!accumulates.includes(acc_dtype)) {
      throw new RangeError(
        'acc_dtype must be one of {None, torch.float16, torch.bfloat16, torch.float32, torch.float64}, got ' +
          `${acc_dtype}. Pass acc_dtype=None to let the op pick automatically.`,
      )
    }
    this.allow_retain_graph = values.allow_retain_graph
    this.batch_chunk_size = batch_chunk_size
    this.chunking_method = chunking_method
    this.acc_policy = acc_policy
    this.acc_dtype = acc_dtype
    Object.freeze(this)
  }

  /** @internal The options of a call with `batch` rows of `features`. */
  resolve(batch: number, features: number, classes: number, dtype: DType, device: Device): ResolvedOptions {
    const [autoPolicy, autoMethod] = (isHalf(dtype) ? AUTO[device.type] : undefined) ?? ASIDE
    const size = this.batch_chunk_size
    // A size that is given takes the place of the choice by 'auto'.
    const auto = size === null ? autoMethod : null
    const method = this.chunking_method === 'auto' ? auto : this.chunking_method
    let chunk = Math.min(size ?? batch, batch)
    if (method !== null) {
      chunk = chunkOf(method, batch, features, classes)
      if (size !== null && size !== chunk) {
        throw new RangeError(
          `batch_chunk_size (=${size}) and chunking_method ('${method}') give different chunk sizes ` +
            `(${size} vs ${chunk}); pass only one.`,
        )
      }
    }
    const wider = this.acc_policy === 'auto' && isHalf(dtype) && accumulatesInFloat(dtype, device)
    return {
      chunk: Math.max(1, chunk),
      policy: this.acc_policy === 'auto' ? autoPolicy : this.acc_policy,
      acc_dtype: this.acc_dtype ?? (wider ? dtypes.float32 : dtype),
    }
  }

  toString(): string {
    const fields = Object.entries(this).map(([name, value]) => `${name}=${quoted(value)}`)
    return `LinearCrossEntropyOptions(${fields.join(', ')})`
  }
}

/** The rows of a piece whose logits take as much memory as the whole input, or a part of it. */
function chunkOf(method: string, batch: number, features: number, classes: number): number {
  const factor = Number(method.split(':')[1] ?? 1)
  const target = Math.ceil(batch / Math.ceil(classes / features))
  const power = target <= 1 ? 1 : 2 ** (32 - Math.clz32(target - 1))
  return Math.min(Math.floor(power / factor), batch)
}

/** Whether a device multiplies halves with sums in float32. */
function accumulatesInFloat(dtype: DType, device: Device): boolean {
  if (device.type !== 'cuda') return device.type === 'cpu'
  return cuda().device_properties(device.index ?? -1).major >= (dtype === dtypes.bfloat16 ? 8 : 7)
}
