// One argument of an operator call, as JavaScript gave it, and its reading as a schema's kind.
#pragma once

#include "binding/call.h"
#include "contract.h"
#include "operators/schema.h"

// How far an argument may be from what a parameter asks for. Strict comes first, so that a number
// picks the Scalar overload and a tensor the Tensor overload; what Python allows beyond is Lenient.
enum class Matching { Strict, Lenient };

class Argument {
 public:
  Argument() = default;
  // A plain value.
  Argument(const Call& call, napi_value value);
  // A tensor, a list of tensors or a dtype.
  Argument(const Call& call, size_t index, Tag tag);

  bool is_undefined() const { return tag_ == Tag::Plain && type_ == napi_undefined; }

  // The value as `parameter`, or nothing where it does not fit.
  std::optional<at::IValue> as(const Parameter& parameter, Matching matching,
                               bool numbers_as_tensors) const;

  // The tensor, where the argument is one.
  const at::Tensor& tensor() const { return tensor_; }

  // Where a list of tensors has none.
  std::optional<size_t> first_missing_tensor() const;

  // What was given, for error messages: "Tensor", "int", "list of int" ...
  std::string description(int depth = 0) const;

 private:
  napi_env raw() const { return call_->raw(); }
  std::optional<at::IValue> as_tensors(const Parameter& parameter) const;
  std::optional<at::IValue> as_number(const Parameter& parameter, Matching matching) const;
  std::optional<at::IValue> as_list(const Parameter& parameter) const;
  std::optional<at::IValue> as_named(ParameterKind kind) const;
  std::optional<at::Scalar> scalar() const;
  std::optional<int64_t> integer() const;
  Argument element(uint32_t index) const;
  std::string class_name() const;

  const Call* call_ = nullptr;
  napi_value value_ = nullptr;
  napi_valuetype type_ = napi_undefined;
  Tag tag_ = Tag::Plain;
  double number_ = 0;
  bool array_ = false;
  at::Tensor tensor_;
  Tensors tensors_;
};
