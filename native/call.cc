#include "call.h"

#include "anomaly.h"

#include <cmath>

namespace {

constexpr double kMaxSafeInteger = 9007199254740991.0;

bool mentions(const std::string& message, std::string_view part) {
  return message.find(part) != std::string::npos;
}

void throw_error(napi_env env, const char* type, const std::string& message) {
  napi_value text = nullptr;
  napi_value error = nullptr;
  napi_create_string_utf8(env, message.data(), message.size(), &text);
  const std::string_view kind(type);
  if (kind == "TypeError") {
    napi_create_type_error(env, nullptr, text, &error);
  } else if (kind == "RangeError") {
    napi_create_range_error(env, nullptr, text, &error);
  } else {
    napi_create_error(env, nullptr, text, &error);
    if (kind != "Error" && error != nullptr) {
      napi_value name = nullptr;
      napi_create_string_utf8(env, type, NAPI_AUTO_LENGTH, &name);
      napi_set_named_property(env, error, "name", name);
    }
  }
  // Fails only where the environment is being terminated: nobody is left to hear of the error.
  if (error != nullptr) napi_throw(env, error);
}

// libtorch throws some index errors and the CPU's memory errors as plain c10::Error.
const char* type_of_plain_error(const std::string& message) {
  if (mentions(message, "out of bounds") || mentions(message, "out of range")) return "RangeError";
  if (mentions(message, "can't allocate memory")) return "OutOfMemoryError";
  return "Error";
}

}  // namespace

void throw_to_javascript(napi_env env) noexcept {
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) != napi_ok || pending) return;
  try {
    throw;
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
  } catch (const c10::TypeError& error) {
    throw_error(env, "TypeError", error.what_without_backtrace());
  } catch (const c10::IndexError& error) {
    throw_error(env, "RangeError", error.what_without_backtrace());
  } catch (const c10::ValueError& error) {
    throw_error(env, "RangeError", error.what_without_backtrace());
  } catch (const c10::NotImplementedError& error) {
    throw_error(env, "NotImplementedError", error.what_without_backtrace());
  } catch (const c10::OutOfMemoryError& error) {
    throw_error(env, "OutOfMemoryError", error.what_without_backtrace());
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    throw_error(env, type_of_plain_error(message), message);
  } catch (const std::bad_alloc&) {
    throw_error(env, "OutOfMemoryError", "out of memory");
  } catch (const std::exception& error) {
    throw_error(env, "Error", error.what());
  } catch (...) {
    throw_error(env, "Error", "unknown C++ exception");
  }
}

void check_napi(napi_env env, napi_status status) {
  if (status == napi_ok) return;
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (pending) {
    napi_value exception = nullptr;
    napi_get_and_clear_last_exception(env, &exception);
    throw Napi::Error(env, exception);
  }
  const napi_extended_error_info* info = nullptr;
  napi_get_last_error_info(env, &info);
  TORCH_CHECK(false, "Node-API: ",
              info != nullptr && info->error_message != nullptr ? info->error_message : "failed");
}

HandleTable::Handle handle_in(double number) {
  return number >= 1 && number <= kMaxSafeInteger ? static_cast<HandleTable::Handle>(number) : 0;
}

at::Tensor tensor_of(const Environment& env, double handle) {
  const at::Tensor* found = env.tensors.find(handle_in(handle));
  TORCH_CHECK(found != nullptr, "the tensor was freed");
  return *found;
}

at::ScalarType dtype_of(double code) {
  const bool known = code >= 0 && code < static_cast<double>(at::ScalarType::Undefined) &&
                     std::floor(code) == code;
  TYPE_CHECK(known, "no dtype ", code);
  return static_cast<at::ScalarType>(code);
}

napi_value integer_value(napi_env env, int64_t value) {
  napi_value result = nullptr;
  const bool safe = std::abs(static_cast<double>(value)) <= kMaxSafeInteger;
  check_napi(env, safe ? napi_create_int64(env, value, &result)
                       : napi_create_bigint_int64(env, value, &result));
  return result;
}

Call::Call(napi_env raw, napi_callback_info info) : raw_(raw) {
  void* data = nullptr;
  check_napi(raw, napi_get_cb_info(raw, info, &size_, arguments_, nullptr, &data));
  env_ = static_cast<Environment*>(data);
  TORCH_CHECK(size_ <= kMaxArguments, "more than ", kMaxArguments, " arguments");
}

napi_valuetype Call::type(size_t index) const {
  napi_valuetype type = napi_undefined;
  if (index < size_) check_napi(raw_, napi_typeof(raw_, arguments_[index], &type));
  return type;
}

bool Call::given(size_t index) const {
  const napi_valuetype kind = type(index);
  return kind != napi_undefined && kind != napi_null;
}

at::Tensor Call::tensor(size_t index) const { return tensor_of(*env_, number(index)); }

at::Tensor Call::tensor_or_undefined(size_t index) const {
  return given(index) ? tensor(index) : at::Tensor();
}

std::vector<double> Call::numbers(size_t index) const {
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
  const auto* numbers = static_cast<const double*>(data);
  return {numbers, numbers + length};
}

