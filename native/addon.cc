// The addon's table of contents. One environment per JavaScript thread; nothing else is global
// but the allocator (memory/allocator.h), the shared tensors (tensors/share.cc) and the life signs
// (runtime/life_signs.cc).
#include <torch/version.h>

#include "exports.h"

namespace {

napi_value initialize(napi_env raw, napi_value exports) {
  auto owned = std::make_unique<Environment>(raw);
  Environment& env = *owned;
  const auto finalize = [](napi_env, void* data, void*) { delete static_cast<Environment*>(data); };
  check_napi(raw, napi_set_instance_data(raw, owned.release(), finalize, nullptr));

  export_tensors(env, exports);
  export_data(env, exports);
  export_files(env, exports);
  export_share(env, exports);
  export_operators(env, exports);
  export_indexing(env, exports);
  export_modes(env, exports);
  export_variables(env, exports);
  export_graph(env, exports);
  export_functions(env, exports);
  export_anomaly(env, exports);
  export_recurrent(env, exports);
  export_linear(env, exports);
  export_gradients(env, exports);
  export_adadelta(env, exports);
  export_adafactor(env, exports);
  export_adagrad(env, exports);
  export_adam(env, exports);
  export_adamax(env, exports);
  export_asgd(env, exports);
  export_muon(env, exports);
  export_nadam(env, exports);
  export_radam(env, exports);
  export_rmsprop(env, exports);
  export_rprop(env, exports);
  export_sgd(env, exports);
  export_sparse_adam(env, exports);
  export_lbfgs(env, exports);
  export_jit_modules(env, exports);
  export_jit_calls(env, exports);
  export_jit_packages(env, exports);
  export_mathematics(env, exports);
  export_process(env, exports);
  export_generators(env, exports);
  export_own_generator(env, exports);
  export_life_signs(env, exports);
  export_switches(env, exports);
  export_autocast(env, exports);
  export_profiler(env, exports);
  export_archives(env, exports);
#ifdef TSTORCH_CUDA
  napi_value cuda = new_object(raw);
  set_field(raw, exports, "cuda", cuda);
  export_cuda_devices(env, cuda);
  export_cuda_streams(env, cuda);
  export_cuda_memory(env, cuda);
  export_cuda_graphs(env, cuda);
#endif
  set_field(raw, exports, "libtorch_version", string_value(raw, TORCH_VERSION));
  return exports;
}

}  // namespace

extern "C" {

NAPI_MODULE_EXPORT int32_t NODE_API_MODULE_GET_API_VERSION() { return NAPI_VERSION; }

NAPI_MODULE_EXPORT napi_value NAPI_MODULE_INITIALIZER(napi_env env, napi_value exports) {
  try {
    return initialize(env, exports);
  } catch (...) {
    if (const napi_value error = thrown_value(env)) napi_throw(env, error);
    return nullptr;
  }
}
}
