// What holds for the environment or the process: threads, the default dtype, devices, and what
// native code calls in JavaScript.
#include <ATen/detail/CUDAHooksInterface.h>

#include "exports.h"

namespace {

napi_value get_num_threads(Call& call) { return call.value(at::get_num_threads()); }

napi_value default_dtype(Call& call) {
  return call.value(static_cast<int>(c10::get_default_dtype_as_scalartype()));
}

napi_value set_default_dtype(Call& call) {
  const at::ScalarType dtype = call.dtype(0);
  TYPE_CHECK(at::isFloatingType(dtype) && c10::elementSize(dtype) > 1,
             "only floating-point types are supported as the default type");
  c10::set_default_dtype(c10::scalarTypeToTypeMeta(dtype));
  return call.undefined();
}

napi_value set_num_threads(Call& call) {
  const int64_t threads = call.integer(0);
  // OpenMP would try to start as many as it is told, and end the process.
  TORCH_CHECK_VALUE(threads > 0 && threads <= 1024,
                    "set_num_threads expects a number from 1 to 1024, got ", threads);
  at::set_num_threads(static_cast<int>(threads));
  return call.undefined();
}

napi_value cuda_device_count(Call& call) {
  const int64_t devices = at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0;
  return call.value(devices);
}

// Whether libtorch itself was built with CUDA.
napi_value cuda_built(Call& call) {
#ifdef TSTORCH_CUDA
  return call.value(true);
#else
  return call.value(false);
#endif
}

// collect_garbage_by(function(all))
napi_value collect_garbage_by(Call& call) {
  TYPE_CHECK(call.type(0) == napi_function, "expected a function");
  call.env().collect_garbage_by(call[0]);
  return call.undefined();
}

// collect_garbage(all)
napi_value collect_garbage(Call& call) {
  call.env().collect(call.boolean(0) ? Garbage::All : Garbage::Young);
  return call.undefined();
}

// warn_by(function(text)): what gets libtorch's warnings
napi_value warn_by(Call& call) {
  TYPE_CHECK(call.type(0) == napi_function, "expected a function");
  call.env().warn_by(call[0]);
  return call.undefined();
}

// make_errors_by(function(type, message) -> error)
napi_value make_errors_by(Call& call) {
  TYPE_CHECK(call.type(0) == napi_function, "expected a function");
  call.env().make_errors_by(call[0]);
  return call.undefined();
}

}  // namespace

void export_process(Environment& env, napi_value exports) {
  export_function(env, exports, "get_num_threads", enter<get_num_threads>);
  export_function(env, exports, "set_num_threads", enter<set_num_threads>);
  export_function(env, exports, "default_dtype", enter<default_dtype>);
  export_function(env, exports, "set_default_dtype", enter<set_default_dtype>);
  export_function(env, exports, "cuda_device_count", enter<cuda_device_count>);
  export_function(env, exports, "cuda_built", enter<cuda_built>);
  export_function(env, exports, "collect_garbage_by", enter<collect_garbage_by>);
  export_function(env, exports, "collect_garbage", enter<collect_garbage>);
  export_function(env, exports, "warn_by", enter<warn_by>);
  export_function(env, exports, "make_errors_by", enter<make_errors_by>);
}
