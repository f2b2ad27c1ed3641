// Shows the progress of the training: a bar on a terminal, plain lines elsewhere.

import torch from 'tstorch'
import type { EpochResult } from 'tstorch/d2l'

/** Epochs between plain lines, as often as predictions come. */
const EVERY = 10

export class Progress {
  /** Null where lines are printed instead. */
  readonly #bar
  readonly #total: number
  readonly #started = performance.now()
  readonly #first: number

  constructor(first: number, total: number) {
    this.#first = first
    this.#total = total
    const isTerminal = process.stdout.isTTY && process.stderr.isTTY
    const options = { desc: 'training', unit: 'epoch', total, initial: first, leave: false }
    this.#bar = isTerminal ? torch.utils.progress(options) : null
  }

  epoch(epoch: number, { perplexity, speed }: EpochResult): void {
    const shown = { perplexity: perplexity.toFixed(2), 'tokens/s': speed.toFixed(0) }
    this.#bar?.set_postfix(shown)
    this.#bar?.update(epoch - this.#bar.n)
    if (this.#bar === null && (epoch % EVERY === 0 || epoch === this.#total)) {
      const perEpoch = (performance.now() - this.#started) / (epoch - this.#first)
      const left = duration(((this.#total - epoch) * perEpoch) / 1000)
      console.log(
        `epoch ${epoch}/${this.#total}, perplexity ${shown.perplexity}, ${shown['tokens/s']} tokens/s, ${left} left`,
      )
    }
  }

  /** Prints a line above the bar. */
  print(line: string): void {
    if (this.#bar === null) console.log(line)
    else this.#bar.write(line)
  }

  /** Removes the bar. What was printed stays. */
  stop(): void {
    this.#bar?.close()
  }
}

function duration(seconds: number): string {
  const whole = Math.round(seconds)
  const minutes = Math.floor(whole / 60)
  return minutes > 0 ? `${minutes}m${String(whole % 60).padStart(2, '0')}s` : `${whole}s`
}
