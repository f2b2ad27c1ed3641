// A program whose dataset is in the program's own module: a worker that looks for it starts the program again.

import torch from '../../../lib/index.js'

export class OfProgram extends torch.utils.data.Dataset<bigint> {
  static url = import.meta.url
  readonly length = 2
  override at(i: number): bigint {
    return BigInt(i)
  }
}

for (const _ of new torch.utils.data.DataLoader(new OfProgram(), { num_workers: 1 }));
