// Settings of saving and loading, as Python's torch.utils.serialization.config has them.

import { type Arguments, read } from './generated/arguments.js'

/** In which order files have the bytes of a number that do not say it. */
export const LoadEndianness = Object.freeze({ NATIVE: 1, LITTLE: 2, BIG: 3 } as const)
export type LoadEndianness = (typeof LoadEndianness)[keyof typeof LoadEndianness]

/** Writes to mapped tensors reach the file. */
export const MAP_SHARED = 1
/** Writes to mapped tensors stay in this process. */
export const MAP_PRIVATE = 2

const config = {
  endianness: null as LoadEndianness | null,
  compute_crc32: true,
  mmap_flags: MAP_PRIVATE as typeof MAP_SHARED | typeof MAP_PRIVATE,
  skip_data: false,
}

/** The order of bytes for files that do not say it; null is little. */
export function get_default_load_endianness(
  ...args: Arguments['serialization.get_default_load_endianness']
): LoadEndianness | null {
  read('serialization.get_default_load_endianness', args)
  return config.endianness
}

export function set_default_load_endianness(...args: Arguments['serialization.set_default_load_endianness']): void {
  const { endianness } = read('serialization.set_default_load_endianness', args)
  if (endianness !== null && ![1, 2, 3].includes(endianness)) {
    throw new TypeError('Invalid argument type in function set_default_load_endianness')
  }
  config.endianness = endianness as LoadEndianness | null
}

/** Whether `torch.save` writes the CRC-32 of each record, which takes some time. */
export function get_crc32_options(...args: Arguments['serialization.get_crc32_options']): boolean {
  read('serialization.get_crc32_options', args)
  return config.compute_crc32
}

export function set_crc32_options(...args: Arguments['serialization.set_crc32_options']): void {
  const { compute_crc32 } = read('serialization.set_crc32_options', args)
  config.compute_crc32 = compute_crc32
}

/** How `torch.load` maps files with `mmap: true`. */
export function get_default_mmap_options(...args: Arguments['serialization.get_default_mmap_options']): number {
  read('serialization.get_default_mmap_options', args)
  return config.mmap_flags
}

/** Sets a field for good, for `body`, or up to the end of a block. */
function withSetting<K extends keyof typeof config>(name: K, value: (typeof config)[K], body?: () => unknown): unknown {
  const before = config[name]
  config[name] = value
  const restore = () => {
    config[name] = before
  }
  if (body === undefined) return { [Symbol.dispose]: restore }
  try {
    return body()
  } finally {
    restore()
  }
}

/**
 * Sets how `torch.load` maps files with `mmap: true`: `MAP_PRIVATE` or `MAP_SHARED`. For good; or for `body`; or, with
 * `using`, up to the end of a block.
 */
export function set_default_mmap_options<T>(flags: number, body: () => T): T
export function set_default_mmap_options(flags: number): Disposable
export function set_default_mmap_options(flags: number, body?: () => unknown): unknown {
  if (flags !== MAP_SHARED && flags !== MAP_PRIVATE) {
    throw new RangeError(
      'Invalid argument in function set_default_mmap_options, expected torch.serialization.MAP_PRIVATE or ' +
        `torch.serialization.MAP_SHARED, but got ${flags}`,
    )
  }
  return withSetting('mmap_flags', flags, body)
}

/**
 * While `body` runs, or with `using` up to the end of a block, `torch.save` writes zeros in place of the data of tensors,
 * and `torch.load` reads none: tensors have whatever was in their memory.
 */
export function skip_data<T>(body: () => T): T
export function skip_data(): Disposable
export function skip_data(body?: () => unknown): unknown {
  return withSetting('skip_data', true, body)
}

export const skipsData = (): boolean => config.skip_data
