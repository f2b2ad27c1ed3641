import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test, vi } from 'vitest'
import torch from '../lib/index.js'
import { fixtureFile } from './helpers.js'

const full = vi.hoisted(() => ({ disk: false }))
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>()
  const writeSync = ((...args: Parameters<typeof fs.writeSync>) => {
    if (full.disk) throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
    return fs.writeSync(...args)
  }) as typeof fs.writeSync
  return { ...fs, writeSync, default: { ...fs, writeSync } }
})

const folder = mkdtempSync(join(tmpdir(), 'tstorch-'))
const file = join(folder, 'a.safetensors')
afterAll(() => rmSync(folder, { recursive: true }))
const { load_file, save_file } = torch.safetensors

test('tensors of every dtype come back bit for bit, with their metadata', () => {
  const tensors = {
    float: torch.randn(3, 4),
    double: torch.randn(2, { dtype: torch.float64 }),
    half: torch.randn(5).half(),
    bfloat: torch.randn(5).bfloat16(),
    long: torch.tensor([2n ** 60n + 1n, -1n]),
    bool: torch.tensor([true, false, true]),
    byte: torch.tensor([1, 255], { dtype: torch.uint8 }),
    complex: torch.tensor([{ re: 1, im: 2 }]),
    scalar: torch.tensor(3),
    empty: torch.zeros(0, 3),
    transposed: torch.arange(6).reshape(2, 3).t(),
  }
  save_file(tensors, file, { metadata: { what: 'ünïcode' } })
  const loaded = load_file(file)
  expect(loaded.metadata).toEqual({ what: 'ünïcode' })
  expect(Object.keys(loaded.tensors).sort()).toEqual(Object.keys(tensors).sort())
  for (const [name, tensor] of Object.entries(tensors)) {
    const other = loaded.tensors[name] as torch.Tensor
    expect([other.dtype, [...other.shape]], name).toEqual([tensor.dtype, [...tensor.shape]])
    expect(torch.equal(other, tensor), name).toBe(true)
  }
})

test('Python’s files are read', () => {
  expect(Object.keys(load_file(fixtureFile('recurrent.safetensors')).tensors)).toHaveLength(640)
})

test('a full disk leaves the old file and no other', () => {
  save_file({ x: torch.ones(1) }, file)
  const before = readFileSync(file)
  full.disk = true
  try {
    expect(() => save_file({ x: torch.ones(100) }, file)).toThrow(/no space left/)
  } finally {
    full.disk = false
  }
  expect(readFileSync(file).equals(before)).toBe(true)
  expect(readdirSync(folder)).toEqual(['a.safetensors'])
})

const header = (json: string, data = 0) => {
  const text = Buffer.from(json)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, Buffer.alloc(data)])
}
const entry = (fields: object) =>
  header(JSON.stringify({ x: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...fields } }), 8)

test.each([
  ['an empty file', Buffer.alloc(0), /holds 0 bytes/],
  ['another kind of file', Buffer.from('PK\x03\x04 something else entirely'), /header is cut off/],
  ['a header that is no JSON', header('{broken'), /header cannot be read/],
  ['a header that is no object', header('3'), /header/],
  ['an unknown dtype', entry({ dtype: 'F7' }), /no valid dtype and shape/],
  ['a negative size', entry({ shape: [-2] }), /no valid dtype and shape/],
  ['offsets beyond the file', entry({ data_offsets: [0, 800], shape: [200] }), /data of 'x' is cut off/],
  ['offsets that do not fit the shape', entry({ data_offsets: [0, 4] }), /data of 'x' is cut off/],
  ['negative offsets', entry({ data_offsets: [-8, 0] }), /data of 'x' is cut off/],
])('refuses %s', (_, bytes, message) => {
  writeFileSync(file, bytes)
  expect(() => load_file(file)).toThrow(message)
})

test('a file that was cut off is refused', () => {
  save_file({ x: torch.ones(100) }, file)
  truncateSync(file, 300)
  expect(() => load_file(file)).toThrow(/cut off/)
  expect(() => load_file(join(folder, 'nothing'))).toThrow(/ENOENT/)
})

test('reads to a device', () => {
  save_file({ x: torch.ones(2) }, file)
  expect(load_file(file, 'cpu').tensors.x?.tolist()).toEqual([1, 1])
  expect(String(load_file(file, torch.device('meta')).tensors.x?.device)).toBe('meta')
  if (!torch.cuda.is_available()) expect(() => load_file(file, 'cuda')).toThrow('CUDA was asked for')
})
