// torch.safetensors: the same files as Python's, byte for byte, and the same verdict on each damaged one (made by
// scripts/reference/safetensors_files.py with safetensors 0.8).

import { spawnSync } from 'node:child_process'
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { native } from '../lib/core/native.js'
import { packageRoot } from '../lib/core/package_root.js'
import torch, { nn, type Tensor } from '../lib/index.js'
import { filled, fixture, fixtureFile } from './helpers.js'

const folder = mkdtempSync(join(tmpdir(), 'tstorch-'))
const file = join(folder, 'a.safetensors')
afterAll(() => rmSync(folder, { recursive: true }))
const { load, load_file, load_model, safe_open, save, save_file, save_model, SafetensorError } = torch.safetensors

interface Values {
  dtype: string
  shape: string[]
  bytes: string
}

interface Reference {
  read: {
    name: string
    file?: string
    depth?: number
    error?: string
    tensors?: Record<string, Values>
    keys?: string[]
    offset_keys?: string[]
    metadata?: Record<string, string> | null
  }[]
  written: { names: string[]; metadata: Record<string, string> | null; file: string }[]
  tensors: Record<string, Values>
  model: string
  slices: {
    name: string
    index: string
    listed_shape: number[]
    listed_dtype: string
    shape?: string[]
    bytes?: string
    error?: string
  }[]
}
const reference = fixture<Reference>('safetensors.json')
const bytesOf = (base64: string) => Buffer.from(base64, 'base64')

/** A tensor as the reference script writes it. */
function valuesOf(tensor: Tensor): Values {
  const bytes = tensor.numel() === 0 ? [] : tensor.contiguous().reshape(-1).view(torch.uint8).tolist()
  return {
    dtype: String(tensor.dtype),
    shape: [...tensor.shape].map(String),
    bytes: Buffer.from(bytes as number[]).toString('base64'),
  }
}

const dtypeNamed = (name: string) => (torch as unknown as Record<string, torch.DType>)[name.slice('torch.'.length)]

function tensorOf({ dtype, shape, bytes }: Values): Tensor {
  const flat = torch.tensor(new Uint8Array(bytesOf(bytes)))
  if (flat.numel() === 0) return torch.empty(shape.map(Number), { dtype: dtypeNamed(dtype) })
  return flat.view(dtypeNamed(dtype) as torch.DType).reshape(shape.map(Number))
}

/** What Python takes and this library refuses. */
const STRICTER: Record<string, string> = {
  'the same entry twice': 'one name for two things is damage',
  'one name twice in the metadata': 'one name for two things is damage',
  'an entry that is an array': 'the format says that it is an object',
  'a dtype that is an object': 'the format says that it is a string',
}

const deep = (depth: number) => {
  const text = `{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"a":${'['.repeat(depth)}${']'.repeat(depth)}}}`
  return Buffer.concat([length(text.length), Buffer.from(text), Buffer.alloc(8)])
}
function writeAt(file: string, position: number, bytes: Uint8Array): void {
  const descriptor = openSync(file, 'r+')
  writeSync(descriptor, bytes, 0, bytes.length, position)
  closeSync(descriptor)
}
const length = (bytes: number) => {
  const field = Buffer.alloc(8)
  field.writeBigUInt64LE(BigInt(bytes))
  return field
}

describe('reads and refuses what Python reads and refuses', () => {
  test.each(filled(reference.read).map((row) => [row.name, row] as const))('%s', (name, row) => {
    const bytes = row.file === undefined ? deep(row.depth as number) : bytesOf(row.file)
    writeFileSync(file, bytes)
    if (row.error !== undefined || name in STRICTER) {
      for (const read of [() => load_file(file), () => load(bytes), () => safe_open(file)]) {
        expect(read).toThrow(SafetensorError)
      }
      expect(() => load_file(file)).toThrow(/a\.safetensors is not a safetensors file, or it is damaged: ./)
      return
    }
    const expected = row.tensors as Record<string, Values>
    for (const tensors of [load_file(file), load(bytes), safe_open(file).get_tensors()]) {
      expect(Object.keys(tensors).sort()).toEqual(Object.keys(expected).sort())
      for (const [name, tensor] of Object.entries(tensors)) {
        expect(valuesOf(tensor), name).toEqual(Object.getOwnPropertyDescriptor(expected, name)?.value)
        expect(tensor._version).toBe(0)
      }
    }
    using opened = safe_open(file)
    expect(opened.keys()).toEqual(row.keys)
    expect(opened.offset_keys()).toEqual(row.offset_keys)
    const metadata = opened.metadata()
    expect(Object.entries(metadata ?? {}).sort()).toEqual(Object.entries(row.metadata ?? {}).sort())
    expect(metadata === null).toBe(row.metadata === null)
  })

  test('the exceptions are in the table', () => {
    const accepted = reference.read.filter(({ error }) => error === undefined).map(({ name }) => name)
    expect(Object.keys(STRICTER).filter((name) => !accepted.includes(name))).toEqual([])
    expect(reference.read.filter(({ error }) => error !== undefined).length).toBeGreaterThanOrEqual(90)
  })
})

