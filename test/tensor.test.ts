import { inspect, isDeepStrictEqual } from 'node:util'
import { describe, expect, test } from 'vitest'
import torch, { type Tensor } from '../lib/index.js'

describe('making tensors', () => {
  test('numbers give float32, bigints int64, booleans bool, {re, im} complex64', () => {
    const dtypes = [torch.tensor(3), torch.tensor([1n]), torch.tensor([true]), torch.tensor({ re: 1, im: 2 })].map(
      (tensor) => tensor.dtype,
    )
    expect(dtypes).toEqual([torch.float32, torch.int64, torch.bool, torch.complex64])
    expect(torch.full([2], 3).dtype).toBe(torch.float32)
    expect(torch.full([2], 3n).dtype).toBe(torch.int64)
    expect(torch.where(torch.tensor([true]), 1, 0).dtype).toBe(torch.float32)
  })

  test('counts and positions are int64', () => {
    const counts = [torch.arange(3), torch.randint(0, 5, [2]), torch.randperm(3), torch.rand(3).argmax()]
    for (const tensor of counts) expect(tensor.dtype).toBe(torch.int64)
    expect(torch.arange(0, 1, 0.25).tolist()).toEqual([0, 0.25, 0.5, 0.75])
  })

  test('beside a tensor, a whole number is Python’s int and any other a float', () => {
    const integers = torch.tensor([4n, 7n])
    expect(integers.add(1).dtype).toBe(torch.int64)
    expect(integers.add(0.5).dtype).toBe(torch.float32)
    expect(integers.mul(-0).dtype).toBe(torch.float32)
    expect(integers.div(2).tolist()).toEqual([2, 3.5])
    expect(torch.sub(1, torch.tensor([3])).tolist()).toEqual([-2])
  })

  test('sizes come as an array or as numbers', () => {
    for (const made of [torch.zeros(2, 3), torch.zeros([2, 3]), torch.zeros(2, 3, { dtype: torch.float64 })]) {
      expect(made.shape.equals([2, 3])).toBe(true)
    }
    expect(torch.zeros([]).dim()).toBe(0)
    expect(torch.ones(6).view(2, -1).shape).toEqual(torch.ones(6).reshape([2, 3]).shape)
    expect(torch.ones(2, 3).permute(1, 0).shape.equals([3, 2])).toBe(true)
  })

  test('typed arrays keep their type, and are copied', () => {
    const source = Int32Array.of(1, 2, 3)
    const tensor = torch.tensor(source)
    source[0] = 9
    expect(tensor.dtype).toBe(torch.int32)
    expect(tensor.tolist()).toEqual([1, 2, 3])
    expect(torch.tensor(new Float64Array(2)).dtype).toBe(torch.float64)
    expect(torch.tensor(BigInt64Array.of(5n), { dtype: torch.float32 }).tolist()).toEqual([5])
    expect(torch.tensor([Float32Array.of(1, 2), Float32Array.of(3, 4)]).tolist()).toEqual([
      [1, 2],
      [3, 4],
    ])
  })

  test('factories take dtype and requires_grad', () => {
    const w = torch.randn(2, 2, { dtype: torch.float64, requires_grad: true })
    expect([w.dtype, w.requires_grad, w.is_leaf]).toEqual([torch.float64, true, true])
    expect(torch.LongTensor([0, 2]).dtype).toBe(torch.int64)
    expect(torch.eye(2).tolist()).toEqual([
      [1, 0],
      [0, 1],
    ])
    expect(torch.linspace(0, 1, 3).tolist()).toEqual([0, 0.5, 1])
    expect(torch.zeros_like(torch.ones(2, { dtype: torch.int32 })).dtype).toBe(torch.int32)
    expect(torch.empty(0).numel()).toBe(0)
  })
})

