// One call from JavaScript: its arguments, read with checks, and its result.
#pragma once

#include "environment.h"
#include "torch.h"

// An error that becomes a JavaScript TypeError.
#define TYPE_CHECK(condition, ...) TORCH_CHECK_TYPE(condition, __VA_ARGS__)

class Call {
 public:
  static constexpr size_t kMaxArguments = 34;

  Call(napi_env raw, napi_callback_info info);

  Environment& env() const { return *env_; }
  napi_env raw() const { return raw_; }
  size_t size() const { return size_; }
  napi_value operator[](size_t index) const { return arguments_[index]; }
  napi_valuetype type(size_t index) const;
  bool given(size_t index) const;

  at::Tensor tensor(size_t index) const;
  at::Tensor tensor_or_undefined(size_t index) const;
  // An array or Float64Array of handles; 0 and null stand for an undefined tensor.
  std::vector<at::Tensor> tensors(size_t index) const;
  // A whole number from 0 on: a handle that may be stale, or a packed argument. 0, which names
  // nothing, for any other number.
  uint64_t natural(size_t index) const;
  double number(size_t index) const;
  // The numbers of a Float64Array, a copy: whatever runs next may change or free the array.
  std::vector<double> numbers(size_t index) const;
  int64_t integer(size_t index) const;
  bool boolean(size_t index) const;
  std::string string(size_t index) const;
  std::vector<int64_t> integers(size_t index) const;
  at::ScalarType dtype(size_t index) const;

  // The handle of a tensor that enters the table.
  napi_value handle(at::Tensor tensor) const;
  napi_value handle_or_null(const at::Tensor& tensor) const;
  napi_value value(double number) const;
  napi_value value(bool boolean) const;
  napi_value value(std::string_view text) const;
  napi_value integers(at::IntArrayRef values) const;
  napi_value null() const;
  napi_value undefined() const;

 private:
  napi_env raw_;
  Environment* env_ = nullptr;
  size_t size_ = kMaxArguments;
  napi_value arguments_[kMaxArguments];
};

// The handle in a JavaScript number; 0, which names nothing, where it holds none.
HandleTable::Handle handle_in(double number);

// The tensor behind a handle; throws where it was freed.
at::Tensor tensor_of(const Environment& env, double handle);

// The dtype of a number that TypeScript sent; throws where there is none.
at::ScalarType dtype_of(double code);

// Throws what Node-API reports: a pending JavaScript exception as itself.
void check_napi(napi_env env, napi_status status);

// An int64 as a JavaScript number, or as a bigint where a number cannot hold it.
napi_value integer_value(napi_env env, int64_t value);

// Turns the C++ exception in flight into a pending JavaScript exception.
void throw_to_javascript(napi_env env) noexcept;

using NativeFunction = napi_value (*)(Call&);

template <NativeFunction function>
napi_value enter(napi_env raw, napi_callback_info info) noexcept {
  try {
    Call call(raw, info);
    napi_value result = function(call);
    call.env().settle();
    return result;
  } catch (...) {
    throw_to_javascript(raw);
    return nullptr;
  }
}

// Puts a function on the addon's exports.
void export_function(Environment& env, napi_value exports, const char* name,
                     napi_callback callback);
