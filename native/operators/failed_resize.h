// What an operator leaves of the tensors that it writes to where memory for them fails.
#pragma once

#include "operators/schema.h"

// libtorch gives a tensor its new sizes before it asks for the memory. Where that fails, the tensor
// claims elements that its storage does not have, and reading it reads beyond. This remembers the
// sizes before a call, of an operator that may change them.
class FailedResize {
 public:
  FailedResize(const Overload& overload, const torch::jit::Stack& stack);

  // Gives tensors that claim too much their former sizes back.
  void undo() const;

 private:
  struct Written {
    at::Tensor tensor;
    std::vector<int64_t> sizes, strides;
    int64_t offset;
  };
  void remember(const at::Tensor& tensor);

  std::vector<Written> written_;
};
