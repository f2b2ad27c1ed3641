// examples/serve: over HTTP with a computation that the test controls; the pool; the program.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, type IncomingMessage, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { type App, createApp } from '../../examples/serve/app.js'
import type { BatcherOptions } from '../../examples/serve/batcher.js'
import { accuracy, CLASSES, SAMPLES, train, WaveClassifier, waves } from '../../examples/serve/model.js'
import { Pool, type PoolOptions } from '../../examples/serve/pool.js'
import { scripted } from '../../examples/serve/scripted.js'
import { packageRoot } from '../../lib/core/package_root.js'
import torch, { nn, type Tensor } from '../../lib/index.js'
import { expectNumbers, filled, fixture, fixtureFile } from '../helpers.js'

const compiled = (...path: string[]) => join(packageRoot, 'dist', ...path)
const signal = (first: number) => Array.from({ length: SAMPLES }, (_, i) => (i === 0 ? first : i / SAMPLES))

interface Reply {
  status: number
  headers: IncomingMessage['headers']
  // biome-ignore lint/suspicious/noExplicitAny: as the server says it
  body: any
}

interface Sent {
  method?: string
  path?: string
  headers?: Record<string, string>
  body?: string
  agent?: Agent
}

/** A request, and its reply; it fails where the connection ends without one. */
function ask(port: number, sent: Sent = {}) {
  const { method = 'POST', path = '/classify', headers = { 'Content-Type': 'application/json' }, body, agent } = sent
  const made = request({ port, host: '127.0.0.1', method, path, headers, agent: agent ?? false })
  const reply = new Promise<Reply>((resolve, reject) => {
    made.once('error', reject)
    made.once('response', (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk
      })
      response.once('error', reject)
      response.once('end', () =>
        resolve({ status: response.statusCode as number, headers: response.headers, body: JSON.parse(text) }),
      )
    })
  })
  // Who is not waited for may fail.
  reply.catch(() => {})
  return { made, reply, end: () => made.end(body) }
}

function send(port: number, sent: Sent): Promise<Reply> {
  const { reply, end } = ask(port, sent)
  end()
  return reply
}

const classify = (port: number, values: unknown) => send(port, { body: JSON.stringify({ signal: values }) })
const metrics = async (port: number) => (await send(port, { method: 'GET', path: '/metrics', headers: {} })).body

