// The line search of LBFGS: cubic interpolation until the strong Wolfe conditions hold (Nocedal and Wright, chapter 3).
// The operations and their order are those of torch.optim.lbfgs._strong_wolfe: what is a tensor there is one here.

import type { Tensor } from '../core/tensor.js'
import * as torch from '../generated/functions.js'
import { absolute, atMost, greater, less, minus, over, plus, type Real, smaller, times } from './arithmetic.js'

/** A step size with the loss there, the gradient, and its product with the direction. */
interface Point {
  t: Real
  f: number
  g: Tensor
  gtd: Real
}

/** The loss and the gradient a step along the direction away. */
export type Evaluate = (t: Real) => [loss: number, gradient: Tensor]

/** The minimum of the cubic through two points with their slopes, within bounds. */
function cubicInterpolate(a: Point, b: Point, bounds?: readonly [Real, Real]): Real {
  const [x1, f1, g1, x2, f2, g2] = [a.t, a.f, a.gtd, b.t, b.f, b.gtd]
  const rising = atMost(x1, x2)
  const [least, most] = bounds ?? (rising ? [x1, x2] : [x2, x1])
  const d1 = minus(plus(g1, g2), over(3 * (f1 - f2), minus(x1, x2)))
  const square = minus(times(d1, d1), times(g1, g2))
  if (!atMost(0, square)) return over(plus(least, most), 2)
  const d2 = typeof square === 'number' ? Math.sqrt(square) : torch.sqrt(square)
  const [from, to, slopeFrom, slopeTo] = rising ? [x1, x2, g1, g2] : [x2, x1, g2, g1]
  const part = over(minus(plus(slopeTo, d2), d1), plus(minus(slopeTo, slopeFrom), times(d2, 2)))
  const lowest = minus(to, times(minus(to, from), part))
  return smaller(greater(lowest, least), most)
}

/** The loss, gradient and step size where the search ends, and how often the loss was computed. */
export function strongWolfe(
  evaluate: Evaluate,
  start: { t: Real; d: Tensor; f: number; g: Tensor; gtd: Tensor },
  { tolerance_change, max_ls }: { tolerance_change: number; max_ls: number },
): { f: number; g: Tensor; t: Real; evaluations: number } {
  const [c1, c2] = [1e-4, 0.9]
  const { d, f, g, gtd } = start
  let evaluations = 0
  const at = (t: Real): Point => {
    const [f_new, g_new] = evaluate(t)
    evaluations += 1
    return { t, f: f_new, g: g_new, gtd: torch.dot(g_new, d) }
  }
  /** Whether the loss has not fallen enough. */
  const tooHigh = (point: Point): boolean => less(plus(times(times(c1, point.t), gtd), f), point.f)
  const flatEnough = (point: Point): boolean => atMost(absolute(point.gtd), times(gtd, -c2))
  const d_norm = torch.max(torch.abs(d))
  const origin: Point = { t: 0, f, g, gtd }

  let previous = origin
  let point = at(start.t)
  let bracket: Point[] | null = null
  let done = false
  let iteration = 0
  while (iteration < max_ls) {
    if (tooHigh(point) || (iteration > 1 && point.f >= previous.f)) {
      bracket = [previous, point]
      break
    }
    if (flatEnough(point)) {
      bracket = [point]
      done = true
      break
    }
    if (atMost(0, point.gtd)) {
      bracket = [previous, point]
      break
    }
    const least = plus(point.t, times(minus(point.t, previous.t), 0.01))
    const t = cubicInterpolate(previous, point, [least, times(point.t, 10)])
    previous = point
    point = at(t)
    iteration += 1
  }
  bracket ??= [origin, point]

  let insufficient = false
  let [low, high] = lowFirst(bracket)
  while (!done && iteration < max_ls) {
    const [a, b] = bracket as [Point, Point]
    if (less(times(absolute(minus(b.t, a.t)), d_norm), tolerance_change)) break
    let t = cubicInterpolate(a, b)
    const [least, most] = [smaller(a.t, b.t), greater(a.t, b.t)]
    const eps = times(minus(most, least), 0.1)
    if (!less(smaller(minus(most, t), minus(t, least)), eps)) {
      insufficient = false
    } else if (insufficient || atMost(most, t) || atMost(t, least)) {
      const nearMost = less(absolute(minus(t, most)), absolute(minus(t, least)))
      t = nearMost ? minus(most, eps) : plus(least, eps)
      insufficient = false
    } else {
      insufficient = true
    }
    const next = at(t)
    iteration += 1
    if (tooHigh(next) || next.f >= (bracket[low] as Point).f) {
      bracket[high] = next
      ;[low, high] = lowFirst(bracket)
    } else {
      if (flatEnough(next)) {
        done = true
      } else if (atMost(0, times(next.gtd, minus((bracket[high] as Point).t, (bracket[low] as Point).t)))) {
        bracket[high] = bracket[low] as Point
      }
      bracket[low] = next
    }
  }
  const best = bracket[low] as Point
  return { f: best.f, g: best.g, t: best.t, evaluations }
}

/** The positions of the lower and of the higher end. */
const lowFirst = (bracket: readonly Point[]): [low: number, high: number] =>
  (bracket[0] as Point).f <= (bracket.at(-1) as Point).f ? [0, 1] : [1, 0]
