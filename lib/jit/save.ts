import { writeFileAtomic } from '../core/atomic_file.js'
import { bytesOf } from './bytes.js'
import { type Arguments, read } from './generated/arguments.js'
import { scriptOf } from './script_module.js'

/**
 * Writes a module to a file that Python and C++ load. The file is replaced whole or not at all. `_extra_files` are
 * strings or bytes by name, which go with it.
 */
export function save(...args: Arguments['jit.save']): void {
  const { m, f, _extra_files } = read('jit.save', args)
  if (typeof f !== 'string')
    throw new TypeError("torch.jit.save(): f must be a file's name; save_to_buffer gives bytes")
  writeFileAtomic(f, [bytesOf(scriptOf(m, 'torch.jit.save'), _extra_files ?? {})])
}
