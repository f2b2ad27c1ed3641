#include "operators/failed_resize.h"

#include <ATen/EmptyTensor.h>

namespace {

bool has_sizes(const at::Tensor& tensor) {
  return tensor.defined() && tensor.layout() == at::kStrided && tensor.has_storage();
}

bool claims_too_much(const at::Tensor& tensor) {
  try {
    const size_t bytes = at::detail::computeStorageNbytes(
        tensor.sizes(), tensor.strides(), tensor.dtype().itemsize(), tensor.storage_offset());
    return bytes > tensor.storage().nbytes();
  } catch (const c10::Error&) {
    return true;
  }
}

}  // namespace

FailedResize::FailedResize(const Overload& overload, const torch::jit::Stack& stack) {
  if (!overload.resizes) return;
  const auto& arguments = overload.handle.schema().arguments();
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].alias_info() == nullptr || !arguments[i].alias_info()->isWrite()) continue;
    if (stack[i].isTensor()) remember(stack[i].toTensor());
    if (!stack[i].isTensorList()) continue;
    for (const at::Tensor& tensor : stack[i].toTensorVector()) remember(tensor);
  }
}

void FailedResize::remember(const at::Tensor& tensor) {
  if (!has_sizes(tensor)) return;
  written_.push_back(
      {tensor, tensor.sizes().vec(), tensor.strides().vec(), tensor.storage_offset()});
}

void FailedResize::undo() const {
  for (const auto& [tensor, sizes, strides, offset] : written_) {
    if (!has_sizes(tensor) || !claims_too_much(tensor)) continue;
    tensor.unsafeGetTensorImpl()->set_sizes_and_strides(sizes, strides, offset);
  }
}
