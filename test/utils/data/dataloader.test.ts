import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { native } from '../../../lib/core/native.js'
import torch, { type Tensor } from '../../../lib/index.js'
import { filled } from '../../helpers.js'
import { cases, nameOf, prepare, run } from './cases.js'
import { DATASETS, Stream } from './datasets.js'
import { written } from './values.js'

const { DataLoader, Dataset, IterableDataset, RandomSampler, SequentialSampler, TensorDataset } = torch.utils.data

const alone = cases.loaders.filter(({ results }) => '0' in results)
const range = (n: number): bigint[] => Array.from({ length: n }, (_, i) => BigInt(i))
const lists = (batches: Iterable<Tensor>): unknown[] => [...batches].map((batch) => batch.tolist())

describe.each(filled(alone.map((spec) => ({ name: nameOf(spec), spec }))))('$name', ({ spec }) => {
  const expected = spec.results['0'] as (typeof spec.results)[string]

  test('gives Python’s batches, epoch after epoch, and leaves the generators as Python does', async () => {
    expect(await run(spec, 0, false)).toEqual(expected.epochs)
  })

  test('and so by for await', async () => {
    expect(await run(spec, 0, true)).toEqual(expected.epochs)
  })

  test('has Python’s length', () => {
    const { loader } = prepare(spec, 0)
    if (expected.length === null) expect(() => loader.length).toThrow(/has no len\(\)/)
    else expect(loader.length).toBe(expected.length)
  })
})

test('there are settings enough', () => {
  expect(alone.length).toBeGreaterThanOrEqual(60)
  expect(cases.loaders.filter(({ results }) => '2' in results).length).toBeGreaterThanOrEqual(60)
})

describe('arguments', () => {
  test.each(filled(cases.loader_errors))('%j', ({ dataset, options, ...outcome }) => {
    const load = () => {
      torch.manual_seed(0)
      const made = dataset === 'empty' ? [] : DATASETS[dataset]?.(4)
      return [...new DataLoader(made as bigint[], options as object)].map(written)
    }
    if ('gives' in outcome) expect(load()).toEqual(outcome.gives)
    else expect(load).toThrow(new RangeError(outcome.message))
  })

  test('that Python refuses by their type are refused by name', () => {
    const data = range(4)
    const wrong = (options: object) => () => new DataLoader(data, options)
    expect(wrong({ batch_size: 2.5 })).toThrow("DataLoader(): argument 'batch_size' (position 2) must be int or null")
    expect(wrong({ shuffle: 1 })).toThrow("argument 'shuffle' (position 3) must be bool or null, not whole number")
    expect(wrong({ sampler: 3 })).toThrow("argument 'sampler' (position 4) must be iterable or null")
    expect(wrong({ collate_fn: 'x' })).toThrow("argument 'collate_fn' (position 7) must be function or null")
    expect(wrong({ bach_size: 2 })).toThrow("unexpected keyword argument 'bach_size' (did you mean 'batch_size'?)")
    expect(() => new DataLoader(3 as never)).toThrow("argument 'dataset' (position 1) must be Dataset")
    expect(() => [...new DataLoader(new Set([1]) as never)]).toThrow("'Set' object is not subscriptable")
    expect(() => new DataLoader(data, { multiprocessing_context: 'fork', num_workers: 1 })).toThrow(/threads/)
    expect(() => new DataLoader(new Stream(2), { sampler: [1] })).toThrow(/expected unspecified sampler option/)
    expect(() => [...new DataLoader(data, { timeout: 1 })]).toThrow(/timeout needs workers/)
  })

  test('go in place as in Python, or by name', () => {
    const data = range(5)
    expect(lists(new DataLoader(data, 2))).toEqual([[0, 1], [2, 3], [4]])
    expect(lists(new DataLoader({ dataset: data, batch_size: 2, drop_last: true }))).toEqual([
      [0, 1],
      [2, 3],
    ])
    expect(lists(new DataLoader(data, 2, false, [4, 0, 1]))).toEqual([[4, 0], [1]])
    const plain = { length: 3, at: (i: number) => BigInt(i * i) }
    expect(lists(new DataLoader(plain, { batch_size: 3 }))).toEqual([[0, 1, 4]])
  })

  test('can be read, and what a loader is made of cannot be set', () => {
    const loader = new DataLoader(range(4), { batch_size: 3, drop_last: true })
    expect([loader.batch_size, loader.drop_last, loader.num_workers, loader.prefetch_factor]).toEqual([
      3,
      true,
      0,
      null,
    ])
    expect(loader.sampler).toBeInstanceOf(SequentialSampler)
    expect(new DataLoader(range(4), { shuffle: true }).sampler).toBeInstanceOf(RandomSampler)
    expect(new DataLoader(range(4), { batch_sampler: [[1]] }).batch_size).toBeNull()
    for (const name of ['batch_size', 'batch_sampler', 'sampler', 'drop_last', 'dataset', 'persistent_workers']) {
      expect(() => Object.assign(loader, { [name]: null })).toThrow(
        new RangeError(`${name} attribute should not be set after DataLoader is initialized`),
      )
    }
    loader.collate_fn = (samples: bigint[]) => samples.length
    expect([...loader]).toEqual([3])
  })
})

