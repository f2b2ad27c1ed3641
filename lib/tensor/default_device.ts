// torch.set_default_device, get_default_device, and the mode that Python writes `with torch.device(...):`.

import { defaultDevice, replaceDefaultDevice } from '../core/default_device.js'
import { type Device, type DeviceLike, device as deviceOf } from '../core/device.js'
import { openMode, runInMode, type Synchronous } from '../core/modes.js'
import { empty } from '../generated/functions.js'
import { type Arguments, read } from '../operators/generated/arguments.js'

/**
 * Where factories (`zeros`, `randn`, `tensor` and their kin, but not `zeros_like`) and so modules put what is given no
 * device. null is the CPU again.
 */
export function set_default_device(...args: Arguments['torch.set_default_device']): void {
  const { device } = read('torch.set_default_device', args)
  replaceDefaultDevice(device === null ? null : deviceOf(device))
}

/** The device of factories, with its number. */
export function get_default_device(): Device {
  const device = defaultDevice()
  if (device === null) return deviceOf('cpu')
  return device.index === null ? empty([0]).device : device
}

/**
 * Python's `with torch.device(device):`, a default device for a function or, as `using _ = torch.default_device('cuda')`,
 * for the rest of the block.
 */
export function default_device<T>(device: DeviceLike, body: () => Synchronous<T>): T
export function default_device(device: DeviceLike): Disposable
export function default_device<T>(device: DeviceLike, body?: () => Synchronous<T>): T | Disposable {
  const chosen = deviceOf(device)
  const open = () => {
    const before = replaceDefaultDevice(chosen)
    return () => {
      replaceDefaultDevice(before)
    }
  }
  return body === undefined ? openMode('torch.default_device', open()) : runInMode('torch.default_device', open, body)
}