/** Waits for what other threads and sockets bring about. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5))
}

describe('over HTTP', () => {
  const open: App[] = []
  afterEach(async () => {
    vi.restoreAllMocks()
    for (const app of open.splice(0)) {
      app.server.closeAllConnections()
      app.server.close()
    }
  })

  /** A server whose batches the test finishes: each input's first sample is the probability of a square. */
  async function start(options: Partial<BatcherOptions> = {}) {
    const batches: { inputs: Float32Array; count: number; finish(): void; fail(error: Error): void }[] = []
    let automatic = true
    const app = createApp(
      (inputs, count) =>
        new Promise((resolve, reject) => {
          const finish = () => {
            const outputs = new Float32Array(count * CLASSES.length)
            for (let i = 0; i < count; i++) outputs[i * CLASSES.length + 1] = inputs[i * SAMPLES] as number
            resolve(outputs)
          }
          batches.push({ inputs, count, finish, fail: reject })
          if (automatic) finish()
        }),
      { max_batch: 4, max_wait_ms: 0, max_queue: 8, concurrency: 1, ...options },
    )
    open.push(app)
    app.server.listen(0, '127.0.0.1')
    await once(app.server, 'listening')
    const { port } = app.server.address() as AddressInfo
    const byHand = () => {
      automatic = false
    }
    return { app, port, batches, byHand }
  }

  test('a signal is answered with its class and its probabilities', async () => {
    const { port, batches } = await start()
    const { status, headers, body } = await classify(port, signal(0.75))
    expect(status).toBe(200)
    expect(headers['content-type']).toBe('application/json')
    expect(body).toEqual({ class: 'square', probabilities: { sine: 0, square: 0.75, sawtooth: 0, noise: 0 } })
    expect(batches[0]?.inputs).toEqual(Float32Array.from(signal(0.75)))
  })

  test('what comes at the same time is computed together, and each gets its own answer', async () => {
    const { port, batches, byHand } = await start()
    byHand()
    const first = classify(port, signal(0.5))
    await until(() => batches.length === 1)
    const others = [1, 2, 3, 4, 5].map((i) => classify(port, signal(i / 8)))
    await until(async () => (await metrics(port)).queue.length === 5)
    batches[0]?.finish()
    expect((await first).body.probabilities.square).toBe(0.5)
    await until(() => batches.length === 2)
    batches[1]?.finish()
    await until(() => batches.length === 3)
    batches[2]?.finish()
    const replies = await Promise.all(others)
    expect(replies.map(({ body }) => body.probabilities.square)).toEqual([1, 2, 3, 4, 5].map((i) => i / 8))
    expect(batches.map(({ count }) => count)).toEqual([1, 4, 1])
    const { batch_sizes, requests, latency_ms, event_loop_delay_ms } = await metrics(port)
    expect(batch_sizes).toEqual({ 1: 2, 4: 1 })
    expect(requests).toEqual({ ok: 6, bad_request: 0, rejected: 0, failed: 0, cancelled: 0 })
    expect(latency_ms.p50).toBeGreaterThan(0)
    expect(latency_ms.max).toBeGreaterThanOrEqual(latency_ms.p99)
    expect(event_loop_delay_ms.resolution).toBe(10)
  })

  test('while the queue is full, more is told to come back', async () => {
    const { port, batches, byHand } = await start({ max_batch: 1, max_queue: 2 })
    byHand()
    const taken = [classify(port, signal(1))]
    await until(() => batches.length === 1)
    taken.push(classify(port, signal(2)), classify(port, signal(3)))
    await until(async () => (await metrics(port)).queue.length === 2)
    const refused = await classify(port, signal(4))
    expect(refused).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1' },
      body: { error: 'the queue is full' },
    })
    for (let i = 0; i < 3; i++) {
      await until(() => batches.length > i)
      batches[i]?.finish()
    }
    expect((await Promise.all(taken)).map(({ status }) => status)).toEqual([200, 200, 200])
    expect(batches).toHaveLength(3)
    expect((await metrics(port)).requests).toMatchObject({ ok: 3, rejected: 1 })
  })

  const BAD: [what: string, sent: Sent, status: number, error: RegExp][] = [
    ['nothing', { body: '' }, 400, /^the body is not JSON: /],
    ['no JSON', { body: '{"signal": [1, 2' }, 400, /^the body is not JSON: /],
    ['null', { body: 'null' }, 400, /^the body must be an object with signal, an array of 64 numbers$/],
    ['a number', { body: '5' }, 400, /^the body must be an object with signal/],
    ['no signal', { body: '{"signals": []}' }, 400, /^the body must be an object with signal/],
    ['an object', { body: '{"signal": {"length": 64}}' }, 400, /^the body must be an object with signal/],
    ['too few', { body: JSON.stringify({ signal: signal(1).slice(1) }) }, 400, /^signal must have 64 numbers, not 63$/],
    ['too many', { body: JSON.stringify({ signal: [...signal(1), 1] }) }, 400, /^signal must have 64 numbers, not 65$/],
    [
      'a string',
      { body: JSON.stringify({ signal: [...signal(1).slice(1), '1'] }) },
      400,
      /^signal\[63\] must be a number/,
    ],
    [
      'a null',
      { body: JSON.stringify({ signal: [null, ...signal(1).slice(1)] }) },
      400,
      /^signal\[0\] must be a number/,
    ],
    [
      'too large a number',
      { body: `{"signal": [1e39, ${signal(1).slice(1)}]}` },
      400,
      /^signal\[0\] must be a number that/,
    ],
    ['too long a body', { body: ' '.repeat(16_385) }, 413, /^the body must be of at most 16384 bytes$/],
    ['far too long a body', { body: ' '.repeat(5_000_000) }, 413, /^the body must be of at most 16384 bytes$/],
    ['another type', { body: '{}', headers: { 'Content-Type': 'text/plain' } }, 415, /must be application\/json$/],
    ['no type', { body: '{}', headers: {} }, 415, /must be application\/json$/],
    ['another method', { method: 'GET' }, 405, /^\/classify takes POST$/],
    ['another path', { path: '/constructor' }, 404, /^there is no \/constructor$/],
  ]

  test.each(filled(BAD))('%s is refused with what is wrong', async (_, sent, status, error) => {
    const { port, batches } = await start()
    const reply = await send(port, sent)
    expect(reply.status).toBe(status)
    expect(Object.keys(reply.body)).toEqual(['error'])
    expect(reply.body.error).toMatch(error)
    if (status === 405) expect(reply.headers.allow).toBe('POST')
    expect(batches).toHaveLength(0)
    // And the server goes on.
    expect((await classify(port, signal(1))).status).toBe(200)
  })

  test('what fails inside is told to the log alone', async () => {
    const { port, batches, byHand } = await start()
    const log = vi.spyOn(console, 'error').mockImplementation(() => {})
    byHand()
    const reply = classify(port, signal(1))
    await until(() => batches.length === 1)
    const error = new Error('a secret of the house')
    batches[0]?.fail(error)
    expect(await reply).toMatchObject({ status: 500, body: { error: 'internal error' } })
    expect(JSON.stringify(await reply)).not.toMatch(/secret|at .*\.ts/)
    expect(log.mock.calls).toEqual([[error]])
    expect((await metrics(port)).requests).toMatchObject({ ok: 0, failed: 1 })
  })

  test('who has gone is not computed for', async () => {
    const { port, batches, byHand } = await start({ max_batch: 1 })
    byHand()
    const first = classify(port, signal(1))
    await until(() => batches.length === 1)
    const { made, end } = ask(port, { body: JSON.stringify({ signal: signal(2) }) })
    end()
    await until(async () => (await metrics(port)).queue.length === 1)
    const last = classify(port, signal(3))
    await until(async () => (await metrics(port)).queue.length === 2)
    made.destroy()
    await until(async () => (await metrics(port)).requests.cancelled === 1)
    batches[0]?.finish()
    await until(() => batches.length === 2)
    batches[1]?.finish()
    expect((await first).status).toBe(200)
    expect((await last).status).toBe(200)
    expect(batches.map(({ inputs }) => inputs[0])).toEqual([1, 3])
    expect((await metrics(port)).requests).toEqual({ ok: 2, bad_request: 0, rejected: 0, failed: 0, cancelled: 1 })
  })

  test('closing answers what was taken, refuses the rest, and ends every connection', async () => {
    const { app, port, batches, byHand } = await start()
    const agent = new Agent({ keepAlive: true })
    const body = JSON.stringify({ signal: signal(1) })
    expect((await send(port, { body, agent })).headers.connection).toBe('keep-alive')
    byHand()
    const taken = send(port, { body, agent })
    await until(() => batches.length === 2)
    // Its body comes when it is too late.
    const half = ask(port, { body, agent: new Agent({ keepAlive: true }) })
    const arrived = once(app.server, 'request')
    half.made.flushHeaders()
    await arrived
    const closing = app.close()
    half.end()
    expect(await half.reply).toMatchObject({ status: 503, headers: { connection: 'close', 'retry-after': '1' } })
    const refused = connect(port, '127.0.0.1')
    expect(await once(refused, 'error').then(([error]) => error.code)).toBe('ECONNREFUSED')
    batches[1]?.finish()
    expect(await taken).toMatchObject({ status: 200, headers: { connection: 'close' } })
    await closing
    expect(app.server.listening).toBe(false)
  })
})