describe('datasets of any kind', () => {
  test('arrays, tensors, Maps and typed arrays', () => {
    expect(lists(new DataLoader(torch.arange(6).view(3, 2), 2))).toEqual([
      [
        [0, 1],
        [2, 3],
      ],
      [[4, 5]],
    ])
    const named = new Map([
      ['a', 1n],
      ['b', 2n],
    ])
    expect(lists(new DataLoader(named, { sampler: ['b', 'a'], batch_size: 2 }))).toEqual([[2, 1]])
    expect(() => [...new DataLoader(named, { sampler: ['c'] })]).toThrow(/no key c/)
    expect(lists(new DataLoader(new Float32Array([0.5, 1.5]), 2))).toEqual([[0.5, 1.5]])
    expect(() => [...new DataLoader(range(2), { sampler: [2] })]).toThrow(new RangeError('list index out of range'))
  })

  test('a dataset without samples, or without a length', () => {
    expect([...new DataLoader([], 2)]).toEqual([])
    const endless = { at: (i: number) => i }
    expect(() => [...new DataLoader(endless)]).toThrow(/has no len\(\)/)
    expect(() => new DataLoader(endless, { shuffle: true })).toThrow(/has no len\(\)/)
    expect(lists(new DataLoader(endless, { sampler: [7] }))).toEqual([[7]])
  })

  test('an IterableDataset that gives nothing to iterate over', () => {
    const empty = new DataLoader(new IterableDataset())
    expect(() => [...empty]).toThrow(/should have \[Symbol.iterator\]/)
  })

  test('an iterable dataset that gives more than it promised is warned of', async () => {
    class Promising extends Stream {
      length = 2
    }
    const loader = new DataLoader(new Promising(3))
    const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
    expect([...loader].length).toBe(3) // its length was not asked for
    expect(loader.length).toBe(2)
    expect([...loader].length).toBe(3)
    expect((await warned).message).toContain('Length of IterableDataset Promising was reported to be 2')
  })
})

test('pinned memory without a GPU is a warning', async () => {
  if (torch.cuda.is_available()) return
  const warned = new Promise<Error>((resolve) => process.once('warning', resolve))
  expect(lists(new DataLoader(range(2), { pin_memory: true, batch_size: 2 }))).toEqual([[0, 1]])
  expect((await warned).message).toContain("'pin_memory' argument is set as true but no accelerator is found")
})

/** Says when its iterator is closed, and fails at a sample if told so. */
class Watched extends IterableDataset<bigint> {
  opened = 0
  closed = 0
  failing = Number.POSITIVE_INFINITY;

  *[Symbol.iterator](): IterableIterator<bigint> {
    this.opened++
    try {
      for (let i = 0; i < 9; i++) {
        if (i === this.failing) throw new Error(`no sample ${i}`)
        yield BigInt(i)
      }
    } finally {
      this.closed++
    }
  }
}

