// Datasets that tests load in worker threads. Threads load this module as it was compiled.

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { packageRoot } from '../../lib/core/package_root.js'
import torch, { type Tensor } from '../../lib/index.js'

const { Dataset, IterableDataset, get_worker_info } = torch.utils.data
const url = pathToFileURL(join(packageRoot, 'dist', 'test', 'data_workers', 'datasets.js')).href

/** Squares of whole numbers: a sample is [i * i, i]. */
export class Squares extends Dataset<[Tensor, bigint]> {
  static url = url
  constructor(readonly length: number) {
    super()
  }
  override at(i: number): [Tensor, bigint] {
    return [torch.tensor([i * i]), BigInt(i)]
  }
}

/** Of the sample `bad` the worker does what `how` says. */
export class Bad extends Dataset<unknown> {
  static url = url
  constructor(
    readonly length: number,
    readonly bad: number,
    readonly how: string,
  ) {
    super()
  }
  override at(i: number): unknown {
    if (i !== this.bad) return torch.tensor(i)
    switch (this.how) {
      case 'throw':
        throw new RangeError(`sample ${i} is bad`)
      case 'throw-code':
        throw Object.assign(new TypeError('no such file'), { code: 'ENOENT', path: '/nowhere' })
      case 'throw-string':
        throw 'just a string'
      case 'reject':
        return Promise.reject(new SyntaxError('later'))
      case 'hang':
        for (;;);
      case 'never':
        return new Promise(() => {})
      case 'exit':
        return process.exit(3)
      case 'outside':
        setTimeout(() => {
          throw new Error('outside of any batch')
        })
        return new Promise(() => {})
      case 'symbol':
        return [Symbol('x')]
      case 'function':
        return () => i
      case 'graph':
        return torch.ones(2, { requires_grad: true }).mul(2)
    }
  }
}

/** Numbers of a worker's own generator. */
export class Drawn extends Dataset<Tensor> {
  static url = url
  readonly length = 8
  override at(_: number): Tensor {
    return torch.rand(2)
  }
}

/** Samples that come later. */
export class Later extends Dataset<Promise<Tensor>> {
  static url = url
  constructor(
    readonly length: number,
    readonly milliseconds = 1,
  ) {
    super()
  }
  override async at(i: number): Promise<Tensor> {
    await sleep(this.milliseconds)
    return torch.tensor([i])
  }
}

/** Whole numbers, a part of them in each worker. */
export class Shard extends IterableDataset<bigint> {
  static url = url
  constructor(
    readonly first: number,
    readonly last: number,
  ) {
    super()
  }
  *[Symbol.iterator](): IterableIterator<bigint> {
    const { id, num_workers } = get_worker_info() ?? { id: 0, num_workers: 1 }
    const each = Math.ceil((this.last - this.first) / num_workers)
    const from = this.first + id * each
    for (let i = from; i < Math.min(from + each, this.last); i++) yield BigInt(i)
  }
}

/** What a worker knows of itself. */
export class Info extends Dataset<Tensor> {
  static url = url
  readonly length = 4
  told = -1
  override at(_: number): Tensor {
    const info = get_worker_info()
    if (info === null) return torch.tensor([-1n])
    const isOwn = info.dataset === this
    return torch.tensor([
      BigInt(info.id),
      BigInt(info.num_workers),
      info.seed,
      BigInt(isOwn),
      BigInt(this.told),
      BigInt(torch.get_num_threads()),
    ])
  }
}
