// Arguments for operators, dummy and hostile, by the types of their schemas.

import torch, { type DType, type Tensor } from '../../lib/index.js'
import type { Parameter } from '../generate/schema.js'

/** Park and Miller's generator: the same arguments for the same seed. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = (seed % 2147483646) + 1
  }

  below(end: number): number {
    this.#state = (this.#state * 48271) % 2147483647
    return this.#state % end
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)] as T
  }
}

const DTYPES: DType[] = [
  torch.float32,
  torch.float32,
  torch.float64,
  torch.int64,
  torch.int64,
  torch.int32,
  torch.uint8,
  torch.bool,
  torch.complex64,
  torch.float16,
  torch.bfloat16,
  torch.uint16,
  torch.float8_e4m3fn,
]
const SHAPES = [
  [],
  [0],
  [1],
  [3],
  [5],
  [2, 3],
  [3, 3],
  [0, 3],
  [2, 0],
  [2, 3, 4],
  [1, 2, 4, 4],
  [2, 2, 3, 3, 3],
  [1, 1, 1, 1, 1, 1],
]

/** Sizes are small, or too large for any memory: those between would only be slow. */
const INTEGERS = [0, 1, 2, 3, -1, -2, 7, 64, 2 ** 40, -(2 ** 40), 2 ** 53 - 1, -(2 ** 53 - 1)]
const SMALL = [0, 1, 2, 3, -1]
const FLOATS = [0, 1, 0.5, -1, Number.NaN, Infinity, -Infinity, 1e300, -0]
const STRINGS = [
  '',
  'mean',
  'sum',
  'none',
  'constant',
  'reflect',
  'linear',
  'ij',
  'prod',
  'amax',
  'tanh',
  'i,i->',
  '\0',
  'nonsense',
]

export function tensor(random: Random): Tensor {
  const shape = random.of(SHAPES)
  const dtype = random.of(DTYPES)
  const count = shape.reduce((product, size) => product * size, 1)
  const values = Array.from({ length: count }, () => {
    switch (random.below(8)) {
      case 0:
        return dtype.is_floating_point ? random.of(FLOATS) : random.of([0, 100, 2 ** 31, -(2 ** 31), -1])
      default:
        return random.below(5) - 1
    }
  })
  let made = torch.tensor(values, { dtype: torch.float64 }).to(dtype).reshape(shape)
  switch (random.below(12)) {
    case 0:
      if (shape.length >= 2) made = made.transpose(0, 1)
      break
    case 1:
      if (shape.length >= 1) made = made.unsqueeze(0).expand([3, ...shape])
      break
    case 2:
      if (dtype.is_floating_point && dtype.itemsize >= 4) made = made.requires_grad_()
      break
    case 3:
      if (shape.length >= 2 && dtype.itemsize > 1) made = made.to_sparse()
      break
    case 4:
      made = made.to('meta')
      break
    case 5:
      if (dtype.is_complex) made = made.conj()
      break
  }
  return made
}

export function value(parameter: Parameter, random: Random): unknown {
  let { type } = parameter
  if (type.endsWith('?')) {
    if (random.below(3) === 0) return null
    type = type.slice(0, -1)
  }
  // Now and then something that the parameter does not take at all.
  if (random.below(40) === 0) return random.of([null, 'nonsense', -1, [], {}, tensor(random), [null], true])
  const list = /^(.*)\[(\d*)\]$/.exec(type)
  if (list !== null) {
    if (list[2] !== '' && random.below(3) === 0) return value({ ...parameter, type: list[1] as string }, random)
    const length = list[2] === '' || random.below(3) === 0 ? random.below(4) : Number(list[2])
    const item = { ...parameter, type: list[1] as string }
    return Array.from({ length }, () =>
      item.type === 'int' && random.below(3) > 0 ? random.of(SMALL) : value(item, random),
    )
  }
  switch (type) {
    case 'Tensor':
      return tensor(random)
    case 'int':
      return random.below(2) === 0 ? random.of(SMALL) : random.of(INTEGERS)
    case 'float':
      return random.of(FLOATS)
    case 'bool':
      return random.below(2) === 0
    case 'str':
      return random.of(STRINGS)
    case 'number':
    case 'Scalar':
      return random.of([...FLOATS, ...SMALL, true, { re: 1, im: -1 }])
    case 'ScalarType':
      return random.of(DTYPES)
    case 'Layout':
      return random.of([torch.strided, torch.sparse_coo, torch.sparse_csr])
    case 'Device':
      return random.of(['cpu', 'meta', 'cuda'])
    case 'MemoryFormat':
      return random.of([torch.contiguous_format, torch.channels_last, torch.preserve_format])
    default:
      return null
  }
}
