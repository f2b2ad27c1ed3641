// DataLoaders with workers: what comes from other threads.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { native } from '../../../lib/core/native.js'
import torch, { nn, type Tensor } from '../../../lib/index.js'
import {
  Bad,
  compiled,
  Echo,
  hidden,
  Images,
  Info,
  Later,
  makeFunction,
  makePoint,
  Nesting,
  Nothing,
  Numbers,
  Point,
  refuse,
  Secret,
  Shard,
  Stream,
  same,
  sum,
  tell,
} from './worker_datasets.js'

const { ChainDataset, ConcatDataset, DataLoader, Dataset, StackDataset, Subset, TensorDataset } = torch.utils.data

const listed = (batches: Iterable<unknown>): unknown[] => [...batches].map((batch) => (batch as Tensor).tolist())

async function listedLater(batches: AsyncIterable<unknown>): Promise<unknown[]> {
  const lists: unknown[] = []
  for await (const batch of batches) lists.push((batch as Tensor).tolist())
  return lists
}

function thrownBy(action: () => unknown): Error {
  try {
    action()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}

/** What a sample is when it comes back from a worker. */
function echoed<T>(value: T): T {
  const loader = new DataLoader(new Echo([value]), { batch_size: null, num_workers: 1, collate_fn: same })
  return [...loader][0] as T
}

describe('errors in a worker', () => {
  test('come with their type, the worker’s number and their stack, by for as by for await', async () => {
    const loader = new DataLoader(new Bad(12, 5, 'throw'), { batch_size: 2, num_workers: 2 })
    const check = (error: Error, seen: number) => {
      expect(error).toBeInstanceOf(RangeError)
      expect(error.message).toMatch(
        /^Caught RangeError in DataLoader worker process 0\.\nOriginal RangeError: sample 5 is bad\n +at Bad\.at .*worker_datasets/,
      )
      expect(seen).toBe(2)
    }
    const iterator = loader[Symbol.iterator]()
    let seen = 0
    check(
      thrownBy(() => {
        for (; iterator.next().done !== true; seen++);
      }),
      seen,
    )
    expect(iterator.next()).toEqual({ done: true, value: undefined })
    seen = 0
    try {
      for await (const _ of loader) seen++
    } catch (error) {
      check(error as Error, seen)
      seen = -1
    }
    expect(seen).toBe(-1)
  })

  test.each([
    ['throw with a code', { name: 'TypeError', code: 'ENOENT', path: '/nowhere' }, 'no such file'],
    ['throw an error of its own', { name: 'MyError' }, 'mine'],
    ['throw a string', { name: 'Error' }, 'just a string'],
    ['throw undefined', { name: 'Error' }, 'undefined'],
    ['reject', { name: 'SyntaxError' }, 'later'],
  ])('%s', (how, fields, message) => {
    const error = thrownBy(() => [...new DataLoader(new Bad(2, 1, how), { num_workers: 1 })])
    expect(error).toMatchObject(fields)
    expect(error.message).toContain(`Caught ${fields.name} in DataLoader worker process 0.\nOriginal `)
    expect(error.message).toContain(message)
  })

  test('of worker_init_fn, collate_fn and the module itself come with the first batch', () => {
    const init = new DataLoader(new Numbers(4), { num_workers: 2, worker_init_fn: refuse })
    expect(() => [...init]).toThrow(/Caught Error in DataLoader worker process 0\.\nOriginal Error: not today/)
    const collating = new DataLoader(new Numbers(4), { num_workers: 2, collate_fn: refuse })
    expect(() => [...collating]).toThrow(/not today/)
    expect(() => [...new DataLoader(hidden, { num_workers: 1 })]).toThrow(
      /looked for Hidden in file:.*worker_datasets\.js, which exports nothing of that name/,
    )
    class Lost extends Numbers {
      static override url = compiled('nowhere.js')
    }
    expect(() => [...new DataLoader(new Lost(2), { num_workers: 1 })]).toThrow(/Cannot find module .*nowhere\.js/)
  })

  test('an iterator that is opened in vain', () => {
    const nothing = new DataLoader(new Nothing(), { num_workers: 1 })
    expect(() => [...nothing]).toThrow(/worker process 0.*\n.*should have \[Symbol.iterator\]/)
  })

  test('a worker has no workers', () => {
    expect(() => [...new DataLoader(new Nesting(), { num_workers: 1 })]).toThrow(/cannot have workers of its own/)
  })
})

describe('a worker that hangs', () => {
  test.each(['hang', 'never'])('runs into the timeout: %s', async (how) => {
    const loader = new DataLoader(new Bad(6, 3, how), { num_workers: 2, timeout: 0.3 })
    const seen: unknown[] = []
    expect(() => {
      for (const batch of loader) seen.push((batch as Tensor).tolist())
    }).toThrow(new Error('DataLoader timed out after 0.3 seconds'))
    expect([[0], [1], [2]].slice(0, seen.length)).toEqual(seen)
    await expect(listedLater(loader)).rejects.toThrow('DataLoader timed out after 0.3 seconds')
  })
})

describe('a worker that ends', () => {
  test.each(['exit', 'fail elsewhere'])('is noticed: %s', async (how) => {
    const loader = new DataLoader(new Bad(6, 3, how), { num_workers: 2 })
    const message = /^DataLoader worker \(id\(s\) 1\) exited unexpectedly/
    expect(() => [...loader]).toThrow(message)
    await expect(listedLater(loader)).rejects.toThrow(message)
    expect(listed(new DataLoader(new Numbers(2), { num_workers: 2 }))).toEqual([[0], [1]])
  })

  test('says why, where that is known', () => {
    const error = thrownBy(() => [...new DataLoader(new Bad(2, 1, 'fail elsewhere'), { num_workers: 1 })])
    expect(error.message).toBe('DataLoader worker (id(s) 0) exited unexpectedly: outside of any batch')
    expect((error.cause as Error).stack).toContain('worker_datasets')
  })
})

describe('what travels', () => {
  const url = new URL('https://example.org/a?b')
  test.each<[string, unknown]>([
    ['nothing', [undefined, null, Number.NaN, -0, 2n ** 70n, '', true]],
    ['numbers', Array.from({ length: 1000 }, (_, i) => i / 3)],
    ['typed arrays', [new Float32Array([1.5]), new BigInt64Array([-1n]), new Uint8Array([1, 2]).buffer]],
    ['a Buffer', Buffer.from('abc')],
    ['a Date, a RegExp, an Error', [new Date(5), /a.b/gi, new RangeError('x')]],
    ['an address', url],
    ['Maps and Sets', new Map<unknown, unknown>([[{ a: 1 }, new Set([1, [2]])]])],
    ['dtypes, devices, sizes', [torch.float64, torch.device('cuda:1'), torch.zeros(2, 3).shape]],
    ['odd names', JSON.parse('{"__proto__": [1], "tstorch:kind": "tensor", "then": 2}')],
  ])('%s', (_, value) => {
    expect(echoed(value)).toStrictEqual(value)
  })

  test('an object of a class, with its fields and methods', () => {
    const back = echoed(new Point(3, torch.tensor([1, 2])))
    expect(back).toBeInstanceOf(Point)
    expect([back.x, back.double, back.next, back.weight.tolist()]).toEqual([3, 6, null, [1, 2]])
  })

  test('dtypes and devices stay the one there is', () => {
    const [dtype, device] = echoed([torch.int32, torch.device('cpu')])
    expect(dtype).toBe(torch.int32)
    expect(device).toBe(torch.device('cpu'))
  })

  test('tensors of every kind, which are not copied', () => {
    const x = torch.arange(6, { dtype: torch.float32 }).view(2, 3)
    const back = echoed({ x, row: x.index(1), column: x.index(':, 1') })
    x.fill_(7)
    expect(back.x.tolist()).toEqual(x.tolist())
    expect([back.row.tolist(), back.column.tolist()]).toEqual([
      [7, 7, 7],
      [7, 7],
    ])
    expect(back.column.stride()).toEqual([3])
    const leaf = torch.ones(2, { requires_grad: true })
    const parameter = new nn.Parameter(torch.ones(2))
    const [a, b, c] = echoed([leaf, parameter, torch.zeros(0, 3, { dtype: torch.bfloat16 })])
    expect([a?.requires_grad, a?.is_leaf, b?.requires_grad]).toEqual([true, true, true])
    expect(b).toBeInstanceOf(nn.Parameter)
    expect([c?.dtype, ...(c?.shape ?? [])]).toEqual([torch.bfloat16, 0, 3])
    for (const dtype of [torch.complex64, torch.bool, torch.uint8, torch.float16, torch.int64]) {
      expect(torch.equal(echoed(torch.ones(2, 2, { dtype })), torch.ones(2, 2, { dtype }))).toBe(true)
    }
  })

  test('sparse tensors', () => {
    const x = torch.eye(3).mul(2)
    for (const sparse of [x.to_sparse(), x.to_sparse_csr(), x.to_sparse_csc(), x.to_sparse_bsr([1, 1])]) {
      const back = echoed(sparse)
      expect(back.layout).toBe(sparse.layout)
      expect(back.to_dense().tolist()).toEqual(x.tolist())
    }
    const twice = torch.sparse_coo_tensor(torch.tensor([[0n, 0n]]), torch.ones(2), [2])
    const back = echoed(twice)
    expect([back.is_coalesced(), back.to_dense().tolist()]).toEqual([false, [2, 0]])
  })

  test('a generator, which draws on', () => {
    const generator = new torch.Generator().manual_seed(3)
    torch.rand(3, { generator })
    const back = echoed(generator)
    expect(torch.rand(3, { generator: back }).tolist()).toEqual(torch.rand(3, { generator }).tolist())
  })

  test('what is met twice, and circles', () => {
    const list: unknown[] = [torch.ones(1)]
    list.push(list, list[0])
    const back = echoed(list)
    expect(back[1]).toBe(back)
    expect(back[2]).toBe(back[0])
    const point = new Point(1, torch.ones(1))
    point.next = point
    const again = echoed(point)
    expect(again.next).toBe(again)
  })

  test('objects that say how they are made', () => {
    const back = echoed(new Secret('hush', [torch.tensor([1, 2])]))
    expect(back).toBeInstanceOf(Secret)
    expect([back.word, back.list[0]?.tolist()]).toEqual(['hush', [1, 2]])
  })

  test('packed sequences', () => {
    const packed = nn.utils.rnn.pack_sequence([torch.ones(3), torch.ones(2)])
    const back = echoed(packed)
    expect(back).toBeInstanceOf(nn.utils.rnn.PackedSequence)
    expect(back.batch_sizes.tolist()).toEqual([2, 2, 1])
  })

  test('the library’s datasets, one in the other', () => {
    const tensors = new TensorDataset(torch.arange(4), torch.arange(4).mul(10))
    const all = new ConcatDataset([new Subset(tensors, [3, 1]), new Subset(tensors, [0])])
    const lists = (dataset: object, num_workers: number) =>
      [...new DataLoader(dataset as typeof all, { batch_size: 2, num_workers })].map((batch) =>
        (batch as Tensor[]).map((each) => each.tolist()),
      )
    expect(lists(all, 2)).toEqual([
      [
        [3, 1],
        [30, 10],
      ],
      [[0], [0]],
    ])
    const stacked = () => new StackDataset(new Subset(tensors.tensors[0] as Tensor, [1, 0]), new Numbers(2))
    expect(lists(stacked(), 2)).toEqual([
      [
        [1, 0],
        [0, 1],
      ],
    ])
    const named = new DataLoader(new StackDataset({ a: [1n, 2n], b: torch.ones(2) }), { num_workers: 1, batch_size: 2 })
    expect([...named].map(({ a, b }) => [a.tolist(), b.tolist()])).toEqual([
      [
        [1, 2],
        [1, 1],
      ],
    ])
    const chain = new DataLoader(new ChainDataset([new Shard(3), new Shard(2)]), { num_workers: 1, batch_size: 9 })
    expect(listed(chain)).toEqual([[0, 1, 2, 0, 1]])
    expect(listed(new DataLoader([5n, 6n, 7n], { num_workers: 2, batch_size: 2 }))).toEqual([[5, 6], [7]])
    const keyed = new Map([['a', 1n]])
    expect(listed(new DataLoader(keyed, { num_workers: 1, sampler: ['a'] }))).toEqual([[1]])
  })
})

describe('what does not travel', () => {
  class Plain extends Dataset<number> {
    readonly length = 1
    override at(i: number): number {
      return i
    }
  }
  const load = (dataset: object, options: object = {}) => [
    ...new DataLoader(dataset as Numbers, { num_workers: 1, ...options }),
  ]
  const given = (value: unknown) => () => load(new Echo([[value]]))

  test.each<[string, () => unknown, RegExp]>([
    [
      'a dataset of an unknown class',
      () => load(new Plain()),
      /^DataLoader\.dataset is an object of the class Plain, /,
    ],
    [
      'a function in a field',
      given(() => 1),
      /^DataLoader\.dataset\.values\[0\]\[0\] is a function, which cannot travel/,
    ],
    ['a named function', given(thrownBy), /the function thrownBy, .*`thrownBy\.url = import\.meta\.url`/],
    ['a class', given(Plain), /is the class Plain, /],
    ['a symbol', given(Symbol('x')), /values\[0\]\[0\] is a symbol, /],
    ['a promise', given(Promise.resolve()), /is an object of the class Promise, /],
    ['a module', given(new nn.Linear(1, 1)), /is an object of the class Linear, /],
    ['a WeakMap in a Map', given(new Map([['a', new WeakMap()]])), /\[0\]\.get\(…\) is an object of the class WeakMap/],
    [
      'collate_fn',
      () => load(new Numbers(1), { collate_fn: (x: unknown) => x }),
      /^DataLoader\.collate_fn is the function/,
    ],
    ['worker_init_fn', () => load(new Numbers(1), { worker_init_fn: () => {} }), /^DataLoader\.worker_init_fn is the/],
    ['a graph', given(torch.ones(1, { requires_grad: true }).mul(2)), /refusing to serialize non-leaf tensor/],
  ])('%s', (_, action, message) => {
    expect(action).toThrow(message)
    const { message: text } = thrownBy(action)
    if (!text.includes('non-leaf')) expect(text).toContain('num_workers: 0')
  })

  test('a batch of a class that the loader’s thread has not sent, and one that nothing can send', () => {
    const made = new DataLoader(new Echo([1]), { num_workers: 1, batch_size: null, collate_fn: makePoint })
    expect(() => [...made]).toThrow(/has not sent to the worker/)
    const linear = new DataLoader(new Echo([1]), { num_workers: 1, batch_size: null, collate_fn: makeFunction })
    expect(() => [...linear]).toThrow(/worker process 0\.\nOriginal TypeError: the batch\.f is the function f, /)
  })

  test('nothing is left of what was refused', () => {
    const before = native.shared_count()
    expect(given([torch.ones(3), () => 1])).toThrow()
    expect(native.shared_count()).toBe(before)
  })
})

type Told = [id: Tensor, num_workers: Tensor, seed: Tensor, isOwn: Tensor, asked: Tensor, told: Tensor]

describe('workers', () => {
  const told = (loader: Iterable<unknown>) =>
    [...loader].map((batch) => (batch as Told).map((each) => (each as Tensor).tolist<(number | bigint | boolean)[]>()))

  test('know their number, seed and dataset, and have one thread of libtorch', () => {
    const threads = torch.get_num_threads()
    torch.manual_seed(5)
    const base = (torch.empty([], { dtype: torch.int64 }).random_() as Tensor).item<bigint>()
    torch.manual_seed(5)
    const loader = new DataLoader(new Info(), { batch_size: 2, num_workers: 2, worker_init_fn: tell })
    const seeds = [BigInt(base), BigInt(base) + 1n]
    const expected = [0, 1, 0, 1].map((id, i) => [
      [id, id],
      [2, 2],
      [seeds[id], seeds[id]],
      [true, true],
      i < 2 ? [1, 2] : [3, 4],
      [10 * id + 1, 10 * id + 1],
    ])
    const numbers = (batches: unknown[][][]) => batches.map((batch) => batch.map((list) => list.map(exactly)))
    const exactly = (value: unknown) => (typeof value === 'boolean' ? value : BigInt(value as number))
    expect(numbers(told(loader))).toEqual(numbers(expected))
    // The next pass has a dataset of its own.
    expect(told(loader).map((batch) => batch[4])).toEqual([
      [1, 2],
      [1, 2],
      [3, 4],
      [3, 4],
    ])
    expect(torch.get_num_threads()).toBe(threads)
    expect(torch.utils.data.get_worker_info()).toBe(null)
  })

  test('that persist keep their dataset', () => {
    const loader = new DataLoader(new Info(), { batch_size: 2, num_workers: 2, persistent_workers: true })
    const asked = () => told(loader).map((batch) => batch[4])
    expect(asked()).toEqual([
      [1, 2],
      [1, 2],
      [3, 4],
      [3, 4],
    ])
    // Whoever stops early leaves what was loaded ahead.
    for (const _ of loader) break
    const after = asked().map((list) => (list as number[])[0] as number)
    expect(after[2]).toBe((after[0] as number) + 2)
    expect(after[0]).toBeGreaterThanOrEqual(7)
  })

  test('that persist are replaced where one has ended', () => {
    const loader = new DataLoader(new Bad(4, 1, 'exit'), { num_workers: 2, persistent_workers: true })
    for (let i = 0; i < 2; i++) expect(() => [...loader]).toThrow(/exited unexpectedly/)
  })

  test('draw from generators of their own: this thread’s numbers stay as they are', () => {
    torch.manual_seed(1)
    const numbers = torch.rand(4).tolist()
    torch.manual_seed(1)
    const iterator = new DataLoader(new Numbers(100), { num_workers: 2 })[Symbol.iterator]()
    // A base seed was drawn.
    torch.manual_seed(1)
    const meanwhile = Array.from({ length: 4 }, () => {
      iterator.next()
      return torch.rand(1).item()
    })
    iterator.return?.()
    expect(meanwhile).toEqual(numbers)
  })

  test('load ahead as much as prefetch_factor says, and no more', () => {
    for (const prefetch_factor of [1, 3]) {
      const dataset = new Later(40)
      const iterator = new DataLoader(dataset, { num_workers: 2, prefetch_factor })[Symbol.iterator]()
      iterator.next()
      iterator.next()
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
      // Two batches were handed on, and for each another one is on its way.
      expect(Atomics.load(dataset.counts, 0)).toBe(2 + 2 * prefetch_factor)
      iterator.return?.()
    }
    expect(() => [...new DataLoader(new Numbers(2), { num_workers: 1, prefetch_factor: 0 })]).toThrow(
      /prefetch_factor must be greater than 0/,
    )
  })

  test('load what gives promises, also for a plain loop', async () => {
    const loader = new DataLoader(new Later(5), { batch_size: 2, num_workers: 2 })
    expect(listed(loader as Iterable<unknown>)).toEqual([[0, 1], [2, 3], [4]])
    expect(await listedLater(loader)).toEqual([[0, 1], [2, 3], [4]])
    const stream = new DataLoader(new Stream(3), { batch_size: 2, num_workers: 2 })
    expect(listed(stream as Iterable<unknown>)).toEqual([[0, 1], [0, 1], [2], [2]])
  })

  test('hand batches on as they come, where the order does not matter', () => {
    const dataset = new Later(4, 300)
    const loader = (in_order: boolean) =>
      listed(new DataLoader(dataset, { num_workers: 2, in_order }) as Iterable<unknown>)
    expect(loader(true)).toEqual([[0], [1], [2], [3]])
    expect(loader(false)).toEqual([[0], [2], [1], [3]])
  })

  test('give batches to an event loop that goes on turning', async () => {
    let turns = 0
    const timer = setInterval(() => turns++, 5)
    for await (const _ of new DataLoader(new Later(4, 100), { num_workers: 1 }));
    clearInterval(timer)
    expect(turns).toBeGreaterThan(0)
  })

  test('batches asked for at once come one after the other', async () => {
    const iterator = new DataLoader(new Later(3, 50), { num_workers: 2 })[Symbol.asyncIterator]()
    const results = await Promise.all([iterator.next(), iterator.next(), iterator.next(), iterator.next()])
    expect(results.map(({ value }) => value?.tolist())).toEqual([[0], [1], [2], undefined])
  })

  test('of several loaders at once, in loops within each other', () => {
    const pairs: unknown[] = []
    const [outer, inner] = [3, 2].map((n) => new DataLoader(new Numbers(n), { num_workers: 2, shuffle: false }))
    for (const a of outer as Iterable<Tensor>)
      for (const b of inner as Iterable<Tensor>) pairs.push([a.item(), b.item()])
    expect(pairs).toEqual([0, 1, 2].flatMap((a) => [0, 1].map((b) => [a, b])))
  })

  test('use a collate_fn that has a name', () => {
    expect(listed(new DataLoader(new Numbers(5), { batch_size: 2, num_workers: 2, collate_fn: sum }))).toEqual([
      1, 5, 4,
    ])
  })
})

describe('an end before the end', () => {
  const nothingShared = () => native.shared_count()

  test('closes the iterators of IterableDatasets', async () => {
    const dataset = new Shard(1000)
    // The second batch is the second worker's: both have begun.
    let batches = 0
    for (const _ of new DataLoader(dataset, { num_workers: 2 })) if (++batches === 2) break
    for await (const _ of new DataLoader(dataset, { num_workers: 2 })) if (++batches === 4) break
    await expect.poll(() => Atomics.load(dataset.closed, 0), { timeout: 60_000 }).toBe(4)
  })

  test.each<[string, (loader: Iterable<unknown>) => void]>([
    [
      'break',
      (loader) => {
        for (const _ of loader) break
      },
    ],
    [
      'an error in the loop',
      (loader) => {
        thrownBy(() => {
          for (const _ of loader) throw new Error('stop')
        })
      },
    ],
    [
      'destructuring',
      (loader) => {
        const [_first] = loader
      },
    ],
    ['an iterator that is closed unasked', (loader) => void loader[Symbol.iterator]().return?.()],
  ])('%s leaves no tensors behind', (_, stop) => {
    const before = nothingShared()
    const loader = new DataLoader(new Images(100), { batch_size: 4, num_workers: 2 })
    for (let i = 0; i < 5; i++) {
      stop(loader)
      expect(nothingShared()).toBe(before)
    }
  })

  test('return() while a batch is awaited', async () => {
    const before = nothingShared()
    const iterator = new DataLoader(new Later(4, 10_000), { batch_size: 2, num_workers: 1 })[Symbol.asyncIterator]()
    const next = iterator.next()
    await new Promise((resolve) => setTimeout(resolve, 20))
    await iterator.return?.()
    expect(await next).toEqual({ done: true, value: undefined })
    expect(nothingShared()).toBe(before)
  })
})

/** Runs a program to its end: one of worker_programs.ts, or `main`. */
function run(name: string, ...options: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  const file = fileURLToPath(compiled(name === 'main' ? 'worker_main.js' : 'worker_programs.js'))
  return new Promise((resolve) => {
    execFile(process.execPath, [...options, file, name], (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.code ?? error.signal), stdout, stderr })
    })
  })
}