describe('the pool', () => {
  const pools: Pool[] = []
  afterEach(async () => {
    vi.restoreAllMocks()
    await Promise.all(pools.splice(0).map((pool) => pool.close()))
  })
  const hostile = pathToFileURL(compiled('test', 'serve', 'hostile_worker.js'))
  const own = pathToFileURL(compiled('examples', 'serve', 'worker.js'))
  async function start(model: nn.Module, options: Partial<PoolOptions> = {}): Promise<Pool> {
    const pool = await Pool.start(model, { workers: 1, threads: 1, module: own, ...options })
    pools.push(pool)
    return pool
  }
  const expected = (model: WaveClassifier, x: Tensor) =>
    torch.no_grad(() => model(x).softmax(1).flatten().tolist() as number[])
  const flat = (x: Tensor) => x.flatten().to_typed_array({ copy: true }) as Float32Array

  test('computes what the model computes, in several workers at once', async () => {
    torch.manual_seed(0)
    const model = new WaveClassifier().eval()
    const pool = await start(model, { workers: 2 })
    const sizes = [1, 5, 32, 2, 7]
    const inputs = sizes.map((size) => waves(size)[0])
    const outputs = await Promise.all(inputs.map((x, i) => pool.run(flat(x), sizes[i] as number)))
    outputs.forEach((output, i) => {
      expect(output).toHaveLength((sizes[i] as number) * CLASSES.length)
      expectNumbers([...output], expected(model, inputs[i] as Tensor), 1e-5, `batch ${i}`)
    })
  })

  test('has the model’s own weights, not copies', async () => {
    const model = new WaveClassifier().eval()
    const pool = await start(model, { workers: 2 })
    torch.no_grad(() => {
      model.linear.weight.zero_()
      model.linear.bias?.copy_(torch.tensor([0, 1, 2, 3]))
    })
    const [x] = waves(3)
    for (const output of await Promise.all([pool.run(flat(x), 3), pool.run(flat(x), 3)])) {
      expectNumbers([...output], expected(model, x), 1e-6)
      expectNumbers(
        [...output.subarray(0, 4)],
        [0, 1, 2, 3].map((i) => Math.exp(i) / (1 + Math.E + Math.E ** 2 + Math.E ** 3)),
        1e-6,
      )
    }
  })

  test('a batch that fails leaves its worker at work', async () => {
    const pool = await start(new WaveClassifier())
    await expect(pool.run(new Float32Array(SAMPLES + 1), 1)).rejects.toThrow(/shape .* is invalid for input of size 65/)
    expect(await pool.run(new Float32Array(SAMPLES), 1)).toHaveLength(CLASSES.length)
  })

  test('a worker that ends fails its batch alone, and is replaced', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {})
    const pool = await start(new nn.Linear(1, 1), { workers: 2, module: hostile })
    const batch = (first: number) => pool.run(Float32Array.of(first, 0), 1)
    const results = await Promise.allSettled([1, 0, 2, 5, 3, 2, 6, 1, 7].map(batch))
    const seen = results.map((result) => (result.status === 'fulfilled' ? result.value[0] : result.reason.message))
    expect(seen).toEqual([
      ...['the worker ended with code 1 while it computed', 0, 'the worker ended with code 3 while it computed', 5],
      ...['refused', 'the worker ended with code 3 while it computed', 6],
      ...['the worker ended with code 1 while it computed', 7],
    ])
  })

  test('a worker that cannot start is told of', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {})
    const model = new nn.Module()
    model.register_buffer('refuse', torch.ones(1))
    await expect(Pool.start(model, { workers: 2, threads: 1, module: hostile })).rejects.toThrow(
      'this worker does not start',
    )
    expect(log).toHaveBeenCalled()
  })
})

