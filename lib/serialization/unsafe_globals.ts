import { Archive } from './archive.js'
import { UnpicklingError } from './error.js'
import { type Arguments, read } from './generated/arguments.js'
import { isAllowed } from './globals.js'
import { opened } from './load.js'
import { globalsOf } from './unpickler.js'

/**
 * The names in a checkpoint that `torch.load` would refuse, unless `torch.serialization.add_safe_globals` allows them.
 * Nothing of it is loaded.
 */
export function get_unsafe_globals_in_checkpoint(
  ...args: Arguments['serialization.get_unsafe_globals_in_checkpoint']
): string[] {
  const { f } = read('serialization.get_unsafe_globals_in_checkpoint', args)
  const source = opened(f)
  if (!(source instanceof Archive)) {
    throw new UnpicklingError('Expected input to be a checkpoint returned by torch.save')
  }
  using archive = source
  if (archive.has('constants.pkl')) {
    throw new UnpicklingError(
      'Expected input to be a checkpoint returned by torch.save but got a torchscript checkpoint',
    )
  }
  return [...globalsOf(archive.bytes('data.pkl'))].filter((path) => !isAllowed(path))
}
