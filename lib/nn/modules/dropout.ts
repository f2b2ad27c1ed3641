import type { Tensor } from '../../core/tensor.js'
import { dropout } from '../functional/index.js'
import type { Arguments } from '../generated/arguments.js'
import { settingsModule } from './settings_module.js'

/** Zeroes each element with probability p, and scales the rest by 1 / (1 - p), while training. Any shape. */
export class Dropout extends settingsModule('nn.Dropout', '{p=}, {inplace=}') {
  constructor(...args: Arguments['nn.Dropout']) {
    super(...args)
    const { p } = this
    if (!(p >= 0 && p <= 1)) throw new RangeError(`dropout probability has to be between 0 and 1, but got ${p}`)
  }

  forward(input: Tensor): Tensor {
    return dropout(input, this.p, { training: this.training, inplace: this.inplace })
  }
}
