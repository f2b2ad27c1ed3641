// Running backward, and the modes in which forward runs.
#include "exports.h"

namespace {

using torch::autograd::variable_list;

std::optional<bool> optional_boolean(const Call& call, size_t index) {
  return call.given(index) ? std::optional<bool>(call.boolean(index)) : std::nullopt;
}

variable_list optional_tensors(const Call& call, size_t index) {
  return call.given(index) ? call.tensors(index) : variable_list();
}

// backward(tensors, gradients?, retain_graph?, create_graph, inputs?)
napi_value backward(Call& call) {
  torch::autograd::backward(call.tensors(0), optional_tensors(call, 1), optional_boolean(call, 2),
                            call.boolean(3), optional_tensors(call, 4));
  return call.undefined();
}

// gradients(outputs, inputs, gradients?, retain_graph?, create_graph, allow_unused) -> handles
napi_value gradients(Call& call) {
  return handles_value(
      call.env(),
      torch::autograd::grad(call.tensors(0), call.tensors(1), optional_tensors(call, 2),
                            optional_boolean(call, 3), call.boolean(4), call.boolean(5)));
}

napi_value is_grad_enabled(Call& call) { return call.value(at::GradMode::is_enabled()); }

// set_grad_enabled(enabled) -> what it was
napi_value set_grad_enabled(Call& call) {
  const bool before = at::GradMode::is_enabled();
  at::GradMode::set_enabled(call.boolean(0));
  return call.value(before);
}

napi_value push_inference_mode(Call& call) {
  call.env().inference_modes.push_back(std::make_unique<c10::InferenceMode>(call.boolean(0)));
  return call.undefined();
}

napi_value pop_inference_mode(Call& call) {
  TORCH_CHECK(!call.env().inference_modes.empty(), "no inference mode is open");
  call.env().inference_modes.pop_back();
  return call.undefined();
}

napi_value is_inference_mode_enabled(Call& call) {
  return call.value(c10::InferenceMode::is_enabled());
}

}  // namespace

void export_modes(Environment& env, napi_value exports) {
  export_function(env, exports, "backward", enter<backward>);
  export_function(env, exports, "gradients", enter<gradients>);
  export_function(env, exports, "is_grad_enabled", enter<is_grad_enabled>);
  export_function(env, exports, "set_grad_enabled", enter<set_grad_enabled>);
  export_function(env, exports, "push_inference_mode", enter<push_inference_mode>);
  export_function(env, exports, "pop_inference_mode", enter<pop_inference_mode>);
  export_function(env, exports, "is_inference_mode_enabled", enter<is_inference_mode_enabled>);
}
