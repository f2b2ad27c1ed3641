// torch.save and torch.load with each other. That Python's read and write the same, checkpoints.test.ts says.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import torch, { nn, optim, type Tensor } from '../../lib/index.js'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tstorch-save-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const file = (name: string): string => join(folder, name)

expect.addEqualityTesters([torch.testing.equality_tester])

/** Saves and loads. */
const passed = <T>(value: T): T => torch.load(torch.save(value))

describe('values', () => {
  test.each<[string, unknown]>([
    ['null', null],
    ['booleans', [true, false]],
    ['integers of every length', [0, 255, 256, 65535, 65536, -1, -(2 ** 31), 2 ** 31, 2 ** 53 - 1, -(2 ** 53) + 1]],
    ['bigints', [2n ** 53n, -(2n ** 63n), 2n ** 64n, -(2n ** 2039n), 2n ** 2039n - 1n]],
    ['floats', [0.1, -0, Number.NaN, Number.POSITIVE_INFINITY, 5e-324, 1e300]],
    ['strings', ['', 'é', '字', '😀', '\ud83d', 'a\udc00b', '\0', 'x'.repeat(70000)]],
    ['complex numbers', [{ re: 1, im: -2 }]],
    ['a Size', torch.zeros(2, 3).shape],
    ['dtypes, devices and layouts', [torch.bfloat16, torch.device('cuda', 1), torch.device('cpu'), torch.sparse_csr]],
    ['sets', new Set([1, 'a', null])],
    [
      'maps',
      new Map<unknown, unknown>([
        [1, 'a'],
        ['1', new Map([[2.5, null]])],
      ]),
    ],
    ['bytes', Uint8Array.from({ length: 256 }, (_, i) => i)],
    ['no bytes', new Uint8Array(0)],
    ['lists of more than Python writes at once', Array.from({ length: 2001 }, (_, i) => i)],
    ['nested ones', [[], [[]], [[1, [2, [3]]]]]],
  ])('%s', (_, value) => {
    expect(passed(value)).toEqual(value)
  })

  test('small bigints are numbers', () => {
    expect(passed([1n, -5n])).toEqual([1, -5])
  })

  test('frozen arrays are tuples, and stay frozen', () => {
    const back = passed(Object.freeze([1, Object.freeze(['a']), [2]])) as unknown[]
    expect(Object.isFrozen(back)).toBe(true)
    expect(Object.isFrozen(back[1])).toBe(true)
    expect(Object.isFrozen(back[2])).toBe(false)
  })

  test('objects have no prototype, and any name', () => {
    const value = Object.create(null)
    for (const name of ['b', 'a', '__proto__', 'constructor', '']) {
      Object.defineProperty(value, name, { value: name, enumerable: true })
    }
    const back = passed(value)
    expect(Object.getPrototypeOf(back)).toBe(null)
    expect(Object.entries(back)).toEqual(Object.entries(value))
  })

  test('fields that are undefined are left out', () => {
    expect(Object.keys(passed({ a: undefined, b: 1 }))).toEqual(['b'])
  })

  test('what is held twice is one object, and circles stay', () => {
    const list: unknown[] = [1]
    const value: Record<string, unknown> = { list, again: list }
    value.self = value
    list.push(value)
    const back = passed(value) as { list: unknown[]; again: unknown[]; self: unknown }
    expect(back.again).toBe(back.list)
    expect(back.self).toBe(back)
    expect(back.list[1]).toBe(back)
  })
})

