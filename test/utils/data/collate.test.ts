import { describe, expect, test } from 'vitest'
import { native } from '../../../lib/core/native.js'
import torch from '../../../lib/index.js'
import { filled } from '../../helpers.js'
import { cases } from './cases.js'
import { read, written } from './values.js'

const { default_collate, default_convert } = torch.utils.data

test.each(filled(cases.collated))('$batch is collated as by Python', ({ batch, ...outcome }) => {
  const collate = () => written(default_collate(read(batch) as unknown[]))
  if ('gives' in outcome) expect(collate()).toEqual(outcome.gives)
  else if (outcome.error === 'KeyError') expect(collate).toThrow("the first sample has 'a', another one has not")
  else expect(collate).toThrow(outcome.message)
})

test.each(filled(cases.converted))('$sample is converted as by Python', ({ sample, gives }) => {
  expect(written(default_convert(read(sample)))).toEqual(gives)
})

describe('what only JavaScript has', () => {
  test('Maps are collated key by key, and stay Maps', () => {
    const batch = default_collate([
      new Map([
        ['a', 1n],
        ['b', 2n],
      ]),
      new Map([
        ['b', 4n],
        ['a', 3n],
      ]),
    ])
    expect([...batch].map(([key, value]) => [key, value.tolist()])).toEqual([
      ['a', [1, 3]],
      ['b', [2, 4]],
    ])
    expect(() => default_collate([new Map([[1, 1]]), new Map()])).toThrow(
      "the first sample has '1', another one has not",
    )
    const converted = default_convert(new Map([[1, new Float32Array([2])]]))
    expect(converted.get(1)?.tolist()).toEqual([2])
  })

  test('typed arrays of every type, Buffers too; ArrayBuffers stay as they are', () => {
    const dtypes = [
      [new Uint16Array([1]), torch.uint16],
      [new Uint32Array([1]), torch.uint32],
      [new BigUint64Array([1n]), torch.uint64],
      [new Uint8ClampedArray([1]), torch.uint8],
      [Buffer.from([1]), torch.uint8],
    ] as const
    for (const [array, dtype] of dtypes) {
      const batch = default_collate([array as Uint8Array, array as Uint8Array])
      expect([batch.dtype, ...batch.shape]).toEqual([dtype, 2, 1])
    }
    const bytes = new ArrayBuffer(2)
    expect(default_collate([bytes, bytes])).toEqual([bytes, bytes])
    expect(default_convert(bytes)).toBe(bytes)
  })

  test('objects without a prototype, and names such as __proto__', () => {
    const sample = Object.assign(Object.create(null), { x: 1n })
    expect(default_collate([sample, sample]).x.tolist()).toEqual([1, 1])
    const odd = JSON.parse('{"__proto__": [1]}')
    const batch = default_collate([odd, odd])
    expect(Object.keys(batch)).toEqual(['__proto__'])
    expect(Object.getPrototypeOf(batch)).toBe(Object.prototype)
    expect(Object.keys(default_convert(odd))).toEqual(['__proto__'])
  })

  test('what is nothing that can be collated is named', () => {
    const found = (name: string) => `dicts or lists; found <class '${name}'>`
    expect(() => default_collate([undefined])).toThrow(found('undefined'))
    expect(() => default_collate([() => 1])).toThrow(found('function'))
    expect(() => default_collate([new Date()])).toThrow(found('Date'))
    expect(() => default_collate([new Set([1])])).toThrow(found('Set'))
    expect(() => default_collate([[1], 2])).toThrow('each element in list of batch should be of equal size')
    expect(() => default_collate([])).toThrow(/no samples/)
    expect(() => default_collate(3 as never)).toThrow(/a list of samples/)
    expect(() => default_collate([torch.ones(1), 2] as never)).toThrow()
  })

  test('a batch is new: changing it leaves the samples as they are', () => {
    const x = torch.zeros(2)
    default_collate([x]).add_(1)
    expect(x.tolist()).toEqual([0, 0])
    const names = ['a']
    expect(default_collate(names)).not.toBe(names)
    expect(default_convert(x)).toBe(x)
  })

  test('gradients go through to the samples', () => {
    const x = torch.ones(2, { requires_grad: true })
    default_collate([x, x]).sum().backward()
    expect(x.grad?.tolist()).toEqual([2, 2])
  })

  test('what is made on the way is freed at once', () => {
    const samples = Array.from({ length: 10 }, () => new Float32Array(4))
    const before = native.live_tensors()
    const batch = default_collate(samples)
    expect(native.live_tensors()).toBeLessThanOrEqual(before + 1)
    expect(batch.shape).toEqual([10, 4])
  })
})