/** The same, by promises. */
class AsyncWatched extends Watched {
  async *[Symbol.asyncIterator](): AsyncIterableIterator<bigint> {
    for (const each of super[Symbol.iterator]()) {
      await setImmediate()
      yield each
    }
  }
}

describe('the end of a loop', () => {
  const kinds = [
    { name: 'for', make: () => new Watched(), is_async: false },
    { name: 'for await', make: () => new Watched(), is_async: true },
    { name: 'for await, of an asynchronous dataset', make: () => new AsyncWatched(), is_async: true },
  ]
  describe.each(kinds)('$name', ({ make, is_async }) => {
    async function loop(loader: Iterable<Tensor> & AsyncIterable<Tensor>, body: (batch: Tensor, i: number) => unknown) {
      let i = 0
      if (is_async) {
        for await (const batch of loader) if (body(batch, i++) === 'break') break
      } else {
        for (const batch of loader) if (body(batch, i++) === 'break') break
      }
      return i
    }

    test('that runs to its end, breaks or throws closes what it opened', async () => {
      const dataset = make()
      const loader = new DataLoader(dataset, 2)
      expect(await loop(loader, () => {})).toBe(5)
      expect([dataset.opened, dataset.closed]).toEqual([1, 1])
      expect(await loop(loader, (_, i) => (i === 1 ? 'break' : ''))).toBe(2)
      expect([dataset.opened, dataset.closed]).toEqual([2, 2])
      const body = () => {
        throw new Error('in the body')
      }
      await expect(loop(loader, body)).rejects.toThrow('in the body')
      expect([dataset.opened, dataset.closed]).toEqual([3, 3])
    })

    test('whose dataset or collate_fn throws gives that error, and closes', async () => {
      const dataset = make()
      dataset.failing = 5
      const loader = new DataLoader(dataset, 2)
      const seen: unknown[] = []
      await expect(loop(loader, (batch) => seen.push(batch.tolist()))).rejects.toThrow('no sample 5')
      expect(seen).toEqual([
        [0, 1],
        [2, 3],
      ])
      expect([dataset.opened, dataset.closed]).toEqual([1, 1])
      dataset.failing = 100
      const failing = (samples: bigint[]): Tensor => {
        if (samples.includes(4n)) throw new Error('not 4')
        return torch.tensor(samples)
      }
      await expect(loop(new DataLoader(dataset, { batch_size: 2, collate_fn: failing }), () => {})).rejects.toThrow(
        'not 4',
      )
      expect([dataset.opened, dataset.closed]).toEqual([2, 2])
    })
  })

  test('closes samplers, too', () => {
    let closed = 0
    const sampler = {
      *[Symbol.iterator]() {
        try {
          for (let i = 0; ; i++) yield i % 4
        } finally {
          closed++
        }
      },
    }
    for (const batch_size of [2, null]) {
      for (const _ of new DataLoader(range(4), { sampler, batch_size })) break
    }
    expect(closed).toBe(2)
  })

  test('after an error an iterator has nothing more', () => {
    const dataset = new Watched()
    dataset.failing = 3
    const batches = new DataLoader(dataset, 2)[Symbol.iterator]()
    expect(batches.next().value?.tolist()).toEqual([0, 1])
    expect(() => batches.next()).toThrow('no sample 3')
    expect(batches.next()).toEqual({ done: true, value: undefined })
    expect(batches.return()).toEqual({ done: true, value: undefined })
  })
})

test('passes are independent of each other, and an iterator is one pass', () => {
  torch.manual_seed(3)
  const loader = new DataLoader(range(6), { batch_size: 2, shuffle: true })
  const first = loader[Symbol.iterator]()
  const once = first.next().value?.tolist()
  const second = lists(loader)
  expect(second.flat().toSorted()).toEqual([0, 1, 2, 3, 4, 5])
  const all = [once, ...lists(first)]
  expect(all.flat().toSorted()).toEqual([0, 1, 2, 3, 4, 5])
  expect([...first]).toEqual([])
  expect(first.length).toBe(3)
})

