// What native/ and lib/ agree on by name, and libtorch's numbers. Their own numbers are generated (native/contract.h).

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type DType, dtypeNamed } from '../lib/core/dtype.js'
import { native } from '../lib/core/native.js'
import { packageRoot } from '../lib/core/package_root.js'
import torch from '../lib/index.js'

/** The members that an interface of native.ts declares. */
function declared(name: string): string[] {
  const source = readFileSync(new URL('../lib/core/native.ts', import.meta.url), 'utf8')
  const body = new RegExp(`^export interface ${name} \\{\\n(.*?)^\\}`, 'ms').exec(source)?.[1]
  if (body === undefined) throw new Error(`native.ts has no interface ${name}`)
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[(:]/gm)].map((match) => match[1] as string).sort()
}

/** The names under which the files of a folder of native/ put functions on the exports. */
function exportedBy(folder: string): string[] {
  const files = readdirSync(join(packageRoot, 'native', folder)).filter((name) => name.endsWith('.cc'))
  const sources = files.map((name) => readFileSync(join(packageRoot, 'native', folder, name), 'utf8'))
  const names = sources.flatMap((source) => [...source.matchAll(/export_function\(\s*env,\s*\w+,\s*"(\w+)"/g)])
  return names.map((match) => match[1] as string).sort()
}

describe('lib/ declares what the addon exports, and no more', () => {
  test('everywhere', () => {
    const names = declared('Native').filter((name) => name !== 'cuda')
    expect(names).toContain('call_tensors')
    const exported = Object.keys(native).filter((name) => name !== 'cuda')
    expect(exported.sort()).toEqual(names)
  })

  test('with CUDA', () => {
    const names = declared('CudaNative')
    expect(names).toContain('new_stream')
    expect(exportedBy('cuda')).toEqual(names)
    if (native.cuda !== undefined) expect(Object.keys(native.cuda).sort()).toEqual(names)
  })
})

// c10::ScalarType's names, which libtorch writes into its messages.
const C10_NAMES: Record<string, string> = {
  uint8: 'Byte',
  int8: 'Char',
  int16: 'Short',
  int32: 'Int',
  int64: 'Long',
  float16: 'Half',
  float32: 'Float',
  float64: 'Double',
  complex32: 'ComplexHalf',
  complex64: 'ComplexFloat',
  complex128: 'ComplexDouble',
  bool: 'Bool',
  bfloat16: 'BFloat16',
  float8_e5m2: 'Float8_e5m2',
  float8_e4m3fn: 'Float8_e4m3fn',
  float8_e5m2fnuz: 'Float8_e5m2fnuz',
  float8_e4m3fnuz: 'Float8_e4m3fnuz',
  uint16: 'UInt16',
  uint32: 'UInt32',
  uint64: 'UInt64',
}

test.each(Object.entries(C10_NAMES))('the number of %s is libtorch’s of %s', (name, c10Name) => {
  const { code, itemsize } = dtypeNamed(name) as DType
  const expected = `shape [1] of ${c10Name} takes ${itemsize} bytes`
  expect(() => native.from_bytes(new Uint8Array(99), code, [1])).toThrow(expected)
})

describe('names that native code reads come back as what they name', () => {
  const x = torch.eye(2)
  test.each([torch.strided, torch.sparse_coo, torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc])(
    '%s',
    (layout) => {
      const blocks = /bs[rc]$/.test(layout.name) ? { blocksize: [1, 1] } : {}
      const made = layout === torch.strided ? torch.empty([2], { layout }) : x.to_sparse({ layout, ...blocks })
      expect(made.layout).toBe(layout)
    },
  )

  test.each([
    [torch.contiguous_format, [48, 16, 4, 1]],
    [torch.preserve_format, [48, 1, 12, 3]],
    [torch.channels_last, [48, 1, 12, 3]],
  ])('%s', (memory_format, strides) => {
    const from = torch.ones(2, 3, 4, 4).contiguous({ memory_format: torch.channels_last })
    expect(from.clone({ memory_format }).stride()).toEqual(strides)
  })

  test('torch.channels_last_3d', () => {
    const made = torch.ones(2, 3, 4, 4, 4).contiguous({ memory_format: torch.channels_last_3d })
    expect(made.stride()).toEqual([192, 1, 48, 12, 3])
  })
})
