/** The type of a tensor's elements. Interned: `x.dtype === torch.float32` works. */
export class DType {
  /** @internal */
  private constructor(
    /** libtorch's number for it. */
    readonly code: number,
    readonly name: string,
    /** Bytes of one element. */
    readonly itemsize: number,
    readonly is_floating_point: boolean,
    readonly is_complex: boolean,
    readonly is_signed: boolean,
  ) {}

  toString(): string {
    return `torch.${this.name}`
  }

  toJSON(): string {
    return this.toString()
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }

  /** @internal */
  static define(code: number, name: string, itemsize: number, kind: 'int' | 'uint' | 'float' | 'complex'): DType {
    const dtype = new DType(code, name, itemsize, kind === 'float', kind === 'complex', kind !== 'uint')
    byCode.set(code, dtype)
    byName.set(name, dtype)
    return dtype
  }
}

const byCode = new Map<number, DType>()
const byName = new Map<string, DType>()

// The codes are c10::ScalarType's.
export const uint8 = DType.define(0, 'uint8', 1, 'uint')
export const int8 = DType.define(1, 'int8', 1, 'int')
export const int16 = DType.define(2, 'int16', 2, 'int')
export const int32 = DType.define(3, 'int32', 4, 'int')
export const int64 = DType.define(4, 'int64', 8, 'int')
export const float16 = DType.define(5, 'float16', 2, 'float')
export const float32 = DType.define(6, 'float32', 4, 'float')
export const float64 = DType.define(7, 'float64', 8, 'float')
export const complex32 = DType.define(8, 'complex32', 4, 'complex')
export const complex64 = DType.define(9, 'complex64', 8, 'complex')
export const complex128 = DType.define(10, 'complex128', 16, 'complex')
export const bool = DType.define(11, 'bool', 1, 'uint')
export const qint8 = DType.define(12, 'qint8', 1, 'int')
export const quint8 = DType.define(13, 'quint8', 1, 'uint')
export const qint32 = DType.define(14, 'qint32', 4, 'int')
export const bfloat16 = DType.define(15, 'bfloat16', 2, 'float')
export const float8_e5m2 = DType.define(23, 'float8_e5m2', 1, 'float')
export const float8_e4m3fn = DType.define(24, 'float8_e4m3fn', 1, 'float')
export const float8_e5m2fnuz = DType.define(25, 'float8_e5m2fnuz', 1, 'float')
export const float8_e4m3fnuz = DType.define(26, 'float8_e4m3fnuz', 1, 'float')
export const uint16 = DType.define(27, 'uint16', 2, 'uint')
export const uint32 = DType.define(28, 'uint32', 4, 'uint')
export const uint64 = DType.define(29, 'uint64', 8, 'uint')
export const float8_e8m0fnu = DType.define(44, 'float8_e8m0fnu', 1, 'float')
/** Two numbers in a byte. */
export const float4_e2m1fn_x2 = DType.define(45, 'float4_e2m1fn_x2', 1, 'float')

export const float = float32
export const double = float64
export const half = float16
export const long = int64
export const int = int32
export const short = int16
export const cfloat = complex64
export const cdouble = complex128

/** @internal */
export function dtypeOf(code: number): DType {
  const dtype = byCode.get(code)
  if (dtype === undefined) throw new TypeError(`a dtype that tstorch does not know (number ${code})`)
  return dtype
}

/** @internal The dtype called `name`, with or without "torch.". */
export function dtypeNamed(name: string): DType | undefined {
  return byName.get(name.replace(/^torch\./, ''))
}
