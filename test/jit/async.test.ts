// forward_async: models that run in other threads, while this one goes on.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { packageRoot } from '../../lib/core/package_root.js'
import torch from '../../lib/index.js'
import { expectNumbers } from '../helpers.js'
import { loaded } from './reference.js'
import { SLOW } from './slow.js'

interface Ended {
  code: number | null
  signal: string | null
  stdout: string
}

/** Runs a program of programs.ts to its end, however it ends. */
function run(...program: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const file = join(packageRoot, 'dist', 'test', 'jit', 'programs.js')
    const child = execFile(process.execPath, [file, ...program], (_, stdout) => {
      resolve({ code: child.exitCode, signal: child.signalCode, stdout })
    })
  })
}

const { tstorch } = torch.backends
const [threads, queue] = [tstorch.async_threads, tstorch.async_queue]
afterEach(() => {
  tstorch.async_threads = threads
  tstorch.async_queue = queue
})

const unit = new torch.jit.CompilationUnit(SLOW)
const x = torch.ones(5, 6)

describe('a call in another thread', () => {
  test('gives what the call gives here', async () => {
    const module = loaded('classifier').eval()
    const expected = module(x, { temperature: 2 }).tolist()
    const results = await Promise.all(Array.from({ length: 8 }, () => module.forward_async(x, { temperature: 2 })))
    for (const result of results) expect((result as torch.Tensor).tolist()).toEqual(expected)
    expect(await loaded('kinds').call_async('number', 1, 0.5, { re: 0, im: 1 }, true)).toEqual([
      1,
      0.5,
      { re: 0, im: 1 },
      true,
    ])
  })

  test('leaves the event loop free', async () => {
    let turns = 0
    let done = false
    const slow = unit.slow.call_async(200).then(() => {
      done = true
    })
    while (!done) {
      await new Promise(setImmediate)
      turns++
    }
    await slow
    expect(turns).toBeGreaterThan(10)
  })

  test('records gradients where they are recorded at the call', async () => {
    const module = loaded('classifier').eval()
    const promises = [module.forward_async(x), torch.no_grad(() => [module.forward_async(x)])[0]]
    const [recorded, bare] = (await Promise.all(promises)) as [torch.Tensor, torch.Tensor]
    expect([recorded.requires_grad, bare.requires_grad]).toEqual([true, false])
    recorded.sum().backward()
    const there = module.hidden.weight.grad.flatten().tolist()
    module.zero_grad()
    module(x).sum().backward()
    expectNumbers(there, module.hidden.weight.grad.flatten().tolist(), 1e-5)
  })

  test('throws what the call throws', async () => {
    const module = loaded('failing')
    const raised = module.call_async('raises', 3)
    await expect(raised).rejects.toThrow(torch.jit.Error)
    await expect(raised).rejects.toThrow(/3 is too much/)
    await expect(module.call_async('shapes', x)).rejects.toThrow(/shapes cannot be multiplied/)
    await expect(module.call_async('raises', 'x')).rejects.toThrow(TypeError)
    await expect(module.call_async('absent')).rejects.toThrow(/Method 'absent' is not defined/)
  })

  test('of a module that changes its attributes runs alone', async () => {
    const module = loaded('stateful')
    tstorch.async_threads = 4
    await Promise.all(Array.from({ length: 50 }, () => module.call_async('add', torch.ones(2))))
    expect(module.total.tolist()).toEqual([50, 50])
    expect(module.seen.length).toBe(51)
  })

  test('uses arguments that are disposed of meanwhile', async () => {
    const module = loaded('classifier').eval()
    const expected = module(x).tolist()
    const given = x.clone()
    const promise = module.forward_async(given)
    given.dispose()
    expect(((await promise) as torch.Tensor).tolist()).toEqual(expected)
  })
})

test('the queue has an end', async () => {
  tstorch.async_threads = 1
  tstorch.async_queue = 2
  const outcomes = await Promise.allSettled(Array.from({ length: 6 }, () => unit.slow.call_async(50)))
  const refused = outcomes.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[]
  expect(refused.length).toBe(3)
  expect(String(refused[0]?.reason)).toMatch(/2 calls wait already.*async_queue/)
  await expect(unit.slow.call_async(1)).resolves.toBeInstanceOf(torch.Tensor)
})

test('limits are whole numbers in their ranges', () => {
  for (const count of [0, -1, 0.5, 5000]) {
    expect(() => {
      tstorch.async_threads = count
    }).toThrow()
  }
  expect(() => {
    tstorch.async_queue = -1
  }).toThrow(/must not be negative/)
  expect([tstorch.async_threads, tstorch.async_queue]).toEqual([threads, queue])
})

test('a process lasts as long as its calls, and no longer', async () => {
  expect(await run('pending')).toEqual({ code: 0, signal: null, stdout: 'done\n' })
})

test('process.exit in the midst of a call ends with its code', async () => {
  expect(await run('exit')).toEqual({ code: 7, signal: null, stdout: 'exiting\n' })
})

test('terminating a worker in the midst of a call, 20 times, does not end the process', async () => {
  expect(await run('terminate', '20')).toEqual({ code: 0, signal: null, stdout: 'terminated 20\n' })
}, 300_000)

test('two workers load one file and run it', async () => {
  const { code, stdout } = await run('two')
  expect(code).toBe(0)
  const [a, b] = JSON.parse(stdout)
  expect(a).toEqual(b)
  expect(a).toEqual(loaded('classifier').eval()(x).tolist())
})

test('files with bytes changed load, or are refused', async () => {
  const { code, signal, stdout } = await run('mutate', '400', '1')
  expect([code, signal]).toEqual([0, null])
  const { loaded: count, refused } = JSON.parse(stdout)
  expect(count + refused).toBe(400)
  expect(Math.min(count, refused)).toBeGreaterThan(20)
}, 300_000)
