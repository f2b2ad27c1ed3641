// Models in several safetensors files, as Python's huggingface_hub writes and reads them (made by
// scripts/reference/safetensors_shards.py).

import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import torch, { nn, type Tensor } from '../lib/index.js'
import { filled, fixture } from './helpers.js'

interface Reference {
  cases: {
    sizes: number[]
    max_shard_size: number | string
    metadata?: Record<string, string>
    filename_pattern?: string
    is_sharded: boolean
    total_size: number
    filename_to_tensors: Record<string, string[]>
    files: Record<string, string>
  }[]
  tied: { discard: string[]; files: Record<string, string> }[]
  errors: Record<string, string>
}
const reference = fixture<Reference>('safetensors_shards.json')
const {
  load,
  load_torch_model,
  load_torch_state_dict,
  safe_open,
  save_file,
  save_torch_model,
  save_torch_state_dict,
  split_torch_state_dict_into_shards,
} = torch.safetensors

let folder: string
beforeEach(() => {
  folder = fs.mkdtempSync(join(tmpdir(), 'tstorch-'))
})
afterEach(() => fs.rmSync(folder, { recursive: true }))

const stateOf = (sizes: number[]): Record<string, Tensor> =>
  Object.fromEntries(sizes.map((size, i) => [`layer.${i}.weight`, torch.arange(size).to(torch.float32).add(i)]))

function expectSame(state: Readonly<Record<string, Tensor>>, expected: Readonly<Record<string, Tensor>>): void {
  expect(Object.keys(state).sort()).toEqual(Object.keys(expected).sort())
  for (const [name, tensor] of Object.entries(state)) expect(torch.equal(tensor, expected[name] as Tensor)).toBe(true)
}

/** Both have the same files; of one with several strings as metadata the order in which Python writes them is chance. */
function expectFiles(expected: Record<string, string>): void {
  expect(fs.readdirSync(folder).sort()).toEqual(Object.keys(expected).sort())
  for (const [name, text] of Object.entries(expected)) {
    const [ours, theirs] = [fs.readFileSync(join(folder, name)), Buffer.from(text, 'base64')]
    if (ours.equals(theirs)) continue
    expect(name).toBe('model.safetensors')
    expectSame(load(ours), load(theirs))
    const metadata = () => {
      using opened = safe_open(join(folder, name))
      return { ...opened.metadata() }
    }
    const own = metadata()
    fs.writeFileSync(join(folder, name), theirs)
    expect(own).toEqual(metadata())
  }
}

/** Files of an earlier saving, and one of nobody's. */
const OLD = ['model.safetensors', 'model-00007-of-00009.safetensors', 'model.safetensors.index.json']
function fill(): void {
  for (const name of [...OLD, 'model.safetensors.backup']) fs.writeFileSync(join(folder, name), 'old')
}

describe('writes what Python writes, and reads it', () => {
  test.each(filled(reference.cases).map((row, i) => [i, row] as const))('case %i', (_, row) => {
    const { sizes, max_shard_size, metadata = null, filename_pattern = 'model{suffix}.safetensors' } = row
    const state = stateOf(sizes)
    const split = split_torch_state_dict_into_shards(state, { max_shard_size, filename_pattern })
    expect({ ...split.filename_to_tensors }).toEqual(row.filename_to_tensors)
    expect([split.is_sharded, split.metadata]).toEqual([row.is_sharded, { total_size: row.total_size }])
    fill()
    save_torch_state_dict(state, folder, { max_shard_size, metadata, filename_pattern })
    expectFiles(row.files)
    expectSame(load_torch_state_dict(folder, { filename_pattern }), state)
    for (const [name, text] of Object.entries(row.files))
      fs.writeFileSync(join(folder, name), Buffer.from(text, 'base64'))
    expectSame(load_torch_state_dict(folder, { filename_pattern, backend: 'pread' }), state)
    const index = filename_pattern.replace('{suffix}', '') + (row.is_sharded ? '.index.json' : '')
    expectSame(load_torch_state_dict(join(folder, index)), state)
  })

  test.each(filled(reference.tied).map((row) => [row.discard, row] as const))(
    'tied, without %j',
    (discard, { files }) => {
      fill()
      const weight = torch.arange(6).to(torch.float32).view(3, 2)
      const state = {
        'decoder.bias': torch.arange(3).to(torch.float32),
        'decoder.weight': weight,
        'embedding.weight': weight,
      }
      save_torch_state_dict(state, folder, { max_shard_size: 30, shared_tensors_to_discard: discard })
      expectFiles(files)
    },
  )

  test('sizes that Python refuses', () => {
    for (const max_shard_size of Object.keys(filled(Object.entries(reference.errors)) && reference.errors)) {
      const split = () => split_torch_state_dict_into_shards(stateOf([1]), { max_shard_size })
      expect(split, max_shard_size).toThrow(/max_shard_size/)
    }
    expect(() => save_torch_state_dict({}, folder, { filename_pattern: 'model.safetensors' })).toThrow(/{suffix}/)
    expect(() => save_torch_state_dict({}, folder, { filename_pattern: '../{suffix}.safetensors' })).toThrow(/pattern/)
    expect(() => save_torch_state_dict({}, folder, { filename_pattern: 'model{suffix}.bin' })).toThrow(/pattern/)
  })
})

