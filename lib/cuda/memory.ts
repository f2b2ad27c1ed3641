// The memory of torch.cuda. libtorch's allocator keeps what tensors free, for the next: "allocated" is what tensors
// take, "reserved" what the process has taken from the driver for them. All sizes are in bytes.

import { cuda } from '../core/cuda_available.js'
import { native } from '../core/native.js'
import { asDevice, type CudaDevice, deviceIndex } from './device.js'
import { type Arguments, read } from './generated/arguments.js'

/** Figures of the allocator by Python's names, such as "allocated_bytes.all.peak". */
export type MemoryStats = Record<string, number>

/** All figures of the allocator; an empty object until a GPU is used, as in Python. */
export function memory_stats(...args: Arguments['cuda.memory_stats']): MemoryStats {
  const { device } = read('cuda.memory_stats', args)
  return native.cuda?.memory_initialized() ? native.cuda.memory_stats(deviceIndex(device)) : {}
}

const figure = (name: string, device: CudaDevice | undefined): number => memory_stats(device)[name] ?? 0

/** Bytes that tensors occupy. */
export function memory_allocated(...args: Arguments['cuda.memory_allocated']): number {
  return figure('allocated_bytes.all.current', read('cuda.memory_allocated', args).device)
}

/** The most bytes that tensors occupied since the start or `reset_peak_memory_stats`. */
export function max_memory_allocated(...args: Arguments['cuda.max_memory_allocated']): number {
  return figure('allocated_bytes.all.peak', read('cuda.max_memory_allocated', args).device)
}

/** Bytes that the allocator has reserved from the driver. */
export function memory_reserved(...args: Arguments['cuda.memory_reserved']): number {
  return figure('reserved_bytes.all.current', read('cuda.memory_reserved', args).device)
}

/** The most bytes reserved since the start or `reset_peak_memory_stats`. */
export function max_memory_reserved(...args: Arguments['cuda.max_memory_reserved']): number {
  return figure('reserved_bytes.all.peak', read('cuda.max_memory_reserved', args).device)
}

/** Resets the peaks to what is in use now. */
export function reset_peak_memory_stats(...args: Arguments['cuda.reset_peak_memory_stats']): void {
  const { device } = read('cuda.reset_peak_memory_stats', args)
  cuda().reset_peak_memory_stats(deviceIndex(device))
}

/** Resets the sums of what was allocated and freed. */
export function reset_accumulated_memory_stats(...args: Arguments['cuda.reset_accumulated_memory_stats']): void {
  const { device } = read('cuda.reset_accumulated_memory_stats', args)
  cuda().reset_accumulated_memory_stats(deviceIndex(device))
}

/** Returns the allocator's unused memory to the driver. Does nothing if no GPU was used. */
export function empty_cache(): void {
  native.cuda?.empty_cache()
}

/** Free and total memory of a GPU, of all processes together. */
export function mem_get_info(...args: Arguments['cuda.mem_get_info']): [free: number, total: number] {
  const { device } = read('cuda.mem_get_info', args)
  return cuda().mem_get_info(deviceIndex(device))
}

/** Limits this process to a part of a GPU's memory, from 0 to 1: beyond it, an allocation fails. */
export function set_per_process_memory_fraction(...args: Arguments['cuda.set_per_process_memory_fraction']): void {
  const { fraction, device } = read('cuda.set_per_process_memory_fraction', args)
  if (!(fraction >= 0 && fraction <= 1)) throw new RangeError(`Invalid fraction value: ${fraction}. Allowed range: 0~1`)
  cuda().set_memory_fraction(fraction, deviceIndex(device))
}

export function get_per_process_memory_fraction(...args: Arguments['cuda.get_per_process_memory_fraction']): number {
  const { device } = read('cuda.get_per_process_memory_fraction', args)
  return cuda().memory_fraction(deviceIndex(device))
}

type Format = (value: number, magnitude: number) => string

/** `value` in the unit that suits `magnitude`, so that a row has one unit. */
function scaled(value: number, magnitude: number, units: string[], step: number, enough: number): [string, string] {
  let [rest, size, unit] = [value, magnitude, 0]
  while (size >= enough && unit < units.length - 1) {
    rest = Math.floor(rest / step)
    size /= step
    unit++
  }
  return [String(rest), units[unit] as string]
}

const bytes: Format = (value, magnitude) => {
  const [number, unit] = scaled(value, magnitude, ['B  ', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'], 1024, 768 * 1024)
  return `${number.padStart(6)} ${unit}`
}

const count: Format = (value, magnitude) => {
  const [number, unit] = scaled(value, magnitude, [' ', 'K', 'M'], 1000, 750_000)
  return `${number.padStart(7)} ${unit} `
}

const METRICS: [key: string, title: string, format: Format][] = [
  ['allocated_bytes', 'Allocated memory', bytes],
  ['active_bytes', 'Active memory', bytes],
  ['requested_bytes', 'Requested memory', bytes],
  ['reserved_bytes', 'GPU reserved memory', bytes],
  ['inactive_split_bytes', 'Non-releasable memory', bytes],
  ['allocation', 'Allocations', count],
  ['active', 'Active allocs', count],
  ['segment', 'GPU reserved segments', count],
  ['inactive_split', 'Non-releasable allocs', count],
]

const OVERSIZE: [key: string, title: string, format: Format][] = [
  ['oversize_allocations', 'Oversize allocations', count],
  ['oversize_segments', 'Oversize GPU segments', count],
]

const COLUMNS = ['current', 'peak', 'allocated', 'freed']

/** @internal The table of figures, as Python prints it. */
export function summaryOf(stats: MemoryStats, device: number, abbreviated: boolean): string {
  const value = (name: string): number => stats[name] ?? 0
  const row = (title: string, key: string, format: Format, magnitudes: string): string => {
    const cells = COLUMNS.map((column) => format(value(`${key}.${column}`), value(`${magnitudes}.${column}`)))
    return ` ${title.padEnd(21)} | ${cells.join(' | ')} `
  }
  const double = '='.repeat(75)
  const single = '-'.repeat(75)
  const lines = [
    double,
    ` ${''.padEnd(16)} PyTorch CUDA memory summary, device ID ${String(device).padEnd(17)} `,
    single,
    `  ${''.padEnd(9)} CUDA OOMs: ${String(value('num_ooms')).padEnd(12)} | ${''.padEnd(6)} cudaMalloc retries: ${String(value('num_alloc_retries')).padEnd(8)}  `,
    double,
    '        Metric         | Cur Usage  | Peak Usage | Tot Alloc  | Tot Freed  ',
  ]
  for (const [key, title, format] of METRICS) {
    lines.push(single, row(title, `${key}.all`, format, `${key}.all`))
    if (abbreviated) continue
    lines.push(row('      from large pool', `${key}.large_pool`, format, `${key}.all`))
    lines.push(row('      from small pool', `${key}.small_pool`, format, `${key}.all`))
  }
  for (const [key, title, format] of OVERSIZE) lines.push(single, row(title, key, format, key))
  return `|${[...lines, double].join('|\n|')}|\n`
}

/** The allocator's figures as a table to print. */
export function memory_summary(...args: Arguments['cuda.memory_summary']): string {
  const { device, abbreviated } = read('cuda.memory_summary', args)
  cuda()
  return summaryOf(memory_stats(device), asDevice(device).index as number, abbreviated)
}
