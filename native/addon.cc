// The addon's table of contents. One environment per JavaScript thread; nothing else is global
// but the allocator (allocator.h) and the shared tensors (share.h).
#include "anomaly.h"
#include "autocast.h"
#include "autograd.h"
#include "call.h"
#include "context.h"
#ifdef TSTORCH_CUDA
#include "cuda.h"
#endif
#include "environment.h"
#include "function.h"
#include "gradients.h"
#include "graph.h"
#include "indexing.h"
#include "linear.h"
#include "operators.h"
#include "optim.h"
#include "profiler.h"
#include "recurrent.h"
#include "runtime.h"
#include "share.h"
#include "tensors.h"

#include <torch/version.h>

namespace {

napi_value initialize(napi_env raw, napi_value exports) {
  auto owned = std::make_unique<Environment>(raw);
  Environment& env = *owned;
  const auto finalize = [](napi_env, void* data, void*) { delete static_cast<Environment*>(data); };
  check_napi(raw, napi_set_instance_data(raw, owned.release(), finalize, nullptr));
  export_operators(env, exports);
  export_tensors(env, exports);
  export_autograd(env, exports);
  export_graph(env, exports);
  export_functions(env, exports);
  export_anomaly(env, exports);
  export_optim(env, exports);
  export_gradients(env, exports);
  export_recurrent(env, exports);
  export_profiler(env, exports);
  export_linear(env, exports);
  export_indexing(env, exports);
  export_runtime(env, exports);
  export_share(env, exports);
  export_autocast(env, exports);
  export_context(env, exports);
#ifdef TSTORCH_CUDA
  export_cuda(env, exports);
#endif
  napi_value version = nullptr;
  check_napi(raw, napi_create_string_utf8(raw, TORCH_VERSION, NAPI_AUTO_LENGTH, &version));
  check_napi(raw, napi_set_named_property(raw, exports, "libtorch_version", version));
  return exports;
}

}  // namespace

extern "C" {

NAPI_MODULE_EXPORT int32_t NODE_API_MODULE_GET_API_VERSION() { return NAPI_VERSION; }

NAPI_MODULE_EXPORT napi_value NAPI_MODULE_INITIALIZER(napi_env env, napi_value exports) {
  try {
    return initialize(env, exports);
  } catch (...) {
    throw_to_javascript(env);
    return nullptr;
  }
}
}
