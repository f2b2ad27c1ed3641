import { describe, expect, test } from 'vitest'
import torch, { type Tensor } from '../../../lib/index.js'
import { filled } from '../../helpers.js'
import { cases } from './cases.js'
import { Batched, Named, Stream } from './datasets.js'

const { ChainDataset, ConcatDataset, DataLoader, Dataset, IterableDataset } = torch.utils.data
const { StackDataset, Subset, TensorDataset, get_worker_info } = torch.utils.data

describe('refusals in Python’s words', () => {
  const calls: Record<string, () => unknown> = {
    ragged: () => new TensorDataset(torch.zeros(2), torch.zeros(3)),
    no_datasets: () => new ConcatDataset([]),
    concat_stream: () => new ConcatDataset([new Stream(2)]),
    no_stack: () => new StackDataset(),
    ragged_stack: () => new StackDataset([1], [1, 2]),
    chain_map: () => [...new ChainDataset([[1, 2]])],
    concat_below: () => new ConcatDataset([[1], [2]]).at(-3),
    concat_beyond: () => new ConcatDataset([[1], [2]]).at(2),
    at: () => new Dataset().at(0),
  }
  test.each(filled(cases.dataset_errors))('$name', ({ name, ...outcome }) => {
    if ('gives' in outcome) throw new Error('the case gives something in Python')
    // Python's name of the method is in brackets.
    const message = outcome.message.replace('__getitem__', 'at (Python’s __getitem__)')
    expect(calls[name]).toThrow(message)
    if (outcome.error === 'NotImplementedError')
      expect(calls[name]).toThrow(expect.objectContaining({ name: outcome.error }))
  })

  test('and of what is no tensor, no dataset', () => {
    expect(() => new TensorDataset()).toThrow(/at least one tensor/)
    expect(() => new TensorDataset([1, 2] as never)).toThrow(TypeError)
    expect(() => new StackDataset({})).toThrow('At least one dataset should be passed')
    expect(() => new StackDataset([1], { a: [1] } as never)).toThrow('both types are given')
    expect(() => new StackDataset(...([{ a: [1] }, [1]] as never[]))).toThrow('both types are given')
    expect(() => new ConcatDataset(3 as never)).toThrow("'datasets' (position 1) must be iterable of datasets")
    expect(() => new Subset([1], [3]).at(0)).toThrow('list index out of range')
    expect(() => new Subset([1], [0]).at(1)).toThrow('list index out of range')
  })
})

test('TensorDataset: samples are views, and may be taken by lists of indices', () => {
  const x = torch.arange(6).view(3, 2)
  const dataset = new TensorDataset(x, torch.tensor([1n, 2n, 3n]))
  expect(dataset.length).toBe(3)
  const [row, label] = dataset.at(-1)
  expect([row.tolist(), label.item()]).toEqual([[4, 5], 3])
  row.fill_(7)
  expect(x.tolist()).toEqual([
    [0, 1],
    [2, 3],
    [7, 7],
  ])
  expect(dataset.at([0, 2]).map((each) => each.tolist())).toEqual([
    [
      [0, 1],
      [7, 7],
    ],
    [1, 3],
  ])
  expect(() => dataset.at(3)).toThrow(/out of (bounds|range)/)
})

test('ConcatDataset finds the dataset of an index; datasets are added', () => {
  const dataset = new ConcatDataset([['a', 'b'], ['c'], [], ['d']])
  expect(dataset.cumulative_sizes).toEqual([2, 3, 3, 4])
  expect([0, 1, 2, 3, -1, -4].map((i) => dataset.at(i))).toEqual(['a', 'b', 'c', 'd', 'd', 'a'])
  const sum = new Named(1).add(new Named(2)) as torch.utils.data.ConcatDataset
  expect(sum).toBeInstanceOf(ConcatDataset)
  expect(sum.length).toBe(3)
  const stream = new Stream(2).add(new Stream(1)) as torch.utils.data.ChainDataset
  expect([...stream]).toEqual([0n, 1n, 0n])
  expect(() => stream.length).toThrow(/has no len\(\)/)
})

test('StackDataset: in a list or by name, several at once where a dataset can', async () => {
  const tuple = new StackDataset(['a', 'b'], [1, 2])
  expect(tuple.at(1)).toEqual(['b', 2])
  const named = new StackDataset({ text: ['a', 'b'], count: new Batched(2) })
  expect(named.at(0).text).toBe('a')
  expect(named.getitems([1, 0])).toEqual([
    { text: 'b', count: [1n, 2n] },
    { text: 'a', count: [0n, 2n] },
  ])
  class Short extends Named {
    getitems() {
      return []
    }
  }
  expect(() => new StackDataset(new Short(2)).getitems([0, 1])).toThrow(
    "Nested dataset's output size mismatch. Expected 2, got 0",
  )
  const slow = { length: 2, at: async (i: number) => BigInt(i) }
  const both = new StackDataset({ slow, fast: [5n, 6n] })
  expect(await both.at(1)).toEqual({ slow: 1n, fast: 6n })
  for await (const batch of new DataLoader(both, 2)) {
    expect([batch.slow.tolist(), batch.fast.tolist()]).toEqual([
      [0, 1],
      [5, 6],
    ])
  }
  const list = new StackDataset(slow, { length: 2, at: String, getitems: async (i: number[]) => i.map(String) })
  for await (const [numbers, texts] of new DataLoader(list, 2)) {
    expect([(numbers as Tensor).tolist(), texts]).toEqual([
      [0, 1],
      ['0', '1'],
    ])
  }
})

describe('Subset', () => {
  test('takes samples, several at once where the dataset can, by any list of indices', () => {
    expect(new Subset(['a', 'b', 'c'], [2, 0]).at(0)).toBe('c')
    expect(new Subset(new Batched(9), new Int32Array([4, 8])).getitems([1, 0])).toEqual([
      [8n, 2n],
      [4n, 2n],
    ])
    expect(new Subset(torch.arange(5), [3, 1]).at([0, 1]).tolist()).toEqual([3, 1])
    expect(new Subset(new Subset(['a', 'b', 'c'], [2, 1]), [1]).at(0)).toBe('b')
  })

  test('one that overrides at must override getitems, by which loaders read it', () => {
    class Half extends Subset<string> {
      override at(i: never): string {
        return super.at(i).toUpperCase()
      }
    }
    expect(() => new Half(['a'], [0])).toThrow('Half overrides at but not getitems')
    class Whole extends Half {
      override getitems(indices: number[]) {
        return indices.map((i) => this.at(i as never))
      }
    }
    expect([...new DataLoader(new Whole(['a', 'b'], [1, 0]), 2)]).toEqual([['B', 'A']])
  })
})

test('ChainDataset opens one after the other, also asynchronous ones', async () => {
  const opened: string[] = []
  class Opened extends IterableDataset<string> {
    constructor(readonly name: string) {
      super()
    }
    *[Symbol.iterator]() {
      opened.push(this.name)
      yield `${this.name}0`
      yield `${this.name}1`
    }
  }
  class Slow extends IterableDataset<string> {
    async *[Symbol.asyncIterator]() {
      yield 'slow'
    }
  }
  for (const sample of new ChainDataset([new Opened('a'), new Opened('b')])) if (sample === 'a1') break
  expect(opened).toEqual(['a'])
  const seen: unknown[] = []
  for await (const batch of new DataLoader(new ChainDataset([new Opened('c'), new Slow()]), 2)) seen.push(batch)
  expect(seen).toEqual([['c0', 'c1'], ['slow']])
})

test('outside of workers there is no worker', () => {
  expect(get_worker_info()).toBeNull()
})
