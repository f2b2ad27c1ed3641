// The arguments of a call of an operator by their names in its schema.
#pragma once

#include "operators/schema.h"

class Named {
 public:
  Named(const Overload& overload, const torch::jit::Stack& stack)
      : overload_(overload), stack_(stack) {}

  const at::IValue* find(std::string_view name) const {
    for (size_t i = 0; i < overload_.parameters.size(); ++i) {
      if (overload_.parameters[i].name == name) return &stack_[i];
    }
    return nullptr;
  }
  const at::IValue& at(std::string_view name) const {
    const at::IValue* value = find(name);
    TORCH_INTERNAL_ASSERT(value != nullptr, "no argument ", name);
    return *value;
  }
  // Undefined where it is None.
  at::Tensor tensor(std::string_view name) const {
    const at::IValue& value = at(name);
    return value.isNone() ? at::Tensor() : value.toTensor();
  }
  int64_t integer(std::string_view name) const { return at(name).toInt(); }

 private:
  const Overload& overload_;
  const torch::jit::Stack& stack_;
};
