// The datasets and samplers of scripts/reference/data_loader.py, for loaders here and in workers.

import torch, { type Tensor } from '../../../lib/index.js'
import type { Generator } from '../../../lib/operators/generator.js'
import type { AnyDataset } from '../../../lib/utils/data/dataset.js'
import { compiled } from './worker_datasets.js'

const {
  BatchSampler,
  ChainDataset,
  ConcatDataset,
  Dataset,
  DistributedSampler,
  get_worker_info,
  IterableDataset,
  RandomSampler,
  Sampler,
  SequentialSampler,
  StackDataset,
  Subset,
  SubsetRandomSampler,
  TensorDataset,
  WeightedRandomSampler,
} = torch.utils.data

/** Where workers find the classes: the compiled module. */
const url = compiled('datasets.js')

/** Samples of several kinds, under names. Python's ints are bigints. */
export class Named extends Dataset<unknown> {
  static url = url
  constructor(readonly length: number) {
    super()
  }

  override at(i: number): unknown {
    return {
      x: torch.full([2], i / 2),
      i: BigInt(i),
      half: i / 2,
      name: `s${i}`,
      pair: [BigInt(i), i % 2 === 0],
    }
  }
}

/** Each sample draws from the default generator, which in a worker is seeded with the worker's seed. */
export class Drawing extends Named {
  override at(i: number): [bigint, Tensor] {
    return [BigInt(i), torch.rand(2)]
  }
}

/** Gives many samples at once, which shows in them. */
export class Batched extends Named {
  getitems(indices: number[]): [bigint, bigint][] {
    return indices.map((i) => [BigInt(i), BigInt(indices.length)])
  }
}

/** Indexed by lists of indices. */
export class Keyed extends Named {
  override at(indices: number | number[]): Tensor {
    return torch.tensor([indices].flat().map(BigInt)).mul(10)
  }
}

/** What a worker knows of itself. */
export class Told extends Named {
  override at(i: number): bigint[] {
    const info = get_worker_info()
    if (info === null) return [BigInt(i), -1n, -1n, -1n]
    return [BigInt(i), BigInt(info.id), BigInt(info.num_workers), info.seed]
  }
}

/** The numbers to n, each worker's share of them. */
export class Stream extends IterableDataset<unknown> {
  static url = url
  constructor(readonly n: number) {
    super()
  }

  *[Symbol.iterator](): IterableIterator<unknown> {
    const { id, num_workers } = get_worker_info() ?? { id: 0, num_workers: 1 }
    for (let i = id; i < this.n; i += num_workers) yield BigInt(i)
  }
}

/** Every worker gives all of them. */
export class WholeStream extends Stream {
  override *[Symbol.iterator](): IterableIterator<unknown> {
    for (let i = 0; i < this.n; i++) yield BigInt(i)
  }
}

export class SizedStream extends Stream {
  get length(): number {
    return this.n
  }
}

/** The first worker has two samples, the second one the rest. */
export class UnevenStream extends Stream {
  override *[Symbol.iterator](): IterableIterator<unknown> {
    const info = get_worker_info()
    const [first, end] = info === null ? [0, this.n] : info.id === 0 ? [0, 2] : [2, this.n]
    for (let i = first; i < end; i++) yield BigInt(i)
  }
}

export class DrawingStream extends Stream {
  override *[Symbol.iterator](): IterableIterator<unknown> {
    for (const i of super[Symbol.iterator]()) yield [i, torch.rand(1)]
  }
}

const range = (n: number, start = 0, step = 1): number[] => Array.from({ length: n }, (_, i) => start + i * step)

/** By the names of the reference script. */
export const DATASETS: Record<string, (n: number) => AnyDataset> = {
  list: (n) => range(n).map(BigInt),
  tensors: (n) => new TensorDataset(torch.arange(2 * n, { dtype: torch.float32 }).view(n, 2), torch.arange(n).mul(2)),
  concat: (n) => new ConcatDataset([new Drawing(Math.floor(n / 2)), new Drawing(n - Math.floor(n / 2))]),
  stack: (n) => new StackDataset({ a: new Named(n), b: new Batched(n) }),
  subset: (n) => new Subset(new Batched(2 * n), range(n, 1, 2)),
  chain: (n) => new ChainDataset([new Stream(Math.floor(n / 2)), new SizedStream(n)]),
  Named: (n) => new Named(n),
  Drawing: (n) => new Drawing(n),
  Batched: (n) => new Batched(n),
  Keyed: (n) => new Keyed(n),
  Told: (n) => new Told(n),
  Stream: (n) => new Stream(n),
  WholeStream: (n) => new WholeStream(n),
  SizedStream: (n) => new SizedStream(n),
  UnevenStream: (n) => new UnevenStream(n),
  DrawingStream: (n) => new DrawingStream(n),
}

/** Draws when the iterator is made, not when it is first asked. */
class Eager extends Sampler {
  constructor(readonly length: number) {
    super()
  }

  override [Symbol.iterator](): Iterator<number> {
    return (torch.randperm(this.length).tolist() as number[])[Symbol.iterator]()
  }
}

/** A sampler as the reference script writes it: its name and its options; a list is itself. */
export type SamplerSpec = [name: string, options: Record<string, unknown>] | unknown[] | null

/** `generator: true` among the options is the case's generator. */
export function samplerOf(
  spec: SamplerSpec,
  dataset: AnyDataset | number[],
  generator: Generator | null,
): Iterable<unknown> | null {
  if (spec === null || typeof spec[0] !== 'string') return spec
  const [name, given] = spec as [string, Record<string, unknown>]
  // biome-ignore lint/suspicious/noExplicitAny: options of any sampler
  const options: any = { ...given, ...(given.generator === true ? { generator } : {}) }
  switch (name) {
    case 'Eager':
      return new Eager(options.n)
    case 'BatchSampler':
      return new BatchSampler({ ...options, sampler: samplerOf(options.sampler, dataset, generator) })
    case 'SequentialSampler':
      return new SequentialSampler(dataset as number[])
    case 'RandomSampler':
      return new RandomSampler(dataset as number[], options)
    case 'DistributedSampler':
      return new DistributedSampler(dataset as number[], options)
    case 'SubsetRandomSampler':
      return new SubsetRandomSampler(options)
    case 'WeightedRandomSampler':
      return new WeightedRandomSampler(options)
    default:
      throw new Error(`no sampler ${name}`)
  }
}
