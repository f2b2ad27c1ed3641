// Shows the progress of the training: a bar on a terminal, plain lines elsewhere.

import cliProgress from 'cli-progress'
import type { EpochResult } from 'tstorch/d2l'

/** Epochs between plain lines, as often as predictions come. */
const EVERY = 10

export class Progress {
  // A MultiBar with one bar, as a SingleBar cannot print lines above itself.
  readonly #bars: cliProgress.MultiBar | null = null
  readonly #bar: cliProgress.SingleBar | null = null
  readonly #total: number
  readonly #started = performance.now()
  readonly #first: number

  constructor(first: number, total: number) {
    this.#first = first
    this.#total = total
    if (!process.stdout.isTTY || !process.stderr.isTTY) return
    this.#bars = new cliProgress.MultiBar({
      format: 'epoch {value}/{total} [{bar}] perplexity {perplexity}, {speed} tokens/s, {left} left',
      barsize: 20,
      hideCursor: true,
      clearOnComplete: true,
    })
    this.#bar = this.#bars.create(total, first, { perplexity: '-', speed: '-', left: '-' })
  }

  epoch(epoch: number, { perplexity, speed }: EpochResult): void {
    const perEpoch = (performance.now() - this.#started) / (epoch - this.#first)
    const left = duration(((this.#total - epoch) * perEpoch) / 1000)
    const shown = { perplexity: perplexity.toFixed(2), speed: speed.toFixed(0), left }
    this.#bar?.update(epoch, shown)
    if (this.#bar === null && (epoch % EVERY === 0 || epoch === this.#total)) {
      console.log(
        `epoch ${epoch}/${this.#total}, perplexity ${shown.perplexity}, ${shown.speed} tokens/s, ${left} left`,
      )
    }
  }

  /** Prints a line above the bar. */
  print(line: string): void {
    if (this.#bars?.isActive) this.#bars.log(`${line}\n`)
    else console.log(line)
  }

  /** Removes the bar. What was printed stays. */
  stop(): void {
    this.#bars?.update()
    this.#bars?.stop()
  }
}

function duration(seconds: number): string {
  const whole = Math.round(seconds)
  const minutes = Math.floor(whole / 60)
  return minutes > 0 ? `${minutes}m${String(whole % 60).padStart(2, '0')}s` : `${whole}s`
}
