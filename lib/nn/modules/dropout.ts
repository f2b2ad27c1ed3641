// Modules that drop at random while training, and give their input otherwise. Their masks are Python's for the same seed.

import { pythonRepr } from '../../core/python_repr.js'
import type { Tensor } from '../../core/tensor.js'
import * as F from '../functional/index.js'
import type { Values } from '../generated/arguments.js'
import { settingsModule } from './settings_module.js'

const PRINTED = '{p=}, {inplace=}'

function checked(values: Values['nn.Dropout']): Values['nn.Dropout'] {
  const { p } = values
  if (!(p >= 0 && p <= 1))
    throw new RangeError(`dropout probability has to be between 0 and 1, but got ${pythonRepr(p)}`)
  return values
}

/**
 * Zeroes each element with probability p, and scales the rest by 1 / (1 - p). Any shape.
 *
 * - p (0.5): the probability that an element is zeroed
 * - inplace (false): whether the input is overwritten
 *
 * @throws where p is not between 0 and 1.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Dropout.html
 * @see G. Hinton et al., Improving neural networks by preventing co-adaptation of feature detectors (2012),
 * https://arxiv.org/abs/1207.0580
 */
export class Dropout extends settingsModule('nn.Dropout', PRINTED, checked) {
  forward(input: Tensor): Tensor {
    return F.dropout(input, this.p, this.training, this.inplace)
  }
}

/**
 * Zeroes each channel of sequences with probability p, and scales the rest by 1 / (1 - p): neighbours along a channel are
 * alike, and dropping some of them would drop nothing. Input and output (N, C, L) or (C, L).
 *
 * - p (0.5): the probability that a channel is zeroed
 * - inplace (false): whether the input is overwritten
 *
 * @throws where p is not between 0 and 1; on a call, where the input has neither 2 nor 3 dimensions.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Dropout1d.html
 * @see J. Tompson et al., Efficient Object Localization Using Convolutional Networks (2014),
 * https://arxiv.org/abs/1411.4280
 */
export class Dropout1d extends settingsModule('nn.Dropout1d', PRINTED, checked) {
  forward(input: Tensor): Tensor {
    return F.dropout1d(input, this.p, this.training, this.inplace)
  }
}

/**
 * Zeroes each channel of images with probability p, and scales the rest by 1 / (1 - p). Input and output (N, C, H, W); an
 * input of three dimensions is taken as (N, C, L), with a warning, as in Python.
 *
 * - p (0.5): the probability that a channel is zeroed
 * - inplace (false): whether the input is overwritten
 *
 * @throws where p is not between 0 and 1.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Dropout2d.html
 * @see J. Tompson et al., Efficient Object Localization Using Convolutional Networks (2014),
 * https://arxiv.org/abs/1411.4280
 */
export class Dropout2d extends settingsModule('nn.Dropout2d', PRINTED, checked) {
  forward(input: Tensor): Tensor {
    return F.dropout2d(input, this.p, this.training, this.inplace)
  }
}

/**
 * Zeroes each channel of volumes with probability p, and scales the rest by 1 / (1 - p). Input and output
 * (N, C, D, H, W) or (C, D, H, W).
 *
 * - p (0.5): the probability that a channel is zeroed
 * - inplace (false): whether the input is overwritten
 *
 * @throws where p is not between 0 and 1.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Dropout3d.html
 * @see J. Tompson et al., Efficient Object Localization Using Convolutional Networks (2014),
 * https://arxiv.org/abs/1411.4280
 */
export class Dropout3d extends settingsModule('nn.Dropout3d', PRINTED, checked) {
  forward(input: Tensor): Tensor {
    return F.dropout3d(input, this.p, this.training, this.inplace)
  }
}

/**
 * Sets each element with probability p to SELU's lower bound, and scales and shifts all so that mean 0 and variance 1 of
 * an input stay. Any shape.
 *
 * - p (0.5): the probability that an element is dropped
 * - inplace (false): without effect, as in Python
 *
 * @throws where p is not between 0 and 1.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.AlphaDropout.html
 * @see G. Klambauer et al., Self-Normalizing Neural Networks (2017), https://arxiv.org/abs/1706.02515
 */
export class AlphaDropout extends settingsModule('nn.AlphaDropout', PRINTED, checked) {
  forward(input: Tensor): Tensor {
    return F.alpha_dropout(input, this.p, this.training)
  }
}

/**
 * AlphaDropout of whole channels, each with probability p. Input and output (N, C, *), with at least one dimension behind
 * the channels.
 *
 * - p (0.5): the probability that a channel is dropped
 * - inplace (false): without effect, as in Python
 *
 * @throws where p is not between 0 and 1; on a call, while training, where the input has less than 2 dimensions.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.FeatureAlphaDropout.html
 * @see G. Klambauer et al., Self-Normalizing Neural Networks (2017), https://arxiv.org/abs/1706.02515
 */
export class FeatureAlphaDropout extends settingsModule('nn.FeatureAlphaDropout', PRINTED, checked) {
  forward(input: Tensor): Tensor {
    return F.feature_alpha_dropout(input, this.p, this.training)
  }
}
