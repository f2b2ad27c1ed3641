// DataLoader: batches of a dataset's samples, pass by pass.

// biome-ignore-all lint/suspicious/noExplicitAny: datasets have samples of any type, and indices of any type

import { availableParallelism } from 'node:os'
import { warn } from '../../core/warn.js'
import { describe } from '../../operators/describe.js'
import type { Generator } from '../../operators/generator.js'
import { BatchSampler } from './batch_sampler.js'
import { type Collated, type Converted, default_collate, default_convert } from './collate.js'
import { type AnyDataset, IterableDataset, type SampleOf } from './dataset.js'
import { type Arguments, type Keywords, read, type Values } from './generated/arguments.js'
import {
  AsyncLoaderIterator,
  type BatchSource,
  LoaderIterator,
  type LoaderSettings,
  type Pass,
} from './loader_iterator.js'
import { drawSeed, RandomSampler, Sampler, SequentialSampler } from './sampler.js'
import { SingleProcessSource } from './single_process.js'
import { lengthOf } from './sized.js'
import { WorkerSource } from './workers/source.js'

type LoaderValues = Values['utils.data.DataLoader']
export type LoaderOptions = Keywords<'utils.data.DataLoader', 'dataset'>

/** Takes samples from an IterableDataset, which knows of no indices, as long as there are any. */
class InfiniteConstantSampler extends Sampler<null> {
  override *[Symbol.iterator](): IterableIterator<null> {
    while (true) yield null
  }
}

function checkNumbers({ num_workers, timeout, prefetch_factor, persistent_workers }: LoaderValues): void {
  if (num_workers < 0) {
    throw new RangeError('num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.')
  }
  if (timeout < 0) throw new RangeError('timeout option should be non-negative')
  if (num_workers === 0 && prefetch_factor !== null) {
    throw new RangeError(
      'prefetch_factor option could only be specified in multiprocessing.let num_workers > 0 to enable ' +
        'multiprocessing, otherwise set prefetch_factor to None.',
    )
  }
  if (prefetch_factor !== null && prefetch_factor < 0) {
    throw new RangeError('prefetch_factor option should be non-negative')
  }
  if (persistent_workers && num_workers === 0) {
    throw new RangeError('persistent_workers option needs num_workers > 0')
  }
}

function checkContext({ multiprocessing_context, num_workers }: LoaderValues): void {
  if (multiprocessing_context === null) return
  if (num_workers === 0) {
    throw new RangeError(
      'multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got num_workers=0',
    )
  }
  throw new RangeError(
    'multiprocessing_context is not supported: workers are threads of this process, all started alike',
  )
}

function checkIterable({ shuffle, sampler, batch_sampler }: LoaderValues): void {
  const refused = (option: string, got: string) =>
    new RangeError(`DataLoader with IterableDataset: expected unspecified ${option} option, but got ${option}=${got}`)
  if (shuffle) throw refused('shuffle', 'True')
  if (sampler !== null) throw refused('sampler', describe(sampler))
  if (batch_sampler !== null) throw refused('batch_sampler', describe(batch_sampler))
}

function checkSampling({ shuffle, sampler, batch_sampler, batch_size, drop_last }: LoaderValues): void {
  if (sampler !== null && shuffle) throw new RangeError('sampler option is mutually exclusive with shuffle')
  if (batch_sampler !== null && (batch_size !== 1 || shuffle || sampler !== null || drop_last)) {
    throw new RangeError('batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last')
  }
  if (batch_sampler === null && batch_size === null && drop_last) {
    throw new RangeError('batch_size=None option disables auto-batching and is mutually exclusive with drop_last')
  }
}

/** Warns of more workers than there are processors for. */
function checkWorkerNumber(num_workers: number): void {
  const most = availableParallelism()
  if (num_workers <= most) return
  warn(
    `This DataLoader will create ${num_workers} worker threads in total. Our suggested max number of worker in current ` +
      `system is ${most}, which is smaller than what this DataLoader is going to create. Please be aware that excessive ` +
      'worker creation might get DataLoader running slow or even freeze, lower the worker number to avoid potential ' +
      'slowness/freeze if necessary.',
  )
}

