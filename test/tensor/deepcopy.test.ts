// torch.deepcopy: what shares memory shares memory in the copy, as in Python.

import { describe, expect, test } from 'vitest'
import { native } from '../../lib/core/native.js'
import { internals } from '../../lib/core/tensor.js'
import torch, { nn, type Tensor } from '../../lib/index.js'
import { expectTensor, fixture, type Values } from '../helpers.js'

/** What scripts/reference/deepcopy.py says of a tensor. */
interface Copied {
  class: string
  requires_grad: boolean
  stride?: number[]
  offset?: number
  /** Those on one storage have one number. */
  storage?: number
  bytes?: number
  values?: Values
}

describe('memory that tensors share', () => {
  const x = () => torch.arange(24).float()
  const z = () => torch.complex(x(), x().neg())
  const all = ':'
  const programs: Record<string, () => [tensors: Tensor[], held: unknown, read?: (copied: never) => Tensor[]]> = {
    views() {
      const a = x()
      const tensors = [a, a.view(4, 6), a.index('3:9:2'), a.view(4, 6).t().index('1:3')]
      return [tensors, tensors]
    },
    gaps() {
      const a = x().view(4, 6).index(all, '::2')
      const tensors = [a, a.clone()]
      return [tensors, tensors]
    },
    expanded() {
      const tensors = [torch.ones(1, 3).expand(4, 3), torch.tensor(2).expand(2, 2)]
      return [tensors, tensors]
    },
    dtypes() {
      const a = x()
      const tensors = [a, a.view(torch.int32).index('2:'), a.view(torch.uint8).index(':9')]
      return [tensors, tensors]
    },
    parts() {
      const c = z()
      const tensors = [c, torch.real(c), torch.imag(c).index('::2')]
      return [tensors, tensors]
    },
    conjugated() {
      const c = z()
      const tensors = [c, c.conj(), torch.imag(c.conj()), torch.imag(c)]
      return [tensors, tensors]
    },
    gradients() {
      const [a, g] = [x().requires_grad_(), x()]
      a.grad = g.view(24)
      const b = torch.zeros(12, { requires_grad: true })
      b.grad = g.index('::2')
      return [[a, g, b], [a, g, b], ([a, g, b]: Tensor[]) => [a, a?.grad, g, b, b?.grad] as Tensor[]]
    },
    parameters() {
      const a = x()
      const views = [a.view(4, 6), a.view(4, 6).index(all, '::2'), a.view(4, 6).t()]
      const tensors = [...views.map((view) => new nn.Parameter(view)), a]
      return [tensors, tensors]
    },
    buffers() {
      const a = x()
      const tensors = [new nn.Buffer(a.index(':6')), new nn.Buffer(a.index('6:')), a]
      return [tensors, tensors]
    },
    module() {
      class Views extends nn.Module {
        first
        second
        third
        constructor(a: Tensor) {
          super()
          this.first = new nn.Buffer(a.index(':6'))
          this.second = new nn.Buffer(a.index('2:8'))
          this.third = new nn.Parameter(a)
        }
      }
      const a = x()
      const m = new Views(a)
      const read = ([m, a]: [Views, Tensor]) => [m.first, m.second, m.third, a]
      return [read([m, a]), [m, a], read]
    },
    empties() {
      const a = torch.empty(0)
      const tensors = [a, a.view(0, 3), torch.empty(2, 0)]
      return [tensors, tensors]
    },
    meta() {
      const a = torch.empty(4, 6, { device: 'meta' })
      const tensors = [a, a.index(all, '::2')]
      return [tensors, tensors]
    },
    sparse() {
      const tensors = [torch.eye(3).to_sparse()]
      return [tensors, tensors]
    },
  }
  const { cases } = fixture<{ cases: Record<string, Copied[]> }>('deepcopy.json')
  const storage = (tensor: Tensor) => native.storage_id(internals.handleOf(tensor))

  test('the fixture has these programs', () => expect(Object.keys(cases)).toEqual(Object.keys(programs)))

  test.each(Object.entries(programs))('%s: as in Python', (name, make) => {
    const [tensors, held, read = (copied: never): Tensor[] => copied] = make()
    const copies = read(torch.deepcopy(held) as never)
    const expected = cases[name] as Copied[]
    expect(copies.length).toBe(expected.length)
    const storages: (bigint | null)[] = []
    for (const [i, copy] of copies.entries()) {
      const want = expected[i] as Copied
      const what = `${name} ${i}`
      expect(copy.requires_grad, what).toBe(want.requires_grad)
      expect(copy instanceof nn.Parameter, what).toBe(want.class === 'Parameter')
      if (want.stride !== undefined)
        expect([[...copy.stride()], copy.storage_offset()], what).toEqual([want.stride, want.offset])
      const id = storage(copy)
      if (want.storage === undefined) {
        expect(id, what).toBe(null)
      } else {
        if (!storages.includes(id)) storages.push(id)
        expect(storages.indexOf(id), what).toBe(want.storage)
        expect(tensors.map(storage), what).not.toContain(id)
        const bytes = internals.wrap(native.storage_bytes(internals.handleOf(copy)) as number)
        expect([bytes.dtype, bytes.numel()], what).toEqual([torch.uint8, want.bytes])
      }
      if (want.values === undefined) continue
      const dense = copy.is_sparse ? copy.detach().to_dense() : copy.detach()
      expectTensor(dense.is_complex() ? torch.view_as_real(dense.resolve_conj()) : dense, want.values, 0, what)
    }
  })

  test('stays shared over several calls with one memo, in a scope too, and after the originals are gone', () => {
    const memo = new Map()
    const [a, b] = torch.scope(() => {
      const original = torch.zeros(4)
      const first = torch.deepcopy(original, memo)
      const view = original.view(2, 2)
      original.dispose()
      return [first, torch.deepcopy(view, memo)]
    })
    const c = torch.deepcopy(torch.zeros(4), memo)
    a.fill_(3)
    expect([b.sum().item(), c.sum().item()]).toEqual([12, 0])
  })

  test('no name of a storage is left behind by a copy', () => {
    const live = torch.scope(() => {
      const [a, b] = [torch.zeros(4), torch.zeros(2)]
      const before = native.live_tensors()
      torch.deepcopy([a, a.view(2, 2), b])
      return native.live_tensors() - before
    })
    expect(live, 'three copies and a view').toBe(4)
  })

  test('typed arrays stay on one ArrayBuffer', () => {
    const buffer = new ArrayBuffer(16)
    const shared = new SharedArrayBuffer(8)
    const made = {
      floats: new Float32Array(buffer, 4, 2),
      bytes: new Uint8Array(buffer),
      view: new DataView(buffer, 4, 8),
      buffer,
      node: Buffer.from(buffer, 0, 8),
      ints: new BigInt64Array(shared),
      shared,
    }
    const copy = torch.deepcopy(made)
    expect(copy.buffer).not.toBe(buffer)
    expect([copy.floats, copy.bytes, copy.view, copy.node].every((view) => view.buffer === copy.buffer)).toBe(true)
    expect([copy.floats.length, copy.bytes.length, copy.view.byteLength, copy.node.length]).toEqual([2, 16, 8, 8])
    expect(Buffer.isBuffer(copy.node)).toBe(true)
    copy.floats.set([1, 2])
    expect([copy.view.getFloat32(0, true), copy.node.readFloatLE(4), made.floats[0]]).toEqual([1, 1, 0])
    expect(copy.ints.buffer === copy.shared && copy.shared instanceof SharedArrayBuffer).toBe(true)
    copy.ints[0] = 5n
    expect(made.ints[0]).toBe(0n)
  })
})
