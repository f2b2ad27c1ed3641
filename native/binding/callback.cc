#include "binding/callback.h"

std::shared_ptr<Callback> Callback::make(Environment& env, napi_value function, Condition may_go) {
  TYPE_CHECK(type_of(env.raw(), function) == napi_function, "a hook must be a function");
  napi_ref reference = nullptr;
  check_napi(env.raw(), napi_create_reference(env.raw(), function, 1, &reference));
  std::shared_ptr<Callback> callback(new Callback(env, reference, std::move(may_go)));
  env.held_objects.add(callback);
  return callback;
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
  TORCH_CHECK(function != nullptr, "a hook is called after its function was collected");
  check_napi(raw, napi_get_undefined(raw, &receiver));
  check_napi(raw, napi_call_function(raw, receiver, function, count, arguments, &result));
  return result;
}
