// Learning rates: numbers, or tensors, which can change between the replays of a captured CUDA graph.

import type { Handle } from '../core/native.js'
import { internals, type Tensor } from '../core/tensor.js'
import { checkAtLeast } from './optimizer.js'

export type LearningRate = number | Tensor

export function checkLearningRate(lr: LearningRate): void {
  if (!internals.isTensor(lr)) checkAtLeast('learning rate', lr)
  else if (lr.numel() !== 1) throw new RangeError('Tensor lr must be 1-element')
}

/** As native code takes it: a number, and the handle of the tensor used in its place. */
export const nativeLearningRate = (lr: LearningRate): [number: number, tensor: Handle | null] =>
  internals.isTensor(lr) ? [Number.NaN, internals.handleOf(lr)] : [lr, null]

/** The value of a setting that may be a tensor. */
export const numberOf = (value: number | Tensor): number => (internals.isTensor(value) ? value.item() : value)
