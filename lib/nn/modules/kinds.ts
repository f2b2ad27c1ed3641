// Which kind of layer a module is, for what treats some kinds in a way of their own.

import type { Module } from './module.js'

/** Whether it is one of nn.ConvTranspose1d, 2d and 3d. */
export const isTransposedConvolution = (module: Module): boolean =>
  (module as unknown as { transposed?: unknown }).transposed === true