describe('tensors', () => {
  const dtypes = [
    ...['uint8', 'int8', 'int16', 'int32', 'int64', 'uint16', 'uint32', 'uint64', 'bool', 'float16', 'bfloat16'],
    ...['float32', 'float64', 'complex64', 'complex128'],
    ...['float8_e4m3fn', 'float8_e5m2', 'float8_e4m3fnuz', 'float8_e5m2fnuz', 'complex32'],
  ] as const

  /** A tensor's bytes. */
  const bytesOf = (x: Tensor): unknown => x.contiguous().flatten().view(torch.uint8).tolist()

  test.each(dtypes)('%s', (name) => {
    const x = torch.arange(6).to(torch[name]).reshape(2, 3)
    const back = passed(x)
    expect([back.dtype, [...back.shape], back.stride()]).toEqual([x.dtype, [2, 3], x.stride()])
    expect(bytesOf(back)).toEqual(bytesOf(x))
  })

  test('views share their storage, and keep offset and strides', () => {
    const base = torch.arange(12)
    const { all, row, turned } = passed({ all: base, row: base.index('3:6'), turned: base.view(3, 4).t() })
    row.fill_(-1)
    expect(all.tolist()).toEqual([0, 1, 2, -1, -1, -1, 6, 7, 8, 9, 10, 11])
    expect([row.storage_offset(), turned.stride(), turned.storage_offset()]).toEqual([3, [1, 4], 0])
    expect(turned.tolist()).toEqual([
      [0, -1, 8],
      [1, -1, 9],
      [2, 6, 10],
      [-1, 7, 11],
    ])
  })

  test('a storage that is seen under several dtypes stays one', () => {
    const x = torch.zeros(2)
    const back = passed([x, x.view(torch.int32), x.view(torch.uint8)]) as [Tensor, Tensor, Tensor]
    back[0].fill_(1)
    expect(back.map((x) => x.dtype.name)).toEqual(['float32', 'int32', 'uint8'])
    expect(back[1].tolist()).toEqual([1065353216, 1065353216])
    expect(back[2].tolist()).toEqual([0, 0, 128, 63, 0, 0, 128, 63])
  })

  test('parameters, buffers and what requires grad', () => {
    const tied = new nn.Parameter(torch.ones(2))
    const frozen = new nn.Parameter(torch.ones(2), { requires_grad: false })
    const buffer = new nn.Buffer(torch.ones(2), { persistent: false })
    const value = { tied, again: tied, frozen, buffer, leaf: torch.ones(1, { requires_grad: true }) }
    const back = passed(value)
    expect(back.tied).toBeInstanceOf(nn.Parameter)
    expect(back.again).toBe(back.tied)
    expect([back.tied.requires_grad, back.frozen.requires_grad, back.leaf.requires_grad]).toEqual([true, false, true])
    expect(back.buffer).toBeInstanceOf(nn.Buffer)
    expect(back.buffer.persistent).toBe(false)
  })

  test('conjugated and negated views', () => {
    const x = torch.view_as_complex(torch.tensor([[1, 2]]))
    const { conj, neg } = passed({ conj: x.conj(), neg: x.conj().imag })
    expect([conj.is_conj(), neg.is_neg()]).toEqual([true, true])
    expect([conj.imag.tolist(), neg.tolist()]).toEqual([[-2], [-2]])
  })

  test.each<[string, (x: Tensor) => Tensor]>([
    ['to_sparse', (x) => x.to_sparse()],
    ['to_sparse_csr', (x) => x.to_sparse_csr()],
    ['to_sparse_csc', (x) => x.to_sparse_csc()],
    ['to_sparse_bsr', (x) => x.to_sparse_bsr([1, 2])],
    ['to_sparse_bsc', (x) => x.to_sparse_bsc([1, 2])],
  ])('%s', (_, make) => {
    const x = make(torch.eye(4))
    const back = passed(x)
    expect(back.layout).toBe(x.layout)
    expect(back.to_dense().tolist()).toEqual(torch.eye(4).tolist())
  })

  test('typed arrays are tensors', () => {
    const back = passed([new Float64Array([0.5]), new BigInt64Array([3n]), new Uint8ClampedArray([7])])
    expect((back as unknown as Tensor[]).map((x) => [x.dtype.name, x.tolist()])).toEqual([
      ['float64', [0.5]],
      ['int64', [3]],
      ['uint8', [7]],
    ])
  })

  test('a scope owns what is loaded in it', () => {
    const bytes = torch.save(torch.ones(2))
    const kept = torch.scope(() => torch.load<Tensor>(bytes))
    expect(kept.tolist()).toEqual([1, 1])
  })
})

describe('a training', () => {
  test('goes on from a checkpoint as if it had not stopped', () => {
    const begin = () => {
      torch.manual_seed(0)
      const model = new nn.Sequential(new nn.Linear(3, 4), new nn.BatchNorm1d(4), new nn.Linear(4, 1))
      const optimizer = new optim.Adam(model.parameters(), { lr: 0.1 })
      return { model, optimizer, scheduler: new optim.lr_scheduler.MultiStepLR(optimizer, [2, 5]) }
    }
    type Training = ReturnType<typeof begin>
    const run = ({ model, optimizer, scheduler }: Training, from: number, to: number): number[] => {
      const losses: number[] = []
      for (let i = from; i < to; i++) {
        optimizer.zero_grad()
        const loss = model(torch.linspace(i, i + 1, 15).view(5, 3))
          .pow(2)
          .mean()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.push(loss.item())
      }
      return losses
    }
    const whole = run(begin(), 0, 8)
    const first = begin()
    run(first, 0, 4)
    const { model, optimizer, scheduler } = first
    const path = file('training.pt')
    torch.save(
      { model: model.state_dict(), optimizer: optimizer.state_dict(), scheduler: scheduler.state_dict() },
      path,
    )
    const second = begin()
    const state = torch.load(path)
    expect(state.model._metadata).toEqual(model.state_dict()._metadata)
    second.model.load_state_dict(state.model)
    second.optimizer.load_state_dict(state.optimizer)
    second.scheduler.load_state_dict(state.scheduler)
    expect(run(second, 4, 8)).toEqual(whole.slice(4))
  })
})

describe('files', () => {
  test('by path, by URL and as bytes', async () => {
    const path = file('x.pt')
    torch.save([1], path)
    expect(torch.load(path)).toEqual([1])
    torch.save([2], pathToFileURL(path))
    expect(torch.load(pathToFileURL(path))).toEqual([2])
    const bytes = readFileSync(path)
    expect(torch.load(bytes)).toEqual([2])
    expect(torch.load(new Uint8Array(bytes).buffer)).toEqual([2])
    await torch.save_async([3], path)
    expect(await torch.load_async(path)).toEqual([3])
  })

  test('mapped tensors are written to in this process alone', () => {
    const path = file('mapped.pt')
    torch.save({ x: torch.zeros(1000) }, path)
    const before = readFileSync(path)
    const { x } = torch.load(path, { mmap: true })
    x.fill_(1)
    expect(x.sum().item()).toBe(1000)
    expect(readFileSync(path).equals(before)).toBe(true)
    expect(() => torch.load(before, { mmap: true })).toThrow('f must be a file path')
  })

  test('the older format is refused where it cannot be mapped', () => {
    writeFileSync(file('old.pt'), new Uint8Array(100))
    expect(() => torch.load(file('old.pt'), { mmap: true })).toThrow('mmap can only be used')
  })
})
