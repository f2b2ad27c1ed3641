import { describe, expect, test } from 'vitest'
import torch, { type Tensor } from '../../../lib/index.js'
import { filled } from '../../helpers.js'
import { cases } from './cases.js'
import { samplerOf } from './datasets.js'

const { BatchSampler, DistributedSampler, random_split, RandomSampler, Sampler, SequentialSampler } = torch.utils.data
const { SubsetRandomSampler, Subset, TensorDataset, WeightedRandomSampler } = torch.utils.data

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i)
const drawn = () => (torch.randint(10 ** 6, []) as Tensor).item()

test.each(filled(cases.samplers))('$sampler of $n, seed $seed, gives Python’s indices', (spec) => {
  torch.manual_seed(spec.seed)
  const generator = new torch.Generator().manual_seed(spec.seed + 1)
  const sampler = samplerOf(spec.sampler, range(spec.n), generator) as Iterable<unknown> & { length: number }
  const passes = [0, 1].map((epoch) => {
    if (sampler instanceof DistributedSampler) sampler.set_epoch(epoch)
    return [...sampler]
  })
  expect({ length: sampler.length, passes, drawn: drawn() }).toEqual({
    length: spec.length,
    passes: spec.passes,
    drawn: spec.drawn,
  })
})

test.each(filled(cases.splits))('$n split into $lengths gives Python’s parts', ({ n, lengths, seed, ...outcome }) => {
  const split = () => {
    const generator = new torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    const own = random_split(range(n), lengths, { generator }).map(({ indices }) => [...(indices as number[])])
    const unseeded = random_split(range(n), lengths).map(({ indices }) => [...(indices as number[])])
    return { generator: own, default: unseeded, drawn: drawn() }
  }
  if ('gives' in outcome) expect(split()).toEqual(outcome.gives)
  else expect(split).toThrow(new RangeError(outcome.message))
})

test('the parts of a split are datasets', () => {
  const data = new TensorDataset(torch.arange(10), torch.arange(10).mul(2))
  const [train, rest] = random_split(data, [0.8, 0.2], new torch.Generator().manual_seed(1)) as [
    torch.utils.data.Subset<[Tensor, Tensor]>,
    torch.utils.data.Subset<[Tensor, Tensor]>,
  ]
  expect([train.length, rest.length]).toEqual([8, 2])
  expect(train.dataset).toBe(data)
  const all = [train, rest].flatMap((part) =>
    [...new torch.utils.data.DataLoader(part, 3)].flatMap(([x]) => x.tolist()),
  )
  expect(all.toSorted()).toEqual(range(10))
  expect(() => random_split(data, [2.5, 7.5])).toThrow(/whole number, not 2.5/)
  expect(() => random_split({ dataset: data, lengths: [5, 5], generater: null } as never)).toThrow(/did you mean/)
})

describe('refusals', () => {
  test.each(filled(cases.sampler_errors))('$sampler', ({ sampler, ...outcome }) => {
    if ('gives' in outcome) throw new Error('the case gives something in Python')
    const { message } = outcome
    expect(() => [...(samplerOf(sampler, range(4), null) as Iterable<unknown>)]).toThrow(message)
  })

  test('of arguments of other types', () => {
    const data = range(4)
    expect(() => new RandomSampler(data, 1 as never)).toThrow("'replacement' (position 2) must be bool")
    expect(() => new RandomSampler(data, { num_samples: 1.5 })).toThrow(
      "'num_samples' (position 3) must be int or null",
    )
    expect(() => [...new RandomSampler(data, { generator: 3 as never })]).toThrow(TypeError)
    expect(() => new WeightedRandomSampler([1], 1, 1 as never)).toThrow("'replacement' (position 3) must be bool")
    expect(() => new BatchSampler(data, 2, 0 as never)).toThrow("'drop_last' (position 3) must be bool")
    expect(() => new BatchSampler(3 as never, 2, false)).toThrow("'sampler' (position 1) must be iterable")
    expect(() => new SequentialSampler(null as never)).toThrow("'data_source' (position 1) must be Sized")
    expect(() => new DistributedSampler(data)).toThrow('Requires distributed package to be available')
    expect(() => new DistributedSampler(data, 2)).toThrow('Requires distributed package to be available')
    expect(() => new Sampler()[Symbol.iterator]()).toThrow(/should implement \[Symbol.iterator\]/)
    expect(() => [...new RandomSampler([], { num_samples: 2 })]).toThrow(/no sample/)
    expect(() => new RandomSampler(new Date() as never)).toThrow(/object of type 'Date' has no len\(\)/)
    expect(() => new RandomSampler({ data_sorce: data } as never)).toThrow("(did you mean 'data_source'?)")
    expect(() => new RandomSampler(torch.ones([]))).toThrow('len() of a 0-d tensor')
  })
})

test('samplers of tensors, sets and typed arrays', () => {
  expect([...new SequentialSampler(torch.ones(3, 2))]).toEqual([0, 1, 2])
  expect([...new SequentialSampler(new Set('ab'))]).toEqual([0, 1])
  expect([...new SubsetRandomSampler(new Uint8Array([7]))]).toEqual([7])
  const weights = torch.tensor([0, 0, 1])
  expect([...new WeightedRandomSampler(weights, 4)]).toEqual([2, 2, 2, 2])
  expect([...new WeightedRandomSampler(new Float64Array([0, 1]), 2)]).toEqual([1, 1])
})

test('a sampler follows its data when that grows', () => {
  const data = [1, 2]
  const sampler = new RandomSampler(data)
  expect([...sampler].length).toBe(2)
  data.push(3)
  expect([...sampler].toSorted()).toEqual([0, 1, 2])
  expect(sampler.length).toBe(3)
})

test('weights are kept when the scope ends that they were made in', () => {
  const sampler = torch.scope(() => {
    const made = new WeightedRandomSampler([0, 1], 2)
    return { made: () => made }
  })
  expect([...sampler.made()]).toEqual([1, 1])
})

test('a sampler of one’s own', () => {
  class ByLength extends Sampler<number> {
    constructor(readonly texts: string[]) {
      super()
    }
    get length() {
      return this.texts.length
    }
    override *[Symbol.iterator]() {
      yield* range(this.length).sort((a, b) => (this.texts[a] as string).length - (this.texts[b] as string).length)
    }
  }
  const texts = ['three', 'a', 'to']
  const loader = new torch.utils.data.DataLoader(texts, { batch_size: 2, sampler: new ByLength(texts) })
  expect([...loader]).toEqual([['a', 'to'], ['three']])
  expect(loader.length).toBe(2)
  expect(new Subset(texts, [2]).at(-1)).toBe('to')
})