describe('reading tensors', () => {
  test('item gives numbers, booleans, and bigints where numbers fail', () => {
    expect(torch.tensor(1.5).item()).toBe(1.5)
    expect(torch.tensor([[true]]).item<boolean>()).toBe(true)
    expect(torch.tensor([2n ** 60n + 1n]).item<bigint>()).toBe(2n ** 60n + 1n)
    expect(torch.tensor([2n ** 60n + 1n, 1n]).tolist()).toEqual([2n ** 60n + 1n, 1])
    expect(torch.tensor({ re: 1, im: -2 }).item<{ re: number; im: number }>()).toEqual({ re: 1, im: -2 })
    expect(() => torch.ones(2).item()).toThrow(/2 elements cannot be converted/)
  })

  test('tolist nests as the shape does', () => {
    expect(torch.arange(4).reshape(2, 2).t().tolist()).toEqual([
      [0, 2],
      [1, 3],
    ])
    expect(torch.zeros(2, 0).tolist()).toEqual([[], []])
    expect(JSON.stringify({ x: torch.tensor([1, 2]) })).toBe('{"x":[1,2]}')
    expect(torch.tensor([1.5], { dtype: torch.bfloat16 }).tolist()).toEqual([1.5])
  })

  test('to_typed_array shares memory where it can, and copies where asked', () => {
    const x = torch.zeros(3)
    const shared = x.to_typed_array() as Float32Array
    shared[1] = 5
    expect(x.tolist()).toEqual([0, 5, 0])
    x.to_typed_array({ copy: true })[0] = 9
    expect(x.tolist()).toEqual([0, 5, 0])
    expect(torch.arange(4).reshape(2, 2).t().to_typed_array()).toEqual(BigInt64Array.of(0n, 2n, 1n, 3n))
    expect(() => torch.ones(1, { requires_grad: true }).to_typed_array()).toThrow(/detach/)
  })

  test('memory that an array sees cannot be reallocated', () => {
    const x = torch.ones(2)
    x.to_typed_array()
    expect(() => x.resize_([1000])).toThrow(/not resizable/)
    expect(torch.ones(2).resize_([3]).shape.equals([3])).toBe(true)
  })

  test('shape compares, multiplies and prints', () => {
    const { shape } = torch.zeros(15, 9)
    expect([shape.equals([15, 9]), shape.equals([9, 15]), shape.numel(), `${shape}`]).toEqual([
      true,
      false,
      135,
      'torch.Size([15, 9])',
    ])
    expect([torch.zeros(2, 3).size(-1), torch.zeros(2, 3).stride()]).toEqual([3, [3, 1]])
    expect(shape.map((n) => n)).not.toHaveProperty('numel')
  })

  test('named results go by name and by place', () => {
    const result = torch
      .tensor([
        [1, 3],
        [4, 2],
      ])
      .max(1)
    const [values, indices] = result
    expect([values?.tolist(), indices?.tolist(), result.length]).toEqual([[3, 4], [1, 0], 2])
    expect(result.values).toBe(values)
    expect(result[1]).toBe(result.indices)
  })
})

describe('dtypes and devices', () => {
  test('to, and its shorthands', () => {
    const x = torch.tensor([1.7, -1.7])
    expect(x.to(torch.float32)).toBe(x)
    expect(x.to('cpu')).toBe(x)
    expect(x.to(torch.int64).tolist()).toEqual([1, -1])
    expect(x.to('cpu', torch.float64).dtype).toBe(torch.float64)
    expect(x.to(torch.zeros(1, { dtype: torch.int32 })).dtype).toBe(torch.int32)
    expect(x.to({ dtype: torch.float16 }).dtype).toBe(torch.float16)
    expect([x.long().dtype, x.double().dtype, x.bool().dtype]).toEqual([torch.int64, torch.float64, torch.bool])
    expect(x.type()).toBe('torch.FloatTensor')
    expect([x.to_sparse().type(), x.to(torch.float8_e5m2).type()]).toEqual([
      'torch.sparse.FloatTensor',
      'torch.Float8_e5m2Tensor',
    ])
    expect([x.type('torch.int32').dtype, x.type('torch.LongTensor').dtype]).toEqual([torch.int32, torch.int64])
    expect(() => x.type('torch.NoTensor')).toThrow("invalid type: 'torch.NoTensor'")
  })

  test('dtypes and devices are interned and print as in Python', () => {
    expect(torch.zeros(1).device).toBe(torch.device('cpu'))
    expect(torch.zeros(1).layout).toBe(torch.strided)
    expect(torch.eye(2).to_sparse().layout).toBe(torch.sparse_coo)
    expect(torch.device('cuda', 1)).toBe(torch.device('cuda:1'))
    expect([String(torch.float32), String(torch.device('cuda:1')), inspect(torch.device('cuda:1'))]).toEqual([
      'torch.float32',
      'cuda:1',
      "device(type='cuda', index=1)",
    ])
  })

  test.skipIf(torch.cuda.is_available())('CUDA where there is none is an error that says what is missing', () => {
    expect(() => torch.zeros(1).to('cuda')).toThrow(/CUDA|cuda/)
    expect(() => new torch.nn.Linear(1, 1).to('cuda')).toThrow(/CUDA was asked for/)
  })
})

