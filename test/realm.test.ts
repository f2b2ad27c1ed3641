// Values of other realms (vm, Jest), of kinds that few use, and beside what other programs add to Object.prototype.

import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import vm from 'node:vm'
import { describe, expect, test } from 'vitest'
import { packageRoot } from '../lib/core/package_root.js'
import torch, { nn } from '../lib/index.js'

const foreign = (source: string) => vm.runInNewContext(source)
const program = (name: string) => join(packageRoot, 'dist', 'test', name)

describe('of another realm', () => {
  const KINDS = {
    Float32Array: torch.float32,
    Float64Array: torch.float64,
    Int8Array: torch.int8,
    Uint8Array: torch.uint8,
    Uint8ClampedArray: torch.uint8,
    Int16Array: torch.int16,
    Int32Array: torch.int32,
  }

  test.each(Object.entries(KINDS))('%s', (name, dtype) => {
    const made = torch.tensor(foreign(`new ${name}([1, 2, 3]).subarray(1)`))
    expect(made.dtype).toBe(dtype)
    expect(made.tolist()).toEqual([2, 3])
  })

  test('BigInt64Array', () => {
    expect(torch.tensor(foreign('new BigInt64Array([1n, -2n])')).tolist()).toEqual([1, -2])
  })

  test('keywords, arrays, complex numbers', () => {
    expect(torch.ones([2, 3]).sum(foreign('({ dim: 1, keepdim: true })')).shape).toEqual([2, 1])
    expect(new nn.Linear(foreign('({ in_features: 2, out_features: 1 })')).weight.shape).toEqual([1, 2])
    expect(torch.tensor(foreign('[[1, 2], [3, 4]]')).shape).toEqual([2, 2])
    expect(torch.ones(2).add(foreign('({ re: 1, im: 2 })')).tolist()).toEqual([
      { re: 2, im: 2 },
      { re: 2, im: 2 },
    ])
  })

  test('a Map and a Set that a scope gives back', () => {
    const [map, set] = torch.scope(() => {
      const filled = [foreign('new Map()'), foreign('new Set()')] as [Map<number, torch.Tensor>, Set<torch.Tensor>]
      filled[0].set(1, torch.ones(1))
      filled[1].add(torch.zeros(1))
      return filled
    })
    expect(map.get(1)?.tolist()).toEqual([1])
    expect([...set].map((tensor) => tensor.tolist())).toEqual([[0]])
  })

  test('an instance of a class is no keywords', () => {
    expect(() => torch.ones(2).sum(foreign('new (class Dim { dim = 0 })()'))).toThrow(
      /must be .*, not Dim|invalid combination/,
    )
  })
})

test('the library in another realm throws that realm’s errors, and gives its arrays', () => {
  const found = JSON.parse(
    execFileSync(process.execPath, ['--no-warnings', '--experimental-vm-modules', program('realm.js')], {
      encoding: 'utf8',
    }),
  )
  expect(found).toEqual({
    errors: {
      plain: [true, true, 'Error'],
      type: [true, true, 'TypeError'],
      range: [true, true, 'RangeError'],
      disposed: [true, true, 'Error'],
      backward: [true, true, 'Error'],
    },
    thrown: true,
    shape: true,
    list: true,
    array: true,
    copy: true,
    sum: 3,
    keywords: 'torch.float64',
  })
})

describe('kinds of typed arrays', () => {
  test('a subclass', () => {
    class Samples extends Float64Array {}
    const made = torch.tensor(new Samples([0.5, 1.5]))
    expect(made.dtype).toBe(torch.float64)
    expect(made.tolist()).toEqual([0.5, 1.5])
    expect(torch.tensor(Buffer.from([1, 2])).dtype).toBe(torch.uint8)
  })

  const Float16 = (globalThis as { Float16Array?: new (values: number[]) => ArrayBufferView }).Float16Array
  test.skipIf(Float16 === undefined)('Float16Array', () => {
    const made = torch.tensor(new (Float16 as NonNullable<typeof Float16>)([0.5, -2, 65504]) as never)
    expect(made.dtype).toBe(torch.float16)
    expect(made.tolist()).toEqual([0.5, -2, 65504])
  })

  test('what is no array of numbers says so', () => {
    expect(() => torch.tensor(new DataView(new ArrayBuffer(8)) as never)).toThrow(/DataView has no dtype/)
  })
})

test('inherited names are no keywords, in no call', () => {
  const [clean, polluted] = ['clean', 'polluted'].map((how) =>
    execFileSync(process.execPath, ['--no-warnings', program('polluted.js'), how], { encoding: 'utf8' }),
  )
  expect(JSON.parse(clean as string).length).toBeGreaterThan(20)
  expect(polluted).toBe(clean)
})

test('console.log formats the number of a tensor with one element', async () => {
  const source = `import torch from ${JSON.stringify(new URL('../lib/index.js', `file://${program('x')}`).href)}
    console.log('%d %s', torch.tensor(3), torch.tensor(3))
    console.log('%d', torch.ones(2))
    try { console.log(-torch.tensor(3)) } catch (error) { console.log(error.name) }`
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', source], { encoding: 'utf8' })
  expect(output).toBe('3 tensor(3.)\nNaN\nTypeError\n')
})
