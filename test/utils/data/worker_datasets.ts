// Datasets that tests load in worker threads, which import this module as it was compiled.

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { packageRoot } from '../../../lib/core/package_root.js'
import torch, { type Tensor } from '../../../lib/index.js'

const { Dataset, IterableDataset, get_worker_info, default_collate } = torch.utils.data

/** The address of a compiled test module. */
export const compiled = (name: string): string =>
  pathToFileURL(join(packageRoot, 'dist', 'test', 'utils', 'data', name)).href
const url = compiled('worker_datasets.js')

/** The numbers from 0 on. */
export class Numbers extends Dataset<Tensor> {
  static url = url
  constructor(readonly length: number) {
    super()
  }
  override at(i: number): Tensor {
    return torch.tensor(BigInt(i))
  }
}

/** At the sample `bad` the worker does what `how` says. */
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
    if (i !== this.bad) return torch.tensor(BigInt(i))
    switch (this.how) {
      case 'throw':
        throw new RangeError(`sample ${i} is bad`)
      case 'throw with a code':
        throw Object.assign(new TypeError('no such file'), { code: 'ENOENT', path: '/nowhere' })
      case 'throw an error of its own':
        throw Object.assign(new Error('mine'), { name: 'MyError' })
      case 'throw a string':
        throw 'just a string'
      case 'throw undefined':
        throw undefined
      case 'reject':
        return Promise.reject(new SyntaxError('later'))
      case 'hang':
        for (;;);
      case 'never':
        return new Promise(() => {})
      case 'exit':
        return process.exit(3)
      case 'fail elsewhere':
        setTimeout(() => {
          throw new Error('outside of any batch')
        })
        return new Promise(() => {})
      case 'fill the heap': {
        const kept: unknown[] = []
        for (;;) kept.push(new Array(1e6).fill(kept.length))
      }
      default:
        throw new Error(`a worker cannot ${this.how}`)
    }
  }
}

/** What a worker knows of itself, and how often its dataset was asked. */
export class Info extends Dataset<unknown> {
  static url = url
  asked = 0
  told = -1n
  readonly length = 8
  override at(_: number): unknown {
    const info = get_worker_info()
    if (info === null) return null
    const { id, num_workers, seed, dataset } = info
    return [BigInt(id), BigInt(num_workers), seed, dataset === this, BigInt(++this.asked), this.told]
  }
}

/** A worker_init_fn. */
export async function tell(worker_id: number): Promise<void> {
  await sleep(1)
  ;(get_worker_info()?.dataset as Info).told = BigInt(worker_id) * 10n + BigInt(torch.get_num_threads())
}
tell.url = url

/** A collate_fn. */
export const sum = (samples: Tensor[]): Tensor => default_collate(samples).sum()
sum.url = url

export function refuse(): never {
  throw new Error('not today')
}
refuse.url = url

/** Samples that come later; those of odd batches last. Counts in memory that all threads share. */
export class Later extends Dataset<Promise<Tensor>> {
  static url = url
  readonly counts = new Int32Array(new SharedArrayBuffer(8))
  constructor(
    readonly length: number,
    readonly milliseconds = 1,
  ) {
    super()
  }
  override async at(i: number): Promise<Tensor> {
    Atomics.add(this.counts, 0, 1)
    await sleep(i % 2 === 1 ? this.milliseconds : 0)
    return torch.tensor(BigInt(i))
  }
}

/** Gives back what it was given. */
export class Echo extends Dataset<unknown> {
  static url = url
  readonly length: number
  constructor(readonly values: readonly unknown[]) {
    super()
    this.length = values.length
  }
  override at(i: number): unknown {
    return this.values[i]
  }
}

export const same = (sample: unknown): unknown => sample
same.url = url

/** Has fields of its own, and a method. */
export class Point {
  static url = url
  next: Point | null = null
  constructor(
    readonly x: number,
    readonly weight: Tensor,
  ) {}
  get double(): number {
    return 2 * this.x
  }
}

/** Has what nobody can copy, and says how it is made. */
export class Secret {
  static url = url
  readonly #word: string
  constructor(
    word: string,
    readonly list: Tensor[] = [],
  ) {
    this.#word = word
  }
  get word(): string {
    return this.#word
  }
  __reduce__(): unknown {
    return [Secret, [this.#word, this.list]]
  }
}

/** The module exports no class of this name. */
class Hidden extends Dataset<number> {
  static url = url
  readonly length = 2
  override at(i: number): number {
    return i
  }
}
export const hidden = new Hidden()

/** A part of the numbers in each worker; says where its iterator was closed. */
export class Shard extends IterableDataset<bigint> {
  static url = url
  readonly closed = new Int32Array(new SharedArrayBuffer(4))
  constructor(readonly count: number) {
    super()
  }
  *[Symbol.iterator](): IterableIterator<bigint> {
    const { id, num_workers } = get_worker_info() ?? { id: 0, num_workers: 1 }
    try {
      for (let i = id; i < this.count; i += num_workers) yield BigInt(i)
    } finally {
      Atomics.add(this.closed, 0, 1)
    }
  }
}

/** The same, and each number comes later. */
export class Stream extends IterableDataset<bigint> {
  static url = url
  readonly length = 4
  constructor(readonly count: number) {
    super()
  }
  async *[Symbol.asyncIterator](): AsyncIterableIterator<bigint> {
    for (let i = 0; i < this.count; i++) {
      await sleep(0)
      yield BigInt(i)
    }
  }
}

/** Cannot be iterated over. */
export class Nothing extends IterableDataset<never> {
  static url = url
}

/** Loads by workers of its own. */
export class Nesting extends Dataset<number> {
  static url = url
  readonly length = 2
  override at(i: number): number {
    return [...new torch.utils.data.DataLoader(new Numbers(2), { num_workers: 1 })].length + i
  }
}

/** Large samples. */
export class Images extends Dataset<[Tensor, bigint]> {
  static url = url
  constructor(
    readonly length: number,
    readonly size = 32,
  ) {
    super()
  }
  override at(i: number): [Tensor, bigint] {
    return [torch.full([3, this.size, this.size], i), BigInt(i)]
  }
}

export const makePoint = (): Unsent => new Unsent()
makePoint.url = url

class Unsent {
  static url = url
  readonly x = 1
}

export const makeFunction = (): unknown => ({ f: () => 1 })
makeFunction.url = url
