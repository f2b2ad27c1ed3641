// Writing safetensors: what it writes, Python's safetensors reads.

import { writeFileAtomic } from '../core/atomic_file.js'
import type { Tensor } from '../core/tensor.js'
import { type Arguments, read } from './generated/arguments.js'
import { layout } from './header.js'
import { piecesOf } from './pieces.js'

function* bytesOf(header: Uint8Array, tensors: readonly Tensor[]): Generator<Uint8Array> {
  yield header
  for (const tensor of tensors) yield* piecesOf(tensor)
}

/** The bytes of a file, piece by piece. Each is overwritten by the next. */
export function filePieces(
  callee: string,
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> | null,
): Iterable<Uint8Array> {
  const { header, tensors: ordered } = layout(callee, tensors, metadata)
  return bytesOf(header, ordered)
}

/**
 * Writes tensors by name, with strings as metadata. The file is replaced whole or not at all. Beyond Python's, it takes
 * tensors that are not contiguous, and writes tensors that share memory once for each name.
 * @throws for a dtype or a text that the format cannot hold, and what the file system says.
 */
export function save_file(...args: Arguments['safetensors.save_file']): void {
  const { tensors, filename, metadata } = read('safetensors.save_file', args)
  writeFileAtomic(filename, filePieces('save_file', tensors, metadata))
}

/** What `save_file` would write, as bytes. */
export function save(...args: Arguments['safetensors.save']): Uint8Array {
  const { tensors, metadata } = read('safetensors.save', args)
  const { header, tensors: ordered, size } = layout('save', tensors, metadata)
  const result = new Uint8Array(header.length + size)
  let at = 0
  for (const piece of bytesOf(header, ordered)) {
    result.set(piece, at)
    at += piece.length
  }
  return result
}
