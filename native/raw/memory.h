// Tensors as raw memory: which may be taken so, and how.
#pragma once

#include <ATen/TensorSubclassLikeUtils.h>

#include <algorithm>

#include "raw/rows.h"
#include "torch.h"

// Whether raw pointers may stand for the tensor: in memory, of the dtype of `like`, and no wrapper.
inline bool is_plain(const at::Tensor& tensor, const at::Tensor& like) {
  return tensor.defined() && tensor.layout() == at::kStrided && tensor.is_cpu() &&
         tensor.scalar_type() == like.scalar_type() && !at::isTensorSubclassLike(tensor) &&
         !tensor.is_conj() && !tensor.is_neg() && !tensor._fw_grad(0).defined();
}

template <typename T>
inline Rows<T> rows_of(const at::Tensor& tensor) {
  if (!tensor.defined()) return {};
  return {tensor.data_ptr<std::remove_const_t<T>>(), tensor.stride(0)};
}

// at::zeros for a few numbers.
template <typename T>
at::Tensor zeros(at::IntArrayRef sizes, const at::TensorOptions& options) {
  at::Tensor result = at::empty(sizes, options);
  T* first = result.data_ptr<T>();
  std::fill(first, first + result.numel(), T(0));
  return result;
}
