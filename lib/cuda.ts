// torch.cuda
import { native } from './native.js'

/** Whether CUDA can be used: libtorch has it, and there is a device. */
export function is_available(): boolean {
  return native.cuda_device_count() > 0
}

export function device_count(): number {
  return native.cuda_device_count()
}
