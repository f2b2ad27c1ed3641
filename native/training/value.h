// A number as the optimizers of Python calculate with it: a plain one or a tensor, by the operators
// that Python's would call.
#pragma once

#include <ATen/ScalarOps.h>

#include "torch.h"

class Value {
 public:
  Value(double number) : number_(number) {}
  Value(at::Tensor tensor) : tensor_(std::move(tensor)) {}

  bool is_tensor() const { return tensor_.defined(); }
  const at::Tensor& tensor() const { return tensor_; }

  // As Python takes what must be a number: a tensor that requires grad is none.
  double number() const {
    if (!is_tensor()) return number_;
    TORCH_CHECK_TYPE(!tensor_.requires_grad(),
                     "a setting that requires grad cannot stand where a number is needed");
    return tensor_.item().toDouble();
  }

  Value operator-() const { return is_tensor() ? Value(tensor_.neg()) : Value(-number_); }

  friend Value operator+(const Value& a, const Value& b) {
    if (!a.is_tensor() && !b.is_tensor()) return a.number_ + b.number_;
    if (!b.is_tensor()) return a.tensor_.add(b.number_);
    return a.is_tensor() ? a.tensor_.add(b.tensor_) : b.tensor_.add(a.number_);
  }
  friend Value operator-(const Value& a, const Value& b) {
    if (!a.is_tensor() && !b.is_tensor()) return a.number_ - b.number_;
    if (!b.is_tensor()) return a.tensor_.sub(b.number_);
    return a.is_tensor() ? a.tensor_.sub(b.tensor_) : at::rsub(b.tensor_, a.number_);
  }
  friend Value operator*(const Value& a, const Value& b) {
    if (!a.is_tensor() && !b.is_tensor()) return a.number_ * b.number_;
    if (!b.is_tensor()) return a.tensor_.mul(b.number_);
    return a.is_tensor() ? a.tensor_.mul(b.tensor_) : b.tensor_.mul(a.number_);
  }
  friend Value operator/(const Value& a, const Value& b) {
    if (!a.is_tensor() && !b.is_tensor()) return a.number_ / b.number_;
    if (!b.is_tensor()) return a.tensor_.div(b.number_);
    return a.is_tensor() ? a.tensor_.div(b.tensor_) : b.tensor_.reciprocal().mul(a.number_);
  }
  friend Value pow(const Value& base, const Value& exponent) {
    if (!base.is_tensor() && !exponent.is_tensor()) {
      return std::pow(base.number_, exponent.number_);
    }
    if (!exponent.is_tensor()) return base.tensor_.pow(exponent.number_);
    return base.is_tensor() ? base.tensor_.pow(exponent.tensor_)
                            : at::pow(base.number_, exponent.tensor_);
  }

 private:
  double number_ = 0;
  at::Tensor tensor_;
};

// Python's tensor.mul_(number). ATen's own for a Scalar rounds the number to a dtype of 16 bits
// first.
inline const at::Tensor& multiply_(const at::Tensor& tensor, double number) {
  return tensor.mul_(at::native::wrapped_scalar_tensor(number));
}
inline const at::Tensor& multiply_(const at::Tensor& tensor, const Value& value) {
  return value.is_tensor() ? tensor.mul_(value.tensor()) : multiply_(tensor, value.number());
}
inline const at::Tensor& lerp_(const at::Tensor& tensor, const at::Tensor& end,
                               const Value& weight) {
  return weight.is_tensor() ? tensor.lerp_(end, weight.tensor())
                            : tensor.lerp_(end, weight.number());
}
