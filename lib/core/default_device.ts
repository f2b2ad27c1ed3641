// Where factories put tensors that are given no device. One for each thread of JavaScript, as Python has one for each
// thread.

import type { Device } from './device.js'

let current: Device | null = null

/** The device that was set; null where none is, which means the CPU. */
export const defaultDevice = (): Device | null => current

/** Sets the device, and gives the one before. */
export function replaceDefaultDevice(device: Device | null): Device | null {
  const before = current
  current = device
  return before
}
