#include "binding/callback.h"

Callback::Callback(Environment& env, napi_value function) : env_(env), dead_(env.dead_references) {
  TYPE_CHECK(type_of(env.raw(), function) == napi_function, "a hook must be a function");
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
