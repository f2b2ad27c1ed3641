import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import v8 from 'node:v8'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { packageRoot } from '../../lib/core/package_root.js'
import torch, { nn, optim } from '../../lib/index.js'

const compiled = (name: string) => join(packageRoot, 'dist', 'test', 'workers', name)

interface Ended {
  code: number | null
  signal: string | null
  stdout: string
}

/** Runs a program to its end, however it ends. */
function run(program: string[], env: Record<string, string> = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const options = { env: { ...process.env, ...env } }
    const child = execFile(process.execPath, [compiled('programs.js'), ...program], options, (_, stdout) => {
      resolve({ code: child.exitCode, signal: child.signalCode, stdout })
    })
  })
}

test('three workers train at once, each with its share of the processors', async () => {
  // As on a machine with eight processors, whatever this one has.
  const { code, stdout } = await run(['several'], { OMP_NUM_THREADS: '8', MKL_NUM_THREADS: '8', MKL_DYNAMIC: 'FALSE' })
  expect(code).toBe(0)
  const results = JSON.parse(stdout) as { last: number; count: number; threads: number }[]
  expect(results.map(({ count }) => count)).toEqual([300, 300, 300])
  for (const { last } of results) {
    expect(last).toBeGreaterThan(0)
    expect(last).toBeLessThan(1)
  }
  // A share is of what there was at the worker's start: the first one may have begun when it was alone.
  const threads = results.map((result) => result.threads).sort()
  expect(threads[0]).toBe(2)
  expect([2, 4]).toContain(threads[1])
  expect([2, 4, 8]).toContain(threads[2])
})

test('terminating a worker in the midst of a step, 50 times, does not end the process', async () => {
  expect(await run(['terminate', '50'])).toEqual({ code: 0, signal: null, stdout: 'terminated 50\n' })
}, 600_000)

test('process.exit while a worker trains ends with its code', async () => {
  expect(await run(['exit'])).toEqual({ code: 7, signal: null, stdout: 'exiting\n' })
})

test('a shared tensor is the same memory in the other thread, and its token good for one use', async () => {
  const tensor = torch.arange(3).float()
  const shared = tensor.share()
  const worker = new Worker(compiled('trainer.js'), { workerData: { seed: 0, iterations: 0, shared } })
  const [{ doubled }] = await once(worker, 'message')
  expect(doubled).toEqual([0, 2, 4])
  expect(tensor.tolist()).toEqual([0, 2, 4])
  expect(() => torch.from_shared(shared)).toThrow(/once/)
  await worker.terminate()
})

test('a tensor that belongs to a graph is not shared', () => {
  const x = torch.ones(2, { requires_grad: true })
  expect(() => x.mul(2).share()).toThrow(/share tensor\.detach\(\)/)
})

test('what is cloned or posted must not be a tensor, nor another object of native code', () => {
  const x = torch.ones(2, { requires_grad: true })
  const { port1 } = new MessageChannel()
  const clones: [string, (value: unknown) => unknown][] = [
    ['structuredClone', structuredClone],
    ['postMessage', (value) => port1.postMessage(value)],
    ['v8', v8.serialize],
  ]
  const values = { x, nested: { list: [new Map([[1, x]])] }, parameter: new nn.Parameter(x.detach()) }
  for (const [name, clone] of clones) {
    for (const [kind, value] of Object.entries(values)) {
      expect(() => clone(value), `${name} ${kind}`).toThrow(
        /post tensor\.share\(\), and take it with torch\.from_shared/,
      )
    }
    for (const value of [new torch.Generator(), x.mul(2).grad_fn, new nn.Linear(1, 1), new optim.SGD([x])]) {
      expect(() => clone(value), name).toThrow(/could not be cloned/)
    }
  }
  port1.close()
})