describe('writes Python’s files byte for byte', () => {
  test.each(filled(reference.written).map((row, i) => [i, row] as const))(
    'file %i',
    (_, { names, metadata, file: text }) => {
      const tensors: Record<string, Tensor> = Object.create(null)
      for (const name of names) {
        tensors[name] = tensorOf(Object.getOwnPropertyDescriptor(reference.tensors, name)?.value)
      }
      expect(Buffer.from(save(tensors, metadata)).toString('base64')).toBe(text)
      save_file(tensors, file, { metadata })
      expect(readFileSync(file).toString('base64')).toBe(text)
      const loaded = load_file(file)
      expect(Object.keys(loaded).sort()).toEqual([...names].sort())
      for (const name of names)
        expect(valuesOf(loaded[name] as Tensor), name).toEqual(valuesOf(tensors[name] as Tensor))
    },
  )

  test('and Python’s larger ones are read', () => {
    expect(Object.keys(load_file(fixtureFile('recurrent.safetensors')))).toHaveLength(640)
  })
})

describe('what Python could not read is not written', () => {
  const x = torch.ones(1)
  test.each([
    ['a tensor called __metadata__', { __metadata__: x }, null, /no tensor can be called '__metadata__'/],
    ['half a surrogate pair in a name', { 'a\ud800': x }, null, /the name of a tensor holds half a surrogate pair/],
    ['half a pair in the metadata', { x }, { a: '\udc00' }, /metadata 'a' holds half a surrogate pair/],
    ['half a pair in a name in the metadata', { x }, { '\udc00': 'a' }, /a name in the metadata holds half/],
    ['a number in the metadata', { x }, { a: 1 }, /metadata must be strings, but 'a' is whole number/],
    ['null in the metadata', { x }, { a: null }, /metadata must be strings, but 'a' is/],
    ['an array as metadata', { x }, ['a'], /'metadata' must be/],
    ['text as metadata', { x }, 'a', /'metadata' must be/],
    ['no tensor', { x: 3 }, null, /'x' must be a Tensor, not/],
    ['complex128', { x: torch.ones(1, { dtype: torch.complex128 }) }, null, /has no torch.complex128 \(x\)/],
    ['a sparse tensor', { x: x.to_sparse() }, null, /'x' is sparse/],
    ['a tensor without data', { x: torch.ones(1, { device: 'meta' }) }, null, /'x' is on the meta device/],
    ['a header above the limit', { ['a'.repeat(1e8)]: x }, null, /the format allows 100000000/],
  ] as [string, never, never, RegExp][])('%s', (_, tensors, metadata, message) => {
    rmSync(file, { force: true })
    expect(() => save_file(tensors, file, metadata)).toThrow(message)
    expect(() => save(tensors, metadata)).toThrow(message)
    expect(readdirSync(folder)).toEqual([])
  })
})

