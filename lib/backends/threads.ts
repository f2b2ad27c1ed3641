import { native } from '../core/native.js'
import { type Arguments, read } from '../operators/generated/arguments.js'

/** Threads that one operation of this JavaScript thread may use. A worker starts with its share of the cores. */
export function get_num_threads(): number {
  return native.get_num_threads()
}

export function set_num_threads(...args: Arguments['torch.set_num_threads']): void {
  native.set_num_threads(read('torch.set_num_threads', args).int)
}
