// The datasets of side.py, sample for sample: made by arithmetic, so that nothing but the loader waits for anything.

import torch, { type Tensor } from '../../lib/index.js'

const { Dataset } = torch.utils.data

/** Images of 3 x 224 x 224. */
export class Images extends Dataset<[image: Tensor, label: bigint]> {
  static url = import.meta.url
  readonly pixels = torch
    .arange(3 * 224 * 224, { dtype: torch.float32 })
    .view(3, 224, 224)
    .div(3 * 224 * 224)
  constructor(readonly length: number) {
    super()
  }
  override at(i: number): [Tensor, bigint] {
    return [this.pixels.mul((i % 255) + 1).sub(0.5), BigInt(i % 10)]
  }
}

/** Sequences of 128 tokens, and each one's next. */
export class Tokens extends Dataset<[x: Tensor, y: Tensor]> {
  static url = import.meta.url
  constructor(readonly length: number) {
    super()
  }
  override at(i: number): [Tensor, Tensor] {
    const tokens = torch.arange(i, i + 129).remainder(50257)
    return [tokens.index(':-1'), tokens.index('1:')]
  }
}

/** Small samples, which cost little but their way to the loader. */
export class Numbers extends Dataset<Tensor> {
  static url = import.meta.url
  constructor(readonly length: number) {
    super()
  }
  override at(i: number): Tensor {
    return torch.full([8], i)
  }
}

export const DATASETS: Record<string, { dataset: (length: number) => Images | Tokens; batch_size: number }> = {
  images: { dataset: (length) => new Images(length), batch_size: 32 },
  tokens: { dataset: (length) => new Tokens(length), batch_size: 64 },
}
