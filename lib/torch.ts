// The namespace `torch`: everything at its top level. index.ts is what users import.

export {
  autocast,
  clear_autocast_cache,
  get_autocast_dtype,
  is_autocast_cache_enabled,
  is_autocast_cpu_enabled,
  is_autocast_enabled,
} from './amp/autocast.js'
export * as amp from './amp/index.js'
export * as autograd from './autograd/index.js'
export {
  enable_grad,
  inference_mode,
  is_grad_enabled,
  is_inference_mode_enabled,
  no_grad,
  set_grad_enabled,
} from './autograd/index.js'
export * from './backends/determinism.js'
export * as backends from './backends/index.js'
export { Callable } from './core/callable.js'
export { get_default_dtype, set_default_dtype } from './core/default_dtype.js'
export {
  channels_last,
  channels_last_3d,
  contiguous_format,
  Device,
  type DeviceLike,
  device,
  Layout,
  MemoryFormat,
  preserve_format,
  sparse_bsc,
  sparse_bsr,
  sparse_coo,
  sparse_csc,
  sparse_csr,
  strided,
} from './core/device.js'
export {
  bfloat16,
  bool,
  cdouble,
  cfloat,
  complex32,
  complex64,
  complex128,
  DType,
  double,
  float,
  float4_e2m1fn_x2,
  float8_e4m3fn,
  float8_e4m3fnuz,
  float8_e5m2,
  float8_e5m2fnuz,
  float8_e8m0fnu,
  float16,
  float32,
  float64,
  half,
  int,
  int8,
  int16,
  int32,
  int64,
  long,
  qint8,
  qint32,
  quint8,
  short,
  uint8,
  uint16,
  uint32,
  uint64,
} from './core/dtype.js'
export * as cuda from './cuda/index.js'
export * as export from './export.js'
export * as func from './func.js'
export * as fft from './generated/fft.js'
export * from './generated/functions.js'
export * as linalg from './generated/linalg.js'
export * as special from './generated/special.js'
export {
  default_generator,
  Generator,
  get_rng_state,
  initial_seed,
  manual_seed,
  seed,
  set_rng_state,
} from './operators/generator.js'
export * as sparse from './sparse.js'
export { deepcopy } from './tensor/deepcopy.js'
export { default_device, get_default_device, set_default_device } from './tensor/default_device.js'
export type { Element, NestedArray, NestedList, TypedArray } from './tensor/elements.js'
export * from './tensor/factories.js'
export * from './tensor/functions.js'
export { type Index, Slice, slice } from './tensor/indexing.js'
export * from './tensor/lowrank.js'

import './tensor/methods.js'
import './autograd/methods.js'
import './cuda/methods.js'

export { get_num_threads, set_num_threads } from './backends/threads.js'
export { version as __version__ } from './backends/version.js'
export { keep, scope } from './core/scope.js'
export { Size } from './core/size.js'
export { from_shared, is_tensor, type SharedToken, Tensor } from './core/tensor.js'
export * as _inductor from './inductor/index.js'
export * as jit from './jit/index.js'
export * as masked from './masked.js'
export * as nn from './nn/index.js'
export type { Complex, Scalar } from './operators/operator.js'
export * as ops from './operators/ops.js'
export * as optim from './optim/index.js'
export * as profiler from './profiler.js'
export * as safetensors from './safetensors/index.js'
export * as serialization from './serialization/index.js'
export { load, load_async, save, save_async } from './serialization/index.js'
export * as signal from './signal/index.js'
export { get_printoptions, printoptions, set_printoptions } from './tensor/printing.js'
export { type FloatInfo, finfo, type IntegerInfo, iinfo } from './tensor/type_info.js'
export * as testing from './testing.js'
export * as utils from './utils/index.js'
