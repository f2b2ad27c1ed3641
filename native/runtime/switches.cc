// libtorch's switches: what kernels may do, on every thread of the process.
#include <ATen/Context.h>

#include "exports.h"

namespace {

struct Switch {
  std::string_view name;
  bool (*get)(const at::Context&);
  void (*set)(at::Context&, bool);
};

#define SWITCH(name, get, set)                                              \
  {                                                                         \
    name, [](const at::Context& context) -> bool { return context.get(); }, \
        [](at::Context& context, bool on) { context.set(on); }              \
  }

constexpr Switch kSwitches[] = {
    SWITCH("cudnn.enabled", userEnabledCuDNN, setUserEnabledCuDNN),
    SWITCH("cudnn.benchmark", benchmarkCuDNN, setBenchmarkCuDNN),
    SWITCH("cudnn.deterministic", deterministicCuDNN, setDeterministicCuDNN),
    SWITCH("cudnn.allow_tf32", allowTF32CuDNN, setAllowTF32CuDNN),
    SWITCH("cuda.matmul.allow_tf32", allowTF32CuBLAS, setAllowTF32CuBLAS),
    SWITCH("cuda.flash_sdp", userEnabledFlashSDP, setSDPUseFlash),
    SWITCH("cuda.mem_efficient_sdp", userEnabledMemEfficientSDP, setSDPUseMemEfficient),
    SWITCH("cuda.math_sdp", userEnabledMathSDP, setSDPUseMath),
    SWITCH("cuda.cudnn_sdp", userEnabledCuDNNSDP, setSDPUseCuDNN),
    SWITCH("cuda.overrideable_sdp", userEnabledOverrideableSDP, setSDPUseOverrideable),
    SWITCH("mkldnn.enabled", userEnabledMkldnn, setUserEnabledMkldnn),
};

#undef SWITCH

const Switch& switch_argument(const Call& call) {
  const std::string name = call.string(0);
  for (const Switch& found : kSwitches) {
    if (found.name == name) return found;
  }
  TORCH_CHECK_VALUE(false, "no switch ", name);
}

// get_switch(name) -> boolean
napi_value get_switch(Call& call) {
  return call.value(switch_argument(call).get(at::globalContext()));
}

// set_switch(name, on)
napi_value set_switch(Call& call) {
  switch_argument(call).set(at::globalContext(), call.boolean(1));
  return call.undefined();
}

// sdp_priority_order() -> numbers of at::SDPBackend, the first choice of attention first
napi_value sdp_priority_order(Call& call) {
  std::vector<int64_t> order;
  for (const at::SDPBackend backend : at::globalContext().sDPPriorityOrder()) {
    order.push_back(static_cast<int64_t>(backend));
  }
  return call.integers(order);
}

// set_sdp_priority_order(numbers)
napi_value set_sdp_priority_order(Call& call) {
  at::globalContext().setSDPPriorityOrder(call.integers(0));
  return call.undefined();
}

// deterministic_algorithms() -> 0: no; 1: a warning where there is none; 2: an error
napi_value deterministic_algorithms(Call& call) {
  const at::Context& context = at::globalContext();
  if (!context.deterministicAlgorithms()) return call.value(0);
  return call.value(context.deterministicAlgorithmsWarnOnly() ? 1 : 2);
}

// use_deterministic_algorithms(on, warn_only)
napi_value use_deterministic_algorithms(Call& call) {
  at::globalContext().setDeterministicAlgorithms(call.boolean(0), call.boolean(1));
  return call.undefined();
}

// float32_matmul_precision() -> "highest", "high" or "medium"
napi_value float32_matmul_precision(Call& call) {
  switch (at::globalContext().float32MatmulPrecision()) {
    case at::Float32MatmulPrecision::HIGHEST:
      return call.value("highest");
    case at::Float32MatmulPrecision::HIGH:
      return call.value("high");
    default:
      return call.value("medium");
  }
}

napi_value set_float32_matmul_precision(Call& call) {
  at::globalContext().setFloat32MatmulPrecision(call.string(0));
  return call.undefined();
}

// cudnn_version() -> number, or null where libtorch has none
napi_value cudnn_version(Call& call) {
  const auto& hooks = at::detail::getCUDAHooks();
  if (!hooks.compiledWithCuDNN()) return call.null();
  return call.value(hooks.versionCuDNN());
}

}  // namespace

void export_switches(Environment& env, napi_value exports) {
  export_function(env, exports, "get_switch", enter<get_switch>);
  export_function(env, exports, "set_switch", enter<set_switch>);
  export_function(env, exports, "sdp_priority_order", enter<sdp_priority_order>);
  export_function(env, exports, "set_sdp_priority_order", enter<set_sdp_priority_order>);
  export_function(env, exports, "deterministic_algorithms", enter<deterministic_algorithms>);
  export_function(env, exports, "use_deterministic_algorithms",
                  enter<use_deterministic_algorithms>);
  export_function(env, exports, "float32_matmul_precision", enter<float32_matmul_precision>);
  export_function(env, exports, "set_float32_matmul_precision",
                  enter<set_float32_matmul_precision>);
  export_function(env, exports, "cudnn_version", enter<cudnn_version>);
}
