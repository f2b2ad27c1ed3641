// Whether CUDA can be used, and the error that says why not.

import { type CudaNative, native } from './native.js'

/** Whether CUDA can be used: libtorch has it, and there is a device. */
export function is_available(): boolean {
  return native.cuda_device_count() > 0
}

/** How many GPUs there are. 0 where CUDA cannot be used. */
export function device_count(): number {
  return native.cuda_device_count()
}

/** Throws where CUDA cannot be used, saying what is missing. */
export function requireCuda(): void {
  if (is_available()) return
  throw new Error(
    native.cuda_built()
      ? 'CUDA was asked for, but no device is there: is the NVIDIA driver installed, and does nvidia-smi list a GPU?'
      : 'CUDA was asked for, but this libtorch was built without it. TSTORCH_VARIANT=cuda npx tstorch setup gets one that has it; npx tstorch doctor shows what is in use',
  )
}

/**
 * Native code's part of torch.cuda.
 * @throws where CUDA cannot be used.
 */
export function cuda(): CudaNative {
  requireCuda()
  return native.cuda as CudaNative
}
