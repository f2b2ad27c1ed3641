// examples/serve/batcher.ts, its batches computed when the test says so.

import { expect, test, vi } from 'vitest'
import { Batcher, type BatcherOptions, Closed, QueueFull } from '../../examples/serve/batcher.js'

/** No wait ends within a test, so that only full batches start. */
const LONG = 1e8
const OPTIONS = { max_batch: 4, max_wait_ms: LONG, max_queue: 100, concurrency: 1 }

/** A batcher that doubles numbers, and its batches as they are started. */
function start(options: Partial<BatcherOptions> = {}) {
  const batches: { inputs: number[]; finish(): void; fail(error: Error): void; give(outputs: number[]): void }[] = []
  const batcher = new Batcher<number, number>(
    (inputs) =>
      new Promise((resolve, reject) => {
        batches.push({ inputs, finish: () => resolve(inputs.map((x) => 2 * x)), fail: reject, give: resolve })
      }),
    { ...OPTIONS, ...options },
  )
  const submit = (...inputs: number[]) => inputs.map((input) => batcher.submit(input))
  return { batcher, batches, submit, sizes: () => batches.map(({ inputs }) => inputs.length) }
}

/** Lets promises that are settled be seen. */
const settle = () => new Promise((resolve) => setImmediate(resolve))

test('a full batch starts at once, and gives each its own', async () => {
  const { batches, submit } = start()
  const taken = submit(1, 2, 3)
  expect(batches).toHaveLength(0)
  taken.push(...submit(4))
  expect(batches.map(({ inputs }) => inputs)).toEqual([[1, 2, 3, 4]])
  batches[0]?.finish()
  expect(await Promise.all(taken.map(({ output }) => output))).toEqual([2, 4, 6, 8])
})

test('an input waits for others as long as it should, and no longer', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  try {
    const { batches, submit } = start({ max_wait_ms: 10 })
    const taken = submit(1)
    vi.advanceTimersByTime(6)
    taken.push(...submit(2))
    vi.advanceTimersByTime(3)
    expect(batches).toHaveLength(0)
    vi.advanceTimersByTime(2)
    expect(batches.map(({ inputs }) => inputs)).toEqual([[1, 2]])
    batches[0]?.finish()
    expect(await Promise.all(taken.map(({ output }) => output))).toEqual([2, 4])
    // What comes later has a wait of its own.
    submit(3)
    vi.advanceTimersByTime(9)
    expect(batches).toHaveLength(1)
    vi.advanceTimersByTime(2)
    expect(batches[1]?.inputs).toEqual([3])
  } finally {
    vi.useRealTimers()
  }
})

test('what comes while all are busy is gathered, and computed in turn', async () => {
  const { batches, submit, batcher, sizes } = start({ max_wait_ms: 0, concurrency: 2 })
  submit(1)
  submit(2)
  expect(sizes()).toEqual([1, 1])
  submit(3, 4, 5, 6, 7, 8)
  expect(sizes()).toEqual([1, 1])
  expect(batcher.length).toBe(6)
  batches[1]?.finish()
  await settle()
  expect(batches.map(({ inputs }) => inputs)).toEqual([[1], [2], [3, 4, 5, 6]])
  batches[0]?.finish()
  await settle()
  expect(batches[3]?.inputs).toEqual([7, 8])
  expect(batcher.length).toBe(0)
  expect([...batcher.sizes].sort()).toEqual([
    [1, 2],
    [2, 1],
    [4, 1],
  ])
})

test('more than the queue holds is refused, until there is room', async () => {
  const { batches, submit, batcher } = start({ max_queue: 3, max_batch: 2 })
  submit(1, 2)
  submit(3, 4, 5)
  expect(() => submit(6)).toThrow(QueueFull)
  expect(batcher.length).toBe(3)
  batches[0]?.finish()
  await settle()
  submit(7)
  expect(batches[1]?.inputs).toEqual([3, 4])
})

test('what is taken back is not computed', async () => {
  const { batches, submit, batcher } = start()
  const [, second] = submit(1, 2, 3)
  second?.cancel()
  second?.cancel()
  submit(4)
  expect(batches).toHaveLength(0)
  submit(5)
  expect(batches[0]?.inputs).toEqual([1, 3, 4, 5])
  expect(batcher.length).toBe(0)
})

test('a batch that fails, or has too few outputs, fails for its inputs alone', async () => {
  const { batches, submit } = start({ max_batch: 2 })
  const taken = submit(1, 2, 3, 4, 5, 6)
  const ended = Promise.allSettled(taken.map(({ output }) => output))
  batches[0]?.fail(new Error('broken'))
  await settle()
  batches[1]?.give([1])
  await settle()
  batches[2]?.finish()
  const results = await ended
  expect(results.map((result) => (result.status === 'fulfilled' ? result.value : result.reason.message))).toEqual([
    ...['broken', 'broken', '1 outputs for 2 inputs', '1 outputs for 2 inputs'],
    ...[10, 12],
  ])
})

test('closing takes nothing more, and computes at once what waits', async () => {
  const { batches, submit, batcher, sizes } = start()
  const taken = submit(1, 2)
  let closed = false
  const closing = batcher.close().then(() => {
    closed = true
  })
  expect(sizes()).toEqual([2])
  expect(() => submit(3)).toThrow(Closed)
  await settle()
  expect(closed).toBe(false)
  batches[0]?.finish()
  await closing
  expect(await Promise.all(taken.map(({ output }) => output))).toEqual([2, 4])
  await batcher.close()
})

test('over any course of events each input is computed once, in batches that are not too large', async () => {
  let seed = 1
  const random = (below: number) => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed % below
  }
  for (let run = 0; run < 100; run++) {
    const options = {
      max_batch: 1 + random(5),
      max_wait_ms: random(2),
      max_queue: 1 + random(10),
      concurrency: 1 + random(3),
    }
    const { batcher, batches, submit } = start(options)
    const outputs: Promise<[number, number]>[] = []
    const cancelled = new Set<number>()
    let finished = 0
    const finish = () => {
      for (; finished < batches.length && random(2) === 0; finished++) batches[finished]?.finish()
    }
    for (let i = 0; i < 60; i++) {
      if (batcher.length < options.max_queue) {
        const [{ output, cancel }] = submit(i) as [ReturnType<typeof batcher.submit>]
        const before = batcher.length
        if (random(6) === 0) cancel()
        if (batcher.length < before) cancelled.add(i)
        else outputs.push(output.then((value) => [i, value]))
      }
      finish()
      if (random(3) === 0) await settle()
      expect(batches.length - finished).toBeLessThanOrEqual(options.concurrency)
    }
    const closing = batcher.close()
    for (; batcher.length > 0 || finished < batches.length; await settle()) {
      for (; finished < batches.length; finished++) batches[finished]?.finish()
    }
    await closing
    for (const [i, value] of await Promise.all(outputs)) expect(value).toBe(2 * i)
    const computed = batches.flatMap(({ inputs }) => inputs)
    expect(computed).toHaveLength(outputs.length)
    for (const i of cancelled) expect(computed).not.toContain(i)
    for (const { inputs } of batches) expect(inputs.length).toBeLessThanOrEqual(options.max_batch)
  }
})
