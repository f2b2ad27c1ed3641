// Tensor's methods of CUDA.

import { cuda } from '../core/cuda_available.js'
import { internals } from '../core/tensor.js'
import { define } from '../tensor/define.js'
import { type Stream, streamHandle } from './streams.js'

declare module '../core/tensor.js' {
  interface Tensor {
    /** Tells the allocator that a stream uses this memory, which is not reused until that stream is done with it. */
    record_stream(stream: Stream): void
  }
}

define({
  record_stream(stream: Stream) {
    cuda().record_stream(internals.handleOf(this), streamHandle(stream))
  },
})
