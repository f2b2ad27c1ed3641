// torch.nn.init, as scripts/reference/init.py has it in Python: the same numbers for the same seed.

import { expect, test } from 'vitest'
import torch, { type DType, nn, type Tensor } from '../../lib/index.js'
import { expectTensor, FEW_ULPS, filled, fixture, type Values } from '../helpers.js'

const { init } = nn
const reference = fixture('init.json')
const functions = init as unknown as Record<string, (tensor: Tensor, options: object) => Tensor>

interface Case {
  name: string
  shape: number[]
  options: Record<string, number | string>
  dtype: string
  /** With the default generator, and with one of its own: the tensor, and the next number of the default one. */
  results: [tensor: Values, next: number, tensor: Values, next: number]
}

/** What processors round otherwise. */
const TOLERANCE: Record<string, number> = { float16: 2 ** -9, bfloat16: 2 ** -6, float32: 4 * FEW_ULPS, float64: 1e-14 }

test.each(filled(reference.cases as Case[]))('$name $shape $options $dtype', (expected) => {
  const { name, shape, options, dtype, results } = expected
  for (const [i, generator] of [null, new torch.Generator().manual_seed(7)].entries()) {
    torch.manual_seed(6)
    const tensor = torch.empty(shape, { dtype: (torch as unknown as Record<string, DType>)[dtype] as DType })
    const drawing = generator !== null && !reference.plain.includes(name) ? { generator } : {}
    expect(functions[name]?.(tensor, { ...options, ...drawing })).toBe(tensor)
    const tolerance = reference.plain.includes(name) ? 0 : TOLERANCE[dtype]
    expectTensor(tensor, results[2 * i] as Values, tolerance)
    expect(torch.rand(1).item()).toBe(results[2 * i + 1])
  }
})

test('the names of old do what the new ones do', () => {
  for (const name of 'uniform normal constant eye dirac xavier_uniform kaiming_normal orthogonal sparse'.split(' ')) {
    const shape = name === 'dirac' ? [2, 2, 2] : [3, 4]
    const options = name === 'constant' ? { val: 3 } : name === 'sparse' ? { sparsity: 0.5 } : {}
    const both = [name, `${name}_`].map((each) => {
      torch.manual_seed(3)
      return functions[each]?.(torch.empty(shape), options) as Tensor
    })
    expect(both[0]?.equal(both[1] as Tensor), name).toBe(true)
  }
})

test('messages are Python’s', () => {
  const messageOf = (run: () => unknown): string => {
    try {
      run()
    } catch (error) {
      return (error as Error).message
    }
    return 'no error'
  }
  const of = (...shape: number[]) => torch.empty(shape)
  expect({
    'dirac dimensions': messageOf(() => init.dirac_(of(2, 2))),
    'dirac groups': messageOf(() => init.dirac_(of(3, 2, 2), 2)),
    'sparse dimensions': messageOf(() => init.sparse_(of(2, 2, 2), 0.1)),
    'eye dimensions': messageOf(() => init.eye_(of(2))),
    'orthogonal dimensions': messageOf(() => init.orthogonal_(of(2))),
    fan: messageOf(() => init.xavier_normal_(of(2))),
    mode: messageOf(() => init.kaiming_normal_(of(2, 2), { mode: 'fan' as never })),
    nonlinearity: messageOf(() => init.kaiming_normal_(of(2, 2), { nonlinearity: 'gelu' as never })),
  }).toEqual(reference.messages)
})

test('needs no gradients, and takes tensors without data', () => {
  const parameter = new nn.Parameter(torch.empty(4, 4))
  expect(init.trunc_normal_(parameter).requires_grad).toBe(true)
  expect(init.sparse_(parameter, 0.5).grad_fn).toBeNull()
  for (const name of ['trunc_normal_', 'orthogonal_', 'sparse_', 'uniform_', 'kaiming_normal_']) {
    const meta = torch.empty([3, 4], { device: 'meta' })
    expect(functions[name]?.(meta, name === 'sparse_' ? { sparsity: 0.5 } : {}), name).toBe(meta)
  }
})
