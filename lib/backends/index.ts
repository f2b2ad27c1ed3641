// Switches of how things are computed. Those of libtorch hold for the whole process, all workers included.

import { is_available } from '../core/cuda_available.js'
import { native } from '../core/native.js'

/** What tstorch does beside libtorch. */
export const tstorch = Object.seal({
  /**
   * Whether tstorch computes in ways of its own: recurrent layers on the CPU a whole sequence as one step of autograd,
   * linear layers of few numbers in a plain loop, optimizers all parameters in one step. With false, libtorch's own
   * operators do it, those that Python calls, and a program has Python's numbers on the same machine, bit for bit.
   * Otherwise the numbers agree within rounding, and small or recurrent networks are several times faster. Each worker
   * has a switch of its own.
   */
  fused: true,

  /**
   * How many threads run models beside this one (`forward_async` of what torch.jit.load and
   * torch._inductor.aoti_load_package give). Operators inside of them share the cores. Each worker has its own.
   */
  get async_threads(): number {
    return native.model_thread_limits()[0]
  },
  set async_threads(count: number) {
    native.set_model_thread_limits(count, native.model_thread_limits()[1])
  },

  /** How many calls may wait for one of these threads: one more is refused. */
  get async_queue(): number {
    return native.model_thread_limits()[1]
  },
  set async_queue(count: number) {
    native.set_model_thread_limits(native.model_thread_limits()[0], count)
  },
})

/** cuDNN, which computes recurrent layers and convolutions on GPUs. */
export const cudnn = Object.seal({
  /** Whether it is used. */
  get enabled(): boolean {
    return native.get_switch('cudnn.enabled')
  },
  set enabled(on: boolean) {
    native.set_switch('cudnn.enabled', on)
  },

  /** Whether it tries its algorithms first, and takes the fastest: for inputs of few sizes. */
  get benchmark(): boolean {
    return native.get_switch('cudnn.benchmark')
  },
  set benchmark(on: boolean) {
    native.set_switch('cudnn.benchmark', on)
  },

  /** Whether only algorithms are used that give the same numbers each time. */
  get deterministic(): boolean {
    return native.get_switch('cudnn.deterministic')
  },
  set deterministic(on: boolean) {
    native.set_switch('cudnn.deterministic', on)
  },

  /** Whether float32 may be computed in TensorFloat-32, with 10 bits of mantissa. */
  get allow_tf32(): boolean {
    return native.get_switch('cudnn.allow_tf32')
  },
  set allow_tf32(on: boolean) {
    native.set_switch('cudnn.allow_tf32', on)
  },

  is_available(): boolean {
    return is_available() && native.cudnn_version() !== null
  },

  /** 91900 for 9.19.0; null where libtorch has no cuDNN. */
  version(): number | null {
    return native.cudnn_version()
  },
})

export const cuda = Object.seal({
  matmul: {
    /** Whether products of float32 matrices may be computed in TensorFloat-32. */
    get allow_tf32(): boolean {
      return native.get_switch('cuda.matmul.allow_tf32')
    },
    set allow_tf32(on: boolean) {
      native.set_switch('cuda.matmul.allow_tf32', on)
    },
  },

  /** Whether libtorch was built with CUDA. `torch.cuda.is_available()` says whether there is a device. */
  is_built(): boolean {
    return native.cuda_built()
  },

  flash_sdp_enabled: (): boolean => native.get_switch('cuda.flash_sdp'),
  enable_flash_sdp: (enabled: boolean): void => native.set_switch('cuda.flash_sdp', enabled),
  mem_efficient_sdp_enabled: (): boolean => native.get_switch('cuda.mem_efficient_sdp'),
  enable_mem_efficient_sdp: (enabled: boolean): void => native.set_switch('cuda.mem_efficient_sdp', enabled),
  math_sdp_enabled: (): boolean => native.get_switch('cuda.math_sdp'),
  enable_math_sdp: (enabled: boolean): void => native.set_switch('cuda.math_sdp', enabled),
  cudnn_sdp_enabled: (): boolean => native.get_switch('cuda.cudnn_sdp'),
  enable_cudnn_sdp: (enabled: boolean): void => native.set_switch('cuda.cudnn_sdp', enabled),
})

/** oneDNN, which computes matrix products and convolutions on CPUs. */
export const mkldnn = Object.seal({
  get enabled(): boolean {
    return native.get_switch('mkldnn.enabled')
  },
  set enabled(on: boolean) {
    native.set_switch('mkldnn.enabled', on)
  },
})

export * as mha from './mha.js'