describe('a process', () => {
  test.each([
    ['finished', 'ended by itself\n'],
    ['dropped', 'ended by itself\n'],
    ['persistent', 'ended by itself\n'],
    ['hanging', 'timed out\nended by itself\n'],
    ['awaiting', 'ended by itself\n'],
  ])('whose loader is %s ends by itself', async (program, stdout) => {
    expect(await run(program)).toEqual({ code: 0, stdout, stderr: '' })
  })

  test('ends with its code while workers load, and with that of an error in a loop', async () => {
    expect(await run('exit')).toMatchObject({ code: 7 })
    expect(await run('fail')).toMatchObject({ code: 1, stderr: expect.stringContaining('an error in the loop') })
  })

  test('learns of a worker that was terminated, by for and for await', async () => {
    expect(await run('terminated')).toEqual({
      code: 0,
      stdout: 'DataLoader worker (id(s) 0) exited unexpectedly\n'.repeat(2),
      stderr: '',
    })
  })

  test('learns of a worker whose heap is full', async () => {
    const { code, stdout } = await run('full', '--max-old-space-size=80')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^DataLoader worker \(id\(s\) 0\) exited unexpectedly: .*(memory|heap)/)
  })

  test('whose own program a worker imports is told so', async () => {
    const { code, stderr } = await run('main')
    expect(code).toBe(1)
    expect(stderr).toContain('put the dataset into a module of its own')
  })

  test('has no more threads, tensors or handles after loaders that were abandoned', async () => {
    const { code, stdout, stderr } = await run('abandoned')
    expect([code, stderr]).toEqual([0, ''])
    const { before, after, inLoop } = JSON.parse(stdout)
    expect(before).toMatchObject({ workers: 0, shared: 0 })
    expect(after).toEqual({ ...before, threads: expect.any(Number) })
    expect(after.threads).toBeLessThanOrEqual(before.threads)
    // Where the event loop does not turn threads are used again: two for each of three datasets' classes.
    expect(inLoop).toBeLessThanOrEqual(before.threads + 6)
  })
})
