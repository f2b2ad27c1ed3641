// torch.nn.attention.flex_attention: attention whose scores and masks are functions of positions. There is no compiler
// here, so it is computed as Python computes it without one: with all scores in memory. A function of positions is
// called once, with tensors of all of them, where Python calls it for a single one under vmap.

import { type DeviceLike, device as deviceOf } from '../../core/device.js'
import { bool, float32, float64 } from '../../core/dtype.js'
import type { Tensor } from '../../core/tensor.js'
import * as aten from '../../generated/aten.js'
import * as torch from '../../generated/functions.js'
import { refuse } from '../../operators/arguments.js'
import { where } from '../../tensor/functions.js'
import { ntuple } from '../functional/sizes.js'
import { type Arguments, read } from '../generated/arguments.js'
import { BlockMask, blocksOf, LARGE_BLOCK_SIZE, type MaskMod, noop_mask, orderedOf, slicedMask } from './block_mask.js'

export { BlockMask, type MaskMod, noop_mask } from './block_mask.js'

/** Changes scores (B, H, Q, KV), with the positions of each as tensors that broadcast to them. */
export type ScoreMod = (score: Tensor, batch: Tensor, head: Tensor, q_idx: Tensor, kv_idx: Tensor) => Tensor

/** Settings of kernels, of which there are none here. */
export type FlexKernelOptions = Record<string, unknown>

/** What flex_attention gives beside its output. */
export class AuxRequest {
  readonly lse: boolean
  readonly max_scores: boolean

  constructor(...args: Arguments['nn.attention.flex_attention.AuxRequest']) {
    const { lse, max_scores } = read('nn.attention.flex_attention.AuxRequest', args)
    this.lse = lse
    this.max_scores = max_scores
  }
}

/** The logarithm of the sum of the exponentials of a row's scores, and their maximum: (B, H, Q), null where not asked for. */
export class AuxOutput {
  readonly lse: Tensor | null
  readonly max_scores: Tensor | null

  constructor(...args: Arguments['nn.attention.flex_attention.AuxOutput']) {
    const { lse, max_scores } = read('nn.attention.flex_attention.AuxOutput', args)
    this.lse = lse
    this.max_scores = max_scores
  }
}

function checkMods(mask_mods: readonly unknown[]): void {
  if (mask_mods.every((mod) => typeof mod === 'function')) return
  throw new TypeError(`All inputs should be callable mask_mods: ${mask_mods}`)
}

/** The mask of what any of the masks leaves. */
export function or_masks(...mask_mods: MaskMod[]): MaskMod {
  checkMods(mask_mods)
  return (b, h, q_idx, kv_idx) =>
    mask_mods.reduce<Tensor>(
      (result, mask) => result.logical_or(mask(b, h, q_idx, kv_idx)),
      b.new_zeros([], { dtype: bool }),
    )
}

/** The mask of what all of the masks leave. */
export function and_masks(...mask_mods: MaskMod[]): MaskMod {
  checkMods(mask_mods)
  return (b, h, q_idx, kv_idx) =>
    mask_mods.reduce<Tensor>(
      (result, mask) => result.logical_and(mask(b, h, q_idx, kv_idx)),
      b.new_ones([], { dtype: bool }),
    )
}

type Positions = [b: Tensor, h: Tensor, q_idx: Tensor, kv_idx: Tensor]

/** Of each of (B, H, Q, KV), along its own dimension. */
function positions(sizes: readonly number[], device: DeviceLike): Positions {
  return sizes.map((size, dim) => {
    const shape = sizes.map((_, i) => (i === dim ? size : 1))
    return torch.arange(size, { device }).view(shape)
  }) as Positions
}

/** The number of arguments says which of the two a function is. */
function isScoreMod(mod: (...args: never[]) => unknown): boolean {
  if (mod.length === 5 || mod.length === 4) return mod.length === 5
  throw new TypeError(`Expected 4 or 5 positional args, got ${mod.length}`)
}

/**
 * The whole mask (B, H, Q_LEN, KV_LEN) of a function of positions: of a mask_mod (b, h, q_idx, kv_idx), or of a score_mod
 * (score, b, h, q_idx, kv_idx), which leaves what it does not make -inf. B and H may be null for 1.
 */
export function create_mask(...args: Arguments['nn.attention.flex_attention.create_mask']): Tensor {
  const { mod_fn, B, H, Q_LEN, KV_LEN, device } = read('nn.attention.flex_attention.create_mask', args)
  const sizes = [B ?? 1, H ?? 1, Q_LEN, KV_LEN]
  const where_ = device ?? deviceOf('cpu')
  const all = positions(sizes, where_)
  if (!isScoreMod(mod_fn)) return (mod_fn as MaskMod)(...all).expand(sizes)
  const scores = (mod_fn as ScoreMod)(torch.zeros(sizes, { device: where_ }), ...all).expand(sizes)
  return scores.isneginf().logical_not()
}