test('every kind of tensor comes back: strided, conjugated, negated, a single one of any stride, a parameter', () => {
  const complex = torch.tensor([
    { re: 1, im: 2 },
    { re: 3, im: 4 },
  ])
  const tensors = {
    transposed: torch.arange(6).reshape(2, 3).t(),
    stepped: torch.arange(6).index('::2'),
    single: torch.arange(5).index('3::5'),
    expanded: torch.arange(2).unsqueeze(1).expand(2, 3),
    conjugated: complex.conj(),
    negated: complex.conj().imag,
    zeros: torch.ops.aten._efficientzerotensor([3], { dtype: torch.float32, device: 'cpu' }) as Tensor,
    parameter: new nn.Parameter(torch.ones(2)),
    inference: torch.inference_mode(() => torch.ones(2)),
  }
  const versions = Object.entries(tensors).map(([name, tensor]) => (name === 'inference' ? 0 : tensor._version))
  const loaded = load(save(tensors))
  for (const [name, tensor] of Object.entries(tensors)) {
    expect(loaded[name]?.tolist(), name).toEqual(tensor.tolist())
    expect(loaded[name]?.requires_grad).toBe(false)
  }
  expect(Object.entries(tensors).map(([name, tensor]) => (name === 'inference' ? 0 : tensor._version))).toEqual(
    versions,
  )
})

test('within modes and scopes, and after them', () => {
  const x = torch.arange(3)
  for (const inside of [torch.scope, torch.no_grad, torch.inference_mode] as ((body: () => Tensor) => Tensor)[]) {
    const y = inside(() => load(save({ x })).x as Tensor)
    expect(y.tolist()).toEqual([0, 1, 2])
    expect(load(save({ x, y })).y?.tolist()).toEqual([0, 1, 2])
  }
})

describe.each(['shared', 'copied'])('tensors larger than a piece, memory %s', (way) => {
  test('come back', async () => {
    vi.resetModules()
    const own = await import('../lib/safetensors/index.js')
    const addon = (await import('../lib/core/native.js')).native
    const torch = (await import('../lib/index.js')).default
    const share = way === 'shared' ? null : vi.spyOn(addon, 'share_bytes').mockReturnValue(null)
    try {
      const x = torch.arange(3_000_001, { dtype: torch.int32 })
      const loaded = own.load(own.save({ x, y: torch.tensor([7]) }))
      expect(torch.equal(loaded.x as Tensor, x)).toBe(true)
      expect(loaded.y?.tolist()).toEqual([7])
      if (share !== null) expect(share).toHaveBeenCalled()
    } finally {
      share?.mockRestore()
    }
  })
})

test('a model takes what load_file gives', () => {
  const [model, other] = [new nn.Linear(2, 3), new nn.Linear(2, 3)]
  save_file(model.state_dict(), file)
  other.load_state_dict(load_file(file))
  expect(torch.equal(other.weight, model.weight)).toBe(true)
})

class Tied extends nn.Module {
  embedding = new nn.Embedding(3, 2)
  decoder = new nn.Linear(2, 3)

  constructor() {
    super()
    this.decoder.weight = this.embedding.weight
    torch.no_grad(() => {
      this.embedding.weight.copy_(torch.arange(6).view(3, 2))
      this.decoder.bias?.copy_(torch.arange(3))
    })
  }
}

test('save_model writes Python’s file of a model with a shared parameter, and load_model reads it', () => {
  save_model(new Tied(), file)
  expect(readFileSync(file).toString('base64')).toBe(reference.model)
  const model = new Tied()
  torch.no_grad(() => model.embedding.weight.zero_())
  expect(load_model(model, file)).toEqual([[], []])
  expect(model.decoder.weight.tolist()).toEqual([
    [0, 1],
    [2, 3],
    [4, 5],
  ])
  expect(() => load_model(new nn.Linear(2, 3), file)).toThrow(
    /Missing key\(s\) in state_dict: "bias", "weight"\n {4}Unexpected key\(s\) in state_dict: "decoder.bias", "decoder.weight"/,
  )
  expect(load_model(new nn.Linear(2, 3), file, { strict: false })).toEqual([
    ['weight', 'bias'],
    expect.arrayContaining(['decoder.bias', 'decoder.weight']),
  ])
})

