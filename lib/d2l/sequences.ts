// Minibatches of subsequences of a corpus (Dive into Deep Learning, section 8.3).

import * as dtypes from '../core/dtype.js'
import { native } from '../core/native.js'
import { internals, type Tensor } from '../core/tensor.js'
import type { Generator } from '../operators/generator.js'
import { aten } from '../operators/table.js'
import { type Corpus, load_corpus_time_machine, type Vocab } from './text.js'

/** X and Y of shape (batch_size, num_steps), int64; Y is X shifted by one token. */
export type Batch = [X: Tensor, Y: Tensor]

export interface IterOptions {
  /** Draws the random numbers; by default torch's. */
  generator?: Generator | null | undefined
}

const randomInteger = (end: number, generator: Generator | null): number =>
  Number(aten<Tensor>('randint', 0, end, [1], { generator }).item())

/** The tokens from `start` on, as one int64 tensor: batches are cut out of it, not built from numbers. */
function tokens(corpus: readonly number[], start: number): Tensor {
  const numbers = Int32Array.from(corpus.slice(start))
  const made = internals.wrap(native.from_bytes(numbers, dtypes.int32.code, [numbers.length]))
  return made.to(dtypes.int64)
}

function checkLength(corpus: readonly number[], batch_size: number, num_steps: number): void {
  if (!Number.isSafeInteger(batch_size) || !Number.isSafeInteger(num_steps) || batch_size < 1 || num_steps < 1) {
    throw new RangeError(
      `batch_size and num_steps must be whole numbers of at least 1, got ${batch_size} and ${num_steps}`,
    )
  }
  // The offset drops up to num_steps tokens, and Y needs one more than X.
  const needed = batch_size * num_steps + num_steps + 1
  if (corpus.length < needed) {
    throw new RangeError(
      `the corpus of ${corpus.length} tokens is shorter than one batch: ${batch_size} sequences of ${num_steps} steps ` +
        `need ${needed}. Use a longer text, or a smaller batch_size or num_steps`,
    )
  }
}

/** Subsequences in random order, starting at a random offset. Neighbours in one batch follow nowhere in the next. */
export function* seq_data_iter_random(
  corpus: readonly number[],
  batch_size: number,
  num_steps: number,
  { generator = null }: IterOptions = {},
): Generator_<Batch> {
  checkLength(corpus, batch_size, num_steps)
  const rest = tokens(corpus, randomInteger(num_steps, generator))
  const count = Math.floor((rest.size(0) - 1) / num_steps)
  const order = aten<Tensor>('randperm', count, { generator })
  const sequences = [0, 1].map((shift) =>
    aten<Tensor>('view', aten<Tensor>('narrow', rest, 0, shift, count * num_steps), [count, num_steps]),
  )
  for (let i = 0; i + batch_size <= count; i += batch_size) {
    const chosen = aten<Tensor>('narrow', order, 0, i, batch_size)
    yield sequences.map((all) => aten<Tensor>('index_select', all, 0, chosen)) as Batch
  }
}

/** Subsequences in order, starting at a random offset: row i of a batch continues row i of the batch before. */
export function* seq_data_iter_sequential(
  corpus: readonly number[],
  batch_size: number,
  num_steps: number,
  { generator = null }: IterOptions = {},
): Generator_<Batch> {
  checkLength(corpus, batch_size, num_steps)
  const offset = randomInteger(num_steps + 1, generator)
  const columns = Math.floor((corpus.length - offset - 1) / batch_size)
  const all = tokens(corpus, offset)
  const rows = (shift: number) =>
    aten<Tensor>('view', aten<Tensor>('narrow', all, 0, shift, batch_size * columns), [batch_size, columns])
  const [Xs, Ys] = [rows(0), rows(1)]
  for (let i = 0; i + num_steps <= columns; i += num_steps) {
    yield [aten<Tensor>('narrow', Xs, 1, i, num_steps), aten<Tensor>('narrow', Ys, 1, i, num_steps)]
  }
}

// torch has a Generator too.
type Generator_<T> = globalThis.Generator<T, void, undefined>

export interface SeqDataOptions extends IterOptions {
  use_random_iter?: boolean | undefined
  /** How much of the text is used; -1 for all of it. */
  max_tokens?: number | undefined
}

/** Batches of a text, anew at each iteration. */
export class SeqDataLoader implements Iterable<Batch> {
  readonly corpus: readonly number[]
  readonly vocab: Vocab
  readonly batch_size: number
  readonly num_steps: number
  readonly #options: SeqDataOptions

  constructor(text: string | Corpus, batch_size: number, num_steps: number, options: SeqDataOptions = {}) {
    const { corpus, vocab } = typeof text === 'string' ? load_corpus_time_machine(text, options.max_tokens) : text
    checkLength(corpus, batch_size, num_steps)
    this.corpus = corpus
    this.vocab = vocab
    this.batch_size = batch_size
    this.num_steps = num_steps
    this.#options = options
  }

  [Symbol.iterator](): Iterator<Batch> {
    const iterate = this.#options.use_random_iter ? seq_data_iter_random : seq_data_iter_sequential
    return iterate(this.corpus, this.batch_size, this.num_steps, this.#options)
  }
}
