// Devices of torch.cuda.

import { cuda } from '../core/cuda_available.js'
import { type Device, type DeviceLike, device as deviceOf } from '../core/device.js'
import { openMode, runInMode, type Synchronous } from '../core/modes.js'
import type { DeviceProperties } from '../core/native.js'
import { type Arguments, read } from './generated/arguments.js'

export type { DeviceProperties }

/** A GPU: its number, torch.device('cuda:1'), 'cuda:1', or null for the current one. */
export type CudaDevice = DeviceLike | number | null

/** @internal The number of a GPU, -1 for the current one. */
export function deviceIndex(given: CudaDevice | undefined): number {
  if (given === undefined || given === null) return -1
  if (typeof given === 'number') return given
  const { type, index } = deviceOf(given)
  if (type !== 'cuda') throw new RangeError(`Expected a cuda device, but got: ${given}`)
  return index ?? -1
}

/** The number of the current GPU, which 'cuda' means. */
export function current_device(): number {
  return cuda().current_device()
}

/** Makes a GPU the current one. `torch.cuda.device(...)` does so for a stretch of code. */
export function set_device(...args: Arguments['cuda.set_device']): void {
  const { device } = read('cuda.set_device', args)
  cuda().set_device(deviceIndex(device))
}

export function get_device_properties(...args: Arguments['cuda.get_device_properties']): DeviceProperties {
  const { device } = read('cuda.get_device_properties', args)
  return cuda().device_properties(deviceIndex(device))
}

/** "NVIDIA H100 80GB HBM3". */
export function get_device_name(...args: Arguments['cuda.get_device_name']): string {
  const { device } = read('cuda.get_device_name', args)
  return get_device_properties(device).name
}

/** The compute capability: [9, 0] for an H100. */
export function get_device_capability(
  ...args: Arguments['cuda.get_device_capability']
): [major: number, minor: number] {
  const { device } = read('cuda.get_device_capability', args)
  const { major, minor } = get_device_properties(device)
  return [major, minor]
}

/** Whether one GPU can read another's memory. */
export function can_device_access_peer(...args: Arguments['cuda.can_device_access_peer']): boolean {
  const { device, peer_device } = read('cuda.can_device_access_peer', args)
  return cuda().can_device_access_peer(deviceIndex(device), deviceIndex(peer_device))
}

/** Whether the current GPU computes in bfloat16: from compute capability 8.0 on. */
export function is_bf16_supported(): boolean {
  return get_device_capability()[0] >= 8
}

/** Blocks until everything that was started on a GPU is done. */
export function synchronize(...args: Arguments['cuda.synchronize']): void {
  const { device } = read('cuda.synchronize', args)
  cuda().synchronize(deviceIndex(device))
}

/** The same on another thread: the event loop goes on meanwhile. */
export function synchronize_async(device?: CudaDevice): Promise<void> {
  return cuda().synchronize_async(deviceIndex(device))
}

/** Makes a GPU the current one while `body` runs; or, as `using _ = torch.cuda.device(1)`, for the rest of the block. */
export function device<T>(device: CudaDevice, body: () => Synchronous<T>): T
export function device(device: CudaDevice): Disposable
export function device<T>(device: CudaDevice, body?: () => Synchronous<T>): T | Disposable {
  const open = () => {
    const before = current_device()
    set_device(device)
    return () => set_device(before)
  }
  return body === undefined ? openMode('torch.cuda.device', open()) : runInMode('torch.cuda.device', open, body)
}

/** The GPU that a device or its number names, as a device. */
export const asDevice = (given: CudaDevice | undefined): Device => {
  const index = deviceIndex(given)
  return deviceOf('cuda', index === -1 ? current_device() : index)
}
