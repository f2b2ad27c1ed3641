// How averages of parameters are updated: one at a time, or all in one call.

import { no_grad } from '../../autograd/grad_mode.js'
import type { Tensor } from '../../core/tensor.js'
import * as torch from '../../generated/functions.js'
import { aten } from '../../operators/ops.js'
import { over, plus, toNumber } from '../arithmetic.js'
import { type Arguments, read } from '../generated/arguments.js'

/** The next average, from the one so far, the current value and how many were averaged. */
export type AverageFunction = (averaged: Tensor, current: Tensor, num_averaged: Tensor) => Tensor

/** The same of many, in place. All are of one device and dtype. */
export type MultiAverageFunction = (averaged: Tensor[], current: Tensor[], num_averaged: Tensor) => void

const isContinuous = ([first]: readonly Tensor[]): boolean =>
  first !== undefined && (first.is_floating_point() || first.is_complex())

function checkDecay(decay: number): void {
  if (decay >= 0 && decay <= 1) return
  throw new RangeError(`Invalid decay value ${decay} provided. Please provide a value in [0,1] range.`)
}

/** averaged ← decay · averaged + (1 - decay) · current, for all in one call. */
export function get_ema_multi_avg_fn(...args: Arguments['optim.swa_utils.get_ema_multi_avg_fn']): MultiAverageFunction {
  const { decay } = read('optim.swa_utils.get_ema_multi_avg_fn', args)
  checkDecay(decay)
  return (averaged, current) =>
    no_grad(() => {
      if (isContinuous(averaged)) {
        aten._foreach_lerp_(averaged, current, 1 - decay)
        return
      }
      averaged.forEach((average, i) => {
        average.copy_(average.mul(decay).add((current[i] as Tensor).mul(1 - decay)))
      })
    })
}

/** averaged ← averaged + (current - averaged) / (n + 1), for all in one call. */
export function get_swa_multi_avg_fn(): MultiAverageFunction {
  return (averaged, current, num_averaged) =>
    no_grad(() => {
      if (isContinuous(averaged)) {
        aten._foreach_lerp_(averaged, current, toNumber(over(1, plus(num_averaged, 1))))
        return
      }
      const differences = aten._foreach_sub(current, averaged)
      aten._foreach_addcdiv_(averaged, differences, new Array(averaged.length).fill(plus(num_averaged, 1)))
    })
}

/** averaged ← decay · averaged + (1 - decay) · current. */
export function get_ema_avg_fn(...args: Arguments['optim.swa_utils.get_ema_avg_fn']): AverageFunction {
  const { decay } = read('optim.swa_utils.get_ema_avg_fn', args)
  checkDecay(decay)
  return (averaged, current) => no_grad(() => averaged.mul(decay).add(current.mul(1 - decay)))
}

/** averaged ← averaged + (current - averaged) / (n + 1). */
export function get_swa_avg_fn(): AverageFunction {
  return (averaged, current, num_averaged) =>
    no_grad(() => averaged.add(torch.div(torch.sub(current, averaged), plus(num_averaged, 1) as Tensor)))
}