describe.each(['mmap', 'pread'] as const)('parts of tensors, as Python reads them (%s)', (backend) => {
  test.each(filled(reference.slices).map((row) => [`${row.name}[${row.index}]`, row] as const))('%s', (_, row) => {
    const [x, one] = [torch.arange(24).view(2, 3, 4).to(torch.float32), torch.tensor(3)]
    save_file({ x, bytes: torch.arange(6).view(3, 2).to(torch.uint8), one }, file)
    using opened = safe_open(file, { backend })
    const slice = opened.get_slice(row.name)
    expect([slice.get_shape(), slice.get_dtype()]).toEqual([row.listed_shape, row.listed_dtype])
    if (row.error !== undefined) {
      expect(() => slice.index(row.index)).toThrow()
      return
    }
    const part = slice.index(row.index)
    const { shape, bytes } = valuesOf(part)
    expect({ shape, bytes }).toEqual({ shape: row.shape, bytes: row.bytes })
  })

  test('a tensor has a storage of its own', () => {
    save_file({ a: torch.arange(1000), b: torch.arange(10) }, file)
    const { a, b } = load_file(file, { backend }) as { a: Tensor; b: Tensor }
    expect(b.storage_offset()).toBe(0)
    a.fill_(7)
    expect(b.tolist()).toEqual(torch.arange(10).tolist())
  })
})

test('safe_open reads one tensor, and nothing once it is closed', () => {
  save_file({ x: torch.ones(2), y: torch.arange(3) }, file, { metadata: { a: 'b' } })
  const opened = safe_open(file, { framework: 'pt' })
  expect(opened.get_tensor('y').tolist()).toEqual([0, 1, 2])
  expect(() => opened.get_tensor('z')).toThrow(/does not contain tensor z/)
  opened.close()
  opened.close()
  for (const use of [() => opened.keys(), () => opened.metadata(), () => opened.get_tensor('x')]) {
    expect(use).toThrow(/is closed/)
  }
  expect(() => safe_open(file, { framework: 'tf' as 'pt' })).toThrow(/framework must be 'pt'/)
  expect(() => load_file(file, { backend: 'x' as 'mmap' })).toThrow(/backend must be one of mmap, pread/)
})

test('a file that was cut off is refused, before and while it is read', () => {
  save_file({ x: torch.ones(100) }, file)
  using opened = safe_open(file)
  truncateSync(file, 300)
  expect(() => load_file(file)).toThrow(/the data of 'x' is cut off/)
  expect(() => opened.get_tensor('x')).toThrow(/the data of 'x' is cut off/)
  expect(() => load_file(join(folder, 'nothing'))).toThrow(/ENOENT/)
  expect(() => load_file(folder)).toThrow(/EISDIR/)
})