describe('promises', () => {
  class Slow extends Dataset<Promise<bigint>> {
    underWay = 0
    most = 0
    length = 8
    failing = -1

    override async at(index: number): Promise<bigint> {
      this.most = Math.max(this.most, ++this.underWay)
      // The later ones are ready first.
      for (let i = 0; i < 8 - index; i++) await setImmediate()
      this.underWay--
      if (index === this.failing) throw new Error(`no sample ${index}`)
      return BigInt(index)
    }
  }

  test('a batch’s samples load at the same time, and keep their order', async () => {
    const dataset = new Slow()
    const seen: unknown[] = []
    for await (const batch of new DataLoader(dataset, 4)) seen.push(batch.tolist())
    expect(seen).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
    ])
    expect(dataset.most).toBe(4)
  })

  test('an error is thrown when nothing is under way any more', async () => {
    const dataset = new Slow()
    dataset.failing = 2
    const batches = new DataLoader(dataset, 4)[Symbol.asyncIterator]()
    await expect(batches.next()).rejects.toThrow('no sample 2')
    expect(dataset.underWay).toBe(0)
    expect((await batches.next()).done).toBe(true)
  })

  test('of getitems, of collate_fn, of single samples', async () => {
    const several = {
      length: 4,
      at: (i: number) => BigInt(i),
      getitems: async (indices: number[]) => indices.map((i) => BigInt(i * 10)),
    }
    const seen: unknown[] = []
    for await (const batch of new DataLoader(several, 3)) {
      seen.push(batch.tolist())
    }
    const collate_fn = async (samples: bigint[]) => samples.length
    for await (const batch of new DataLoader(range(3), { batch_size: 2, collate_fn })) seen.push(batch + 1)
    for await (const batch of new DataLoader(new Slow(), { batch_size: null, sampler: [3] })) seen.push(batch)
    expect(seen).toEqual([[0, 10, 20], [30], 3, 2, 3n])
  })

  test('are refused in a plain loop, which says how to write it', () => {
    const write = /write `for await \(const batch of loader\)`/
    expect(() => [...new DataLoader(new Slow())]).toThrow(write)
    expect(() => [...new DataLoader(range(2), { collate_fn: async () => 1 })]).toThrow(write)
    class OnlyAsync extends IterableDataset<bigint> {
      async *[Symbol.asyncIterator]() {
        yield 1n
      }
    }
    expect(() => [...new DataLoader(new OnlyAsync())]).toThrow(write)
    expect(() => [...new torch.utils.data.ChainDataset([new OnlyAsync()])]).toThrow(write)
  })

  test('batches asked for at once come one after the other', async () => {
    const batches = new DataLoader(new Slow(), 4)[Symbol.asyncIterator]()
    const three = await Promise.all([batches.next(), batches.next(), batches.next()])
    expect(three.map(({ value }) => value?.tolist())).toEqual([[0, 1, 2, 3], [4, 5, 6, 7], undefined])
  })

  test('a pass that is ended while a batch is awaited has no more', async () => {
    const batches = new DataLoader(new Slow(), 4)[Symbol.asyncIterator]()
    const pending = batches.next()
    await setImmediate()
    expect((await batches.return()).done).toBe(true)
    expect((await pending).done).toBe(true)
    expect((await batches.next()).done).toBe(true)
  })
})

describe('memory', () => {
  test('batches belong to the scope around the loop', () => {
    const dataset = new TensorDataset(torch.arange(8))
    const before = native.live_tensors()
    torch.scope(() => {
      for (const [batch] of new DataLoader(dataset, { batch_size: 2, shuffle: true })) expect(batch.numel()).toBe(2)
    })
    expect(native.live_tensors()).toBe(before)
  })

  test('what is drawn for the order is freed at once', () => {
    const loader = new DataLoader(range(1000), { shuffle: true, batch_size: null })
    for (let epoch = 0; epoch < 50; epoch++) {
      const before = native.live_tensors()
      if (epoch % 2 === 0) expect([...loader].length).toBe(1000)
      else for (const _ of loader) break
      // The collector may free older ones meanwhile.
      expect(native.live_tensors()).toBeLessThanOrEqual(before)
    }
  })
})
