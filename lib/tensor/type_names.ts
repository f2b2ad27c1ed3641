// Python's names of tensor types: torch.FloatTensor, torch.cuda.LongTensor, torch.sparse.DoubleTensor.

import { strided } from '../core/device.js'
import * as dtypes from '../core/dtype.js'
import { type DType, dtypeNamed } from '../core/dtype.js'
import type { Tensor } from '../core/tensor.js'

/** The names that are not the dtype's own. */
const NAMES = new Map<DType, string>([
  [dtypes.uint8, 'Byte'],
  [dtypes.int8, 'Char'],
  [dtypes.int16, 'Short'],
  [dtypes.int32, 'Int'],
  [dtypes.int64, 'Long'],
  [dtypes.float16, 'Half'],
  [dtypes.float32, 'Float'],
  [dtypes.float64, 'Double'],
  [dtypes.complex32, 'ComplexHalf'],
  [dtypes.complex64, 'ComplexFloat'],
  [dtypes.complex128, 'ComplexDouble'],
  [dtypes.bfloat16, 'BFloat16'],
  [dtypes.uint16, 'UInt16'],
  [dtypes.uint32, 'UInt32'],
  [dtypes.uint64, 'UInt64'],
  [dtypes.quint8, 'QUInt8'],
  [dtypes.qint8, 'QInt8'],
  [dtypes.qint32, 'QInt32'],
])

export function typeName({ dtype, device, layout }: Tensor): string {
  const own = NAMES.get(dtype) ?? dtype.name.replace(/^./, (letter) => letter.toUpperCase())
  return `torch.${device.type === 'cuda' ? 'cuda.' : ''}${layout === strided ? '' : 'sparse.'}${own}Tensor`
}

/** What a name stands for: a dtype's name, or a type's; undefined where it is no name. */
export function typeNamed(name: string): { dtype: DType; device?: 'cuda' | 'cpu' } | undefined {
  const [, cuda, own] = /^torch\.(cuda\.)?(\w+)Tensor$/.exec(name) ?? []
  if (own === undefined) {
    const dtype = dtypeNamed(name)
    return dtype && { dtype }
  }
  const found = [...NAMES].find(([, known]) => known === own)?.[0] ?? dtypeNamed(own.toLowerCase())
  return found && { dtype: found, device: cuda === undefined ? 'cpu' : 'cuda' }
}