test('a state of no tensors comes back', () => {
  save_torch_state_dict({}, folder)
  expect(Object.keys(load_torch_state_dict(folder))).toEqual([])
})

test('what fails leaves what was there', () => {
  save_torch_state_dict(stateOf([30, 30]), folder, { max_shard_size: 150 })
  const before = fs.readdirSync(folder)
  const state = { ...stateOf([5, 5, 5]), 'layer.2.weight': torch.ones(2, { dtype: torch.complex128 }) }
  expect(() => save_torch_state_dict(state, folder, { max_shard_size: 25 })).toThrow(/complex128/)
  expect(fs.readdirSync(folder)).toEqual(before)
  expectSame(load_torch_state_dict(folder), stateOf([30, 30]))
  expect(() => save_torch_state_dict(state, join(folder, 'nowhere'))).toThrow()
})

class Tied extends nn.Module {
  embedding = new nn.Embedding(30, 4)
  decoder = new nn.Linear(4, 30)
  constructor() {
    super()
    this.decoder.weight = this.embedding.weight
  }
}

test('a model comes back, its shared parameters too', () => {
  const [model, other] = [new Tied(), new Tied()]
  save_torch_model(model, folder, { max_shard_size: 200 })
  expect(fs.readdirSync(folder)).toHaveLength(3)
  expect(load_torch_model(other, folder, { strict: true })).toEqual({ missing_keys: [], unexpected_keys: [] })
  expectSame(other.state_dict(), model.state_dict())
  expect(other.decoder.weight).toBe(other.embedding.weight)
  const linear = new nn.Linear(4, 30)
  expect(load_torch_model(linear, folder).missing_keys.sort()).toEqual(['bias', 'weight'])
  expect(() => load_torch_model(linear, folder, { strict: true })).toThrow(/Missing key\(s\) in state_dict: "bias"/)
})

describe('an index that is none, or lies', () => {
  const index = (text: string) => fs.writeFileSync(join(folder, 'model.safetensors.index.json'), text)
  const naming = (file: string) => JSON.stringify({ weight_map: { x: file } })

  test.each([
    ['no JSON', '{broken', /no index of safetensors files/],
    ['an array', '[]', /no weight_map/],
    ['null', 'null', /no weight_map/],
    ['no map', '{"weight_map":[]}', /no weight_map/],
    ['a number as a file', '{"weight_map":{"x":3}}', /'x' is no string/],
    ['too long', `{"weight_map":{}}${' '.repeat(10 << 20)}`, /longer than/],
    ...[
      '/tmp/x.safetensors',
      '../x.safetensors',
      'a/../../x.safetensors',
      '..\\x.safetensors',
      'C:\\x.safetensors',
      '\\\\host\\x.safetensors',
      'x.bin',
      'x\0.safetensors',
    ].map((file) => [file, naming(file), /no safetensors file in its folder/] as const),
    ['a file that is not there', naming('model-00001-of-00002.safetensors'), /ENOENT/],
  ] as [string, string, RegExp][])('%s', (_, text, message) => {
    index(text)
    expect(() => load_torch_state_dict(folder)).toThrow(message)
    expect(() => load_torch_model(new nn.Linear(1, 1), folder)).toThrow(message)
  })

  test('a tensor that its file has not', () => {
    save_file({ y: torch.ones(1) }, join(folder, 'a.safetensors'))
    index(naming('a.safetensors'))
    expect(() => load_torch_state_dict(folder)).toThrow(/a\.safetensors has no 'x'/)
  })

  test('files in folders below', () => {
    fs.mkdirSync(join(folder, 'deep'))
    save_file({ x: torch.ones(1) }, join(folder, 'deep', 'a.safetensors'))
    index(naming('deep/a.safetensors'))
    expect(load_torch_state_dict(folder).x?.tolist()).toEqual([1])
  })
})

test('a folder with one file of another name, and one with several', () => {
  save_file({ x: torch.ones(1) }, join(folder, 'weights.safetensors'))
  expect(load_torch_state_dict(folder).x?.tolist()).toEqual([1])
  save_file({ x: torch.ones(1) }, join(folder, 'other.safetensors'))
  expect(() => load_torch_state_dict(folder)).toThrow(/has no model\.safetensors.*2 other files/)
})
