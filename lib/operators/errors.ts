// What libtorch's messages cannot say: how to write it in TypeScript.

import { isNativeError } from 'node:util/types'
import { dtypeNamed } from '../core/dtype.js'
import { internals } from '../core/tensor.js'

const WANTS_INTEGERS =
  /scalar types?:? (Long|Int)|type LongTensor|\blong, int, byte or bool\b|to be of type (int64|long)|int64 (dtype|tensor)|class values must be|target dtype to be Long|expected (Long|Int) .* but (got|found) Float|Expected dtype int(64|32)|Expected floating point type for target with class probabilities/i
const STRING_FOR_DTYPE = /must be torch\.dtype, not string '(?:torch\.)?(\w+)'/
const ARRAY_FOR_TENSOR = /must be Tensor, not (?:empty list|list of)/
const NO_CUDA = /not linked with support for cuda|not compiled with CUDA|Cannot initialize CUDA without ATen_cuda/i
const NO_DRIVER = /driver version is insufficient|no NVIDIA driver|no CUDA-capable device/i

/** What helps in TypeScript, where libtorch's message cannot say it; `args` are what the call was given. */
function helpWith(message: string, args: readonly unknown[]): string | undefined {
  // A list may be long: the first tensors in it will do.
  if (args.some((arg) => (Array.isArray(arg) ? arg.slice(0, 8) : [arg]).some(internals.isForeign))) {
    return (
      'The tensor belongs to another copy of tstorch, whose tensors this one cannot use: one program must load one ' +
      'copy (npm ls tstorch shows where they come from)'
    )
  }
  if (WANTS_INTEGERS.test(message))
    return 'Numbers give float32: for indices and targets write torch.tensor([0n, 2n]) or { dtype: torch.int64 }'
  const dtype = dtypeNamed(STRING_FOR_DTYPE.exec(message)?.[1] ?? '')
  if (dtype !== undefined) return `A dtype is written torch.${dtype.name}, not as a string`
  if (ARRAY_FOR_TENSOR.test(message)) return 'An array becomes a tensor by torch.tensor([...])'
  if (NO_CUDA.test(message))
    return 'This libtorch has no CUDA. `npx tstorch doctor` shows which one is in use; TSTORCH_VARIANT=cuda gets one that has'
  if (NO_DRIVER.test(message))
    return 'No device for CUDA is there: is the NVIDIA driver installed, and does nvidia-smi list a GPU?'
  return undefined
}

/** Adds to an error's message what helps. A getter may have thrown anything: what is no plain error stays as it is. */
export function explained<E>(error: E, args: readonly unknown[] = []): E {
  if (!isNativeError(error)) return error
  const message = Object.getOwnPropertyDescriptor(error, 'message')
  if (message?.writable !== true || typeof message.value !== 'string') return error
  const help = helpWith(message.value, args)
  if (help !== undefined) error.message += `\n${help}`
  return error
}
