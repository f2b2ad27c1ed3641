// Which blocks of the matrix of scores a mask leaves, for torch.nn.attention.flex_attention.

import type { DeviceLike } from '../../core/device.js'
import { bool, int8, int32, int64 } from '../../core/dtype.js'
import type { Tensor } from '../../core/tensor.js'
import * as aten from '../../generated/aten.js'
import * as torch from '../../generated/functions.js'
import { refuse } from '../../operators/arguments.js'
import { where } from '../../tensor/functions.js'
import { type Index, Slice } from '../../tensor/indexing.js'
import { ntuple } from '../functional/sizes.js'
import { type Arguments, read } from '../generated/arguments.js'

/**
 * Says which keys queries see, of tensors of positions that broadcast to (B, H, Q, KV): the batch, the head, the query
 * and the key. Gives booleans that broadcast so too.
 */
export type MaskMod = (batch: Tensor, head: Tensor, q_idx: Tensor, kv_idx: Tensor) => Tensor

export const BLOCK_SIZE = 128
/** Of a block that holds whatever there is. */
export const LARGE_BLOCK_SIZE = 2 ** 30

/** The mask of everything. */
export function noop_mask(batch: Tensor, _head: Tensor, _q_idx: Tensor, _kv_idx: Tensor): Tensor {
  return batch.new_ones([], { dtype: bool })
}

/** The mask of a part of a BlockMask, which nobody knows. */
export function slicedMask(_batch: Tensor, _head: Tensor, _q_idx: Tensor, _kv_idx: Tensor): never {
  throw new Error(
    'Cannot use mask_mod from a sliced BlockMask. When you slice a BlockMask, the mask_mod is reset. You must set it ' +
      "from the original BlockMask's mask_mod: sliced.mask_mod = offset(base.mask_mod)",
  )
}

/** Ones where blocks are: (*, rows, columns) of how many there are in each row, and which. */
function denseOf(counts: Tensor, columns: Tensor, width: number): Tensor {
  const entries = columns.size(-1)
  const { device } = columns
  const there = torch.arange(entries, { device }).lt(counts.unsqueeze(-1))
  // What is not there goes to a column that is cut off.
  const places = where(there, columns, width).to(int64)
  const dense = torch.zeros([...counts.shape, width + 1], { dtype: int32, device })
  return dense.scatter_(-1, places, 1).narrow(-1, 0, width).contiguous()
}

/** How many blocks are in each row, and their columns, those first. */
export function orderedOf(dense: Tensor): [counts: Tensor, columns: Tensor] {
  const ones = dense.to(int32)
  const columns: Tensor = torch.argsort(ones, { dim: -1, descending: true, stable: true })
  return [ones.sum(-1).to(int32), columns.to(int32)]
}

const transposed = (counts: Tensor, columns: Tensor): [Tensor, Tensor] =>
  orderedOf(denseOf(counts, columns, columns.size(-1)).transpose(-2, -1))

/** Those blocks of a row that are left of `width`, in the first `height` rows. */
function cut(counts: Tensor, columns: Tensor, height: number, width: number): [Tensor, Tensor] {
  const kept = columns.narrow(2, 0, height).narrow(3, 0, width)
  const most = counts.narrow(2, 0, height).clamp({ max: width })
  return [kept.lt(most.unsqueeze(-1)).sum(-1).to(int32), kept]
}

interface Parts {
  seq_lengths: readonly number[]
  kv_num_blocks: Tensor
  kv_indices: Tensor
  full_kv_num_blocks: Tensor | null
  full_kv_indices: Tensor | null
  BLOCK_SIZE: readonly number[]
  mask_mod: MaskMod
}

const tuple = (numbers: readonly number[]): string => `(${numbers.join(', ')}${numbers.length === 1 ? ',' : ''})`

/**
 * A mask in blocks: which blocks of keys each block of queries sees in part (`kv_num_blocks` (B, H, rows) how many,
 * `kv_indices` (B, H, rows, columns) which), and which it sees wholly (`full_kv_...`); `q_...` are the same by keys. What
 * is seen inside of a block says `mask_mod`. Made by `create_block_mask`, or by `BlockMask.from_kv_blocks`.
 */
