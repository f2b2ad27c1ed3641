// The initial values of every module that has parameters: Python's for the same seed, bit by bit where this processor
// draws the bits of one of the fixture's kernels, else to the last digits (scripts/reference/initial_values.py).

import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import torch, { nn, type Tensor } from '../../lib/index.js'
import { fixture } from '../helpers.js'

interface Made {
  module: string
  args: unknown[]
  kwargs: Record<string, unknown>
}

/** `bits` has a hash for all kernels, or one for each; `shown`: the sum of the sizes, the largest, and elements. */
type Row = [name: string, dtype: string, shape: number[], bits: string, shown: number[]]

interface Call extends Made {
  seed: number
  /** The shape of what a lazy module is called with. */
  call?: number[]
  state: Row[]
}

const [probes, ...calls] = fixture<{ calls: [string[][], ...Call[]] }>('initial_values.json').calls

function value(record: unknown): unknown {
  if (Array.isArray(record)) return record.map(value)
  if (typeof record !== 'object' || record === null) return record
  if ('dtype_named' in record) return (torch as unknown as Record<string, unknown>)[record.dtype_named as string]
  return madeOf(record as Made)
}

function madeOf({ module, args, kwargs }: Made): nn.Module {
  const made = (nn as unknown as Record<string, new (...args: unknown[]) => nn.Module>)[module]
  if (made === undefined) throw new Error(`no nn.${module}`)
  const options = Object.entries(kwargs).map(([key, each]) => [key, value(each)])
  return new made(...args.map(value), ...(options.length === 0 ? [] : [Object.fromEntries(options)]))
}

function digest(tensor: Tensor): string {
  const bytes = tensor.detach().contiguous().reshape(-1).view(torch.uint8).to_typed_array({ copy: true })
  return createHash('sha256')
    .update(bytes as Uint8Array)
    .digest('hex')
    .slice(0, 12)
}

/** What tells kernels apart: numbers that they draw. */
function probe(): string[] {
  torch.manual_seed(0)
  const drawn = [torch.float32, torch.float64].map((dtype) => torch.empty(1000, { dtype }))
  return drawn.flatMap((tensor) => [digest(tensor.uniform_(-0.3, 0.3)), digest(tensor.normal_())])
}

/** Which of the fixture's kernels draw as these do; -1: none. */
const own = probe()
const kernels = probes.findIndex((other) => other.join() === own.join())

function expectShown(tensor: Tensor, [sum, largest, ...elements]: number[], what: string): void {
  const data = tensor.detach().double().reshape(-1).tolist() as number[]
  if (sum === undefined || largest === undefined) {
    expect(data, what).toEqual([])
    return
  }
  const places = [...new Set([0, Math.floor(data.length / 2), data.length - 1])]
  // A few units in the last place of the largest number; the draws are exact, what is made of them rounds.
  const allow = tensor.is_floating_point() ? 4 * torch.finfo(tensor.dtype).eps * largest : 0
  for (const [i, place] of places.entries())
    expect(Math.abs((data[place] as number) - (elements[i] as number)), `${what} ${place}`).toBeLessThanOrEqual(allow)
  const total = data.reduce((sum, each) => sum + Math.abs(each), 0)
  expect(Math.abs(total - sum), `the sum of ${what}`).toBeLessThanOrEqual(allow * data.length + 1e-12 * sum)
}

test('there are 200 calls and more', () => expect(calls.length).toBeGreaterThanOrEqual(200))

test.each(calls)('$module $args $kwargs, seed $seed', ({ state, seed, call, ...made }) => {
  torch.scope(() => {
    torch.manual_seed(seed)
    const module = madeOf(made)
    if (call !== undefined) (module as (x: Tensor) => unknown)(torch.zeros(call))
    const found = Object.entries(module.state_dict()) as [string, Tensor][]
    expect(found.map(([name, tensor]) => [name, String(tensor.dtype), [...tensor.shape]])).toEqual(
      state.map(([name, dtype, shape]) => [name, dtype, shape]),
    )
    for (const [i, [name, , , bits, shown]] of state.entries()) {
      const tensor = found[i]?.[1] as Tensor
      expectShown(tensor, shown, name)
      const hashes = bits.split(' ')
      if (kernels !== -1) expect(digest(tensor), name).toBe(hashes[kernels] ?? hashes[0])
    }
  })
})
