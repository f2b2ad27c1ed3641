import type { Tensor } from '../../core/tensor.js'
import * as F from '../functional/index.js'
import { settingsModule } from './settings_module.js'

/**
 * Mixes channels of g groups: the channels (g, C / g) in the order (C / g, g). Input and output (N, C, *).
 *
 * - groups: g
 *
 * @throws on a call, where the channels are not divisible by g, g is not positive, or the input has less than 3 dimensions.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.ChannelShuffle.html
 * @see X. Zhang et al., ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices (2017),
 * https://arxiv.org/abs/1707.01083
 */
export class ChannelShuffle extends settingsModule('nn.ChannelShuffle', '{groups=}') {
  forward(input: Tensor): Tensor {
    return F.channel_shuffle(input, this.groups)
  }
}
