// Modules that exchange channels for pixels.

import type { Tensor } from '../../core/tensor.js'
import * as F from '../functional/index.js'
import { settingsModule } from './settings_module.js'

/**
 * Makes pixels of channels, as a convolution with a stride of 1 / r needs it. Input (*, C r², H, W), output
 * (*, C, H r, W r).
 *
 * - upscale_factor: r
 *
 * @throws on a call, where the channels are not divisible by r², or the input has less than 3 dimensions.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.PixelShuffle.html
 * @see W. Shi et al., Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural
 * Network (2016), https://arxiv.org/abs/1609.05158
 */
export class PixelShuffle extends settingsModule('nn.PixelShuffle', '{upscale_factor=}') {
  forward(input: Tensor): Tensor {
    return F.pixel_shuffle(input, this.upscale_factor)
  }
}

/**
 * Makes channels of pixels: PixelShuffle undone. Input (*, C, H r, W r), output (*, C r², H, W).
 *
 * - downscale_factor: r
 *
 * @throws on a call, where height or width is not divisible by r, or the input has less than 3 dimensions.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.PixelUnshuffle.html
 * @see W. Shi et al., Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural
 * Network (2016), https://arxiv.org/abs/1609.05158
 */
export class PixelUnshuffle extends settingsModule('nn.PixelUnshuffle', '{downscale_factor=}') {
  forward(input: Tensor): Tensor {
    return F.pixel_unshuffle(input, this.downscale_factor)
  }
}
