import { SeqDataLoader, type SeqDataOptions } from './sequences.js'
import type { Vocab } from './text.js'
import { cached_time_machine } from './time_machine.js'

export interface LoadDataOptions extends SeqDataOptions {
  /** The text; by default The Time Machine, which `await read_time_machine()` downloads once. */
  text?: string | undefined
}

/** Batches of The Time Machine (its first 10,000 characters, as in d2l), or of another text, and the vocabulary. */
export function load_data_time_machine(
  batch_size: number,
  num_steps: number,
  { text, max_tokens = 10_000, ...options }: LoadDataOptions = {},
): [train_iter: SeqDataLoader, vocab: Vocab] {
  const source = text ?? cached_time_machine()
  if (source === null) {
    throw new Error('The Time Machine is not there yet: `await d2l.read_time_machine()` downloads it; or give { text }')
  }
  const loader = new SeqDataLoader(source, batch_size, num_steps, { max_tokens, ...options })
  return [loader, loader.vocab]
}
