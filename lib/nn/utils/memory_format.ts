// torch.nn.utils: convolutions whose weights lie in memory as their kernels like them.

import type { MemoryFormat } from '../../core/device.js'
import { type Arguments, read } from '../generated/arguments.js'
import type { Rest } from '../modules/call_types.js'
import { Conv2d, Conv3d } from '../modules/conv.js'
import { ConvTranspose2d, ConvTranspose3d } from '../modules/conv_transpose.js'
import type { Module } from '../modules/module.js'

function convert(module: Module, wanted: (each: Module) => boolean, memory_format: MemoryFormat): void {
  for (const each of module.modules().filter(wanted)) {
    const { weight } = each as Conv2d
    const data = weight.detach().clone({ memory_format })
    weight.data = data.resize_(data.shape, { memory_format })
  }
}

/**
 * Lays the weights of all Conv2d and ConvTranspose2d in the module in a memory format, `torch.channels_last`, which
 * cuDNN's kernels for half precision want. Their values stay, and outputs follow. Returns the module.
 */
export function convert_conv2d_weight_memory_format<M extends Module>(
  module: M,
  ...rest: Rest<Arguments['nn.utils.convert_conv2d_weight_memory_format']>
): M
export function convert_conv2d_weight_memory_format(
  ...args: Arguments['nn.utils.convert_conv2d_weight_memory_format']
): Module
export function convert_conv2d_weight_memory_format(
  ...args: Arguments['nn.utils.convert_conv2d_weight_memory_format']
): Module {
  const { module, memory_format } = read('nn.utils.convert_conv2d_weight_memory_format', args)
  convert(module, (each) => each instanceof Conv2d || each instanceof ConvTranspose2d, memory_format)
  return module
}

/** The same for Conv3d and ConvTranspose3d, with `torch.channels_last_3d`. */
export function convert_conv3d_weight_memory_format<M extends Module>(
  module: M,
  ...rest: Rest<Arguments['nn.utils.convert_conv3d_weight_memory_format']>
): M
export function convert_conv3d_weight_memory_format(
  ...args: Arguments['nn.utils.convert_conv3d_weight_memory_format']
): Module
export function convert_conv3d_weight_memory_format(
  ...args: Arguments['nn.utils.convert_conv3d_weight_memory_format']
): Module {
  const { module, memory_format } = read('nn.utils.convert_conv3d_weight_memory_format', args)
  convert(module, (each) => each instanceof Conv3d || each instanceof ConvTranspose3d, memory_format)
  return module
}