describe('mapped files', () => {
  const size = 1 << 20

  test('are read when they are touched, and writing to a tensor leaves the file', () => {
    save_file({ x: torch.ones(size) }, file)
    const before = readFileSync(file)
    const { x } = load_file(file) as { x: Tensor }
    // What another program writes without cutting the file off is seen: it was not read yet.
    writeAt(file, before.length - 4, Buffer.from(new Float32Array([5]).buffer))
    expect(x.index(-1).item()).toBe(5)
    writeAt(file, before.length - 4, before.subarray(-4))
    torch.no_grad(() => x.add_(1))
    expect(x.sum().item()).toBe(2 * size)
    expect(readFileSync(file).equals(before)).toBe(true)
  })

  test('a file that is replaced stays what it was', () => {
    save_file({ x: torch.ones(size) }, file)
    const { x } = load_file(file) as { x: Tensor }
    save_file({ x: torch.zeros(1) }, file)
    expect(x.sum().item()).toBe(size)
  })

  test('a tensor saved over the file that it is mapped from', () => {
    save_file({ x: torch.arange(size) }, file)
    save_file(load_file(file), file)
    expect(torch.equal(load_file(file).x as Tensor, torch.arange(size))).toBe(true)
  })

  test('outlive what opened them, and go when their last tensor is freed', () => {
    if (process.platform !== 'linux') return
    const own = join(folder, 'outlive.safetensors')
    const maps = () => readFileSync('/proc/self/maps', 'utf8').split(own).length - 1
    save_file({ x: torch.ones(size), y: torch.ones(3) }, own)
    const opened = safe_open(own)
    const [x, y] = [opened.get_tensor('x'), opened.get_tensor('y')]
    opened.close()
    x.dispose()
    expect(maps()).toBe(1)
    const first = y.index(0)
    y.dispose()
    expect(first.item()).toBe(1)
    torch.scope(() => {
      load_file(own)
      expect(maps()).toBe(2)
    })
    expect(maps()).toBe(1)
    first.dispose()
    expect(maps()).toBe(0)
    rmSync(own)
  })

  test('a file that is cut off under its tensors is an error, in every thread, and not the end of the process', () => {
    const library = pathToFileURL(join(packageRoot, 'dist', 'lib', 'index.js')).href
    const program = `
      import torch from '${library}'
      import { truncateSync } from 'node:fs'
      const file = ${JSON.stringify(join(folder, 'cut.safetensors'))}
      const { save_file, load_file } = torch.safetensors
      const y = torch.ones(4)
      for (const use of [(x) => x.sum(), (x) => x.index(-1).item(), (x) => x.tolist(), (x) => x.add_(1),
                         (x) => save_file({ x }, file + '2'), (x) => torch.safetensors.save({ x })]) {
        save_file({ x: torch.ones(4_000_000) }, file)
        const { x } = load_file(file)
        truncateSync(file, 5000)
        let message = 'nothing'
        try { use(x) } catch (error) { message = error.message }
        console.log(/'.*cut.safetensors' is cut off: another program/.test(message) || message, y.sum().item(), x.index(0).item())
      }`
    const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
      env: { ...process.env, OMP_NUM_THREADS: '2' },
    })
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout.trim().split('\n')).toEqual(['true 4 1', 'true 4 1', 'true 4 1', 'true 4 2', 'true 4 1', 'true 4 1'])
  })

  test('of a file of 1 GB no more is in memory than was read', () => {
    const [rows, width] = [1 << 10, 1 << 18]
    const end = rows * width * 4
    const entry = { dtype: 'F32', shape: [rows, width], data_offsets: [0, end] }
    // As long as writers make it, so that the data can be used where it is.
    const header = JSON.stringify({ x: entry }).padEnd(128)
    writeFileSync(file, Buffer.concat([length(header.length), Buffer.from(header)]))
    // A file with a hole, which takes no room on the disk.
    truncateSync(file, 8 + header.length + end)
    const before = process.memoryUsage.rss()
    const { x } = load_file(file) as { x: Tensor }
    using opened = safe_open(file)
    expect(x.index(5, '::1000').sum().item()).toBe(0)
    expect(opened.get_slice('x').index('7:9, 3:5').tolist()).toEqual([
      [0, 0],
      [0, 0],
    ])
    expect(process.memoryUsage.rss() - before).toBeLessThan(0.2 * end)
  })

  test('data that its dtype cannot begin at is copied', () => {
    const header =
      '{"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"x":{"dtype":"F64","shape":[2],"data_offsets":[1,17]}}'
    const data = Buffer.concat([Buffer.from([7]), Buffer.from(new Float64Array([1.5, 2.5]).buffer)])
    writeFileSync(file, Buffer.concat([length(header.length), Buffer.from(header), data]))
    expect(load_file(file).x?.tolist()).toEqual([1.5, 2.5])
    expect(load_file(file).b?.tolist()).toEqual([7])
  })
})

test('files are closed, whatever happens', () => {
  const open = () => readdirSync('/proc/self/fd').length
  if (process.platform !== 'linux') return
  const before = open()
  save_file({ x: torch.ones(1) }, file)
  for (let i = 0; i < 20; i++) {
    load_file(file)
    safe_open(file)[Symbol.dispose]()
    writeFileSync(join(folder, 'bad'), 'bad')
    expect(() => load_file(join(folder, 'bad'))).toThrow()
    expect(() => safe_open(join(folder, 'bad'))).toThrow()
  }
  expect(open() - before).toBeLessThan(5)
})

test('reads to a device', () => {
  save_file({ x: torch.ones(2) }, file)
  expect(load_file(file, 'cpu').x?.tolist()).toEqual([1, 1])
  expect(String(load_file(file, torch.device('meta')).x?.device)).toBe('meta')
  if (!torch.cuda.is_available()) expect(() => load_file(file, 'cuda')).toThrow('CUDA was asked for')
})

test('a loop of saving and loading frees all but the tensors that it gives', () => {
  const x = torch.ones(100)
  load(save({ x: x.t() }))
  const before = native.live_tensors()
  torch.scope(() => {
    for (let i = 0; i < 100; i++) load(save({ x: x.index('::2') }))
    // The loaded one and what index gave.
    expect(native.live_tensors() - before).toBeLessThanOrEqual(200)
  })
  expect(native.live_tensors()).toBeLessThanOrEqual(before)
})
