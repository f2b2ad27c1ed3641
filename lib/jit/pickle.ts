// The pickles in a file of TorchScript's, gone through without building anything. libtorch's reader pops from its stack
// without asking whether something is there, and takes the sizes and strides of a tensor as they are: here each step is
// held to what torch.jit.save writes.

interface Value {
  readonly kind:
    | 'int'
    | 'number'
    | 'bool'
    | 'string'
    | 'none'
    | 'tuple'
    | 'list'
    | 'dict'
    | 'class'
    | 'storage'
    | 'tensor'
    | 'other'
  /** How deep it is nested. What frees a value calls itself for each step down. */
  depth: number
  int?: number
  text?: string
  items?: Value[]
  /** Elements of a storage; the numbers of a tensor's sizes. */
  numel?: number
  sizes?: number[]
  /** Whether it is part of another value: then it may not change any more. */
  used?: boolean
}

const DEEPEST = 200
const MARK = Symbol('mark')

const plain = (kind: Value['kind']): Value => ({ kind, depth: 0 })

/** Bytes of an element of each storage that TorchScript has. */
const ITEMS: Record<string, number> = {
  ...{
    ByteStorage: 1,
    CharStorage: 1,
    ShortStorage: 2,
    IntStorage: 4,
    LongStorage: 8,
    HalfStorage: 2,
    FloatStorage: 4,
  },
  ...{ DoubleStorage: 8, ComplexHalfStorage: 4, ComplexFloatStorage: 8, ComplexDoubleStorage: 16, BoolStorage: 1 },
  ...{
    QInt8Storage: 1,
    QUInt8Storage: 1,
    QInt32Storage: 4,
    BFloat16Storage: 2,
    QUInt4x2Storage: 1,
    QUInt2x4Storage: 1,
  },
  ...{ Float8_e5m2Storage: 1, Float8_e4m3fnStorage: 1, Float8_e5m2fnuzStorage: 1, Float8_e4m3fnuzStorage: 1 },
  ...{ UInt16Storage: 2, UInt32Storage: 4, UInt64Storage: 8 },
}

/** Lists whose elements are of one kind. */
const LISTS: Record<string, Value['kind']> = {
  build_intlist: 'int',
  build_doublelist: 'number',
  build_boollist: 'bool',
  build_tensorlist: 'tensor',
}

