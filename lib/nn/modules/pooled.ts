// Types of the poolings that give, on request, also where they found what they chose: `return_indices` decides what a
// call gives, and is therefore a parameter of their types.

import type { Tensor } from '../../core/tensor.js'
import type { Sizes } from '../functional/sizes.js'
import type { Keywords, Values } from '../generated/arguments.js'

/** What a call gives: the values alone, or with their indices, where R is true. */
export type Pooled<R extends boolean> = R extends true ? [output: Tensor, indices: Tensor] : Tensor

/** Keyword arguments beside the one that must be given, with R as the type of return_indices. */
type Choosing<K extends keyof Values, Given, R> = Omit<Keywords<K, Given>, 'return_indices'> & {
  return_indices?: R | undefined
}

type Pooling<T, K extends keyof Values, R> = T | Choosing<K, 'kernel_size', R> | undefined

export type MaxPoolKey = 'nn.MaxPool1d' | 'nn.MaxPool2d' | 'nn.MaxPool3d'
export type MaxPoolArguments<K extends MaxPoolKey, R> = [
  kernel_size: Sizes | ({ kernel_size: Sizes } & Choosing<K, 'kernel_size', R>),
  stride?: Pooling<Sizes | null, K, R>,
  padding?: Pooling<Sizes, K, R>,
  dilation?: Pooling<Sizes, K, R>,
  return_indices?: Pooling<R, K, R>,
  ceil_mode?: Pooling<boolean, K, R>,
]

export type FractionalMaxPoolKey = 'nn.FractionalMaxPool2d' | 'nn.FractionalMaxPool3d'
export type FractionalMaxPoolArguments<K extends FractionalMaxPoolKey, R> = [
  kernel_size: Sizes | ({ kernel_size: Sizes } & Choosing<K, 'kernel_size', R>),
  output_size?: Pooling<Sizes | null, K, R>,
  output_ratio?: Pooling<Sizes | null, K, R>,
  return_indices?: Pooling<R, K, R>,
  _random_samples?: Pooling<Tensor | null, K, R>,
]

export type AdaptiveMaxPoolKey = 'nn.AdaptiveMaxPool1d' | 'nn.AdaptiveMaxPool2d' | 'nn.AdaptiveMaxPool3d'
export type AdaptiveMaxPoolArguments<K extends AdaptiveMaxPoolKey, R> = [
  output_size: OutputSize<K> | ({ output_size: OutputSize<K> } & Choosing<K, 'output_size', R>),
  return_indices?: R | Choosing<K, 'output_size', R> | undefined,
]
type OutputSize<K extends AdaptiveMaxPoolKey> = Values[K]['output_size']
