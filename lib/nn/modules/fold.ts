// Modules between images and the columns of their windows.
//
// Sizes are a number for both spatial dimensions, or a list with one for each. L is the number of windows: the product over
// both dimensions of ⌊(size + 2 padding - dilation (kernel_size - 1) - 1) / stride⌋ + 1, with output_size as Fold's sizes
// and (H, W) as Unfold's.

import type { Tensor } from '../../core/tensor.js'
import * as F from '../functional/index.js'
import { settingsModule } from './settings_module.js'

const PRINTED = '{kernel_size=}, {dilation=}, {padding=}, {stride=}'

/**
 * Adds columns up to images, each value at its place in its window. Input (N, C × ∏ kernel_size, L) or
 * (C × ∏ kernel_size, L), output (N, C, H, W) or (C, H, W).
 *
 * - output_size: (H, W)
 * - kernel_size: the size of a window
 * - dilation (1): the distance of a window's elements
 * - padding (0): how far windows reach beyond the image at both ends
 * - stride (1): the distance of windows
 *
 * @throws on a call, where the input's sizes do not fit the settings.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Fold.html
 */
export class Fold extends settingsModule('nn.Fold', `{output_size=}, ${PRINTED}`) {
  forward(input: Tensor): Tensor {
    const { output_size, kernel_size, dilation, padding, stride } = this
    return F.fold(input, output_size, kernel_size, dilation, padding, stride)
  }
}

/**
 * Lays the windows of images out as columns. Input (N, C, H, W) or (C, H, W), output (N, C × ∏ kernel_size, L) or
 * (C × ∏ kernel_size, L).
 *
 * - kernel_size: the size of a window
 * - dilation (1): the distance of a window's elements
 * - padding (0): zeros added at both ends
 * - stride (1): the distance of windows
 *
 * @throws on a call, where the input has another number of dimensions, or there is no window.
 * @see https://docs.pytorch.org/docs/2.13/generated/torch.nn.Unfold.html
 */
export class Unfold extends settingsModule('nn.Unfold', PRINTED) {
  forward(input: Tensor): Tensor {
    return F.unfold(input, this.kernel_size, this.dilation, this.padding, this.stride)
  }
}