/**
 * The blocks of a mask_mod(b, h, q_idx, kv_idx), in a sequence of Q_LEN queries and KV_LEN keys. B and H may be null where
 * the mask is the same for all. `BLOCK_SIZE` is the size of a block, of queries and keys, or of both; with
 * `separate_full_blocks`, blocks that are seen wholly stand apart.
 */
export function create_block_mask(...args: Arguments['nn.attention.flex_attention.create_block_mask']): BlockMask {
  const key = 'nn.attention.flex_attention.create_block_mask'
  const { mask_mod, B, H, Q_LEN, KV_LEN, device, separate_full_blocks, ...values } = read(key, args)
  refuse(key, { ...values }, '_compile', 'compute_dq_write_order', 'dq_kv_order')
  if (isScoreMod(mask_mod)) throw new TypeError(`create-block_mask requires a mask_mod function! Got ${mask_mod}`)
  const size = ntuple(values.BLOCK_SIZE, 2) as [number, number]
  const mask = create_mask(mask_mod, B, H, Q_LEN, KV_LEN, device)
  const [partial, full] = blocksOf(mask, size, separate_full_blocks)
  const [kv_num_blocks, kv_indices] = orderedOf(partial)
  const [full_kv_num_blocks, full_kv_indices] = full === null ? [null, null] : orderedOf(full)
  const blocks = { kv_num_blocks, kv_indices, full_kv_num_blocks, full_kv_indices }
  return BlockMask.from_kv_blocks({ ...blocks, BLOCK_SIZE: size, mask_mod, seq_lengths: [Q_LEN, KV_LEN] })
}

// --- attention --------------------------------------------------------------------------------------------------

function checkTensors(query: Tensor, key: Tensor, value: Tensor, enable_gqa: boolean): void {
  if (query.device !== key.device || query.device !== value.device) {
    throw new RangeError(
      'Expected query, key, and value to have the same device type, but got query.device: ' +
        `${query.device}, key.device: ${key.device}, and value.device: ${value.device} instead.`,
    )
  }
  const dims = [query, key, value].map((tensor) => tensor.dim())
  if (dims.some((dim) => dim < 2)) {
    throw new RangeError(
      'Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: ' +
        `${dims[0]}, key.dim: ${dims[1]} and value.dim: ${dims[2]} instead.`,
    )
  }
  if (query.size(-1) !== key.size(-1)) {
    throw new RangeError(
      'Expect query and key/value to have the same embedding dimension but got ' +
        `E=${query.size(-1)} and E=${key.size(-1)}.`,
    )
  }
  if (dims.some((dim) => dim !== 4)) throw new RangeError('NYI: query, key, and value must be 4D tensors')
  const [Hq, Hkv] = [query.size(1), key.size(1)]
  if (!enable_gqa && Hq !== Hkv) {
    throw new RangeError(
      `Expect query and key/value to have the same number of heads but got Hq=${Hq} and Hkv=${Hkv}. Try setting ` +
        'enable_gqa=True for GQA.',
    )
  }
  if (enable_gqa && Hq % Hkv !== 0) {
    throw new RangeError(
      `Expect number of query heads to be a multiple of kv heads for GQA but got Hq=${Hq} and Hkv=${Hkv}.`,
    )
  }
}

function checkMask(query: Tensor, key: Tensor, mask: BlockMask | null): void {
  const [Bq, Bkv] = [query.size(0), key.size(0)]
  if (Bq !== Bkv) {
    if (mask === null) {
      throw new RangeError(
        'Expect query and key/value to have the same batch size, or non-none block_mask, but got block_mask=None, ' +
          `Bq=${Bq}, and Bkv=${Bkv}.`,
      )
    }
    const blocks = mask.kv_num_blocks.size(0)
    if (blocks !== Bq) {
      throw new RangeError(
        'Expect query and key/value to have the same batch size, or block_mask and query to have the same batch size, ' +
          `but got Bq=${Bq}, Bkv=${Bkv}, B_block_mask=${blocks}.`,
      )
    }
    if (Bkv !== 1) throw new RangeError(`Bq and Bkv must broadcast. Got Bq=${Bq} and Bkv=${Bkv}`)
  }
  if (mask === null) return
  if (mask.mask_mod === slicedMask) throw new Error('Cannot use mask_mod from a sliced BlockMask')
  if (query.device !== mask.kv_num_blocks.device) {
    throw new RangeError(
      'Expect q/k/v and block_mask to be on the same device but got ' +
        `${query.device} and ${mask.kv_num_blocks.device}.`,
    )
  }
  if (mask.BLOCK_SIZE.every((size) => size === LARGE_BLOCK_SIZE)) return
  const [q, kv] = mask.seq_lengths
  const [q_len, kv_len] = [query.size(-2), key.size(-2)]
  if (q_len === q && kv_len === kv) return
  const made = `block_mask was created for block_mask.shape=(${mask.shape.join(', ')}) but got q_len=${q_len} and kv_len=${kv_len}.`
  throw new RangeError(
    q_len > q || kv_len > kv
      ? `${made} As the block mask was created for a smaller length than you're using it for, you likely need to create ` +
          'a new block mask.'
      : `${made} As the block mask was created for a larger length than you're using it for, you can either 1. create a ` +
          "new block mask with the correct length, or 2. 'adjust' the existing block mask to the correct length by " +
          "calling block_mask._adjust(q_len, kv_len). This essentially 'crops' the block mask to the upper left corner, " +
          'which does not work for all mask_mods!',
  )
}

