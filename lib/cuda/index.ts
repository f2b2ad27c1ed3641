// torch.cuda

export { device_count, is_available } from '../core/cuda_available.js'
export * as amp from './amp.js'
export {
  type CudaDevice,
  can_device_access_peer,
  current_device,
  type DeviceProperties,
  device,
  get_device_capability,
  get_device_name,
  get_device_properties,
  is_bf16_supported,
  set_device,
  synchronize,
  synchronize_async,
} from './device.js'
export { type GraphedCallablesOptions, make_graphed_callables } from './graphed_callables.js'
export { type GraphedStepOptions, graphed_step } from './graphed_step.js'
export {
  type CaptureErrorMode,
  CUDAGraph,
  type GraphOptions,
  graph,
  graph_pool_handle,
  is_current_stream_capturing,
  type Pool,
} from './graphs.js'
export {
  empty_cache,
  get_per_process_memory_fraction,
  type MemoryStats,
  max_memory_allocated,
  max_memory_reserved,
  mem_get_info,
  memory_allocated,
  memory_reserved,
  memory_stats,
  memory_summary,
  reset_accumulated_memory_stats,
  reset_peak_memory_stats,
  set_per_process_memory_fraction,
} from './memory.js'
export * from './random.js'
export {
  current_stream,
  default_stream,
  Event,
  Stream,
  set_stream,
  stream,
} from './streams.js'
