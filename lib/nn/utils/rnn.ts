// torch.nn.utils.rnn: sequences of different lengths as one tensor, padded or packed.

import type { DeviceLike } from '../../core/device.js'
import * as dtypes from '../../core/dtype.js'
import { internals, type Tensor } from '../../core/tensor.js'
import * as aten from '../../generated/aten.js'
import * as torch from '../../generated/functions.js'
import * as nn from '../../generated/nn_functional.js'
import { describe } from '../../operators/describe.js'
import { type ConversionArguments, conversionOf } from '../../tensor/conversion.js'
import { fromData } from '../../tensor/elements.js'
import { type Arguments, read } from '../generated/arguments.js'

/** A permutation of the batch, or null where there is none. */
type Permutation = Tensor | null

/**
 * Sequences of different lengths without padding: `data` (elements, *) holds the first elements of all sequences, the
 * longest sequence first, then the second elements of those that have one, and so on; `batch_sizes` (int64, on the CPU)
 * says how many there are of each. Made by pack_padded_sequence and pack_sequence; recurrent layers take it and give it.
 */
export class PackedSequence {
  readonly data: Tensor
  readonly batch_sizes: Tensor
  /** The places in the batch of the sequences, longest first; null if they came in that order. */
  readonly sorted_indices: Permutation
  readonly unsorted_indices: Permutation

  constructor(...args: Arguments['nn.utils.rnn.PackedSequence']) {
    const { data, batch_sizes, sorted_indices, unsorted_indices } = read('nn.utils.rnn.PackedSequence', args)
    if (batch_sizes === null) throw new TypeError('PackedSequence: batch_sizes must be a Tensor')
    if (batch_sizes.device.type !== 'cpu') {
      throw new RangeError(
        'batch_sizes should always be on CPU. Instances of PackedSequence should never be created manually. ' +
          'They should be instantiated by functions like pack_sequence and pack_padded_sequence in nn.utils.rnn.',
      )
    }
    this.data = data
    this.batch_sizes = batch_sizes
    this.sorted_indices = sorted_indices
    this.unsorted_indices = unsorted_indices ?? invert_permutation(sorted_indices)
  }

  /** The same sequences with other data, such as a layer's output. */
  with_data(data: Tensor): PackedSequence {
    return new PackedSequence(data, this.batch_sizes, this.sorted_indices, this.unsorted_indices)
  }

  /** data, batch_sizes, sorted_indices, unsorted_indices, as Python unpacks the named tuple. */
  *[Symbol.iterator](): Iterator<Tensor | null> {
    yield* [this.data, this.batch_sizes, this.sorted_indices, this.unsorted_indices]
  }

  /**
   * The data on another device or of another dtype, as Tensor.to is called; the permutations follow to the device. The
   * same sequences where nothing changes.
   */
  to(...args: ConversionArguments): PackedSequence {
    const { non_blocking, copy, memory_format, ...target } = conversionOf(args)
    const data = this.data.to({ ...target, non_blocking, copy, memory_format })
    if (data === this.data) return this
    if (copy) throw new TypeError('.to() does not accept copy argument')
    const { device } = data
    return this._with(data, (indices) => indices.to({ device, non_blocking, memory_format }))
  }

  private _with(data: Tensor, follow: (indices: Tensor) => Tensor): PackedSequence {
    const [sorted, unsorted] = [this.sorted_indices, this.unsorted_indices].map((indices) =>
      indices === null ? null : follow(indices),
    )
    return new PackedSequence(data, this.batch_sizes, sorted, unsorted)
  }

  cpu(): PackedSequence {
    return this.to('cpu')
  }

  cuda(device: DeviceLike | number = 'cuda'): PackedSequence {
    return this.to(typeof device === 'number' ? `cuda:${device}` : device)
  }

  /** In memory that GPUs read without a copy in between. */
  pin_memory(): PackedSequence {
    return this._with(this.data.pin_memory(), (indices) => indices.pin_memory())
  }

  is_pinned(): boolean {
    return this.data.is_pinned()
  }

  float(): PackedSequence {
    return this.to(dtypes.float32)
  }

  double(): PackedSequence {
    return this.to(dtypes.float64)
  }

  half(): PackedSequence {
    return this.to(dtypes.float16)
  }

  bfloat16(): PackedSequence {
    return this.to(dtypes.bfloat16)
  }

  long(): PackedSequence {
    return this.to(dtypes.int64)
  }

  int(): PackedSequence {
    return this.to(dtypes.int32)
  }

  short(): PackedSequence {
    return this.to(dtypes.int16)
  }

  char(): PackedSequence {
    return this.to(dtypes.int8)
  }

  byte(): PackedSequence {
    return this.to(dtypes.uint8)
  }

  get is_cuda(): boolean {
    return this.data.device.type === 'cuda'
  }
}

/** The permutation that undoes `permutation`. */
export function invert_permutation(...args: Arguments['nn.utils.rnn.invert_permutation']): Permutation {
  const { permutation } = read('nn.utils.rnn.invert_permutation', args)
  if (permutation === null) return null
  const { device } = permutation
  const places = torch.arange(permutation.numel(), { device, dtype: permutation.dtype })
  return torch.empty_like(permutation).scatter(0, permutation, places)
}