interface FlexOptions {
  score_mod?: ScoreMod | null | undefined
  block_mask?: BlockMask | null | undefined
  scale?: number | null | undefined
  enable_gqa?: boolean | undefined
  kernel_options?: FlexKernelOptions | null | undefined
}

type Request = AuxRequest | { lse?: boolean | undefined; max_scores?: boolean | undefined }

/**
 * softmax(score_mod(Q Kᵀ · scale)) V, of the keys that block_mask leaves. query: (B, Hq, L, E); key: (B, Hkv, S, E); value:
 * (B, Hkv, S, Ev). `score_mod(score, b, h, q_idx, kv_idx)` changes the scores, `block_mask` says which of them count; with
 * `enable_gqa` several heads of queries share one of keys. `scale` is 1/√E unless it is said. Returns (B, Hq, L, Ev), and
 * with `return_aux` what is asked for; a query that sees no key gets zeros. Gradients flow on every device.
 */
export function flex_attention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: FlexOptions & { return_aux: Request },
): [output: Tensor, aux: AuxOutput]
export function flex_attention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: FlexOptions & { return_lse: true },
): [output: Tensor, lse: Tensor]
export function flex_attention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  score_mod?: ScoreMod | null | undefined | FlexOptions,
  block_mask?: BlockMask | null | undefined | FlexOptions,
  options?: FlexOptions,
): Tensor
export function flex_attention(...args: unknown[]): Tensor | [Tensor, Tensor | AuxOutput] {
  const { query, key, value, score_mod, block_mask, scale, enable_gqa, return_lse, return_aux } = read(
    'nn.attention.flex_attention.flex_attention',
    args,
  )
  checkTensors(query, key, value, enable_gqa)
  const mask = block_mask as BlockMask | null
  checkMask(query, key, mask)
  if (return_lse && return_aux !== null) {
    throw new RangeError(
      'Cannot specify both return_lse and return_aux. return_lse is deprecated, please use ' +
        'return_aux=AuxRequest(lse=True) instead.',
    )
  }
  const scores = scoresOf(
    query,
    repeatHeads(key, query),
    scale ?? 1 / Math.sqrt(query.size(-1)),
    score_mod as ScoreMod | null,
    mask?.mask_mod ?? noop_mask,
  )
  const output = aten._safe_softmax(scores, -1).to(query.dtype).matmul(repeatHeads(value, query).to(query.dtype))
  const request = return_aux as Request | null
  const wanted = { lse: return_lse || request?.lse === true, max: request?.max_scores === true }
  const hidden = wanted.lse || wanted.max ? scores.eq(-Infinity).all(-1) : null
  const seen = (statistic: Tensor) => where(hidden as Tensor, -Infinity, statistic)
  const lse = wanted.lse ? seen(scores.logsumexp(-1)) : null
  if (return_lse) return [output, lse as Tensor]
  if (request === null) return output
  return [output, new AuxOutput(lse, wanted.max ? seen(scores.amax(-1)) : null)]
}

/** Keys or values for each head and batch of the queries. */
function repeatHeads(tensor: Tensor, query: Tensor): Tensor {
  const heads = torch.repeat_interleave(tensor, Math.floor(query.size(1) / tensor.size(1)), 1)
  return heads.expand([query.size(0), ...heads.shape.slice(1)])
}

function scoresOf(query: Tensor, key: Tensor, scale: number, score_mod: ScoreMod | null, mask_mod: MaskMod): Tensor {
  const precision = query.dtype === float64 ? float64 : float32
  const scores = query.to(precision).matmul(key.to(precision).transpose(-2, -1)).mul(scale)
  const all = positions(scores.shape, scores.device)
  const changed = score_mod === null ? scores : score_mod(scores, ...all)
  return where(mask_mod(...all), changed, torch.full_like(scores, -Infinity, { dtype: changed.dtype }))
}
