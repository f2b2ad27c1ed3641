// The operator of nn.CrossMapLRN2d, which libtorch has not. Its sums run from channel to channel: each is the one before
// with a channel more and a channel less.

import { AutogradFunction, type FunctionCtx } from '../../autograd/function.js'
import type { Tensor } from '../../core/tensor.js'
import * as torch from '../../generated/functions.js'

/** For each channel, the sum of the squares around it. The first channel is never taken out again, as in Python. */
function sumsAround(squares: Tensor, size: number): Tensor {
  const channels = squares.size(1)
  const ahead = Math.floor((size - 1) / 2 + 1)
  const sums = torch.empty_like(squares)
  const channel = (c: number): Tensor => squares.select(1, c)
  let running = sums.select(1, 0).zero_()
  for (let c = 0; c < Math.min(ahead, channels); c++) running.add_(channel(c))
  for (let c = 1; c < channels; c++) {
    running = sums.select(1, c).copy_(running)
    if (c + ahead - 1 < channels) running.add_(channel(c + ahead - 1))
    if (c > ahead) running.sub_(channel(c - ahead))
  }
  return sums
}

class CrossMapLRN2d extends AutogradFunction {
  static override forward(ctx: FunctionCtx, input: Tensor, size: number, alpha: number, beta: number, k: number) {
    if (input.dim() !== 4) {
      throw new RangeError(`CrossMapLRN2d: Expected input to be 4D, got ${input.dim()}D instead.`)
    }
    const scale = sumsAround(input.pow(2), size)
      .mul_(alpha / size)
      .add_(k)
    const output = scale.pow(-beta).mul_(input)
    ctx.settings = { size, alpha, beta }
    ctx.save_for_backward(input, output, scale)
    return output
  }

  static override backward(ctx: FunctionCtx, grad: Tensor): [Tensor, null, null, null, null] {
    const [input, output, scale] = ctx.saved_tensors as [Tensor, Tensor, Tensor]
    const { size, alpha, beta } = ctx.settings as { size: number; alpha: number; beta: number }
    const channels = input.size(1)
    const before = Math.floor(size - (size - 1) / 2)
    // Each channel's ratio reaches the channels around it.
    const [n, , height, width] = input.shape as unknown as number[]
    const shape = [n, channels + size - 1, height, width] as number[]
    const ratios = torch.zeros(shape, { dtype: input.dtype, device: input.device })
    ratios.narrow(1, before, channels).copy_(grad.mul(output).div_(scale))
    const around = ratios.narrow(1, 0, size - 1).sum(1)
    const gradient = scale.pow(-beta).mul_(grad)
    for (let c = 0; c < channels; c++) {
      around.add_(ratios.select(1, c + size - 1))
      const change = input.select(1, c).mul(around)
      gradient.select(1, c).sub_(change, { alpha: (2 * alpha * beta) / size })
      around.sub_(ratios.select(1, c))
    }
    return [gradient, null, null, null, null]
  }
}

export function crossMapLRN(input: Tensor, size: number, alpha: number, beta: number, k: number): Tensor {
  return CrossMapLRN2d.apply(input, size, alpha, beta, k)
}
