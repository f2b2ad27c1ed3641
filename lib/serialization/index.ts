// torch.serialization.

export {
  get_crc32_options,
  get_default_load_endianness,
  get_default_mmap_options,
  LoadEndianness,
  MAP_PRIVATE,
  MAP_SHARED,
  set_crc32_options,
  set_default_load_endianness,
  set_default_mmap_options,
  skip_data,
} from './config.js'
export { UnpicklingError } from './error.js'
export { load, load_async } from './load.js'
export {
  default_restore_location,
  type LocationFunction,
  location_tag,
  type MapLocation,
  register_package,
  validate_cuda_device,
} from './locations.js'
export {
  add_safe_globals,
  clear_safe_globals,
  get_safe_globals,
  type SafeGlobal,
  safe_globals,
} from './safe_globals.js'
export { save, save_async } from './save.js'
export { get_unsafe_globals_in_checkpoint } from './unsafe_globals.js'
