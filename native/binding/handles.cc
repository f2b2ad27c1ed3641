#include "binding/handles.h"

HandleTable::Handle handle_in(double number) {
  return number >= 1 && number <= kMaxSafeInteger ? static_cast<HandleTable::Handle>(number) : 0;
}

at::Tensor tensor_of(const Environment& env, double handle) {
  const at::Tensor* found = env.tensors.find(handle_in(handle));
  TORCH_CHECK(found != nullptr, "the tensor was freed");
  return *found;
}

at::Tensor tensor_or_undefined(const Environment& env, napi_value value) {
  const auto handle = number_in(env.raw(), value);
  return handle && *handle != 0 ? tensor_of(env, *handle) : at::Tensor();
}

Tensors tensors_in(const Environment& env, napi_value array) {
  Tensors result;
  result.reserve(length_of(env.raw(), array));
  each_element(env.raw(), array, [&](uint32_t, napi_value element) {
    result.push_back(tensor_or_undefined(env, element));
  });
  return result;
}

napi_value handle_value(Environment& env, at::Tensor tensor) {
  if (!tensor.defined()) return null_value(env.raw());
  const auto handle = static_cast<double>(env.tensors.insert(std::move(tensor)));
  return number_value(env.raw(), handle);
}

napi_value handles_value(Environment& env, at::TensorList tensors) {
  return array_value(env.raw(), tensors,
                     [&](const at::Tensor& tensor) { return handle_value(env, tensor); });
}
