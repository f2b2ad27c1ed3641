#include "binding/call.h"

Call::Call(napi_env raw, napi_callback_info info) : raw_(raw) {
  void* data = nullptr;
  check_napi(raw, napi_get_cb_info(raw, info, &size_, arguments_, nullptr, &data));
  env_ = static_cast<Environment*>(data);
  TORCH_CHECK(size_ <= kMaxArguments, "more than ", kMaxArguments, " arguments");
}

napi_valuetype Call::type(size_t index) const {
  return index < size_ ? type_of(raw_, arguments_[index]) : napi_undefined;
}

bool Call::given(size_t index) const {
  const napi_valuetype kind = type(index);
  return kind != napi_undefined && kind != napi_null;
}

at::Tensor Call::tensor(size_t index) const { return tensor_of(*env_, number(index)); }

at::Tensor Call::tensor_or_undefined(size_t index) const {
  return given(index) ? tensor(index) : at::Tensor();
}

std::span<const double> Call::float64s(size_t index) const {
  bool typed = false;
  check_napi(raw_, napi_is_typedarray(raw_, arguments_[index], &typed));
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  if (typed) {
    check_napi(raw_, napi_get_typedarray_info(raw_, arguments_[index], &type, &length, &data,
                                              nullptr, nullptr));
  }
  TYPE_CHECK(type == napi_float64_array, "argument ", index + 1, " must be a Float64Array");
  return {static_cast<const double*>(data), length};
}

std::vector<double> Call::numbers(size_t index) const {
  const std::span<const double> numbers = float64s(index);
  return {numbers.begin(), numbers.end()};
}

Tensors Call::tensors(size_t index) const {
  if (is_array(raw_, arguments_[index])) return tensors_in(*env_, arguments_[index]);
  Tensors result;
  for (const double handle : float64s(index)) {
    result.push_back(handle == 0 ? at::Tensor() : tensor_of(*env_, handle));
  }
  return result;
}

uint64_t Call::natural(size_t index) const { return handle_in(number(index)); }

at::ScalarType Call::dtype(size_t index) const { return dtype_of(number(index)); }

double Call::number(size_t index) const {
  const auto result = index < size_ ? number_in(raw_, arguments_[index]) : std::nullopt;
  TYPE_CHECK(result.has_value(), "argument ", index + 1, " must be a number");
  return *result;
}

int64_t Call::integer(size_t index) const {
  if (type(index) == napi_bigint) return *bigint_in(raw_, arguments_[index]);
  const double result = number(index);
  TYPE_CHECK(is_whole(result), "argument ", index + 1, " must be a whole number, not ", result);
  return static_cast<int64_t>(result);
}

bool Call::boolean(size_t index) const {
  const auto result = index < size_ ? boolean_in(raw_, arguments_[index]) : std::nullopt;
  TYPE_CHECK(result.has_value(), "argument ", index + 1, " must be a boolean");
  return *result;
}

std::string Call::string(size_t index) const {
  auto result = index < size_ ? string_in(raw_, arguments_[index]) : std::nullopt;
  TYPE_CHECK(result.has_value(), "argument ", index + 1, " must be a string");
  return std::move(*result);
}

std::vector<std::string> Call::strings(size_t index) const {
  TYPE_CHECK(index < size_ && is_array(raw_, arguments_[index]), "argument ", index + 1,
             " must be an array");
  std::vector<std::string> result;
  each_element(raw_, arguments_[index], [&](uint32_t i, napi_value element) {
    auto text = string_in(raw_, element);
    TYPE_CHECK(text.has_value(), "element ", i, " of argument ", index + 1, " must be a string");
    result.push_back(std::move(*text));
  });
  return result;
}

std::vector<int64_t> Call::integers(size_t index) const {
  TYPE_CHECK(index < size_ && is_array(raw_, arguments_[index]), "argument ", index + 1,
             " must be an array");
  std::vector<int64_t> result;
  each_element(raw_, arguments_[index], [&](uint32_t i, napi_value element) {
    const auto number = number_in(raw_, element);
    TYPE_CHECK(number && is_whole(*number), "element ", i, " of argument ", index + 1,
               " must be a whole number");
    result.push_back(static_cast<int64_t>(*number));
  });
  return result;
}

napi_value Call::handle(at::Tensor tensor) const {
  note_result(tensor);
  return handle_value(*env_, std::move(tensor));
}

napi_value Call::handles(at::TensorList tensors) const {
  return array_value(raw_, tensors, [&](const at::Tensor& tensor) { return handle(tensor); });
}

napi_value Call::integers(at::IntArrayRef values) const {
  return array_value(raw_, values, [&](int64_t value) { return integer_value(raw_, value); });
}

at::ScalarType dtype_of(double code) {
  const bool known = code >= 0 && code < static_cast<double>(at::ScalarType::Undefined) &&
                     std::floor(code) == code;
  TYPE_CHECK(known, "no dtype ", code);
  return static_cast<at::ScalarType>(code);
}

void export_function(Environment& env, napi_value exports, const char* name,
                     napi_callback callback) {
  napi_value function = nullptr;
  check_napi(env.raw(),
             napi_create_function(env.raw(), name, NAPI_AUTO_LENGTH, callback, &env, &function));
  set_field(env.raw(), exports, name, function);
}
