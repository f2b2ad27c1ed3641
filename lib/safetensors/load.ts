// Reading safetensors: what Python's safetensors writes, and what it accepts. A file holds data alone, no code.

import { requireCuda } from '../core/cuda_available.js'
import { type DeviceLike, device as deviceOf } from '../core/device.js'
import type { Tensor } from '../core/tensor.js'
import { SafetensorError } from './error.js'
import { type Arguments, read } from './generated/arguments.js'
import type { Entry, Header } from './header.js'
import { damaged, FileSource, MemorySource, readHeader, type Source } from './source.js'

const BACKENDS = ['mmap', 'pread']

function checkSettings(callee: string, device: DeviceLike, backend: string): void {
  if (!BACKENDS.includes(backend)) {
    throw new TypeError(`${callee}(): backend must be one of ${BACKENDS.join(', ')}, not '${backend}'`)
  }
  if (deviceOf(device).type === 'cuda') requireCuda()
}

function readTensor(source: Source, start: number, entry: Entry): Tensor {
  const tensor = source.tensor(start + entry.begin, entry)
  if (tensor === null) throw new SafetensorError(`the data of '${entry.name}' is cut off`)
  return tensor
}

/** `tensor`, or what `step` makes of it, which then no longer needs it. */
function after(tensor: Tensor, step: (tensor: Tensor) => Tensor): Tensor {
  const result = step(tensor)
  if (result !== tensor) tensor.dispose()
  return result
}

function readTensors(source: Source, { entries, start }: Header & { start: number }, device: DeviceLike) {
  const tensors: Record<string, Tensor> = Object.create(null)
  for (const entry of entries) tensors[entry.name] = after(readTensor(source, start, entry), (x) => x.to(device))
  return tensors
}

function readAll(source: Source, device: DeviceLike): Record<string, Tensor> {
  const header = readHeader(source)
  const tensors = readTensors(source, header, device)
  if (source.size === null && source.read(new Uint8Array(1), header.start + header.size) > 0) {
    throw new SafetensorError('there are bytes behind its data')
  }
  return tensors
}

/**
 * The tensors of a file by name, on `device`: an object as `load_state_dict` takes it. `safe_open` gives the metadata.
 * The file is mapped: what is not touched is not read, and what is written to a tensor does not reach the file. With
 * `{ backend: 'pread' }` all is read at once, and later changes of the file are nothing to the tensors.
 * @throws {SafetensorError} that says what is wrong where the file is damaged or not a safetensors file.
 */
export function load_file(...args: Arguments['safetensors.load_file']): Record<string, Tensor> {
  const { filename, device, backend } = read('safetensors.load_file', args)
  checkSettings('load_file', device, backend)
  const source = new FileSource(filename, backend === 'mmap')
  try {
    return readAll(source, device)
  } catch (error) {
    throw damaged(filename, error)
  } finally {
    source[Symbol.dispose]()
  }
}

/** The tensors in a file's bytes. */
export function load(...args: Arguments['safetensors.load']): Record<string, Tensor> {
  const { data } = read('safetensors.load', args)
  try {
    return readAll(new MemorySource(data), 'cpu')
  } catch (error) {
    throw damaged('this', error)
  }
}

/** One of a file's tensors, of which parts are read. Made by `get_slice`. */
export class SafeSlice {
  readonly #entry: Entry
  readonly #read: (part: (tensor: Tensor) => Tensor) => Tensor

  /** @internal */
  constructor(entry: Entry, read: (part: (tensor: Tensor) => Tensor) => Tensor) {
    this.#entry = entry
    this.#read = read
  }

