// The options of torch.save and torch.load, and torch.serialization's.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import torch, { type Tensor } from '../../lib/index.js'
import { archiveOf, bytesOf, integer, storage, string, tensor } from './pickles.js'

const { serialization } = torch

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tstorch-options-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A checkpoint of a tensor of 4 floats that was saved at a location. */
const savedAt = (location: string): Uint8Array => {
  const from = storage(integer(4), string('0'), string(location))
  return archiveOf(bytesOf(0x80, 2, tensor(integer(0), [integer(4)], [integer(1)], from), 0x2e))
}
const gpu = savedAt('cuda:0')

describe('map_location', () => {
  test.each<[string, torch.serialization.MapLocation]>([
    ['a name', 'cpu'],
    ['a device', torch.device('cpu')],
    ['a Map', new Map([['cuda:0', 'cpu']])],
    ['a function that gives the storage', (bytes: Tensor) => bytes],
    ['a function that gives a device', () => 'cpu'],
  ])('%s', (_, map_location) => {
    for (const loaded of [torch.load(gpu, map_location), torch.load(gpu, { map_location })]) {
      expect([loaded.device.type, [...loaded.shape]]).toEqual(['cpu', [4]])
    }
  })

  test('an object, by keyword', () => {
    expect(torch.load(gpu, { map_location: { 'cuda:0': 'cpu' } }).is_cpu).toBe(true)
  })

  test('a function sees the bytes and the location', () => {
    const seen: unknown[] = []
    torch.load(gpu, (bytes: Tensor, location: string) => {
      seen.push(bytes.dtype, bytes.numel(), location)
      return bytes
    })
    expect(seen).toEqual([torch.uint8, 16, 'cuda:0'])
  })

  test('meta reads no data', () => {
    const loaded = torch.load(gpu, 'meta')
    expect([loaded.is_meta, [...loaded.shape], loaded.stride()]).toEqual([true, [4], [1]])
  })

  test('where it was saved is asked for, unless something else is said', () => {
    if (torch.cuda.is_available()) return
    expect(() => torch.load(gpu)).toThrow('torch.cuda.is_available() is False')
    expect(() => torch.load(gpu, () => null)).toThrow('torch.cuda.is_available() is False')
    expect(() => serialization.validate_cuda_device('cuda:0')).toThrow('torch.cuda.is_available() is False')
  })

  test('what is no place', () => {
    expect(() => torch.load(savedAt('xla:1'), null)).toThrow("don't know how to restore data location")
    expect(() => torch.load(gpu, 1 as never)).toThrow("argument 'map_location' must be a device")
    expect(() => torch.load(gpu, (() => torch.ones(4)) as never)).toThrow('as its bytes')
    expect(() => torch.load(gpu, (() => 3) as never)).toThrow('must give the storage, a device or null')
  })

  test('locations of a package', () => {
    serialization.register_package(
      5,
      (bytes) => (bytes.numel() === 12 ? 'mine:0' : null),
      (bytes, location) => (location.startsWith('mine') ? bytes : null),
    )
    const file = torch.save(torch.ones(3))
    expect(Buffer.from(file).includes('mine:0')).toBe(true)
    expect(torch.load(file).tolist()).toEqual([1, 1, 1])
    expect(serialization.location_tag(torch.ones(2))).toBe('cpu')
    const bytes = torch.ones(2)
    expect(serialization.default_restore_location(bytes, 'cpu')).toBe(bytes)
  })
})

