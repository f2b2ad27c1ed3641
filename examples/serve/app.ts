// The HTTP side: reads and checks requests, hands them to the batcher, and answers. Nothing here computes.
//
//   POST /classify   {"signal": [64 numbers]}  ->  {"class": "sine", "probabilities": {"sine": 0.98, ...}}
//   GET  /health     while requests are taken
//   GET  /metrics    counts, batch sizes, latency and event-loop delay

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Batcher, type BatcherOptions, Closed, QueueFull } from './batcher.js'
import { Metrics, type Outcome } from './metrics.js'
import { CLASSES, SAMPLES } from './model.js'

/** Computes `count` inputs that stand one behind the other, on another thread. */
export type Run = (inputs: Float32Array, count: number) => Promise<Float32Array>

/** The longest body, in bytes. */
const LIMIT = 16_384

/** What is wrong with a request, as its sender is told. */
class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
}

export interface App {
  server: Server
  /** Takes no more requests, answers those that are there, and closes their connections. */
  close(): Promise<void>
}

export function createApp(run: Run, options: BatcherOptions): App {
  const metrics = new Metrics()
  let closing = false
  const batcher = new Batcher<Float32Array, Float32Array>(async (signals) => {
    const inputs = new Float32Array(signals.length * SAMPLES)
    signals.forEach((signal, i) => {
      inputs.set(signal, i * SAMPLES)
    })
    const outputs = await run(inputs, signals.length)
    return signals.map((_, i) => outputs.subarray(i * CLASSES.length, (i + 1) * CLASSES.length))
  }, options)

  function send(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
    const text = JSON.stringify(body)
    response.writeHead(status, {
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(text),
      // A connection that stays open would keep the server from ending.
      ...(closing ? { Connection: 'close' } : {}),
      ...headers,
    })
    response.end(text)
  }

  async function classify(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const since = performance.now()
    let open = true
    let cancel = () => {}
    const end = (outcome: Outcome) => {
      open = false
      metrics.count(outcome, performance.now() - since)
    }
    const answer = (outcome: Outcome, status: number, body: object, headers?: Record<string, string>) => {
      if (!open) return
      end(outcome)
      send(response, status, body, headers)
    }
    // Who has gone waits for no answer.
    response.once('close', () => {
      if (!open) return
      cancel()
      end('cancelled')
    })
    try {
      const waiting = batcher.submit(readSignal(await readBody(request)))
      cancel = waiting.cancel
      answer('ok', 200, describe(await waiting.output))
    } catch (error) {
      if (error instanceof Refusal) answer('bad_request', error.status, { error: error.message })
      else if (error instanceof QueueFull || error instanceof Closed) {
        answer('rejected', 503, { error: error.message }, { 'Retry-After': '1' })
      } else {
        if (open) console.error(error)
        answer('failed', 500, { error: 'internal error' })
      }
    }
  }

  const server = createServer((request, response) => {
    const [path] = (request.url ?? '').split('?')
    const method = { '/classify': 'POST', '/health': 'GET', '/metrics': 'GET' }[path as string]
    if (method === undefined) return send(response, 404, { error: `there is no ${path}` })
    if (request.method !== method) return send(response, 405, { error: `${path} takes ${method}` }, { Allow: method })
    if (path === '/classify') return void classify(request, response)
    if (path === '/health') return send(response, 200, { status: 'ok' })
    const sizes = Object.fromEntries([...batcher.sizes].sort(([a], [b]) => a - b))
    const queue = { length: batcher.length, limit: options.max_queue }
    send(response, 200, { ...metrics.toJSON(), queue, batch_sizes: sizes })
  })
  // Half a request holds its connection no longer.
  server.requestTimeout = 10_000
  return {
    server,
    async close() {
      closing = true
      const closed = new Promise((resolve) => server.close(resolve))
      await batcher.close()
      await closed
      metrics.close()
    },
  }
}

function readBody(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const type = request.headers['content-type'] ?? ''
    if (!/^application\/json *(;|$)/i.test(type))
      return reject(new Refusal(415, 'the content type must be application/json'))
    const chunks: Buffer[] = []
    let size = 0
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= LIMIT) chunks.push(chunk)
      // The rest is read and forgotten: an end in the midst of it would reach the sender before the answer.
      else reject(new Refusal(413, `the body must be of at most ${LIMIT} bytes`))
    })
    request.once('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
    request.once('error', reject)
  })
}

/** @throws {Refusal} that says what is wrong. */
function readSignal(body: string): Float32Array {
  let parsed: unknown
  try {
    parsed = JSON.parse(body)
  } catch (error) {
    throw new Refusal(400, `the body is not JSON: ${(error as Error).message}`)
  }
  const signal = (parsed as { signal?: unknown } | null)?.signal
  if (!Array.isArray(signal))
    throw new Refusal(400, `the body must be an object with signal, an array of ${SAMPLES} numbers`)
  if (signal.length !== SAMPLES) throw new Refusal(400, `signal must have ${SAMPLES} numbers, not ${signal.length}`)
  const wrong = signal.findIndex((value) => typeof value !== 'number' || !Number.isFinite(Math.fround(value)))
  if (wrong !== -1) throw new Refusal(400, `signal[${wrong}] must be a number that float32 can hold`)
  return Float32Array.from(signal)
}

function describe(probabilities: Float32Array) {
  const best = probabilities.indexOf(Math.max(...probabilities))
  return { class: CLASSES[best], probabilities: Object.fromEntries(CLASSES.map((name, i) => [name, probabilities[i]])) }
}
