// Learning rates: numbers, or tensors, which can change between the replays of a captured CUDA graph.

import type { Handle } from '../core/native.js'
import { internals, type Tensor } from '../core/tensor.js'
import { checkAtLeast } from './optimizer.js'

export type LearningRate = number | Tensor

/** An optimizer's options from its arguments: the learning rate may come before them. */
export function withLearningRate<O extends object>(lr: LearningRate | O, options: O): O {
  return typeof lr === 'number' || internals.isTensor(lr) ? { ...options, lr } : lr
}

export function checkLearningRate(lr: LearningRate): void {
  if (!internals.isTensor(lr)) checkAtLeast('learning rate', lr)
  else if (lr.numel() !== 1) throw new RangeError('Tensor lr must be 1-element')
}

/** As native code takes it: a number, and the handle of the tensor that takes its place. */
export const nativeLearningRate = (lr: LearningRate): [number: number, tensor: Handle | null] =>
  internals.isTensor(lr) ? [Number.NaN, internals.handleOf(lr)] : [lr, null]
