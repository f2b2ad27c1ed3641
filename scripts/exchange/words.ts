// Compares values with the words of scripts/reference/checkpoints.py for what Python has in their place.

import { native } from '../../lib/core/native.js'
import { internals } from '../../lib/core/tensor.js'
import torch, { nn, type Tensor } from '../../lib/index.js'

export type Word = null | boolean | Readonly<Record<string, unknown>>

const FLOATS: Record<string, number> = {
  inf: Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
  nan: Number.NaN,
}
const floatIn = (text: string): number => FLOATS[text] ?? Number(text)

/** A tensor's elements as bytes in hexadecimal. */
function bytesOf(x: Tensor): string {
  const plain = x.is_quantized ? x.int_repr() : x.detach().resolve_conj().resolve_neg()
  return Buffer.from(native.to_bytes(internals.handleOf(plain))).toString('hex')
}

export class Comparison {
  /** The lists, dicts and tensors so far. */
  readonly #seen: unknown[] = []
  readonly #storages = new Map<number, bigint>()

  /** @throws where the value is another than the words say, with its path. */
  check(word: Word, value: unknown, path = ''): void {
    const same = (actual: unknown, expected: unknown): void => {
      if (Object.is(actual, expected)) return
      throw new Error(`${path || 'the value'}: expected ${String(expected)}, got ${String(actual)}`)
    }
    if (word === null || typeof word === 'boolean') {
      same(value, word)
      return
    }
    const [[kind, content]] = Object.entries(word) as [[string, never]]
    switch (kind) {
      case 'int': {
        same(typeof value, Number.isSafeInteger(Number(content)) ? 'number' : 'bigint')
        same(BigInt(value as bigint), BigInt(content))
        break
      }
      case 'float':
        same(value, floatIn(content))
        break
      case 'complex': {
        const { re, im } = value as { re: number; im: number }
        const [real, imaginary] = content as [string, string]
        same(re, floatIn(real))
        same(im, floatIn(imaginary))
        break
      }
      case 'str':
        same(value, content)
        break
      case 'constant':
        same(String(value), content)
        break
      case 'bytes':
        same(value instanceof Uint8Array, true)
        same(Buffer.from(value as Uint8Array).toString('hex'), content)
        break
      case 'size':
        same(value instanceof torch.Size, true)
        same(String([...(value as torch.Size)]), String(content))
        break
      case 'same':
        same(value === this.#seen[content], true)
        break
      case 'set':
        this.#set(content, value, path)
        break
      case 'tuple':
        same(Array.isArray(value) && Object.isFrozen(value), true)
        this.#list(content, value as unknown[], path)
        break
      case 'list':
        this.#seen.push(value)
        same(Array.isArray(value) && !Object.isFrozen(value), true)
        this.#list(content, value as unknown[], path)
        break
      case 'dict':
        this.#dict(word, value, path)
        break
      case 'tensor':
        this.#seen.push(value)
        same(torch.is_tensor(value), true)
        this.#tensor(content, value as Tensor, path)
        break
      default:
        throw new Error(`no such word: ${kind}`)
    }
  }

  #list(words: readonly Word[], value: readonly unknown[], path: string): void {
    if (words.length !== value.length) throw new Error(`${path}: ${value.length} items, and ${words.length} in Python`)
    for (let i = 0; i < words.length; i++) this.check(words[i] as Word, value[i], `${path}[${i}]`)
  }

  #set(words: readonly Word[], value: unknown, path: string): void {
    if (!(value instanceof Set) || value.size !== words.length) throw new Error(`${path}: no set of ${words.length}`)
    for (const word of words) {
      const found = [...value].some((item) => {
        try {
          this.check(word, item)
          return true
        } catch {
          return false
        }
      })
      if (!found) throw new Error(`${path}: the set lacks ${JSON.stringify(word)}`)
    }
  }

  #dict(word: Readonly<Record<string, unknown>>, value: unknown, path: string): void {
    this.#seen.push(value)
    const words = word.dict as [Word, Word][]
    if (typeof value !== 'object' || value === null) throw new Error(`${path}: ${String(value)} is no dict`)
    const entries = value instanceof Map ? [...value] : Object.entries(value)
    if (entries.length !== words.length)
      throw new Error(`${path}: ${entries.length} items, and ${words.length} in Python`)
    words.forEach(([key, item], i) => {
      const [name, own] = entries[i] as [unknown, unknown]
      // An object's names are strings, also where Python has numbers: in states of optimizers and schedulers.
      const number = value instanceof Map ? undefined : (key as { int?: string } | null)?.int
      if (number === undefined) this.check(key, name, `${path} key ${i}`)
      else if (number !== name) throw new Error(`${path}: the key ${String(name)}, and ${number} in Python`)
      this.check(item, own, `${path}.${String(name)}`)
    })
    const metadata = (value as { _metadata?: unknown })._metadata
    if (word.metadata !== undefined) new Comparison().check(word.metadata as Word, metadata, `${path}._metadata`)
  }

  #tensor(word: Readonly<Record<string, unknown>>, x: Tensor, path: string): void {
    const kind = x instanceof nn.Parameter ? 'Parameter' : x instanceof nn.Buffer ? 'Buffer' : 'Tensor'
    const actual: Record<string, unknown> = {
      kind,
      dtype: String(x.dtype),
      shape: [...x.shape],
      requires_grad: x.requires_grad,
    }
    if (x.layout === torch.sparse_coo) {
      const parts = [torch.ops.aten._indices?.(x), torch.ops.aten._values?.(x)] as Tensor[]
      Object.assign(actual, { layout: String(x.layout), coalesced: x.is_coalesced(), parts: parts.map(bytesOf) })
    } else if (x.layout !== torch.strided) {
      const byRow = x.layout === torch.sparse_csr || x.layout === torch.sparse_bsr
      const indices = byRow ? [x.crow_indices(), x.col_indices()] : [x.ccol_indices(), x.row_indices()]
      Object.assign(actual, { layout: String(x.layout), parts: [...indices, x.values()].map(bytesOf) })
    } else if (x.is_meta) Object.assign(actual, { stride: x.stride(), meta: true })
    else Object.assign(actual, this.#strided(word, x))
    for (const name of new Set([...Object.keys(word), ...Object.keys(actual)])) {
      const [a, b] = [JSON.stringify(actual[name]), JSON.stringify(word[name])]
      if (a !== b) throw new Error(`${path}: its ${name} is ${a}, and ${b} in Python`)
    }
  }

  #strided(word: Readonly<Record<string, unknown>>, x: Tensor): object {
    const id = native.storage_id(internals.handleOf(x)) as bigint
    const number = word.storage as number
    if (!this.#storages.has(number) && ![...this.#storages.values()].includes(id)) this.#storages.set(number, id)
    const quantizer = Array.isArray(word.quantizer)
      ? { quantizer: word.quantizer.length === 2 ? perTensor(x, word.quantizer) : perChannel(x) }
      : {}
    return {
      stride: x.stride(),
      ...quantizer,
      offset: x.storage_offset(),
      storage: this.#storages.get(number) === id ? number : 'another',
      conj: x.is_conj(),
      neg: x.is_neg(),
      bytes: bytesOf(x),
    }
  }
}

/** Python's text of the scale where it is the same number. */
function perTensor(x: Tensor, [scale]: readonly unknown[]): unknown[] {
  return [Number(scale) === x.q_scale() ? scale : x.q_scale(), x.q_zero_point()]
}

const perChannel = (x: Tensor): unknown[] => [
  x.q_per_channel_scales().tolist(),
  x.q_per_channel_zero_points().tolist(),
  x.q_per_channel_axis(),
]
