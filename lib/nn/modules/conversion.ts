// Moving a module: to other dtypes, devices and memory.

import { no_grad } from '../../autograd/grad_mode.js'
import { requireCuda } from '../../core/cuda_available.js'
import { device as deviceOf } from '../../core/device.js'
import * as dtypes from '../../core/dtype.js'
import type { Tensor } from '../../core/tensor.js'
import { empty_like } from '../../generated/functions.js'
import { type ConversionArguments, conversionOf } from '../../tensor/conversion.js'
import { type Arguments, read } from '../generated/arguments.js'
import { Buffer, is_lazy, Parameter } from '../parameter.js'
import { Stateful } from './loading.js'

/** Whether a tensor's elements can take the place of another's: those of a meta tensor are nowhere. */
const isCompatible = (a: Tensor, b: Tensor): boolean => a.is_meta === b.is_meta && a.layout === b.layout

/** What took the place of a tensor in the `_apply` that is running: modules may share it. */
let replacements: Map<Tensor, Tensor> | null = null

/** A module that can be moved. */
export class Convertible extends Stateful {
  /**
   * Replaces the data of every parameter, gradient and buffer by what `fn` makes of it, here and, unless `recurse` is
   * false, below. A tensor whose data cannot be replaced (it is on the meta device) is replaced itself.
   */
  _apply(fn: (tensor: Tensor) => Tensor, recurse = true): this {
    const outermost = replacements === null
    replacements ??= new Map()
    try {
      if (recurse) for (const child of this.children()) child._apply(fn)
      no_grad(() => {
        for (const [name, tensor] of [...Object.entries(this._parameters), ...Object.entries(this._buffers)]) {
          if (tensor !== null) this.#applyTo(name, tensor, fn)
        }
      })
    } finally {
      if (outermost) replacements = null
    }
    this.moved()
    return this
  }

  #applyTo(name: string, tensor: Tensor, fn: (tensor: Tensor) => Tensor): void {
    const known = replacements?.get(tensor)
    const { grad } = tensor
    const converted = known ?? fn(tensor.data)
    if (known === undefined && isCompatible(tensor, converted)) {
      tensor.data = converted
      if (grad !== null) tensor.grad = fn(grad)
      return
    }
    const replacement = known ?? likeOwn(tensor, converted)
    if (known === undefined && grad !== null) replacement.grad = fn(grad)
    replacements?.set(tensor, replacement)
    ;(this as unknown as Record<string, Tensor>)[name] = replacement
  }

  /** Called when the parameters were moved to another device or dtype. */
  protected moved(): void {}

  /** Moves parameters and buffers to a device or (floating-point ones alone) a dtype, in place. Called as Tensor.to. */
  to(...args: ConversionArguments): this {
    const { device, dtype, non_blocking, copy, memory_format } = conversionOf(args)
    if (copy) throw new TypeError('.to() does not accept copy argument')
    if (dtype !== null && !dtype.is_floating_point && !dtype.is_complex) {
      throw new TypeError(`nn.Module.to only accepts floating point or complex dtypes, but got desired dtype=${dtype}`)
    }
    if (device !== null && deviceOf(device).type === 'cuda') requireCuda()
    return this._apply((tensor) => {
      const floating = tensor.dtype.is_floating_point || tensor.dtype.is_complex
      const format = memory_format !== null && (tensor.dim() === 4 || tensor.dim() === 5) ? memory_format : null
      if (tensor.is_meta && device !== null && deviceOf(device).type !== 'meta') {
        throw new Error(
          'Cannot copy out of meta tensor; no data! Please use torch.nn.Module.to_empty() instead of torch.nn.Module.to() ' +
            'when moving module from meta to a different device.',
        )
      }
      return tensor.to({
        device,
        dtype: floating ? dtype : null,
        non_blocking,
        memory_format: format,
      })
    })
  }

  cpu(): this {
    return this.to('cpu')
  }

  cuda(...args: Arguments['nn.Module.cuda']): this {
    const { device } = read('nn.Module.cuda', args)
    return this.to(typeof device === 'number' ? `cuda:${device}` : (device ?? 'cuda'))
  }

  float(): this {
    return this.to(dtypes.float32)
  }

  double(): this {
    return this.to(dtypes.float64)
  }

  half(): this {
    return this.to(dtypes.float16)
  }

  bfloat16(): this {
    return this.to(dtypes.bfloat16)
  }

  /**
   * Moves parameters and buffers to a device without their elements, which are whatever is in memory there: how a module
   * that was made on the meta device gets its memory. Give it values by `load_state_dict` or `reset_parameters`.
   */
  to_empty(...args: Arguments['nn.Module.to_empty']): this {
    const { device, recurse } = read('nn.Module.to_empty', args)
    return this._apply((tensor) => empty_like(tensor, { device }), recurse)
  }

  /** Casts all parameters and buffers, integer ones too, to a dtype, or to a type such as 'torch.DoubleTensor'. */
  type(...args: Arguments['nn.Module.type']): this {
    const { dst_type } = read('nn.Module.type', args)
    return this._apply((tensor) => tensor.type(dst_type))
  }

  /**
   * Python moves the tensors to memory that other processes see. Here the workers of a process see all its memory: post
   * them `tensor.share()` of the tensors of the state_dict, as the module has them. This changes nothing.
   * @throws where a tensor has no size yet.
   */
  share_memory(): this {
    for (const tensor of [...this.parameters(), ...this.buffers()]) if (is_lazy(tensor)) tensor.share()
    return this
  }
}

/** A tensor of the kind that the module had. */
function likeOwn(own: Tensor, converted: Tensor): Tensor {
  if (own instanceof Parameter) return new Parameter(converted, own.requires_grad)
  return own instanceof Buffer ? new Buffer(converted, { persistent: own.persistent }) : converted
}
