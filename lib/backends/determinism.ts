// What results may depend on besides their inputs, and the precision of float32 products.

import { native } from '../core/native.js'
import { type Arguments, read } from '../operators/generated/arguments.js'

/**
 * Lets operators use only algorithms that give the same numbers each time. An operator that has none throws; or, with
 * `warn_only`, warns.
 */
export function use_deterministic_algorithms(...args: Arguments['torch.use_deterministic_algorithms']): void {
  const { mode, warn_only } = read('torch.use_deterministic_algorithms', args)
  native.use_deterministic_algorithms(mode, warn_only)
}

export function are_deterministic_algorithms_enabled(): boolean {
  return native.deterministic_algorithms() !== 0
}

export function is_deterministic_algorithms_warn_only_enabled(): boolean {
  return native.deterministic_algorithms() === 1
}

const MODES = ['default', 'warn', 'error'] as const
export type DebugMode = (typeof MODES)[number]

/** The same by name or number: 0 'default', 1 'warn', 2 'error'. */
export function set_deterministic_debug_mode(...args: Arguments['torch.set_deterministic_debug_mode']): void {
  const { debug_mode } = read('torch.set_deterministic_debug_mode', args)
  const mode = typeof debug_mode === 'number' ? debug_mode : MODES.indexOf(debug_mode as DebugMode)
  if (MODES[mode] === undefined) {
    throw new RangeError(
      `invalid value of debug_mode, expected one of \`default\`, \`warn\`, \`error\`, but got ${debug_mode}`,
    )
  }
  native.use_deterministic_algorithms(mode > 0, mode === 1)
}

export function get_deterministic_debug_mode(): number {
  return native.deterministic_algorithms()
}

export type MatmulPrecision = 'highest' | 'high' | 'medium'

/** How products of float32 matrices are computed: in float32, in TensorFloat-32, in bfloat16 where that is faster. */
export function set_float32_matmul_precision(...args: Arguments['torch.set_float32_matmul_precision']): void {
  const { precision } = read('torch.set_float32_matmul_precision', args)
  if (!['highest', 'high', 'medium'].includes(precision)) {
    throw new RangeError(`precision must be 'highest', 'high' or 'medium', not '${precision}'`)
  }
  native.set_float32_matmul_precision(precision)
}

export function get_float32_matmul_precision(): MatmulPrecision {
  return native.float32_matmul_precision() as MatmulPrecision
}