/** Lengths as an int64 tensor on the CPU. */
function lengthsTensor(lengths: Tensor | readonly number[]): Tensor {
  if (internals.isTensor(lengths)) return aten.to(lengths, dtypes.int64)
  return fromData([...lengths], dtypes.int64)
}

/**
 * Packs padded sequences. input: (L, N, *), (N, L, *) with batch_first; lengths: (N), each from 1 to L. `enforce_sorted`
 * says that the sequences come longest first; otherwise they are sorted here.
 * @throws if the lengths are not in decreasing order, unless enforce_sorted is false.
 */
export function pack_padded_sequence(...args: Arguments['nn.utils.rnn.pack_padded_sequence']): PackedSequence {
  const { input, lengths, batch_first, enforce_sorted } = read('nn.utils.rnn.pack_padded_sequence', args)
  const given = lengthsTensor(lengths)
  if (enforce_sorted) {
    const [data, sizes] = aten._pack_padded_sequence(input, given, batch_first)
    return new PackedSequence(data, sizes)
  }
  const [sorted, order] = given.sort({ dim: -1, descending: true })
  const sorted_indices = order.to(input.device)
  const ordered = torch.index_select(input, batch_first ? 0 : 1, sorted_indices)
  const [data, sizes] = aten._pack_padded_sequence(ordered, sorted, batch_first)
  return new PackedSequence(data, sizes, sorted_indices)
}

/**
 * Undoes pack_padded_sequence: the padded sequences (L, N, *), in the batch's order, and their lengths (N). They are
 * padded to `total_length`, at least that of the longest sequence.
 */
export function pad_packed_sequence(
  ...args: Arguments['nn.utils.rnn.pad_packed_sequence']
): [padded: Tensor, lengths: Tensor] {
  const { sequence, batch_first, padding_value, total_length } = read('nn.utils.rnn.pad_packed_sequence', args)
  if (!(sequence instanceof PackedSequence)) {
    throw new TypeError('pad_packed_sequence: the sequence must be a PackedSequence, as pack_padded_sequence gives it')
  }
  const longest = sequence.batch_sizes.size(0)
  if (total_length !== null && total_length < longest) {
    throw new RangeError(
      'Expected total_length to be at least the length of the longest sequence in input, but got ' +
        `total_length=${total_length} and max sequence length being ${longest}`,
    )
  }
  const [padded, lengths] = aten._pad_packed_sequence(
    sequence.data,
    sequence.batch_sizes,
    batch_first,
    padding_value,
    total_length ?? longest,
  )
  const { unsorted_indices } = sequence
  if (unsorted_indices === null) return [padded, lengths]
  return [padded.index_select(batch_first ? 0 : 1, unsorted_indices), lengths.index_select(0, unsorted_indices.cpu())]
}

/** The sequences of an iterable, or those that a tensor holds along its first dimension. */
function sequencesOf(callee: string, sequences: Tensor | Iterable<Tensor>): Tensor[] {
  if (internals.isTensor(sequences)) return sequences.unbind(0)
  if (typeof sequences?.[Symbol.iterator] === 'function') return [...sequences]
  throw new TypeError(`${callee}: Expected iterable for input sequences, but got arg of type: ${describe(sequences)}`)
}

/** Stacks sequences (L_i, *) of different lengths, padded: (L, N, *), or (N, L, *) with batch_first. */
export function pad_sequence(...args: Arguments['nn.utils.rnn.pad_sequence']): Tensor {
  const { sequences, batch_first, padding_value, padding_side } = read('nn.utils.rnn.pad_sequence', args)
  return nn.pad_sequence(sequencesOf('pad_sequence', sequences), batch_first, padding_value, padding_side)
}

/** Undoes pad_sequence: the sequences without their padding, copied. */
export function unpad_sequence(...args: Arguments['nn.utils.rnn.unpad_sequence']): Tensor[] {
  const { padded_sequences, lengths, batch_first } = read('nn.utils.rnn.unpad_sequence', args)
  const sequences = batch_first ? padded_sequences : torch.transpose(padded_sequences, 0, 1)
  const numbers = internals.isTensor(lengths) ? (lengths.tolist() as number[]) : lengths
  return numbers.map((length, i) => torch.select(sequences, 0, i).narrow(0, 0, length).clone())
}

/** Packs sequences (L_i, *) of different lengths. */
export function pack_sequence(...args: Arguments['nn.utils.rnn.pack_sequence']): PackedSequence {
  const { enforce_sorted, ...given } = read('nn.utils.rnn.pack_sequence', args)
  const sequences = sequencesOf('pack_sequence', given.sequences)
  const lengths = sequences.map((sequence) => sequence.size(0))
  return pack_padded_sequence(pad_sequence(sequences), lengths, { enforce_sorted })
}

/** Undoes pack_sequence. */
export function unpack_sequence(...args: Arguments['nn.utils.rnn.unpack_sequence']): Tensor[] {
  const [padded, lengths] = pad_packed_sequence(read('nn.utils.rnn.unpack_sequence', args).packed_sequences, true)
  return unpad_sequence(padded, lengths, true)
}
