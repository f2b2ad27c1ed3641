import { is_available } from './cuda.js'
import { native } from './native.js'

/** Throws where CUDA cannot be used, saying what is missing. */
export function requireCuda(): void {
  if (is_available()) return
  throw new Error(
    native.cuda_built()
      ? 'CUDA was asked for, but no device is there: is the NVIDIA driver installed, and does nvidia-smi list a GPU?'
      : 'CUDA was asked for, but this libtorch was built without it. TSTORCH_VARIANT=cuda npx tstorch setup gets one that has it; npx tstorch doctor shows what is in use',
  )
}
