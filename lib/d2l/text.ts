// Text as numbers: lines, tokens, vocabulary, corpus (Dive into Deep Learning, sections 8.2 and 8.3).

/** Lines in lower case, with everything but letters turned to spaces. */
export function preprocess(text: string): string[] {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return lines.map((line) =>
    line
      .replace(/[^A-Za-z]+/g, ' ')
      .trim()
      .toLowerCase(),
  )
}

/** Each line's words, or its characters. */
export function tokenize(lines: readonly string[], token: 'word' | 'char' = 'word'): string[][] {
  if (token === 'word') return lines.map((line) => line.split(/\s+/).filter((word) => word !== ''))
  if (token === 'char') return lines.map((line) => [...line])
  throw new RangeError(`unknown token type '${token}': expected 'word' or 'char'`)
}

/** How often each token occurs, in the order of first occurrence. */
export function count_corpus(tokens: readonly string[] | readonly (readonly string[])[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const token of tokens.flat()) counts.set(token, (counts.get(token) ?? 0) + 1)
  return counts
}

export interface VocabOptions {
  /** Tokens that occur less often are unknown. */
  min_freq?: number | undefined
  /** Tokens that come first, whether they occur or not. */
  reserved_tokens?: readonly string[] | undefined
}

/** Tokens and their numbers: the unknown token 0, then reserved ones, then the rest, the most frequent first. */
export class Vocab {
  readonly idx_to_token: string[]
  readonly token_to_idx = new Map<string, number>()
  /** Tokens with their counts, the most frequent first. */
  readonly token_freqs: [token: string, count: number][]

  constructor(
    tokens: readonly string[] | readonly (readonly string[])[] = [],
    { min_freq = 0, reserved_tokens = [] }: VocabOptions = {},
  ) {
    // Sorting is stable: equally frequent tokens keep the order of their first occurrence, as in Python.
    this.token_freqs = [...count_corpus(tokens)].sort(([, a], [, b]) => b - a)
    const frequent = this.token_freqs.filter(([, count]) => count >= min_freq).map(([token]) => token)
    this.idx_to_token = [...new Set(['<unk>', ...reserved_tokens, ...frequent])]
    this.idx_to_token.forEach((token, i) => void this.token_to_idx.set(token, i))
  }

  get length(): number {
    return this.idx_to_token.length
  }

  /** The number of unknown tokens. */
  get unk(): number {
    return 0
  }

  /** A token's number, or those of a list of tokens. */
  get(token: string): number
  get(tokens: readonly string[]): number[]
  get(tokens: string | readonly string[]): number | number[] {
    if (typeof tokens === 'string') return this.token_to_idx.get(tokens) ?? this.unk
    return tokens.map((token) => this.get(token))
  }

  /** The token of a number, or those of a list of numbers. */
  to_tokens(index: number): string
  to_tokens(indices: readonly number[]): string[]
  to_tokens(indices: number | readonly number[]): string | string[] {
    if (typeof indices !== 'number') return indices.map((index) => this.to_tokens(index))
    const token = this.idx_to_token[indices]
    if (token === undefined)
      throw new RangeError(`no token has the number ${indices}; the vocabulary holds ${this.length}`)
    return token
  }
}

export interface Corpus {
  /** The number of each character of the text, in order. */
  corpus: number[]
  vocab: Vocab
}

/**
 * The text's characters as numbers. The vocabulary is that of the whole text, also where the corpus is cut off after
 * `max_tokens` characters (-1: not cut off).
 */
export function load_corpus_time_machine(text: string, max_tokens = -1): Corpus {
  const tokens = tokenize(preprocess(text), 'char')
  const vocab = new Vocab(tokens)
  const corpus = tokens.flat().map((token) => vocab.get(token))
  if (corpus.length === 0) throw new RangeError('the text holds no letters')
  return { corpus: max_tokens > 0 ? corpus.slice(0, max_tokens) : corpus, vocab }
}
