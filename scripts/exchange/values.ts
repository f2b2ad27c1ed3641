// Values of every kind that torch.save takes, for Python to read.

import torch, { nn, type Tensor } from '../../lib/index.js'

const DTYPES = [
  ...['uint8', 'int8', 'int16', 'int32', 'int64', 'uint16', 'uint32', 'uint64', 'bool', 'float16', 'bfloat16'],
  ...['float32', 'float64', 'complex32', 'complex64', 'complex128'],
  ...['float8_e4m3fn', 'float8_e5m2', 'float8_e4m3fnuz', 'float8_e5m2fnuz'],
]

const numbers = (): Tensor => torch.arange(6).mul(1.25).sub(2)

function tensors(): Record<string, unknown> {
  const dtypes = torch as unknown as Record<string, torch.DType>
  const byDtype = DTYPES.map((name) => [name, numbers().to(dtypes[name]).reshape(2, 3)])
  const base = torch.arange(12)
  const tied = new nn.Parameter(numbers())
  const coo = torch.sparse_coo_tensor(
    torch.LongTensor([
      [0, 1, 1],
      [2, 0, 0],
    ]),
    torch.tensor([3, 4, 5]),
    [2, 3],
  )
  const channels = [torch.tensor([0.1, 0.5]), torch.LongTensor([1, 2])] as const
  return {
    ...Object.fromEntries(byDtype),
    'no dimension': torch.tensor(1.5),
    'no elements': torch.empty(2, 0, 3),
    expanded: torch.tensor([1, 2]).expand(3, 2),
    'shared views': { base, part: base.index('3:6'), turned: base.view(3, 4).t(), again: base },
    tied: [tied, tied, new nn.Parameter(numbers(), { requires_grad: false })],
    'several dtypes of a storage': [base, base.view(torch.int32), base.view(torch.float64)],
    buffers: [new nn.Buffer(numbers()), new nn.Buffer(numbers(), { persistent: false })],
    'requires grad': [torch.ones(2, { requires_grad: true }), torch.ones(2, { requires_grad: true }).mul(2)],
    conjugated: [numbers().to(torch.complex64).conj(), numbers().to(torch.complex64).conj().imag],
    meta: torch.empty(2, 3, { device: 'meta' }),
    sparse: [coo, coo.coalesce(), coo.to_dense().to_sparse_csr(), coo.to_dense().to_sparse_csc()],
    blocks: [torch.eye(4).to_sparse_bsr([2, 2]), torch.eye(4).to_sparse_bsc([2, 2])],
    quantised: [
      torch.quantize_per_tensor(numbers(), 0.5, 3, torch.quint8),
      torch.quantize_per_tensor(numbers(), 1, 0, torch.qint32),
      torch.quantize_per_channel(numbers().reshape(2, 3), ...channels, 0, torch.qint8),
    ],
    scoped: torch.scope(() => torch.keep(numbers())),
  }
}

function plain(): Record<string, unknown> {
  const circle: Record<string, unknown> = { name: 'circle' }
  circle.self = circle
  return {
    null: null,
    booleans: [true, false],
    integers: [0, 1, -1, 255, 256, 65536, 2 ** 31, -(2 ** 31) - 1, 2 ** 53 - 1, 2n ** 53n, -(2n ** 63n), 2n ** 2000n],
    floats: [0.5, -0, 1e300, 5e-324, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
    strings: ['', 'é', '字😀', '\ud83d half', 'a\0b', 'x'.repeat(300)],
    complex: { re: 1, im: -2 },
    bytes: Uint8Array.from({ length: 256 }, (_, i) => i),
    'no bytes': new Uint8Array(0),
    tuples: Object.freeze([1, Object.freeze([]), Object.freeze([2]), Object.freeze([3, 4, 5, 6]), [7]]),
    sets: new Set([1, 'a', null]),
    maps: new Map<unknown, unknown>([
      [1, 'int'],
      ['1', 'str'],
      [null, new Map([[2.5, true]])],
    ]),
    names: JSON.parse('{"__proto__": 1, "constructor": {"__proto__": null}, "": 2, "a.b": 3}'),
    'torch’s own': [torch.zeros(2, 3).shape, torch.float16, torch.device('cuda', 1), torch.sparse_coo],
    'one list twice': ((inner) => [inner, inner, { inner }])([1, 2]),
    circle,
    'many items': [
      Array.from({ length: 2500 }, (_, i) => i),
      Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`n${i}`, i])),
    ],
    'a state_dict': new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3)).state_dict(),
  }
}

/** By name. */
export function values(): Record<string, unknown> {
  torch.manual_seed(0)
  return { ...tensors(), ...plain() }
}
