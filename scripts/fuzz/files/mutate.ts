// Files with changes at random places: a case is a file, a part of it and the changes there, from a seed and a number.

import { Random } from '../values.js'
import { type Entry, readZip, writeZip } from './zip.js'

/** A change: where, as a fraction of what is changed, what, and how much. */
type Change = [how: (typeof HOW)[number], at: number, count: number, value: number]

export interface Case {
  /** Which of the files of its kind. */
  file: number
  /** Which of its parts; all of it at -1. */
  part: number
  changes: Change[]
}

export interface Format {
  /** What can be changed by itself. */
  parts(file: Buffer): Buffer[]
  /** The file with another part in the place of one. */
  withPart(file: Buffer, part: number, content: Buffer): Buffer
  /** What its readers know. */
  words: readonly (string | Buffer)[]
}

const HOW = ['flip', 'set', 'number', 'digits', 'word', 'remove', 'repeat', 'move', 'end'] as const
const LENGTHS = [1, 1, 2, 4, 8, 16, 100, 1000]
const NUMBERS = [
  0n,
  1n,
  2n,
  3n,
  7n,
  8n,
  63n,
  127n,
  128n,
  255n,
  256n,
  65535n,
  65536n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
]
NUMBERS.push(2n ** 32n, 2n ** 40n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 62n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n)
const TEXTS = [
  ...NUMBERS.map(String),
  '-1',
  '-9223372036854775808',
  '18446744073709551616',
  '1.5',
  '1e5',
  '00',
  `1${'0'.repeat(400)}`,
]

export function caseAt(seed: number, number: number, files: readonly Buffer[], format: Format): Case {
  const random = new Random((Math.imul(number + 1, 0x9e3779b1) ^ Math.imul(seed, 0x85ebca6b)) >>> 0)
  // The first numbers of neighbouring seeds are alike.
  for (let i = 0; i < 3; i++) random.below(2)
  const file = random.below(files.length)
  const parts = format.parts(files[file] as Buffer).length
  const part = parts === 0 || random.below(4) === 0 ? -1 : random.below(parts)
  const changes = Array.from(
    { length: 1 + random.below(random.of([1, 3, 8])) },
    (): Change => [random.of(HOW), random.below(1 << 30) / 2 ** 30, random.of(LENGTHS), random.below(1 << 30)],
  )
  return { file, part, changes }
}

export function fileOf({ file, part, changes }: Case, files: readonly Buffer[], format: Format): Buffer {
  const whole = files[file] as Buffer
  const change = (bytes: Buffer) => changes.reduce((before, step) => changed(before, step, format.words), bytes)
  if (part === -1) return change(whole)
  return format.withPart(whole, part, change(format.parts(whole)[part] as Buffer))
}

function changed(before: Buffer, [how, where, count, value]: Change, words: Format['words']): Buffer {
  if (before.length === 0) return before
  const at = Math.floor(where * before.length)
  const end = Math.min(before.length, at + count)
  const replaced = (from: number, to: number, by: Buffer | string) =>
    Buffer.concat([before.subarray(0, from), typeof by === 'string' ? Buffer.from(by) : by, before.subarray(to)])
  const chosen = <T>(choices: readonly T[]) => choices[value % choices.length] as T
  switch (how) {
    case 'flip':
      return replaced(at, at + 1, Buffer.from([(before[at] as number) ^ (1 << (value % 8))]))
    case 'set':
      return replaced(at, end, Buffer.alloc(end - at, value % 256))
    case 'number': {
      const number = Buffer.alloc(8)
      number.writeBigUInt64LE(chosen(NUMBERS))
      const size = Math.min(chosen([1, 2, 4, 8]), before.length - at)
      return replaced(at, at + size, number.subarray(0, size))
    }
    case 'digits': {
      // In text: the next number from there on.
      const digits = /\d+/.exec(before.toString('latin1', at))
      if (digits === null) return before
      const from = at + digits.index
      return replaced(from, from + digits[0].length, chosen(TEXTS))
    }
    case 'word':
      return replaced(at, value % 2 === 0 ? at : end, chosen(words))
    case 'remove':
      return replaced(at, end, '')
    case 'repeat':
      return replaced(end, end, Buffer.concat(Array(1 + (value % 3)).fill(before.subarray(at, end))))
    case 'move': {
      const to = value % before.length
      return replaced(to, Math.min(before.length, to + end - at), before.subarray(at, end))
    }
    case 'end':
      return value % 2 === 0 ? before.subarray(0, at) : Buffer.concat([before, Buffer.alloc(count, value % 256)])
  }
}

// --- formats --------------------------------------------------------------------------------------------------

/** The length of the header, the header, the data. */
export const SAFETENSORS: Format = {
  parts: (file) => [file.subarray(8, 8 + Number(file.readBigUInt64LE()))],
  withPart(file, _, header) {
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(header.length))
    return Buffer.concat([length, header, file.subarray(8 + Number(file.readBigUInt64LE()))])
  },
  words: [
    '"',
    ',',
    ':',
    '{',
    '}',
    '[',
    ']',
    '{}',
    '[]',
    'null',
    'true',
    '"F32"',
    '"I64"',
    '"BOOL"',
    '"F4"',
    '"F8_E8M0"',
    '"C64"',
  ].concat(
    [
      '"__metadata__":',
      '"__proto__":',
      '"data_offsets":',
      '"shape":',
      '"dtype":',
      '[0,0]',
      '\\ud800',
      '\\u0000',
      '-',
      '[0,8]',
    ],
    ['['.repeat(200), '{"a":'.repeat(200), ' '.repeat(5000), 'x'.repeat(5000)],
  ),
}

/** An archive's entries, and at last their list: a change there takes one away, doubles or renames one. */
export const archive = (words: Format['words']): Format => ({
  // An older format, or a compressed one, is changed as a whole.
  parts: (file) =>
    isTaken(file) ? [...readZip(file).map(({ data }) => data), Buffer.from(listOf(readZip(file)))] : [],
  withPart(file, part, content) {
    const entries = readZip(file)
    if (part < entries.length) {
      return writeZip(entries.map((entry, i) => (i === part ? { ...entry, data: content } : entry)))
    }
    const names = content.toString('utf8').split('\n').slice(0, 1000)
    return writeZip(names.map((name, i) => ({ name, data: (entries[i % entries.length] as Entry).data })))
  },
  words,
})
const isTaken = (file: Buffer): boolean => file.readUInt16LE() === 0x4b50 && file.readUInt16LE(8) === 0
const listOf = (entries: readonly Entry[]): string => entries.map(({ name }) => name).join('\n')
