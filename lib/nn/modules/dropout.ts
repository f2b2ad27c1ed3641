import type { Tensor } from '../../core/tensor.js'
import { dropout } from '../functional/index.js'
import { type Arguments, read } from '../generated/arguments.js'
import { Module } from './module.js'
import { settings } from './module_printing.js'

/** Zeroes each element with probability p, and scales the rest by 1 / (1 - p), while training. Any shape. */
export class Dropout extends Module {
  p: number
  inplace: boolean

  constructor(...args: Arguments['nn.Dropout']) {
    super()
    const { p, inplace } = read('nn.Dropout', args)
    if (!(p >= 0 && p <= 1)) throw new RangeError(`dropout probability has to be between 0 and 1, but got ${p}`)
    this.p = p
    this.inplace = inplace
  }

  forward(input: Tensor): Tensor {
    return dropout(input, this.p, { training: this.training, inplace: this.inplace })
  }

  override extra_repr(): string {
    return settings({ p: this.p, inplace: this.inplace })
  }
}