/** What cannot be set once a loader is made. */
interface Fixed {
  readonly dataset: AnyDataset
  readonly batch_size: number | null
  readonly sampler: Iterable<unknown>
  readonly batch_sampler: Iterable<unknown> | null
  readonly drop_last: boolean
  readonly persistent_workers: boolean
}
const FIXED = ['dataset', 'batch_size', 'sampler', 'batch_sampler', 'drop_last', 'persistent_workers'] as const

class DataLoaderClass<Batch = any> implements LoaderSettings, Iterable<Batch>, AsyncIterable<Batch> {
  static readonly name: string = 'DataLoader'

  declare readonly dataset: AnyDataset
  declare readonly batch_size: number | null
  declare readonly sampler: Iterable<unknown>
  declare readonly batch_sampler: Iterable<unknown> | null
  declare readonly drop_last: boolean
  declare readonly persistent_workers: boolean
  num_workers: number
  collate_fn: (samples: any) => unknown
  pin_memory: boolean
  pin_memory_device: string
  timeout: number
  worker_init_fn: ((worker_id: number) => void) | null
  generator: Generator | null
  prefetch_factor: number | null
  in_order: boolean
  /** What the loader promised by its length, where the dataset is iterable. */
  promised_length: number | null = null
  readonly is_iterable: boolean
  readonly #fixed: Fixed
  /** What loaded the last pass, where workers persist. */
  #source: BatchSource | null = null

  constructor(...args: unknown[]) {
    const values = read('utils.data.DataLoader', args, new.target.name)
    const { dataset, batch_size, shuffle, num_workers, generator } = values
    checkNumbers(values)
    checkContext(values)
    this.is_iterable = dataset instanceof IterableDataset
    if (this.is_iterable) checkIterable(values)
    checkSampling(values)
    const sampler = values.sampler ?? this.#defaultSampler(dataset, shuffle === true, generator)
    const isBatched = values.batch_sampler === null && batch_size !== null
    const batch_sampler = isBatched ? new BatchSampler(sampler, batch_size, values.drop_last) : values.batch_sampler
    this.#fixed = {
      dataset,
      sampler,
      batch_sampler,
      batch_size: isBatched ? batch_size : null,
      drop_last: values.drop_last,
      persistent_workers: values.persistent_workers,
    }
    this.num_workers = num_workers
    this.collate_fn = values.collate_fn ?? (batch_sampler === null ? default_convert : default_collate)
    this.pin_memory = values.pin_memory
    this.pin_memory_device = values.pin_memory_device
    this.timeout = values.timeout
    this.worker_init_fn = values.worker_init_fn
    this.generator = generator
    this.prefetch_factor = values.prefetch_factor ?? (num_workers > 0 ? 2 : null)
    this.in_order = values.in_order
    checkWorkerNumber(num_workers)
  }

  #defaultSampler(dataset: AnyDataset, shuffle: boolean, generator: Generator | null): Sampler<unknown> {
    if (this.is_iterable) return new InfiniteConstantSampler()
    if (!shuffle) return new SequentialSampler(dataset as never)
    return new RandomSampler(dataset as never, { generator })
  }

  /** Whether samples are collated into batches. */
  get auto_collation(): boolean {
    return this.#fixed.batch_sampler !== null
  }

  /** What gives the indices of each batch, or where samples are not collated, of each sample. */
  get index_sampler(): Iterable<unknown> {
    return this.#fixed.batch_sampler ?? this.#fixed.sampler
  }

  /**
   * The number of batches. For an IterableDataset it is computed from the dataset's own length, in which we trust.
   * @throws {TypeError} where the dataset or the sampler has no length.
   */
  get length(): number {
    if (!this.is_iterable) return lengthOf(this.index_sampler)
    const { dataset, batch_size, drop_last } = this.#fixed
    this.promised_length = lengthOf(dataset)
    if (batch_size === null) return this.promised_length
    const batches = this.promised_length / batch_size
    return drop_last ? Math.floor(batches) : Math.ceil(batches)
  }

  /** A pass over the data, which `break` or an error ends. */
  [Symbol.iterator](): LoaderIterator<Batch> {
    return new LoaderIterator(this, this.#open(false))
  }

  /** A pass over the data, whose dataset and collate_fn may give promises. */
  [Symbol.asyncIterator](): AsyncLoaderIterator<Batch> {
    return new AsyncLoaderIterator(this, this.#open(true))
  }

  #open(is_async: boolean): BatchSource {
    if (this.pin_memory && this.pin_memory_device !== '') {
      warn(
        'pin_memory_device is deprecated, the current accelerator will be used as the device,ignore ' +
          `pin_memory_device='${this.pin_memory_device}'.`,
      )
    }
    const indices = this.index_sampler[Symbol.iterator]()
    if (this.#source?.restart !== undefined) {
      this.#source.restart(indices)
      return this.#source
    }
    const base_seed = drawSeed(this.generator)
    // With workers Python asks the sampler for an iterator twice, which shows where that draws.
    const order = this.num_workers > 0 ? this.index_sampler[Symbol.iterator]() : indices
    const source = openSource(this, { indices: order, base_seed, is_async })
    if (this.persistent_workers) this.#source = source
    return source
  }

  static {
    for (const name of FIXED) {
      Object.defineProperty(this.prototype, name, {
        get(this: DataLoaderClass) {
          return this.#fixed[name]
        },
        set(this: DataLoaderClass) {
          throw new RangeError(`${name} attribute should not be set after ${this.constructor.name} is initialized`)
        },
      })
    }
  }
}

