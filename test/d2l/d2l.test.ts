import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { packageRoot } from '../../lib/core/package_root.js'
import * as d2l from '../../lib/d2l/index.js'
import torch, { nn, type Tensor } from '../../lib/index.js'

describe('text', () => {
  test('is reduced to letters in lower case', () => {
    expect(d2l.preprocess('The Time Machine, by H. G. Wells [1898]\n\n I\n')).toEqual([
      'the time machine by h g wells',
      '',
      'i',
    ])
    expect(d2l.tokenize(['a bc', ''])).toEqual([['a', 'bc'], []])
    expect(d2l.tokenize(['a b'], 'char')).toEqual([['a', ' ', 'b']])
    expect(() => d2l.tokenize([], 'line' as never)).toThrow(/'word' or 'char'/)
  })

  test('a vocabulary orders by frequency, then by occurrence', () => {
    const vocab = new d2l.Vocab([
      ['b', 'a', 'c'],
      ['c', 'a', 'd'],
    ])
    expect(vocab.idx_to_token).toEqual(['<unk>', 'a', 'c', 'b', 'd'])
    expect([vocab.length, vocab.get('c'), vocab.get(['d', 'nothing']), vocab.to_tokens([1, 0])]).toEqual([
      5,
      2,
      [4, 0],
      ['a', '<unk>'],
    ])
    expect(vocab.token_freqs[0]).toEqual(['a', 2])
    expect(() => vocab.to_tokens(5)).toThrow(/no token has the number 5/)
  })

  test('reserved tokens come first, rare ones are unknown', () => {
    const vocab = new d2l.Vocab(['x', 'y', 'y'], { min_freq: 2, reserved_tokens: ['<pad>', '<bos>'] })
    expect(vocab.idx_to_token).toEqual(['<unk>', '<pad>', '<bos>', 'y'])
    expect(vocab.get('x')).toBe(vocab.unk)
  })

  test('without letters is refused', () => {
    expect(() => d2l.load_corpus_time_machine('1234 \n')).toThrow(/no letters/)
  })
})

// d2l's text is not part of this project: it is in a folder beside a clone, or in the cache.
const file = [join(packageRoot, '..', 'shared', 'data', 'timemachine.txt')].find((path) => existsSync(path))
const timeMachine = file === undefined ? d2l.cached_time_machine() : readFileSync(file, 'utf8')
test.skipIf(timeMachine === null)(
  'The Time Machine has d2l’s vocabulary and corpus (skipped if the text is not there)',
  () => {
    const { corpus, vocab } = d2l.load_corpus_time_machine(timeMachine as string)
    expect([corpus.length, vocab.length]).toEqual([170_580, 28])
    expect(vocab.idx_to_token.slice(0, 5)).toEqual(['<unk>', ' ', 'e', 't', 'a'])
    const [loader, same] = d2l.load_data_time_machine(32, 35, { text: timeMachine as string })
    expect([loader.corpus.length, same.length]).toEqual([10_000, 28])
  },
)

describe('minibatches', () => {
  const corpus = Array.from({ length: 35 }, (_, i) => i)
  const lists = ([X, Y]: d2l.Batch) => [X.tolist(), Y.tolist()] as [number[][], number[][]]

  test('in random order cover subsequences that do not overlap', () => {
    torch.manual_seed(0)
    const batches = [...d2l.seq_data_iter_random(corpus, 2, 5)].map(lists)
    expect(batches).toHaveLength(3)
    for (const [X, Y] of batches) expect(Y).toEqual(X.map((row) => row.map((token) => token + 1)))
    const starts = batches.flatMap(([X]) => X.map((row) => row[0] as number))
    expect(new Set(starts.map((start) => start % 5)).size).toBe(1)
    expect(new Set(starts).size).toBe(6)
  })

  test('in order continue each row of the batch before', () => {
    torch.manual_seed(0)
    const batches = [...d2l.seq_data_iter_sequential(corpus, 2, 5)].map(lists)
    // 35 tokens, less an offset of up to 5, in two rows.
    expect([2, 3]).toContain(batches.length)
    batches.slice(1).forEach(([X], i) => {
      expect(X.map((row) => (row[0] as number) - 5)).toEqual(batches[i]?.[0].map((row) => row[0]))
    })
    for (const [X, Y] of batches) expect(Y).toEqual(X.map((row) => row.map((token) => token + 1)))
  })

  test('start over at each iteration, at an offset that the generator draws', () => {
    const options = { generator: new torch.Generator().manual_seed(1), use_random_iter: true }
    const loader = new d2l.SeqDataLoader('abcdefghij'.repeat(9), 2, 4, options)
    const first = () => (([...loader][0] as d2l.Batch)[0] as Tensor).tolist()
    expect(first()).not.toEqual(first())
  })

  test('of a text that is too short are refused', () => {
    expect(() => d2l.load_data_time_machine(32, 10, { text: 'short' })).toThrow(/5 tokens is shorter than one batch/)
    expect(() => [...d2l.seq_data_iter_random([1, 2], 1, 5)]).toThrow(/shorter/)
    expect(() => new d2l.SeqDataLoader('abc', 0, 1)).toThrow(/at least 1/)
  })
})

