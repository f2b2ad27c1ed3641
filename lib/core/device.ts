/** Where a tensor lives: `torch.device('cpu')`, `torch.device('cuda:0')`, `torch.device('cuda', 0)`. Interned. */
export class Device {
  private constructor(
    readonly type: string,
    /** The device's number, or null for the current one of its type. */
    readonly index: number | null,
  ) {}

  static readonly #interned = new Map<string, Device>()

  /** @internal */
  static intern(type: string, index: number | null): Device {
    const key = `${type}:${index}`
    let device = Device.#interned.get(key)
    if (device === undefined) {
      device = new Device(type, index)
      Device.#interned.set(key, device)
    }
    return device
  }

  /** "cpu", "cuda:0": what native code reads. */
  get spec(): string {
    return this.index === null ? this.type : `${this.type}:${this.index}`
  }

  toString(): string {
    return this.spec
  }

  toJSON(): string {
    return this.spec
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    const index = this.index === null ? '' : `, index=${this.index}`
    return `device(type='${this.type}'${index})`
  }
}

/** A device, or its name. */
export type DeviceLike = Device | string

/**
 * The device called `name`, such as 'cpu', 'cuda' or 'cuda:1'; or the type and the number apart.
 * @throws {RangeError} if the name is not of that form. Whether there is such a device is found out when it is used.
 */
export function device(name: DeviceLike, index?: number): Device {
  if (name instanceof Device) return name
  const match = /^([a-z]+)(?::(\d+))?$/.exec(name)
  if (match === null || (match[2] !== undefined && index !== undefined)) {
    throw new RangeError(`invalid device string: '${name}'; expected for example 'cpu', 'cuda' or 'cuda:0'`)
  }
  const number = match[2] === undefined ? (index ?? null) : Number(match[2])
  return Device.intern(match[1] as string, number)
}

class Named {
  constructor(readonly name: string) {}
  toString(): string {
    return `torch.${this.name}`
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

export class Layout extends Named {
  declare readonly __layout: never
}
export const strided = new Layout('strided')
export const sparse_coo = new Layout('sparse_coo')
export const sparse_csr = new Layout('sparse_csr')
export const sparse_csc = new Layout('sparse_csc')
export const sparse_bsr = new Layout('sparse_bsr')
export const sparse_bsc = new Layout('sparse_bsc')

export class MemoryFormat extends Named {
  declare readonly __memory_format: never
}
export const contiguous_format = new MemoryFormat('contiguous_format')
export const preserve_format = new MemoryFormat('preserve_format')
export const channels_last = new MemoryFormat('channels_last')
export const channels_last_3d = new MemoryFormat('channels_last_3d')

const LAYOUTS: Record<string, Layout> = {
  Strided: strided,
  Sparse: sparse_coo,
  SparseCsr: sparse_csr,
  SparseCsc: sparse_csc,
  SparseBsr: sparse_bsr,
  SparseBsc: sparse_bsc,
}

/** @internal The layout that libtorch calls by this name. */
export function layoutNamed(name: string): Layout {
  return LAYOUTS[name] ?? new Layout(name)
}