describe('being a value in JavaScript', () => {
  test('two tensors are never deeply equal by accident', () => {
    expect(isDeepStrictEqual(torch.zeros(1), torch.ones(1))).toBe(false)
    const x = torch.zeros(1)
    expect(isDeepStrictEqual(x, x)).toBe(true)
  })

  test('arithmetic with operators is refused', () => {
    const x = torch.ones(1)
    expect(() => -(x as never)).toThrow(/a\.neg\(\)/)
    expect(() => (x as never) < 2).toThrow(TypeError)
    expect(() => (x as never) + 1).toThrow(TypeError)
    expect(`${x}`).toBe('tensor([1.])')
  })

  test('what an operator gives back of its arguments is that very object', () => {
    const x = torch.ones(2)
    expect(x.add_(1)).toBe(x)
    expect(x.contiguous()).toBe(x)
    const out = torch.empty(2)
    expect(torch.add(x, x, { out })).toBe(out)
    expect(out.tolist()).toEqual([4, 4])
  })

  test('torch.ops.aten reaches every operator of libtorch', () => {
    const x = torch.tensor([[1, 1]])
    expect((torch.ops.aten._softmax(x, 1, false) as Tensor).tolist()).toEqual([[0.5, 0.5]])
    expect(() => torch.ops.aten.no_such_operator(x)).toThrow(/aten::no_such_operator is not in the loaded libtorch/)
  })

  test('einsum takes its operands apart or in an array', () => {
    const [a, b] = [torch.ones(2, 3), torch.ones(3, 4)]
    expect(torch.einsum('ij,jk->ik', a, b).tolist()).toEqual(a.mm(b).tolist())
    expect(torch.einsum('ij->j', [a]).tolist()).toEqual([2, 2, 2])
  })

  test('options come in place or by name', () => {
    const x = torch.arange(6).float().reshape(2, 3)
    expect(x.sum({ dim: 1, keepdim: true }).tolist()).toEqual([[3], [12]])
    expect(x.sum(1, true).tolist()).toEqual(x.sum(1, { keepdim: true }).tolist())
    expect(x.unsqueeze({ dim: 0 }).shape.equals([1, 2, 3])).toBe(true)
    expect(torch.add(x, x, { alpha: -1 }).abs().sum().item()).toBe(0)
    expect(torch.cat([x, x], { dim: 1 }).shape.equals([2, 6])).toBe(true)
    expect(x.sum({ dtype: undefined }).item()).toBe(15)
  })
})

