#include "callback.h"

Callback::Callback(Environment& env, napi_value function) : env_(env), dead_(env.dead_references) {
  napi_valuetype type = napi_undefined;
  check_napi(env.raw(), napi_typeof(env.raw(), function, &type));
  TYPE_CHECK(type == napi_function, "a hook must be a function");
  check_napi(env.raw(), napi_create_reference(env.raw(), function, 1, &reference_));
}

void Callback::check_thread() const {
  // The engine changes threads at a great depth of nested backwards.
  TORCH_CHECK(!dead_->closed() && env_.on_own_thread(),
              "a hook was called outside the thread it was registered on");
}

napi_value Callback::call(const napi_value* arguments, size_t count) const {
  const napi_env raw = env_.raw();
  napi_value function = nullptr;
  napi_value receiver = nullptr;
  napi_value result = nullptr;
  check_napi(raw, napi_get_reference_value(raw, reference_, &function));
  check_napi(raw, napi_get_undefined(raw, &receiver));
  check_napi(raw, napi_call_function(raw, receiver, function, count, arguments, &result));
  return result;
}

napi_value handle_value(Environment& env, const at::Tensor& tensor) {
  napi_value result = nullptr;
  if (!tensor.defined()) {
    check_napi(env.raw(), napi_get_null(env.raw(), &result));
    return result;
  }
  const auto handle = static_cast<double>(env.tensors.insert(tensor));
  check_napi(env.raw(), napi_create_double(env.raw(), handle, &result));
  return result;
}

at::Tensor tensor_or_undefined(const Environment& env, napi_value value) {
  double handle = 0;
  if (napi_get_value_double(env.raw(), value, &handle) != napi_ok) return {};
  return tensor_of(env, handle);
}

napi_value handles_value(Environment& env, const std::vector<at::Tensor>& tensors) {
  napi_value result = nullptr;
  check_napi(env.raw(), napi_create_array_with_length(env.raw(), tensors.size(), &result));
  for (size_t i = 0; i < tensors.size(); ++i) {
    check_napi(env.raw(), napi_set_element(env.raw(), result, static_cast<uint32_t>(i),
                                           handle_value(env, tensors[i])));
  }
  return result;
}
