// torch.nn.attention: which kernels compute scaled_dot_product_attention, and masks.

import { openMode, runInMode, type Synchronous } from '../../core/modes.js'
import { native } from '../../core/native.js'
import { warn } from '../../core/warn.js'
import { describe } from '../../operators/describe.js'
import { isOptions } from '../../operators/options.js'
import { type Arguments, read } from '../generated/arguments.js'

export * as bias from './bias.js'
export * as flex_attention from './flex_attention.js'

/** The ways of computing scaled_dot_product_attention. */
export const SDPBackend = Object.freeze({
  ERROR: -1,
  MATH: 0,
  FLASH_ATTENTION: 1,
  EFFICIENT_ATTENTION: 2,
  CUDNN_ATTENTION: 3,
  OVERRIDEABLE: 4,
})
export type SDPBackend = (typeof SDPBackend)[keyof typeof SDPBackend]

const SWITCHES: readonly [backend: SDPBackend, name: string][] = [
  [SDPBackend.CUDNN_ATTENTION, 'cuda.cudnn_sdp'],
  [SDPBackend.FLASH_ATTENTION, 'cuda.flash_sdp'],
  [SDPBackend.EFFICIENT_ATTENTION, 'cuda.mem_efficient_sdp'],
  [SDPBackend.MATH, 'cuda.math_sdp'],
  [SDPBackend.OVERRIDEABLE, 'cuda.overrideable_sdp'],
]

const isBackend = (value: unknown): value is SDPBackend => (Object.values(SDPBackend) as unknown[]).includes(value)

/** Allows these ways, and, where it is asked for, tries them in this order. */
function choose(backends: readonly SDPBackend[], set_priority: boolean): () => void {
  const allowed = SWITCHES.map(([, name]) => [name, native.get_switch(name)] as const)
  const order = native.sdp_priority_order()
  for (const [backend, name] of SWITCHES) native.set_switch(name, backends.includes(backend))
  if (set_priority) {
    const rest = order.filter((backend) => !(backends as readonly number[]).includes(backend))
    native.set_sdp_priority_order([...backends, ...rest])
  }
  return () => {
    for (const [name, on] of allowed) native.set_switch(name, on)
    if (set_priority) native.set_sdp_priority_order(order)
  }
}

interface KernelOptions {
  set_priority?: boolean | undefined
}

/**
 * Computes scaled_dot_product_attention in the ways given alone while `body` runs, or, as
 * `using _ = sdpa_kernel(SDPBackend.MATH)`, for the rest of the block; with `set_priority` they are tried in the order
 * given. It holds for the whole process. On a CPU there are FLASH_ATTENTION and MATH.
 * @throws by the attention, where none of them can compute it.
 */
export function sdpa_kernel<T>(
  backends: SDPBackend | readonly SDPBackend[],
  options: KernelOptions | boolean,
  body: () => Synchronous<T>,
): T
export function sdpa_kernel<T>(backends: SDPBackend | readonly SDPBackend[], body: () => Synchronous<T>): T
export function sdpa_kernel(backends: SDPBackend | readonly SDPBackend[], options?: KernelOptions | boolean): Disposable
export function sdpa_kernel<T>(...args: unknown[]): T | Disposable {
  const last = args.at(-1)
  const body = typeof last === 'function' ? (last as () => Synchronous<T>) : undefined
  const { backends, set_priority } = read('nn.attention.sdpa_kernel', body === undefined ? args : args.slice(0, -1))
  const list = [...new Set(Array.isArray(backends) ? backends : [backends])]
  if (!list.every(isBackend)) {
    const got = isOptions(backends) ? 'object' : describe(backends)
    throw new TypeError(`Backend must be an instance of SDPBackend or a list of SDPBackend instances, got ${got}`)
  }
  const open = () => choose(list, set_priority)
  const name = 'torch.nn.attention.sdpa_kernel'
  return body === undefined ? openMode(name, open()) : runInMode(name, open, body)
}

// --- other implementations of flash attention -------------------------------------------------------------------

interface Installed {
  remove(): void
}

const implementations = new Map<string, () => Installed | null | undefined>()
let active: { name: string; installed: Installed } | null = null

/**
 * Makes an implementation of flash attention known by a name. `register_fn` installs it when it is activated, and gives
 * what removes it again. PyTorch's own, FA3 and FA4, are Python packages, and not here.
 */
export function register_flash_attention_impl(...args: Arguments['nn.attention.register_flash_attention_impl']): void {
  const { impl, register_fn } = read('nn.attention.register_flash_attention_impl', args)
  implementations.set(impl, register_fn as () => Installed | null | undefined)
}

/**
 * Installs the implementation of this name, and removes the one before it.
 * @throws if there is none of this name.
 */
export function activate_flash_attention_impl(...args: Arguments['nn.attention.activate_flash_attention_impl']): void {
  const { impl } = read('nn.attention.activate_flash_attention_impl', args)
  if (active !== null) restore_flash_attention_impl()
  const install = implementations.get(impl)
  if (install === undefined) {
    const names = list_flash_attention_impls().map((name) => `'${name}'`)
    throw new RangeError(`Unknown flash attention impl '${impl}'. Available implementations: [${names.join(', ')}]`)
  }
  const installed = install()
  active = installed === null || installed === undefined ? null : { name: impl, installed }
}

/** The names of the implementations that are known, in order. */
export function list_flash_attention_impls(): string[] {
  return [...implementations.keys()].sort()
}

/** The name of the implementation that is installed; null for libtorch's own. */
export function current_flash_attention_impl(): string | null {
  return active?.name ?? null
}

/** Removes the implementation that is installed. */
export function restore_flash_attention_impl(): void {
  if (active === null) warn('Trying to restore default FA2 impl when no custom impl was activated')
  active?.installed.remove()
  active = null
}