describe('errors are clear, and the process lives', () => {
  const x = torch.ones(2, 3)
  const freed = torch.ones(1)
  freed.dispose()
  const cases: [string, () => unknown, RegExp | ErrorConstructor][] = [
    ['shapes that do not fit', () => x.mm(x), /shapes cannot be multiplied \(2x3 and 2x3\)/],
    ['shapes that do not broadcast', () => x.add(torch.ones(2)), /must match the size of tensor b/],
    ['dtypes that do not fit', () => x.mm(torch.ones(3, 1, { dtype: torch.float64 })), /dtype|Double/],
    ['NaN as a size', () => torch.zeros(Number.NaN), /must be .*, not list of NaN/],
    ['a fraction as a size', () => torch.zeros([1.5]), /list of fractional number/],
    ['a negative size', () => torch.zeros(-1), /negative/],
    ['an infinite size', () => torch.zeros(Infinity), /Infinity/],
    ['a size beyond memory', () => torch.zeros(2 ** 30, 2 ** 25), /memory/],
    ['a size beyond counting', () => torch.zeros(2 ** 40, 2 ** 40), /overflow|memory/],
    [
      'a ragged array',
      () => torch.tensor([[1, 2], [3]]),
      /ragged nested array: expected 2 elements at data\[1\], got 1/,
    ],
    ['an array of mixed depth', () => torch.tensor([1, [2]]), /ragged/],
    ['an array of words', () => torch.tensor(['a'] as never), /data\[0\] must be a number, .* not string/],
    ['null in an array', () => torch.tensor([null] as never), /not null/],
    [
      'NaN as an integer',
      () => torch.tensor([Number.NaN], { dtype: torch.int64 }),
      /value NaN cannot be converted to torch.int64/,
    ],
    ['a disposed tensor', () => freed.add(1), /disposed of/],
    ['a disposed tensor as an argument', () => x.add(freed), /disposed of/],
    ['a property of a disposed tensor', () => freed.shape, /disposed of/],
    ['another object as receiver', () => Reflect.apply(torch.Tensor.prototype.neg, {}, []), /no tensor/],
    ['another object as argument', () => torch.add({} as Tensor, 1), /argument 'input'/],
    ['a word as an argument', () => x.add('1' as never), /not string '1'/],
    ['a function as an argument', () => x.add((() => 1) as never), /not function/],
    ['a missing argument', () => (x.mm as (...args: unknown[]) => unknown)(), /missing required argument 'mat2'/],
    ['an extra argument', () => (x.neg as (...args: unknown[]) => unknown)(1), /takes 1 positional arguments but 2/],
    [
      'an argument given twice',
      () => (x.unsqueeze as (...args: unknown[]) => unknown)(0, { dim: 0 }),
      /multiple values for argument 'dim'/,
    ],
    [
      'an unknown option',
      () => x.sum({ dimm: 0 } as never),
      /unexpected keyword argument 'dimm' \(did you mean 'dim'\?\)/,
    ],
    ['a dimension out of range', () => x.sum(2), /Dimension out of range/],
    ['a dtype as a size', () => torch.zeros(torch.float32 as never), /torch\.dtype/],
    ['a bigint beyond 64 bits', () => torch.ones(1).add(2n ** 70n), /64 bits/],
    ['an unknown device', () => torch.zeros(1, { device: 'gpu' }), /device/],
    [
      'an in-place change of a leaf that requires grad',
      () => torch.ones(1, { requires_grad: true }).add_(1),
      /leaf Variable that requires grad/,
    ],
    ['new Tensor', () => new (torch.Tensor as unknown as new (data: number[]) => Tensor)([1]), /torch\.tensor\(data\)/],
  ]
  test.each(cases)('%s', (_, run, message) => {
    expect(run).toThrow(message as RegExp)
  })

  test('the error is of JavaScript’s kind', () => {
    expect(() => x.add('1' as never)).toThrow(TypeError)
    expect(() => x.select(0, 9)).toThrow(RangeError)
    expect(() => torch.gather(x, 0, torch.tensor([[7n]]))).toThrow(RangeError)
    expect(() => x.sum(5)).toThrow(RangeError)
    const error = (() => {
      try {
        return x.mm(x)
      } catch (caught) {
        return caught as Error
      }
    })() as Error
    expect(error.stack).toContain('tensor.test.ts')
    expect(error.message).toContain('aten::mm(Tensor self, Tensor mat2) -> Tensor')
    expect(error.message).not.toContain('frame #')
  })
})

describe('asarray', () => {
  test('aliases a tensor that is right already, and copies what is not', () => {
    const x = torch.ones(2)
    expect(torch.asarray(x)).toBe(x)
    expect(torch.asarray(x, { copy: false })).toBe(x)
    torch.asarray(x, { copy: true }).add_(1)
    expect(x.tolist()).toEqual([1, 1])
    expect(torch.asarray(x, { dtype: torch.int64 }).dtype).toBe(torch.int64)
    expect(torch.asarray([1, 2], { requires_grad: true }).requires_grad).toBe(true)
    expect(torch.asarray(x, { requires_grad: true }).requires_grad).toBe(true)
    expect(x.requires_grad).toBe(false)
  })

  test('refuses to alias what it must copy', () => {
    expect(() => torch.asarray(torch.ones(2), { dtype: torch.int64, copy: false })).toThrow(/can't alias tensor/)
    expect(() => torch.asarray([1, 2], { copy: false })).toThrow(/can't alias arbitrary sequence/)
  })
})
