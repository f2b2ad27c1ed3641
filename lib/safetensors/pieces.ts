// Tensors' bytes on their way to a file, piece by piece: tensors may be larger than any typed array, and on any
// device. The pieces pass through one block of memory that libtorch and JavaScript both see.

import * as dtypes from '../core/dtype.js'
import { native } from '../core/native.js'
import { internals, type Owner, swapOwner, type Tensor } from '../core/tensor.js'
import { empty } from '../generated/functions.js'

/** Bytes of a piece. */
const PIECE = 4 << 20

class Block {
  readonly #memory: Tensor
  readonly #shared: ArrayBuffer | null
  readonly #bytes: Uint8Array

  constructor() {
    this.#memory = lasting(() => empty([PIECE], { dtype: dtypes.uint8, device: 'cpu' }))
    this.#shared = native.share_bytes(internals.handleOf(this.#memory))
    // Where the runtime forbids that memory is shared, copies pass.
    this.#bytes = this.#shared === null ? new Uint8Array(PIECE) : new Uint8Array(this.#shared)
  }

  /** Copies `count` bytes of a flat tensor of bytes, from `start` on. What was given before is overwritten. */
  take(bytes: Tensor, start: number, count: number): Uint8Array {
    const [part, own] = [bytes.narrow(0, start, count), this.#memory.narrow(0, 0, count)]
    own.copy_(part)
    if (this.#shared === null) this.#bytes.set(new Uint8Array(native.to_bytes(internals.handleOf(own))))
    part.dispose()
    own.dispose()
    return this.#bytes.subarray(0, count)
  }
}

/** A tensor that belongs to no scope and no mode of the moment. */
function lasting(make: () => Tensor): Tensor {
  const owner: Owner | null = swapOwner(null)
  native.push_inference_mode(false)
  try {
    return make()
  } finally {
    native.pop_inference_mode()
    swapOwner(owner)
  }
}

// One for all calls: what JavaScript sees of libtorch's memory is freed by turns of the event loop alone.
let block: Block | null = null

/** A tensor's elements as a flat tensor of bytes: the same memory where it is contiguous. */
function flatBytes(tensor: Tensor): Tensor {
  const steps = [
    (tensor: Tensor) => tensor.resolve_conj(),
    (tensor: Tensor) => tensor.resolve_neg(),
    (tensor: Tensor) => tensor.contiguous(),
    // Not reshape: a single element may have any stride.
    (tensor: Tensor) => tensor.as_strided([tensor.numel()], [1]),
    (tensor: Tensor) => tensor.view(dtypes.uint8),
  ]
  return steps.reduce((before, step) => {
    const after = step(before)
    if (after !== before) before.dispose()
    return after
  }, tensor.detach())
}

/** A tensor's bytes in row-major order. Each piece is overwritten by the next. */
export function* piecesOf(tensor: Tensor): Generator<Uint8Array> {
  if (tensor.numel() === 0) return
  block ??= new Block()
  const bytes = flatBytes(tensor)
  try {
    const size = bytes.numel()
    for (let start = 0; start < size; start += PIECE) yield block.take(bytes, start, Math.min(PIECE, size - start))
  } finally {
    bytes.dispose()
  }
}
