// Files that no torch.jit.save writes: each is refused before libtorch's reader, which would believe it, sees it.

import { expect, test } from 'vitest'
import torch from '../../lib/index.js'
import { zipOf } from './zip.js'

// --- pickles, by their instructions ---------------------------------------------------------------------------------

type Part = string | number[] | Uint8Array

const bytes = (...parts: Part[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))))

const u32 = (value: number): number[] => [value & 255, (value >> 8) & 255, (value >> 16) & 255, (value >>> 24) & 255]
const text = (value: string): Part => bytes('X', u32(value.length), value)
const int = (value: number): Part => bytes('J', u32(value))
const global = (module: string, name: string): Part => `c${module}\n${name}\n`
const tuple = (...items: Part[]): Part => bytes('(', ...items, 't')
const storage = (numel: number, type = 'FloatStorage', key = '0'): Part =>
  bytes(tuple(text('storage'), global('torch', type), text(key), text('cpu'), int(numel)), 'Q')
const TRUE = '\x88'
const tensor = (data: Part, offset: Part, size: Part, stride: Part): Part =>
  bytes(
    global('torch._utils', '_rebuild_tensor_v2'),
    tuple(data, offset, size, stride, TRUE, bytes(global('collections', 'OrderedDict'), ')R')),
    'R',
  )
const pickle = (...parts: Part[]): Buffer => bytes('\x80\x02', ...parts, '.')

const EMPTY = pickle(')')

const archive = (data: Buffer, more: Record<string, string | Uint8Array> = {}): Buffer =>
  zipOf({ 'a/data.pkl': data, 'a/constants.pkl': EMPTY, 'a/version': '3\n', 'a/data/0': Buffer.alloc(16), ...more })

const HOSTILE: [what: string, file: Buffer, message: RegExp][] = [
  ['nothing on the stack', archive(pickle('')), /more than one value/],
  ['a tuple of what is not there', archive(pickle('\x87')), /a value is missing/],
  ['no mark', archive(pickle(')t')), /a mark is missing/],
  ['a mark left', archive(pickle('()')), /more than one value/],
  ['a key without a value', archive(pickle('}(', int(1), 'u')), /a key has no value/],
  ['items without a dict', archive(pickle(')', int(1), int(1), 's')), /no dict where one grows/],
  ['items without a list', archive(pickle(')(', int(1), 'e')), /no list where one grows/],
  ['a list in itself', archive(pickle(']q\0h\0a')), /after it was used/],
  ['a list that changes after it was used', archive(pickle(']q\0\x85q\x01h\0', int(1), 'a\x86')), /after it was used/],
  ['a place of the memo far away', archive(pickle(')r', u32(0xfffffff0))), /before those below it/],
  ['a place of the memo that is empty', archive(pickle('h\x07')), /a value is missing/],
  ['a string longer than the file', archive(pickle('X', u32(0x7fffffff), 'a')), /ends early/],
  ['a call of a number', archive(pickle(int(0), ')R')), /no class/],
  ['an object of no class', archive(pickle(int(0), ')\x81')), /no class/],
  ['os.system', archive(pickle(global('os', 'system'), tuple(text('true')), 'R')), /it needs os\.system/],
  ['eval', archive(pickle(global('builtins', 'eval'), tuple(text('1')), 'R')), /it needs builtins\.eval/],
  ['an RRef', archive(pickle(global('torch.distributed.rpc', 'rref'), ')R')), /it needs torch\.distributed\.rpc\.rref/],
  ['another protocol', archive(bytes('\x80\x04', ').')), /protocol 2/],
  ['an instruction of Python alone', archive(pickle('\x94')), /no TorchScript needs/],
  ['10^6 nested tuples', archive(pickle(')', '\x85'.repeat(1e6))), /nested too deep/],
  ['10^6 nested lists', archive(pickle(']'.repeat(1e6), 'a'.repeat(1e6 - 1))), /nested too deep/],
  ['a storage longer than its record', archive(pickle(storage(5))), /the data of tensor 0 is cut off/],
  ['a storage of another dtype longer than its record', archive(pickle(storage(3, 'DoubleStorage'))), /cut off/],
  ['a storage without a record', archive(pickle(storage(1, 'FloatStorage', '9'))), /is missing/],
  ['a negative storage', archive(pickle(storage(-1))), /has no size/],
  ['a storage of no type', archive(pickle(storage(1, 'OtherStorage'))), /it needs torch\.OtherStorage/],
  [
    'a tensor beyond its storage',
    archive(pickle(tensor(storage(4), int(0), tuple(int(5)), tuple(int(1))))),
    /beyond its data/,
  ],
  [
    'strides beyond the storage',
    archive(pickle(tensor(storage(4), int(0), tuple(int(2)), tuple(int(0x40000000))))),
    /beyond its data/,
  ],
  ['an offset beyond it', archive(pickle(tensor(storage(4), int(4), tuple(int(1)), tuple(int(1))))), /beyond its data/],
  ['a negative offset', archive(pickle(tensor(storage(4), int(-1), tuple(int(1)), tuple(int(1))))), /has no data/],
  ['negative strides', archive(pickle(tensor(storage(4), int(0), tuple(int(2)), tuple(int(-1))))), /natural number/],
  ['fewer strides', archive(pickle(tensor(storage(4), int(0), tuple(int(1), int(1)), tuple(int(1))))), /fewer strides/],
  [
    'elements without end, all the same',
    archive(
      pickle(
        tensor(storage(4), int(0), tuple(...new Array(4).fill(int(0x7fffffff))), tuple(...new Array(4).fill(int(0)))),
      ),
    ),
    /too many elements/,
  ],
  [
    'a list of other things than it says',
    archive(pickle(global('torch.jit._pickle', 'build_intlist'), ']', text('x'), 'a\x85R')),
    /elements of another kind/,
  ],
  [
    'a type nested too deep',
    archive(pickle(global('torch.jit._pickle', 'restore_type_tag'), ']', text('List['.repeat(1e5)), '\x86R')),
    /nested too deep/,
  ],
  ['two records of a name', archive(EMPTY, { 'a/DATA.pkl': EMPTY }), /two records/],
  ['brackets without end in the code', archive(EMPTY, { 'a/code/x.py': `x = ${'('.repeat(1e5)}` }), /nested too deep/],
  ['signs without end in the code', archive(EMPTY, { 'a/code/x.py': `x = ${'-'.repeat(1e5)}1` }), /nested too deep/],
  ['words without end in the code', archive(EMPTY, { 'a/code/x.py': `x = ${'not '.repeat(1e5)}1` }), /nested too deep/],
  ['blocks without end in the code', archive(EMPTY, { 'a/code/x.py': `\n${' '.repeat(1e5)}x` }), /nested too deep/],
  [
    'quotes without end in the code',
    archive(EMPTY, { 'a/code/x.py': `x = ${"'''".repeat(99_999)}` }),
    /without an end/,
  ],
  ['a format of before 1.4', archive(EMPTY, { 'a/model.json': '{}' }), /before 1\.4/],
  ['no data', zipOf({ 'a/constants.pkl': EMPTY }), /no data\.pkl/],
  ['a file of torch.save', zipOf({ 'a/data.pkl': EMPTY }), /torch\.load/],
  ['nothing', Buffer.alloc(0), /too short/],
  ['an archive without records', zipOf({}), /it is empty/],
]