export class BlockMask {
  readonly seq_lengths: readonly [q: number, kv: number]
  readonly kv_num_blocks: Tensor
  readonly kv_indices: Tensor
  readonly full_kv_num_blocks: Tensor | null
  readonly full_kv_indices: Tensor | null
  readonly q_num_blocks: Tensor | null
  readonly q_indices: Tensor | null
  readonly full_q_num_blocks: Tensor | null
  readonly full_q_indices: Tensor | null
  readonly BLOCK_SIZE: readonly [q: number, kv: number]
  mask_mod: MaskMod

  constructor(...args: Arguments['nn.attention.flex_attention.BlockMask']) {
    const key = 'nn.attention.flex_attention.BlockMask'
    const values = read(key, args)
    refuse(key, { ...values }, 'dq_write_order', 'dq_write_order_full', 'dq_kv_order', 'dq_kv_order_spt')
    if (values.kv_indices.dim() < 2) throw new RangeError('BlockMask must have at least 2 dimensions')
    for (const kind of ['kv', 'q'] as const) {
      if ((values[`full_${kind}_num_blocks`] === null) === (values[`full_${kind}_indices`] === null)) continue
      throw new RangeError(`full_${kind}_num_blocks and full_${kind}_indices must be both provided or omitted`)
    }
    this.seq_lengths = values.seq_lengths as [number, number]
    this.kv_num_blocks = values.kv_num_blocks
    this.kv_indices = values.kv_indices
    this.full_kv_num_blocks = values.full_kv_num_blocks
    this.full_kv_indices = values.full_kv_indices
    this.q_num_blocks = values.q_num_blocks
    this.q_indices = values.q_indices
    this.full_q_num_blocks = values.full_q_num_blocks
    this.full_q_indices = values.full_q_indices
    this.BLOCK_SIZE = ntuple(values.BLOCK_SIZE, 2) as [number, number]
    this.mask_mod = (values.mask_mod as MaskMod | null) ?? noop_mask
  }

  /** Made of the blocks by queries; those by keys follow, unless `compute_q_blocks` is false. */
  static from_kv_blocks(...args: Arguments['nn.attention.flex_attention.BlockMask.from_kv_blocks']): BlockMask {
    const key = 'nn.attention.flex_attention.BlockMask.from_kv_blocks'
    const { kv_num_blocks, kv_indices, full_kv_num_blocks, full_kv_indices, compute_q_blocks, ...values } = read(
      key,
      args,
    )
    refuse(key, { ...values }, 'dq_write_order', 'dq_write_order_full', 'dq_kv_order')
    if (kv_indices.dim() < 2) throw new RangeError('BlockMask must have at least 2 dimensions')
    const size = ntuple(values.BLOCK_SIZE, 2) as [number, number]
    const parts: Parts = {
      seq_lengths: values.seq_lengths ?? [kv_indices.size(-2) * size[0], kv_indices.size(-1) * size[1]],
      kv_num_blocks,
      kv_indices,
      full_kv_num_blocks,
      full_kv_indices,
      BLOCK_SIZE: size,
      mask_mod: (values.mask_mod as MaskMod | null) ?? noop_mask,
    }
    return madeOf(parts, compute_q_blocks)
  }