describe('settings', () => {
  test('mapped files that are shared take what is written', () => {
    const path = join(folder, 'shared.pt')
    torch.save(torch.zeros(100), path)
    const { MAP_SHARED, MAP_PRIVATE, get_default_mmap_options, set_default_mmap_options } = serialization
    set_default_mmap_options(MAP_SHARED, () => torch.load(path, { mmap: true }).fill_(2))
    expect(torch.load(path).sum().item()).toBe(200)
    expect(get_default_mmap_options()).toBe(MAP_PRIVATE)
    expect(() => set_default_mmap_options(7)).toThrow('expected torch.serialization.MAP_PRIVATE')
  })

  test('skip_data writes zeros', () => {
    const bytes = serialization.skip_data(() => torch.save(torch.ones(4)))
    expect(torch.load(bytes).tolist()).toEqual([0, 0, 0, 0])
    const loaded = serialization.skip_data(() => torch.load<Tensor>(torch.save(torch.ones(4))))
    expect([...loaded.shape]).toEqual([4])
  })

  test('the order of bytes of files that do not say it', () => {
    const { LoadEndianness, get_default_load_endianness, set_default_load_endianness } = serialization
    const whole = Buffer.from(torch.save(torch.tensor([1])))
    const unsaid = Buffer.from(whole.toString('latin1').replaceAll('byteorder', 'byteordeX'), 'latin1')
    expect(torch.load(unsaid).item()).toBe(1)
    set_default_load_endianness(LoadEndianness.BIG)
    try {
      expect(torch.load(unsaid).item()).not.toBe(1)
      expect(torch.load(whole).item()).toBe(1)
      expect(get_default_load_endianness()).toBe(LoadEndianness.BIG)
    } finally {
      set_default_load_endianness(null)
    }
    expect(() => set_default_load_endianness(9)).toThrow(TypeError)
  })

  test('CRC-32', () => {
    const with_ = torch.save(torch.ones(4))
    serialization.set_crc32_options(false)
    try {
      const without = torch.save(torch.ones(4))
      expect(Buffer.compare(with_, without)).not.toBe(0)
      expect(torch.load(without).tolist()).toEqual([1, 1, 1, 1])
    } finally {
      serialization.set_crc32_options(true)
    }
    expect(serialization.get_crc32_options()).toBe(true)
  })
})

describe('files', () => {
  test('a safetensors file is one too', () => {
    const path = join(folder, 'x.safetensors')
    torch.safetensors.save_file({ x: torch.ones(2) }, path)
    expect(torch.load(path, 'cpu').x.tolist()).toEqual([1, 1])
  })

  test('what is no file is refused at once', () => {
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    expect(() => torch.load(pipe)).toThrow('is not a file')
    expect(() => torch.load(folder)).toThrow('is not a file')
    expect(() => torch.load(join(folder, 'nowhere'))).toThrow('ENOENT')
  })

  test('a full disk is one clear error, and what was there stays', async () => {
    expect(() => torch.save(torch.ones(10), '/dev/full')).toThrow(/cannot write '\/dev\/full': ENOSPC/)
    await expect(torch.save_async(torch.ones(10), '/dev/full')).rejects.toThrow(/ENOSPC/)
    const kept = join(folder, 'kept')
    mkdirSync(kept)
    const path = join(kept, 'x.pt')
    torch.save([1], path)
    expect(() => torch.save([() => 1], path)).toThrow(TypeError)
    expect(torch.load(path)).toEqual([1])
  })

  test('a tensor that changes while it is saved is told', async () => {
    const path = join(folder, 'changing.pt')
    writeFileSync(path, 'before')
    const x = torch.zeros(1000)
    const saving = torch.save_async({ x }, path)
    x.add_(1)
    await expect(saving).rejects.toThrow('a tensor changed while it was saved')
    expect(readFileSync(path, 'utf8')).toBe('before')
  })

  test.runIf(existsSync('/proc/self/fd'))('are closed at once', async () => {
    const path = join(folder, 'closed.pt')
    torch.save([torch.ones(2)], path)
    const open = () => readdirSync('/proc/self/fd').length
    const before = open()
    for (let i = 0; i < 20; i++) {
      torch.load(path)
      torch.load(path, { mmap: true })
      await torch.load_async(path)
      serialization.get_unsafe_globals_in_checkpoint(path)
      expect(() => torch.load(path, 'xla:0')).toThrow()
    }
    expect(open()).toBeLessThan(before + 20)
  })

  test('the event loop goes on while a file is written and read', async () => {
    const path = join(folder, 'large.pt')
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    await torch.save_async({ x: torch.zeros(20_000_000) }, path)
    const written = turns
    const { x } = await torch.load_async(path)
    clearInterval(timer)
    expect(statSync(path).size).toBeGreaterThan(80_000_000)
    expect(x.numel()).toBe(20_000_000)
    expect(written).toBeGreaterThan(0)
    expect(turns).toBeGreaterThan(written)
  })
})