test('accumulators sum, timers measure', () => {
  const sums = new d2l.Accumulator(2)
  sums.add(1, 2)
  sums.add(10, 20)
  expect([sums.get(0), sums.get(1)]).toEqual([11, 22])
  sums.reset()
  expect(sums.data).toEqual([0, 0])
  const clock = vi.spyOn(performance, 'now')
  try {
    // Milliseconds: made, stopped, started again, stopped.
    for (const time of [1000, 1250, 5000, 6750]) clock.mockReturnValueOnce(time)
    const timer = new d2l.Timer()
    expect(timer.stop()).toBe(0.25)
    timer.start()
    expect(timer.stop()).toBe(1.75)
    expect(timer.times).toEqual([0.25, 1.75])
    expect([timer.sum(), timer.avg(), timer.cumsum()]).toEqual([2, 1, [0.25, 2]])
  } finally {
    clock.mockRestore()
  }
})

test('sgd and clipping change parameters as they say', () => {
  const w = torch.tensor([3, 4], { requires_grad: true })
  const net = { params: [w] }
  w.pow(2).sum().div(2).backward()
  d2l.grad_clipping(net, 10)
  expect(w.grad?.tolist()).toEqual([3, 4])
  d2l.grad_clipping(net, 1)
  expect(w.grad?.norm().item()).toBeCloseTo(1, 6)
  d2l.sgd(net.params, 10, 2)
  const [first, second] = w.tolist() as number[]
  expect([first, second]).toEqual([expect.closeTo(0, 5), expect.closeTo(0, 5)])
  expect(w.grad?.tolist()).toEqual([0, 0])
})

test.each(['scratch', 'rnn', 'lstm', 'gru', 'bidirectional'])(
  'the %s model predicts, and both orders train it',
  (kind) => {
    torch.manual_seed(0)
    const text = 'the quick brown fox jumps over the lazy dog '.repeat(30)
    const [sequential, vocab] = d2l.load_data_time_machine(4, 6, { text })
    const layers: Record<string, () => nn.RNN | nn.LSTM | nn.GRU> = {
      rnn: () => new nn.RNN(vocab.length, 16),
      lstm: () => new nn.LSTM(vocab.length, 16, { num_layers: 2 }),
      gru: () => new nn.GRU(vocab.length, 16),
      bidirectional: () => new nn.RNN(vocab.length, 16, { bidirectional: true }),
    }
    const make = layers[kind]
    const net =
      make === undefined
        ? new d2l.RNNModelScratch(vocab.length, 16, 'cpu', d2l.get_params, d2l.init_rnn_state, d2l.rnn)
        : new d2l.RNNModel(make(), vocab.length)
    const [Y, state] = net(torch.arange(10).reshape(2, 5), net.begin_state(2, 'cpu'))
    expect(Y.shape.equals([10, vocab.length])).toBe(true)
    expect(state).toHaveLength(kind === 'lstm' ? 2 : 1)
    expect(d2l.predict_ch8('the', 7, net, vocab, 'cpu')).toMatch(/^the.{7,}/)
    const loss = new nn.CrossEntropyLoss()
    const updater = d2l.updater_ch8(net, 1)
    const epoch = (train_iter: Iterable<d2l.Batch>, use_random_iter: boolean) =>
      d2l.train_epoch_ch8(net, train_iter, loss, updater, 'cpu', { use_random_iter }).perplexity
    const [first, , , last] = [false, false, false, false].map(() => epoch(sequential, false))
    expect(last).toBeLessThan(first as number)
    const [random] = d2l.load_data_time_machine(4, 6, { text, use_random_iter: true })
    expect(epoch(random, true)).toBeLessThan(first as number)
  },
)

test('a prediction wants a prefix', () => {
  expect(() => d2l.predict_ch8('', 5, {} as never, {} as never, 'cpu')).toThrow(/prefix/)
})

test('try_gpu is the CPU where there is no GPU', () => {
  expect(d2l.try_gpu(99)).toBe(torch.device('cpu'))
})