  #parts(): Parts {
    const { seq_lengths, kv_num_blocks, kv_indices, full_kv_num_blocks, full_kv_indices, BLOCK_SIZE, mask_mod } = this
    return { seq_lengths, kv_num_blocks, kv_indices, full_kv_num_blocks, full_kv_indices, BLOCK_SIZE, mask_mod }
  }

  /** (B, H, Q, KV) */
  get shape(): number[] {
    return [...this.kv_indices.shape.slice(0, -2), ...this.seq_lengths]
  }

  numel(): number {
    return this.shape.reduce((product, size) => product * size, 1)
  }

  /** How much of the mask is in no block, in percent. */
  sparsity(): number {
    const blocks = [this.kv_num_blocks, this.full_kv_num_blocks].map((counts) => Number(counts?.sum().item() ?? 0))
    const computed = ((blocks[0] as number) + (blocks[1] as number)) * this.BLOCK_SIZE[0] * this.BLOCK_SIZE[1]
    return 100 * (1 - computed / this.numel())
  }

  /** Ones where blocks are, int32: (B, H, rows, columns). */
  to_dense(): Tensor {
    const width = this.kv_indices.size(-1)
    const partial = denseOf(this.kv_num_blocks, this.kv_indices, width)
    if (this.full_kv_num_blocks === null) return partial
    return partial.bitwise_or(denseOf(this.full_kv_num_blocks, this.full_kv_indices as Tensor, width))
  }

  /** seq_lengths, the tensors, the sizes of a block and mask_mod, as Python gives them; `flatten` puts the pairs apart. */
  as_tuple(...args: Arguments['nn.attention.flex_attention.BlockMask.as_tuple']): unknown[] {
    const { flatten } = read('nn.attention.flex_attention.BlockMask.as_tuple', args)
    const pair = (numbers: readonly number[]): unknown[] => (flatten ? [...numbers] : [numbers])
    const byQueries = [this.kv_num_blocks, this.kv_indices, this.full_kv_num_blocks, this.full_kv_indices]
    const byKeys = [this.q_num_blocks, this.q_indices, this.full_q_num_blocks, this.full_q_indices]
    const orders = [null, null, null, null]
    return [...pair(this.seq_lengths), ...byQueries, ...byKeys, ...orders, ...pair(this.BLOCK_SIZE), this.mask_mod]
  }

  /** The blocks of some batches, heads or rows: block_mask[batch, head, row] of Python. It lacks a mask_mod. */
  index(...items: Index[]): BlockMask {
    const sizes = this.kv_num_blocks.shape
    const index = items.map((item, i) => {
      const position = typeof item === 'string' && /^[+-]?\d+$/.test(item) ? Number(item) : item
      if (typeof position !== 'number') return position
      const start = position < 0 ? position + (sizes[i] as number) : position
      return new Slice(start, start + 1, null)
    })
    const of = (tensor: Tensor | null) => tensor?.index(...index) ?? null
    const parts: Parts = {
      ...this.#parts(),
      kv_num_blocks: of(this.kv_num_blocks) as Tensor,
      kv_indices: of(this.kv_indices) as Tensor,
      full_kv_num_blocks: of(this.full_kv_num_blocks),
      full_kv_indices: of(this.full_kv_indices),
      mask_mod: slicedMask,
    }
    return madeOf(parts, this.q_indices !== null)
  }

  /** The upper left corner, of other lengths. */
  _adjust(new_q_len: number, new_kv_len: number): BlockMask {
    const rows = Math.ceil(new_q_len / this.BLOCK_SIZE[0])
    const columns = Math.ceil(new_kv_len / this.BLOCK_SIZE[1])
    const [kv_num_blocks, kv_indices] = cut(this.kv_num_blocks, this.kv_indices, rows, columns)
    const [full_kv_num_blocks, full_kv_indices] =
      this.full_kv_num_blocks === null
        ? [null, null]
        : cut(this.full_kv_num_blocks, this.full_kv_indices as Tensor, rows, columns)
    const parts = { kv_num_blocks, kv_indices, full_kv_num_blocks, full_kv_indices }
    return madeOf({ ...this.#parts(), ...parts, seq_lengths: [new_q_len, new_kv_len] }, this.q_indices !== null)
  }

  to(...args: Arguments['nn.attention.flex_attention.BlockMask.to']): BlockMask {
    const { device } = read('nn.attention.flex_attention.BlockMask.to', args)
    const moved = <T extends Tensor | null>(tensor: T): T => (tensor?.to(device as DeviceLike) ?? null) as T
    return new BlockMask({
      ...this.#parts(),
      kv_num_blocks: moved(this.kv_num_blocks),
      kv_indices: moved(this.kv_indices),
      full_kv_num_blocks: moved(this.full_kv_num_blocks),
      full_kv_indices: moved(this.full_kv_indices),
      q_num_blocks: moved(this.q_num_blocks),
      q_indices: moved(this.q_indices),
      full_q_num_blocks: moved(this.full_q_num_blocks),
      full_q_indices: moved(this.full_q_indices),
    })
  }

  /**
   * The blocks as text, a line for each row: full, empty or in between. `grid_size` is how many rows and columns there
   * are at most, -1 for all; `limit` how many batches and heads are shown.
   */
  to_string(...args: Arguments['nn.attention.flex_attention.BlockMask.to_string']): string {
    const { grid_size, limit } = read('nn.attention.flex_attention.BlockMask.to_string', args)
    const dense = this.to_dense()
    const outer = dense.shape.slice(0, -2)
    const [rows, columns] = [dense.size(-2), dense.size(-1)]
    const most = grid_size === -1 ? [rows, columns] : ntuple(grid_size, 2)
    const steps = [rows, columns].map((size, i) => Math.max(1, Math.ceil(size / (most[i] as number))))
    const shown: string[] = []
    for (const [count, place] of places(outer).entries()) {
      if (count === limit) {
        shown.push(
          '...',
          'To print out more, set BlockMask.to_string(limit=N)',
          'You can also index (BlockMask[batch, head]) to choose a specific batch or head',
        )
        break
      }
      const matrix = place.reduce<Tensor>((part, i) => part.select(0, i), dense).tolist() as number[][]
      shown.push(`${tuple(place)}\n${drawn(matrix, steps[0] as number, steps[1] as number)}`)
    }
    return shown.join('\n')
  }

  toString(): string {
    const head = `BlockMask(shape=${tuple(this.shape)}, sparsity=${this.sparsity().toFixed(2)}%, \n`
    return `${head}${this.to_string().trim()}\n)`
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}

function madeOf(parts: Parts, compute_q_blocks: boolean): BlockMask {
  const { full_kv_num_blocks, full_kv_indices } = parts
  const by = (counts: Tensor | null, columns: Tensor | null) =>
    compute_q_blocks && counts !== null && columns !== null ? transposed(counts, columns) : [null, null]
  const [q_num_blocks, q_indices] = by(parts.kv_num_blocks, parts.kv_indices)
  const [full_q_num_blocks, full_q_indices] = by(full_kv_num_blocks, full_kv_indices)
  const byKeys = { q_num_blocks, q_indices, full_q_num_blocks, full_q_indices } as Record<
    'q_num_blocks' | 'q_indices' | 'full_q_num_blocks' | 'full_q_indices',
    Tensor | null
  >
  return new BlockMask({ ...parts, ...byKeys })
}

/** All positions in dimensions of these sizes, the last one moving first. */
function places(sizes: readonly number[]): number[][] {
  return sizes.reduce<number[][]>(
    (before, size) => before.flatMap((place) => Array.from({ length: size }, (_, i) => [...place, i])),
    [[]],
  )
}

function drawn(matrix: readonly number[][], rowStep: number, columnStep: number): string {
  let text = ''
  for (let row = 0; row < matrix.length; row += rowStep) {
    const rows = matrix.slice(row, row + rowStep)
    for (let column = 0; column < (rows[0] as number[]).length; column += columnStep) {
      const cells = rows.flatMap((each) => each.slice(column, column + columnStep))
      const ones = cells.filter((cell) => cell !== 0).length
      text += (ones === cells.length ? '█' : ones === 0 ? ' ' : '░').repeat(2)
    }
    text += '\n'
  }
  return text
}

/** Of a mask (B, H, Q, KV) the blocks that it leaves in part, and, where those are asked for, wholly: ones, int8. */
export function blocksOf(
  mask: Tensor,
  [q, kv]: readonly [number, number],
  separate: boolean,
): [partial: Tensor, full: Tensor | null] {
  const missing = (size: number, multiple: number) => Math.ceil(size / multiple) * multiple - size
  const padded = aten.pad(mask, [0, missing(mask.size(-1), kv), 0, missing(mask.size(-2), q)])
  const [B, H, Q, KV] = padded.shape as unknown as [number, number, number, number]
  const counts = padded
    .view([B, H, Q / q, q, KV / kv, kv])
    .permute([0, 1, 2, 4, 3, 5])
    .sum([-2, -1])
  if (!separate) return [counts.gt(0).to(int8), null]
  const full = counts.eq(q * kv)
  return [counts.gt(0).logical_and(full.logical_not()).to(int8), full.to(int8)]
}
