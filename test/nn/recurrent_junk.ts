// Random arguments for the recurrent layers' native code and libtorch's recurrent operators, right in part and wrong in
// part; run as a process of its own by guards.test.ts. Prints how many calls were refused and how many ran.

import { recurrentOptions } from '../../lib/core/generated/contract.js'
import { native } from '../../lib/core/native.js'
import { internals } from '../../lib/core/tensor.js'
import torch, { type Tensor } from '../../lib/index.js'

const [seed = 1, count = 1] = process.argv.slice(2).map(Number)
let state = seed
/** A whole number below n (Mulberry32: the same on every machine). */
const below = (n: number): number => {
  state = (state + 0x6d2b79f5) | 0
  let bits = Math.imul(state ^ (state >>> 15), 1 | state)
  bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
  return Math.floor((((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32) * n)
}
const pick = <T>(from: readonly T[]): T => from[below(from.length)] as T
const rarely = (): boolean => below(12) === 0

const SIZES = [0, 1, 2, 3, 4, 5, 12, 127, 300]
function tensor(...sizes: number[]): Tensor {
  const shape = sizes.map((size) => (rarely() && rarely() ? pick(SIZES) : size))
  if (rarely() && rarely()) shape.push(pick(SIZES))
  if (rarely() && rarely()) shape.pop()
  const made = torch.ones(shape)
  if (!rarely() || !rarely()) return made.requires_grad_(below(2) === 0)
  const other: (() => Tensor)[] = [
    () => made.double(),
    () => made.bfloat16(),
    () => made.half(),
    () => made.long(),
    () => made.bool(),
    () => made.to(torch.complex64),
    () => made.to_sparse(),
    () => made.to({ device: 'meta' }),
    () => torch.quantize_per_tensor(made, 1, 0, torch.quint8),
    () => torch.ones(1).expand(shape),
  ]
  return pick(other)()
}

const batch = () => below(4)
function recurrent(): Tensor[] {
  const [cell, input, hidden, n, steps] = [below(4), 1 + below(40), 1 + below(40), batch(), below(5)]
  const gates = cell === 2 ? 4 : cell === 3 ? 3 : 1
  const [layers, bidirectional, has_biases, project] = [1 + below(2), below(2), below(2), cell === 2 && below(4) === 0]
  const [state, parts] = [project ? Math.max(1, hidden - 1) : hidden, layers * (1 + bidirectional)]
  const weights: Tensor[] = []
  for (let part = 0; part < parts; part++) {
    const below_ = part <= bidirectional ? input : state * (1 + bidirectional)
    weights.push(tensor(gates * hidden, below_), tensor(gates * hidden, state))
    if (has_biases) weights.push(tensor(gates * hidden), tensor(gates * hidden))
    if (project) weights.push(tensor(state, hidden))
  }
  if (rarely()) weights.splice(below(weights.length), 1)
  const sizes = Array.from({ length: steps }, () => BigInt(below(5))).sort((a, b) => Number(b - a))
  const packed = below(3) === 0 ? (rarely() ? tensor(steps) : torch.tensor(sizes)) : null
  const rows = Number(sizes.reduce((sum, size) => sum + size, 0n))
  const sequences = packed === null ? n : Number(sizes[0] ?? 0n)
  const x = packed === null ? tensor(steps, n, input) : tensor(rows, input)
  const h = below(2) === 0 ? null : tensor(parts, sequences, state)
  const c = h === null || (cell !== 2 && !rarely()) ? null : tensor(parts, sequences, hidden)
  const options = recurrentOptions({
    has_biases: has_biases === 1,
    num_layers: rarely() ? pick([0, -1, 2 ** 31, 2 ** 52, NaN, Infinity, 0.5]) : layers,
    dropout: pick([0, 0, 0.5, 1, 2, NaN]),
    train: below(2) === 0,
    bidirectional: bidirectional === 1,
    batch_first: rarely(),
    fused: below(2) === 0,
  })
  const handle = (t: Tensor | null) => (t === null ? null : internals.handleOf(t))
  const call = () =>
    native.recurrent(
      rarely() ? pick([4, -1, 2 ** 40]) : cell,
      internals.handleOf(x),
      handle(packed),
      handle(h),
      handle(c),
      weights.map(internals.handleOf),
      options,
    )
  const results = (rarely() ? torch.autocast('cpu', call) : call()).map((result) => internals.wrap(result))
  // Other data in the place of what forward had.
  if (below(3) === 0) pick([...weights, x, ...(h === null ? [] : [h])]).data = torch.ones(pick(SIZES), pick(SIZES))
  native.reachable(x, packed, h, c, weights)
  return results
}

const aten = torch.ops.aten as unknown as Record<string, (...args: unknown[]) => Tensor | Tensor[]>
const list = (result: Tensor | Tensor[] | undefined): Tensor[] =>
  result === undefined
    ? []
    : Symbol.iterator in result && !internals.isTensor(result)
      ? [...result]
      : [result as Tensor]
function cell(): Tensor[] {
  const [name, gates] = pick([
    ['lstm_cell', 4],
    ['gru_cell', 3],
    ['rnn_tanh_cell', 1],
    ['rnn_relu_cell', 1],
  ] as const)
  const [n, input, hidden] = [batch(), 1 + below(5), 1 + below(5)]
  const h = tensor(n, hidden)
  const biases = below(2) === 0 ? [] : [tensor(gates * hidden), rarely() ? null : tensor(gates * hidden)]
  const weights = [tensor(gates * hidden, input), tensor(gates * hidden, hidden)]
  return list(aten[name]?.(tensor(n, input), gates === 4 ? [h, tensor(n, hidden)] : h, ...weights, ...biases))
}

function cellBackward(): Tensor[] {
  const [n, hidden] = [batch(), 1 + below(5)]
  const state = () => tensor(n, hidden)
  if (below(2) === 0) {
    const [gates, biases] = [() => tensor(n, 3 * hidden), () => (below(2) === 0 ? null : tensor(3 * hidden))]
    return list(
      aten._thnn_differentiable_gru_cell_backward?.(state(), gates(), gates(), state(), biases(), biases()),
    ).filter((result) => result !== null)
  }
  const [gates, biases] = [() => tensor(n, 4 * hidden), () => (below(2) === 0 ? null : tensor(4 * hidden))]
  return list(
    aten._thnn_differentiable_lstm_cell_backward?.(
      ...([rarely() ? null : state(), rarely() ? null : state(), gates(), gates()] as const),
      ...([biases(), biases(), state(), state()] as const),
    ),
  ).filter((result) => result !== null)
}

let refused = 0
for (let i = 0; i < count; i++) {
  try {
    const results = pick([recurrent, recurrent, cell, cellBackward])()
    const floating = results.filter((result) => result.requires_grad)
    if (floating.length > 0) {
      floating
        .map((result) => result.sum())
        .reduce((sum, part) => sum.add(part))
        .backward()
    }
  } catch (error) {
    if (!(error instanceof Error) || /INTERNAL ASSERT/.test(error.message)) throw error
    refused++
  }
}
console.log(JSON.stringify({ refused, ran: count - refused }))
