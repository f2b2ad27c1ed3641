// What `to` is called with, of tensors, modules and packed sequences: a device, a dtype, another tensor, or keywords.

import type { DeviceLike, MemoryFormat } from '../core/device.js'
import { DType } from '../core/dtype.js'
import { internals } from '../core/tensor.js'
import { type Arguments, read } from '../operators/generated/arguments.js'
import { isOptions, ownFields } from '../operators/options.js'

export type ConversionArguments =
  | Arguments['Tensor.to.device']
  | Arguments['Tensor.to.dtype']
  | Arguments['Tensor.to.tensor']

export interface Conversion {
  device: DeviceLike | null
  dtype: DType | null
  non_blocking: boolean
  copy: boolean
  memory_format: MemoryFormat | null
}

export function conversionOf(args: readonly unknown[]): Conversion {
  const [first] = args
  const target = isOptions(first) ? (ownFields(first).tensor ?? null) : first
  if (target instanceof DType) return { device: null, ...read('Tensor.to.dtype', args, 'to') }
  if (!internals.isTensor(target)) return read('Tensor.to.device', args, 'to')
  const { tensor, ...rest } = read('Tensor.to.tensor', args, 'to')
  return { device: tensor.device, dtype: tensor.dtype, ...rest }
}
