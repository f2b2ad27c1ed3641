// The text of a progress line, as tqdm writes it.

import { fixed } from '../../tensor/printing.js'

export interface Meter {
  n: number
  /** How many there will be; null where nobody knows. */
  total: number | null
  /** In seconds. */
  elapsed: number
  /** How many were done before the time began. */
  initial: number
  desc: string
  unit: string
  postfix: string
}

/** [H:]MM:SS */
function clock(seconds: number): string {
  const whole = Math.trunc(seconds)
  const two = (value: number) => String(value).padStart(2, '0')
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)]
  return `${hours > 0 ? `${hours}:` : ''}${two(minutes)}:${two(whole % 60)}`
}

/** How many a second, or how many seconds for one, whichever is more than one. */
function speed(rate: number, unit: string): string {
  if (!(rate > 0)) return `?${unit}/s`
  return rate < 1 ? `${fixed(1 / rate, 2).padStart(5)}s/${unit}` : `${fixed(rate, 2).padStart(5)}${unit}/s`
}

const BLOCKS = [...' ▏▎▍▌▋▊▉█']

/** A bar of so many letters, filled in eighths of a letter. */
function bar(part: number, width: number): string {
  const steps = BLOCKS.length - 1
  const filled = Math.trunc(part * width * steps)
  const whole = Math.floor(filled / steps)
  if (whole >= width) return (BLOCKS.at(-1) as string).repeat(whole)
  return `${'█'.repeat(whole)}${BLOCKS[filled % steps]}`.padEnd(width)
}

/** `desc:  45%|████▌     | 450/1000 [00:04<00:05, 98.20it/s, loss=0.5]`, in `width` letters; 0 leaves the bar out. */
export function meter(values: Meter, width: number): string {
  const text = whole(values, width)
  return width === 0 ? text : [...text].slice(0, width).join('')
}

function whole({ n, total, elapsed, initial, desc, unit, postfix }: Meter, width: number): string {
  const prefix = desc === '' ? '' : `${desc}: `
  const rate = elapsed > 0 ? (n - initial) / elapsed : 0
  const more = postfix === '' ? '' : `, ${postfix}`
  // More than there should be: the total was wrong.
  if (total === null || total <= 0 || n >= total + 0.5) {
    return `${prefix}${n}${unit} [${clock(elapsed)}, ${speed(rate, unit)}${more}]`
  }
  const left = rate > 0 ? clock((total - n) / rate) : '?'
  const head = `${prefix}${fixed((n / total) * 100, 0).padStart(3)}%|`
  const tail = `| ${n}/${total} [${clock(elapsed)}<${left}, ${speed(rate, unit)}${more}]`
  if (width === 0) return head + tail.slice(1)
  return head + bar(n / total, Math.max(1, width - head.length - tail.length)) + tail
}

/** A number in three digits, where that is shorter. */
function short(value: number): string {
  const text = String(value)
  const [digits = '', exponent = ''] = value.toExponential(2).split('e')
  const power = Number(exponent)
  const brief =
    power < -4 || power >= 3
      ? `${digits.replace(/\.?0+$/, '')}e${power < 0 ? '-' : '+'}${Math.abs(power)}`
      : String(Number(value.toPrecision(3)))
  return brief.length < text.length ? brief : text
}

/** `loss=0.5, lr=1e-3` */
export const postfixOf = (values: Readonly<Record<string, unknown>>): string =>
  Object.entries(values)
    .map(([key, value]) => `${key}=${typeof value === 'number' ? short(value) : String(value).trim()}`)
    .join(', ')