std::vector<at::Tensor> Call::tensors(size_t index) const {
  std::vector<at::Tensor> result;
  bool list = false;
  check_napi(raw_, napi_is_array(raw_, arguments_[index], &list));
  if (!list) {
    for (const double handle : numbers(index)) {
      result.push_back(handle == 0 ? at::Tensor() : tensor_of(*env_, handle));
    }
    return result;
  }
  uint32_t length = 0;
  check_napi(raw_, napi_get_array_length(raw_, arguments_[index], &length));
  result.reserve(length);
  for (uint32_t i = 0; i < length; ++i) {
    napi_value element = nullptr;
    check_napi(raw_, napi_get_element(raw_, arguments_[index], i, &element));
    double handle = 0;
    const napi_status status = napi_get_value_double(raw_, element, &handle);
    result.push_back(status == napi_ok && handle != 0 ? tensor_of(*env_, handle) : at::Tensor());
  }
  return result;
}

uint64_t Call::natural(size_t index) const { return handle_in(number(index)); }

at::ScalarType Call::dtype(size_t index) const { return dtype_of(number(index)); }

double Call::number(size_t index) const {
  double result = 0;
  TYPE_CHECK(index < size_ && napi_get_value_double(raw_, arguments_[index], &result) == napi_ok,
             "argument ", index + 1, " must be a number");
  return result;
}

int64_t Call::integer(size_t index) const {
  if (type(index) == napi_bigint) {
    int64_t result = 0;
    bool lossless = false;
    check_napi(raw_, napi_get_value_bigint_int64(raw_, arguments_[index], &result, &lossless));
    TORCH_CHECK_VALUE(lossless, "argument ", index + 1, " does not fit into 64 bits");
    return result;
  }
  const double result = number(index);
  TYPE_CHECK(std::floor(result) == result && std::abs(result) <= kMaxSafeInteger, "argument ",
             index + 1, " must be a whole number, not ", result);
  return static_cast<int64_t>(result);
}

bool Call::boolean(size_t index) const {
  bool result = false;
  TYPE_CHECK(index < size_ && napi_get_value_bool(raw_, arguments_[index], &result) == napi_ok,
             "argument ", index + 1, " must be a boolean");
  return result;
}

std::string Call::string(size_t index) const {
  size_t length = 0;
  TYPE_CHECK(index < size_ && napi_get_value_string_utf8(raw_, arguments_[index], nullptr, 0,
                                                         &length) == napi_ok,
             "argument ", index + 1, " must be a string");
  std::string result(length, '\0');
  check_napi(raw_, napi_get_value_string_utf8(raw_, arguments_[index], result.data(), length + 1,
                                              &length));
  return result;
}

std::vector<int64_t> Call::integers(size_t index) const {
  uint32_t length = 0;
  TYPE_CHECK(index < size_ && napi_get_array_length(raw_, arguments_[index], &length) == napi_ok,
             "argument ", index + 1, " must be an array");
  std::vector<int64_t> result;
  result.reserve(length);
  for (uint32_t i = 0; i < length; ++i) {
    napi_value element = nullptr;
    check_napi(raw_, napi_get_element(raw_, arguments_[index], i, &element));
    double number = 0;
    TYPE_CHECK(napi_get_value_double(raw_, element, &number) == napi_ok &&
                   std::floor(number) == number && std::abs(number) <= kMaxSafeInteger,
               "element ", i, " of argument ", index + 1, " must be a whole number");
    result.push_back(static_cast<int64_t>(number));
  }
  return result;
}

napi_value Call::handle(at::Tensor tensor) const {
  if (env_->anomaly.enabled) note_forward_call(*this, tensor);
  return value(static_cast<double>(env_->tensors.insert(std::move(tensor))));
}

napi_value Call::handle_or_null(const at::Tensor& tensor) const {
  return tensor.defined() ? handle(tensor) : null();
}

napi_value Call::value(double number) const {
  napi_value result = nullptr;
  check_napi(raw_, napi_create_double(raw_, number, &result));
  return result;
}

napi_value Call::value(bool boolean) const {
  napi_value result = nullptr;
  check_napi(raw_, napi_get_boolean(raw_, boolean, &result));
  return result;
}

napi_value Call::value(std::string_view text) const {
  napi_value result = nullptr;
  check_napi(raw_, napi_create_string_utf8(raw_, text.data(), text.size(), &result));
  return result;
}

napi_value Call::integers(at::IntArrayRef values) const {
  napi_value result = nullptr;
  check_napi(raw_, napi_create_array_with_length(raw_, values.size(), &result));
  for (size_t i = 0; i < values.size(); ++i) {
    check_napi(raw_, napi_set_element(raw_, result, static_cast<uint32_t>(i),
                                      integer_value(raw_, values[i])));
  }
  return result;
}

napi_value Call::null() const {
  napi_value result = nullptr;
  check_napi(raw_, napi_get_null(raw_, &result));
  return result;
}

napi_value Call::undefined() const {
  napi_value result = nullptr;
  check_napi(raw_, napi_get_undefined(raw_, &result));
  return result;
}

void export_function(Environment& env, napi_value exports, const char* name,
                     napi_callback callback) {
  napi_value function = nullptr;
  check_napi(env.raw(),
             napi_create_function(env.raw(), name, NAPI_AUTO_LENGTH, callback, &env, &function));
  check_napi(env.raw(), napi_set_named_property(env.raw(), exports, name, function));
}