/** Opens what loads a pass: this thread or workers. */
function openSource(loader: LoaderSettings, pass: Pass): BatchSource {
  return loader.num_workers > 0 ? new WorkerSource(loader, pass) : new SingleProcessSource(loader, pass)
}

type Sample<D> = SampleOf<D>
type Without<K extends keyof LoaderOptions> = Omit<LoaderOptions, K>
type CollateOption<S, R> = { collate_fn: (samples: S) => R }

type InPlace<Options> = [
  batch_size?: number | null | Options | undefined,
  shuffle?: boolean | null | Options | undefined,
  sampler?: Iterable<unknown> | null | Options | undefined,
  options?: Options | undefined,
]

interface DataLoaderConstructor {
  readonly prototype: DataLoaderClass
  // The sample itself is collated where batch_size is null.
  new <D extends AnyDataset = any, R = any>(
    ...args:
      | [dataset: D, options: Without<'collate_fn' | 'batch_size'> & { batch_size: null } & CollateOption<Sample<D>, R>]
      | [dataset: D, batch_size: null, options: Without<'collate_fn' | 'batch_size'> & CollateOption<Sample<D>, R>]
  ): DataLoader<Awaited<R>>
  new <D extends AnyDataset = any, R = any>(
    ...args:
      | [dataset: D, options: Without<'collate_fn'> & CollateOption<Sample<D>[], R>]
      | [dataset: D, batch_size: number | null, options: Without<'collate_fn'> & CollateOption<Sample<D>[], R>]
      | [options: { dataset: D } & Without<'collate_fn'> & CollateOption<Sample<D>[], R>]
  ): DataLoader<Awaited<R>>
  new <D extends AnyDataset = any>(
    ...args:
      | [dataset: D, options: Without<'collate_fn' | 'batch_size'> & { batch_size: null }]
      | [dataset: D, batch_size: null, options?: Without<'collate_fn' | 'batch_size'>]
  ): DataLoader<Converted<Sample<D>>>
  new <D extends AnyDataset = any>(
    ...args: [dataset: D, ...rest: InPlace<Without<'collate_fn'>>] | [options: { dataset: D } & Without<'collate_fn'>]
  ): DataLoader<Collated<Sample<D>>>
  new (...args: Arguments['utils.data.DataLoader']): DataLoader
}

/**
 * Batches of a dataset's samples: `for (const batch of loader)`, or `for await` where the dataset or collate_fn gives
 * promises. Each pass over it is one epoch; with `shuffle` in the order in which Python has it for the same seed.
 *
 * - `batch_size` samples at a time, the last ones too unless `drop_last`; with null they come one by one.
 * - `sampler` gives the indices in their order, `batch_sampler` lists of them.
 * - `collate_fn` makes a batch of a list of samples: default_collate.
 * - `generator` is where `shuffle` and the workers' seeds are drawn from.
 * - `pin_memory` puts batches into page-locked memory, from which a GPU copies without blocking.
 * - `num_workers` threads load ahead, each `prefetch_factor` batches; `timeout` is in seconds.
 *
 * https://docs.pytorch.org/docs/2.13/data.html#torch.utils.data.DataLoader
 */
export interface DataLoader<Batch = any> extends DataLoaderClass<Batch> {}
export const DataLoader = DataLoaderClass as unknown as DataLoaderConstructor