test.each(HOSTILE)('%s', (_what, file, message) => {
  expect(() => torch.jit.load(file)).toThrow(message)
})

/** The archive with a number of four bytes changed: `field` bytes after the last place of a signature. */
function changed(signature: number[], field: number, value: number): Buffer {
  const file = archive(EMPTY)
  file.writeUInt32LE(value, file.lastIndexOf(Buffer.from(signature)) + field)
  return file
}

const ENTRY = [0x50, 0x4b, 1, 2]
const END = [0x50, 0x4b, 5, 6]

test.each([
  ['a record of 2^31 bytes', changed(ENTRY, 24, 2 ** 31), /longer than what is stored/],
  ['a record of 2^31 bytes, stored', changed(ENTRY, 20, 2 ** 31), /cut off/],
  ['a record beyond the file', changed(ENTRY, 42, 2 ** 31), /ends before its records/],
  ['a record that is none', changed(ENTRY, 42, 1), /has no header/],
  ['a directory beyond the file', changed(END, 16, 2 ** 31), /not where it should be/],
  ['a directory of 2^31 bytes', changed(END, 12, 2 ** 31), /not where it should be/],
])('%s', (_what, file, message) => {
  expect(() => torch.jit.load(file)).toThrow(message)
})

test('a value of another type than its attribute is refused', () => {
  const code = 'class A(Module):\n  __parameters__ = []\n  __buffers__ = []\n  n : int\n  training : bool\n'
  const data = (n: Part) => pickle(global('__torch__', 'A'), ')\x81}(', text('n'), n, text('training'), TRUE, 'ub')
  const file = (n: Part) => archive(data(n), { 'a/code/__torch__.py': code })
  expect(torch.jit.load(file(int(4))).n).toBe(4)
  expect(() => torch.jit.load(file(text('x')))).toThrow(/attribute 'n' of class '.*A' is a str, not a int/)
})