  /** Its sizes, as the file has them. */
  get_shape(): number[] {
    return [...this.#entry.listed.shape] as number[]
  }

  /** Its dtype in the format's words, such as 'F32'. */
  get_dtype(): string {
    return this.#entry.listed.dtype
  }

  /** Python's `slice[...]`: `slice.index('1:3, :')`. Where the file is mapped, no more than that is read. */
  index(...indices: Parameters<Tensor['index']>): Tensor {
    return this.#read((tensor) => tensor.index(...indices))
  }
}

/** A file whose header was read; its tensors are read when they are asked for. Made by `safe_open`. */
export class SafeOpen implements Disposable {
  readonly #filename: string
  readonly #device: DeviceLike
  readonly #maps: boolean
  readonly #source: FileSource
  readonly #header: Header & { start: number }
  readonly #entries: ReadonlyMap<string, Entry>
  #open = true

  /** @internal */
  constructor(filename: string, device: DeviceLike, maps: boolean) {
    this.#filename = filename
    this.#device = device
    this.#maps = maps
    this.#source = new FileSource(filename, maps)
    try {
      if (this.#source.size === null) throw new SafetensorError('safe_open() takes files alone, load_file() pipes too')
      this.#header = readHeader(this.#source)
    } catch (error) {
      this.#source[Symbol.dispose]()
      throw damaged(filename, error)
    }
    this.#entries = new Map(this.#header.entries.map((entry) => [entry.name, entry]))
    abandoned.register(this, this.#source, this)
  }

  /** The tensors' names, sorted. */
  keys(): string[] {
    return this.offset_keys().sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  }

  /** The tensors' names in the order of their data. */
  offset_keys(): string[] {
    this.#check()
    return this.#header.entries.map(({ name }) => name)
  }

  /** The strings that were saved beside the tensors; null where there are none. */
  metadata(): Record<string, string> | null {
    this.#check()
    const { metadata } = this.#header
    return metadata === null ? null : Object.assign(Object.create(null), metadata)
  }

  get_tensor(name: string): Tensor {
    return this.#tensor(this.#entry(name), (tensor) => tensor)
  }

  /** One of the tensors, to read a part of it. */
  get_slice(name: string): SafeSlice {
    const entry = this.#entry(name)
    // A part of what was read would keep all of it.
    const own = (part: Tensor) => (this.#maps ? part : after(part, (part) => part.clone()))
    return new SafeSlice(entry, (part) => this.#tensor(entry, (tensor) => own(part(tensor))))
  }

  get_tensors(): Record<string, Tensor> {
    this.#check()
    return this.#read(() => readTensors(this.#source, this.#header, this.#device))
  }

  /** Closes the file: the end of Python's with block. */
  close(): void {
    if (!this.#open) return
    this.#open = false
    abandoned.unregister(this)
    this.#source[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #entry(name: string): Entry {
    this.#check()
    const entry = this.#entries.get(name)
    if (entry === undefined) throw new SafetensorError(`${this.#filename} does not contain tensor ${name}`)
    return entry
  }

  #tensor(entry: Entry, part: (tensor: Tensor) => Tensor): Tensor {
    this.#check()
    const tensor = this.#read(() => readTensor(this.#source, this.#header.start, entry))
    return after(after(tensor, part), (tensor) => tensor.to(this.#device))
  }

  #check(): void {
    if (!this.#open) throw new SafetensorError(`${this.#filename} is closed`)
  }

  #read<T>(body: () => T): T {
    try {
      return body()
    } catch (error) {
      throw damaged(this.#filename, error)
    }
  }
}

/** Closes files that were forgotten. */
const abandoned = new FinalizationRegistry<FileSource>((source) => source[Symbol.dispose]())

const FRAMEWORKS = ['pt', 'torch', 'pytorch']

/**
 * Opens a file to read some of its tensors, or its metadata: `using file = safe_open('model.safetensors')`, or
 * `file.close()` at the end.
 * @throws {SafetensorError} that says what is wrong where the file is damaged or not a safetensors file.
 */
export function safe_open(...args: Arguments['safetensors.safe_open']): SafeOpen {
  const { filename, framework, device, backend } = read('safetensors.safe_open', args)
  if (!FRAMEWORKS.includes(framework)) throw new TypeError(`safe_open(): framework must be 'pt', not '${framework}'`)
  checkSettings('safe_open', device, backend)
  return new SafeOpen(filename, device, backend === 'mmap')
}
