// One call from JavaScript: its arguments, read with checks, and its result.
#pragma once

#include "binding/handles.h"
#include "binding/record.h"

class Call {
 public:
  static constexpr size_t kMaxArguments = 34;

  Call(napi_env raw, napi_callback_info info);
  // Not a call, but what makes values as one does.
  explicit Call(Environment& env) : raw_(env.raw()), env_(&env), size_(0) {}

  Environment& env() const { return *env_; }
  napi_env raw() const { return raw_; }
  size_t size() const { return size_; }
  napi_value operator[](size_t index) const { return arguments_[index]; }
  napi_valuetype type(size_t index) const;
  bool given(size_t index) const;

  at::Tensor tensor(size_t index) const;
  at::Tensor tensor_or_undefined(size_t index) const;
  // An array or Float64Array of handles; 0 and null stand for an undefined tensor.
  Tensors tensors(size_t index) const;
  // A whole number from 0 on: a handle that may be stale, or a packed argument. 0, which names
  // nothing, for any other number.
  uint64_t natural(size_t index) const;
  double number(size_t index) const;
  // The numbers of a Float64Array, a copy: whatever runs next may change or free the array.
  std::vector<double> numbers(size_t index) const;
  // A struct of contract.h.
  template <typename Record>
  Record record(size_t index) const {
    return record_of<Record>(float64s(index));
  }
  int64_t integer(size_t index) const;
  std::vector<int64_t> integers(size_t index) const;
  bool boolean(size_t index) const;
  std::string string(size_t index) const;
  std::vector<std::string> strings(size_t index) const;
  at::ScalarType dtype(size_t index) const;

  // The handle of a tensor that enters the table as the call's result; null for an undefined one.
  napi_value handle(at::Tensor tensor) const;
  napi_value handles(at::TensorList tensors) const;
  // Tells who asked for it of a tensor that the call made (autograd/anomaly.cc).
  void note_result(const at::Tensor& tensor) const {
    if (env_->anomaly.note != nullptr) env_->anomaly.note(*env_, tensor);
  }

  template <typename Number, std::enable_if_t<std::is_arithmetic_v<Number>, int> = 0>
  napi_value value(Number number) const {
    if constexpr (std::is_same_v<Number, bool>) {
      return boolean_value(raw_, number);
    } else {
      return number_value(raw_, static_cast<double>(number));
    }
  }
  napi_value value(std::string_view text) const { return string_value(raw_, text); }
  napi_value integers(at::IntArrayRef values) const;
  napi_value null() const { return null_value(raw_); }
  napi_value undefined() const { return undefined_value(raw_); }

 private:
  // The memory of a Float64Array, until JavaScript runs again.
  std::span<const double> float64s(size_t index) const;

  napi_env raw_;
  Environment* env_ = nullptr;
  size_t size_ = kMaxArguments;
  napi_value arguments_[kMaxArguments];
};

// The dtype of a number that TypeScript sent; throws where there is none.
at::ScalarType dtype_of(double code);

using NativeFunction = napi_value (*)(Call&);

template <NativeFunction function>
napi_value enter(napi_env raw, napi_callback_info info) noexcept {
  try {
    Call call(raw, info);
    napi_value result = function(call);
    call.env().check_mapped_files();
    call.env().settle();
    return result;
  } catch (...) {
    return failure(raw);
  }
}

// Puts a function on the addon's exports.
void export_function(Environment& env, napi_value exports, const char* name,
                     napi_callback callback);