const OPEN = /[[(]/g

class Checker {
  readonly #stack: (Value | typeof MARK)[] = []
  readonly #memo: Value[] = []
  readonly #view: DataView
  #at = 0

  constructor(
    readonly bytes: Uint8Array,
    readonly name: string,
    readonly recordSize: (key: string) => number | undefined,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  refuse(what: string): never {
    throw new Error(`it is no file of torch.jit.save, or it is damaged: ${this.name}: ${what}`)
  }

  #take(length: number): number {
    const at = this.#at
    if (length > this.bytes.length - at) this.refuse('it ends early')
    this.#at += length
    return at
  }

  #pop(): Value {
    const value = this.#stack.pop()
    if (value === undefined || value === MARK) return this.refuse('a value is missing')
    return value
  }

  #popMarked(): Value[] {
    const mark = this.#stack.lastIndexOf(MARK)
    if (mark === -1) this.refuse('a mark is missing')
    const values = this.#stack.splice(mark) as Value[]
    values.shift()
    return values
  }

  #push(value: Value): void {
    if (value.depth > DEEPEST) this.refuse('a value is nested too deep')
    this.#stack.push(value)
  }

  #holding(kind: Value['kind'], items: Value[]): Value {
    let depth = 0
    for (const item of items) {
      item.used = true
      depth = Math.max(depth, item.depth)
    }
    return { kind, depth: depth + 1, items }
  }

  /** Adds values to the container on top. */
  #extend(kind: 'list' | 'dict', values: Value[]): void {
    const container = this.#pop()
    if (container.kind !== kind) this.refuse(`there is no ${kind} where one grows`)
    if (container.used || values.includes(container)) this.refuse(`a ${kind} changes after it was used`)
    if (kind === 'dict' && values.length % 2 === 1) this.refuse('a key has no value')
    const { depth } = this.#holding(kind, values)
    container.depth = Math.max(container.depth, depth)
    if (kind === 'list') for (const value of values) container.items?.push(value)
    this.#push(container)
  }

  #line(): string {
    const end = this.bytes.indexOf(10, this.#at)
    if (end === -1) this.refuse('it ends early')
    const text = Buffer.from(this.bytes.subarray(this.#at, end)).toString('latin1')
    this.#at = end + 1
    return text
  }

  run(): void {
    const start = this.#take(2)
    if (this.bytes[start] !== 0x80 || this.bytes[start + 1] !== 2) this.refuse('it is no pickle of protocol 2')
    while (!this.#step()) {}
  }

  #int(int: number): void {
    this.#push({ kind: 'int', depth: 0, int })
  }

  #put(position: number): void {
    const top = this.#pop()
    this.#stack.push(top)
    if (position > this.#memo.length) this.refuse('a place is remembered before those below it')
    this.#memo[position] = top
  }

  #get(position: number): void {
    const value = this.#memo[position]
    if (value === undefined) this.refuse('a value is missing')
    this.#push(value)
  }

  /** One instruction. Gives whether it was the last. */
  #step(): boolean {
    const view = this.#view
    const code = view.getUint8(this.#take(1))
    switch (String.fromCharCode(code)) {
      case '.':
        if (this.#stack.length !== 1) this.refuse('it leaves more than one value')
        this.#pop()
        return true
      case ']':
        this.#push({ kind: 'list', depth: 1, items: [] })
        break
      case ')':
        this.#push({ kind: 'tuple', depth: 1, items: [] })
        break
      case '}':
        this.#push({ kind: 'dict', depth: 1 })
        break
      case '(':
        this.#stack.push(MARK)
        break
      case 'q':
        this.#put(view.getUint8(this.#take(1)))
        break
      case 'r':
        this.#put(view.getUint32(this.#take(4), true))
        break
      case 'h':
        this.#get(view.getUint8(this.#take(1)))
        break
      case 'j':
        this.#get(view.getUint32(this.#take(4), true))
        break
      case '\x88':
      case '\x89':
        this.#push(plain('bool'))
        break
      case 'N':
        this.#push(plain('none'))
        break
      case 'K':
        this.#int(view.getUint8(this.#take(1)))
        break
      case 'M':
        this.#int(view.getUint16(this.#take(2), true))
        break
      case 'J':
        this.#int(view.getInt32(this.#take(4), true))
        break
      case '\x8a':
        if (view.getUint8(this.#take(1)) !== 8) this.refuse('an integer is not of 64 bits')
        this.#int(Number(view.getBigInt64(this.#take(8), true)))
        break
      case 'G':
        this.#take(8)
        this.#push(plain('number'))
        break
      case 'X': {
        const length = view.getUint32(this.#take(4), true)
        const at = this.#take(length)
        this.#push({
          kind: 'string',
          depth: 0,
          text: Buffer.from(this.bytes.subarray(at, at + length)).toString('latin1'),
        })
        break
      }
      case 't':
        this.#push(this.#holding('tuple', this.#popMarked()))
        break
      case '\x85':
      case '\x86':
      case '\x87': {
        const items: Value[] = []
        for (let i = 0x84; i < code; i++) items.unshift(this.#pop())
        this.#push(this.#holding('tuple', items))
        break
      }
      case 'a': {
        const value = this.#pop()
        this.#extend('list', [value])
        break
      }
      case 'e':
        this.#extend('list', this.#popMarked())
        break
      case 's': {
        const value = this.#pop()
        this.#extend('dict', [this.#pop(), value])
        break
      }
      case 'u':
        this.#extend('dict', this.#popMarked())
        break
      case 'c':
        this.#push({ kind: 'class', depth: 0, text: `${this.#line()} ${this.#line()}` })
        break
      case '\x81': {
        const args = this.#pop()
        const top = this.#pop()
        if (args.kind !== 'tuple' || top.kind !== 'class') this.refuse('an object is made of no class')
        this.#push(top)
        break
      }
      case 'b':
      case 'R': {
        const argument = this.#pop()
        const callee = this.#pop()
        if (callee.kind !== 'class') this.refuse('something is called that is no class')
        this.#push(this.#call(callee.text as string, argument))
        break
      }
      case 'Q':
        this.#push(this.#storage(this.#pop()))
        break
      default:
        this.refuse(`it has an instruction that no TorchScript needs (${code})`)
    }
    return false
  }

  #call(callee: string, argument: Value): Value {
    const items = argument.kind === 'tuple' ? (argument.items as Value[]) : []
    const [first, second] = items
    switch (callee) {
      case 'torch._utils _rebuild_tensor_v2':
      case 'torch._utils _rebuild_qtensor':
        return this.#tensor(items, callee.endsWith('_rebuild_qtensor'))
      case 'collections OrderedDict':
        return plain('none')
      case 'torch device':
        if (first?.kind !== 'string') this.refuse('a device has no name')
        return plain('other')
      case 'builtins complex':
        if (first?.kind !== 'number' || second?.kind !== 'number') this.refuse('a complex number has two numbers')
        return plain('other')
      case 'torch.jit._pickle restore_type_tag':
        if ((first?.kind !== 'list' && first?.kind !== 'dict') || second?.kind !== 'string')
          this.refuse('a type has no value')
        if (((second as Value).text?.match(OPEN)?.length ?? 0) > DEEPEST) this.refuse('a type is nested too deep')
        return first as Value
      default:
    }
    if (callee.startsWith('torch.jit._pickle ')) {
      const kind = LISTS[callee.slice('torch.jit._pickle '.length)]
      if (kind === undefined || first?.kind !== 'list') return this.refuse(`it needs ${callee}`)
      if (first.items?.some((item) => item.kind !== kind)) this.refuse(`a list has elements of another kind`)
      return first
    }
    if (callee.startsWith('__torch__')) {
      const state = this.#holding('other', [argument])
      return { kind: 'other', depth: state.depth }
    }
    return this.refuse(`it needs ${callee.replace(' ', '.')}, which is no part of TorchScript here`)
  }

  #storage(id: Value): Value {
    const [what, type, key, device, numel] = id.items ?? []
    if (id.kind !== 'tuple' || what?.text !== 'storage' || type?.kind !== 'class' || key?.kind !== 'string') {
      return this.refuse('a storage has no name')
    }
    const [module, className = ''] = (type.text as string).split(' ')
    const itemsize = module === 'torch' ? ITEMS[className] : undefined
    if (itemsize === undefined) return this.refuse(`it needs ${type.text?.replace(' ', '.')}`)
    const count = numel?.int
    if (device?.kind !== 'string' || count === undefined || count < 0) return this.refuse('a storage has no size')
    const size = count === 0 ? 0 : this.recordSize(key.text as string)
    if (size === undefined) return this.refuse(`the data of tensor ${key.text} is missing`)
    if (count * itemsize > size) this.refuse(`the data of tensor ${key.text} is cut off`)
    return { kind: 'storage', depth: 0, numel: count }
  }

  #ints(value: Value | undefined): number[] {
    if (value?.kind !== 'tuple') return this.refuse('a tensor has no sizes')
    return (value.items as Value[]).map((item) => {
      if (item.int === undefined || item.int < 0) return this.refuse('a size or stride is no natural number')
      return item.int
    })
  }

  #tensor(items: Value[], quantized: boolean): Value {
    const [storage, offset, size, stride] = items
    const [sizes, strides] = [this.#ints(size), this.#ints(stride)]
    const needed = quantized ? 7 : 6
    if (items.length < needed || items.length > 7) this.refuse('a tensor is made of something else')
    if (storage?.kind !== 'storage' || offset?.int === undefined || offset.int < 0)
      return this.refuse('a tensor has no data')
    if (sizes.length !== strides.length) this.refuse('a tensor has fewer strides than sizes')
    let last = offset.int
    let numel = 1
    for (const [i, length] of sizes.entries()) {
      last += (length - 1) * (strides[i] as number)
      numel *= length
    }
    if (numel > 0 && !(last < (storage.numel as number))) this.refuse('a tensor reaches beyond its data')
    if (!Number.isSafeInteger(numel)) this.refuse('a tensor has too many elements')
    if (quantized) this.#quantizer(items[4], sizes)
    if (items[needed - 2]?.kind !== 'bool') this.refuse('a tensor is made of something else')
    if (!quantized && items.length === 7 && items[6]?.kind !== 'dict') this.refuse('a tensor is made of something else')
    return { kind: 'tensor', depth: 0, sizes }
  }

  #quantizer(value: Value | undefined, sizes: number[]): void {
    const [scheme, scale, zero, axis] = value?.items ?? []
    if (value?.kind !== 'tuple' || scheme?.kind !== 'class') this.refuse('a quantized tensor has no scale')
    if (scheme?.text === 'torch per_tensor_affine') {
      if (scale?.kind !== 'number' || zero?.kind !== 'int') this.refuse('a quantized tensor has no scale')
      return
    }
    const along = axis?.int ?? -1
    const count = sizes[along]
    const fits = (each: Value | undefined): boolean =>
      each?.kind === 'tensor' && each.sizes?.length === 1 && each.sizes[0] === count
    if (count === undefined || !fits(scale) || !fits(zero)) this.refuse('a quantized tensor has too few scales')
  }
}

/**
 * @param recordSize the bytes of the record of a tensor's data
 * @throws where the pickle is not one that torch.jit.save writes, or a tensor would reach beyond its data.
 */
export function checkPickle(bytes: Uint8Array, name: string, recordSize: (key: string) => number | undefined): void {
  new Checker(bytes, name, recordSize).run()
}
