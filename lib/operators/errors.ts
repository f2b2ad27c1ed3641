// What libtorch's messages cannot say: how to write it in TypeScript.

import { dtypeNamed } from '../core/dtype.js'

const WANTS_INTEGERS =
  /scalar types?:? (Long|Int)|type LongTensor|\blong, int, byte or bool\b|to be of type (int64|long)|int64 (dtype|tensor)|class values must be|target dtype to be Long|expected (Long|Int) .* but (got|found) Float|Expected dtype int(64|32)|Expected floating point type for target with class probabilities/i
const STRING_FOR_DTYPE = /must be torch\.dtype, not string '(?:torch\.)?(\w+)'/
const ARRAY_FOR_TENSOR = /must be Tensor, not (?:empty list|list of)/
/** A structured clone of a tensor has its `id` alone, and is read as keyword arguments. */
const CLONED = /unexpected keyword argument 'id'/
const NO_CUDA = /not linked with support for cuda|not compiled with CUDA|Cannot initialize CUDA without ATen_cuda/i
const NO_DRIVER = /driver version is insufficient|no NVIDIA driver|no CUDA-capable device/i

/** Adds to libtorch's message what helps in TypeScript. */
export function explained(error: Error): Error {
  if (WANTS_INTEGERS.test(error.message)) {
    error.message +=
      '\nNumbers give float32: for indices and targets write torch.tensor([0n, 2n]) or { dtype: torch.int64 }'
  } else if (STRING_FOR_DTYPE.test(error.message)) {
    const [, name] = STRING_FOR_DTYPE.exec(error.message) as unknown as [string, string]
    if (dtypeNamed(name) !== undefined)
      error.message += `\nA dtype is written torch.${dtypeNamed(name)?.name}, not as a string`
  } else if (ARRAY_FOR_TENSOR.test(error.message)) {
    error.message += '\nAn array becomes a tensor by torch.tensor([...])'
  } else if (CLONED.test(error.message)) {
    error.message +=
      '\nA tensor that was posted or cloned is no tensor: post tensor.share(), and take it with torch.from_shared(token)'
  } else if (NO_CUDA.test(error.message)) {
    error.message +=
      '\nThis libtorch has no CUDA. `npx tstorch doctor` shows which one is in use; TSTORCH_VARIANT=cuda gets one that has'
  } else if (NO_DRIVER.test(error.message)) {
    error.message += '\nNo device for CUDA is there: is the NVIDIA driver installed, and does nvidia-smi list a GPU?'
  }
  return error
}