test('a TorchScript module gives Python’s probabilities', async () => {
  const { signals, probabilities } = fixture<{ signals: number[][]; probabilities: number[][] }>('serve.json')
  const run = scripted(fixtureFile('serve.pt'), 2)
  const batches = [signals, signals.slice(2), signals.slice(0, 1)]
  const outputs = await Promise.all(batches.map((batch) => run(Float32Array.from(batch.flat()), batch.length)))
  const expected = [probabilities, probabilities.slice(2), probabilities.slice(0, 1)]
  outputs.forEach((output, i) => {
    expectNumbers([...output], expected[i]?.flat() as number[], 1e-5, `batch ${i}`)
  })
  await expect(run(new Float32Array(SAMPLES + 1), 1)).rejects.toThrow(/invalid for input of size 65/)
})

describe('the program', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tstorch-serve-'))
  const weights = join(folder, 'waves.safetensors')
  const model = new WaveClassifier().eval()
  /** Full batches alone are computed, or what waits at the end. */
  const PATIENT = ['--max-wait', '100000000']
  const children: ChildProcess[] = []
  beforeAll(() => torch.safetensors.save_file(model.state_dict(), weights))
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL')
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  function run(...args: string[]) {
    const child = spawn(process.execPath, [compiled('examples', 'serve.js'), '--weights', weights, ...args])
    children.push(child)
    const printed = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text) => {
        printed[name] += text
      })
    }
    const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, ...printed }))
    return { child, printed, ended }
  }

  async function listening(...args: string[]) {
    const running = run('--port', '0', ...args)
    const port = () => Number(/^listening on http:\/\/127\.0\.0\.1:(\d+)\n$/.exec(running.printed.stdout)?.[1])
    await Promise.race([until(() => port() > 0), running.ended.then((end) => expect(end).toBe('listening'))])
    return { ...running, port: port() }
  }

  test('answers many at once in batches, and ends when it is told to, with every answer given', async () => {
    const { port, child, ended, printed } = await listening(...['--workers', '2', '--max-batch', '8'], ...PATIENT)
    expect((await send(port, { method: 'GET', path: '/health', headers: {} })).body).toEqual({ status: 'ok' })
    const [x] = waves(40)
    const signals = x.tolist() as number[][]
    const replies = await Promise.all(signals.map((values) => classify(port, values)))
    const probabilities = replies.flatMap(({ body }) => Object.values(body.probabilities) as number[])
    expectNumbers(
      probabilities,
      torch.no_grad(() => model(x).softmax(1).flatten().tolist() as number[]),
      1e-5,
    )
    const best = model(x).argmax(1).tolist() as number[]
    expect(replies.map(({ body }) => body.class)).toEqual(best.map((i) => CLASSES[i]))
    const { batch_sizes, requests } = await metrics(port)
    expect(requests.ok).toBe(40)
    expect(batch_sizes).toEqual({ 8: 5 })
    // Too few for a batch.
    const last = signals.slice(0, 3).map((values) => classify(port, values))
    await until(async () => (await metrics(port)).queue.length === 3)
    child.kill('SIGTERM')
    expect((await Promise.all(last)).map(({ status }) => status)).toEqual([200, 200, 200])
    expect(await ended).toEqual({ code: 0, signal: null, ...printed })
    expect(printed.stderr).toBe('')
  })

  test('serves a TorchScript module too', async () => {
    const { signals, probabilities } = fixture<{ signals: number[][]; probabilities: number[][] }>('serve.json')
    const { port, child, ended } = await listening('--scripted', fixtureFile('serve.pt'), '--workers', '2')
    const replies = await Promise.all(signals.map((values) => classify(port, values)))
    const given = replies.flatMap(({ body }) => Object.values(body.probabilities) as number[])
    expectNumbers(given, probabilities.flat(), 1e-5)
    child.kill('SIGTERM')
    expect(await ended).toMatchObject({ code: 0, signal: null, stderr: '' })
  })

  test('says in one line that its port is taken', async () => {
    const { port } = await listening()
    const { code, stdout, stderr } = await run('--port', String(port)).ended
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(/^cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE.*\n$/)
  })

  test('learns to tell waves when it has no weights', () => {
    expect(accuracy(train())).toBeGreaterThan(0.9)
  })
})
