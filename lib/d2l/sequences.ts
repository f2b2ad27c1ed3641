// Minibatches of subsequences of a corpus (Dive into Deep Learning, section 8.3).

import torch, { type Tensor } from 'tstorch'
import { type Corpus, load_corpus_time_machine, type Vocab } from './text.js'

/** X and Y of shape (batch_size, num_steps), int64; Y is X shifted by one token. */
export type Batch = [X: Tensor, Y: Tensor]

export interface IterOptions {
  /** Draws the random numbers; by default torch's. */
  generator?: torch.Generator | null | undefined
}

const randomInteger = (end: number, generator: torch.Generator | null): number =>
  torch.randint(0, end, [1], { generator }).item()

/** The tokens from `start` on, as one int64 tensor: batches are cut out of it, not built from numbers. */
function tokens(corpus: readonly number[], start: number): Tensor {
  return torch.tensor(Int32Array.from(corpus.slice(start)), { dtype: torch.int64 })
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

/** Subsequences in random order, starting at a random offset. A row of one batch does not continue in the next. */
export function* seq_data_iter_random(
  corpus: readonly number[],
  batch_size: number,
  num_steps: number,
  { generator = null }: IterOptions = {},
): Generator<Batch> {
  checkLength(corpus, batch_size, num_steps)
  const rest = tokens(corpus, randomInteger(num_steps, generator))
  const count = Math.floor((rest.size(0) - 1) / num_steps)
  const order = torch.randperm(count, { generator })
  const [Xs, Ys] = [0, 1].map((shift) => rest.narrow(0, shift, count * num_steps).view(count, num_steps)) as Batch
  for (let i = 0; i + batch_size <= count; i += batch_size) {
    const chosen = order.narrow(0, i, batch_size)
    yield [Xs.index_select(0, chosen), Ys.index_select(0, chosen)]
  }
}

/** Subsequences in order, starting at a random offset: row i of a batch continues row i of the batch before. */
export function* seq_data_iter_sequential(
  corpus: readonly number[],
  batch_size: number,
  num_steps: number,
  { generator = null }: IterOptions = {},
): Generator<Batch> {
  checkLength(corpus, batch_size, num_steps)
  const offset = randomInteger(num_steps + 1, generator)
  const columns = Math.floor((corpus.length - offset - 1) / batch_size)
  const all = tokens(corpus, offset)
  const [Xs, Ys] = [0, 1].map((shift) => all.narrow(0, shift, batch_size * columns).view(batch_size, columns)) as Batch
  for (let i = 0; i + num_steps <= columns; i += num_steps) {
    yield [Xs.narrow(1, i, num_steps), Ys.narrow(1, i, num_steps)]
  }
}

export interface SeqDataOptions extends IterOptions {
  use_random_iter?: boolean | undefined
  /** How much of the text is used; -1 for all of it. */
  max_tokens?: number | undefined
}

/** Batches of a text. Each iteration starts over. */
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
