// What the nodes share that replace several of libtorch's by one.
#pragma once

#include <ATen/TensorSubclassLikeUtils.h>

#include <algorithm>

#include "recurrent_kernels.h"
#include "torch.h"

using recurrent::Rows;

// Whether raw pointers may stand for the tensor: in memory, of the dtype of `like`, and no wrapper.
inline bool plain(const at::Tensor& tensor, const at::Tensor& like) {
  return tensor.defined() && tensor.layout() == at::kStrided && tensor.is_cpu() &&
         tensor.scalar_type() == like.scalar_type() && !at::isTensorSubclassLike(tensor) &&
         !tensor.is_conj() && !tensor.is_neg() && !tensor._fw_grad(0).defined();
}

// How edges own their node: an intrusive_ptr in libtorch 2.13, a shared_ptr in older ones.
using NodeOwner = decltype(torch::autograd::Edge::function);

template <typename N, typename Owner = NodeOwner>
std::pair<Owner, N*> make_node() {
  if constexpr (std::is_same_v<Owner, std::shared_ptr<torch::autograd::Node>>) {
    auto* node = new N();
    return {Owner(node, [](auto* dead) { deleteNode(dead); }), node};
  } else {
    auto node = c10::make_intrusive<N>();
    return {node, node.get()};
  }
}

template <typename T>
inline Rows<T> rows_of(const at::Tensor& tensor) {
  if (!tensor.defined()) return {};
  return {tensor.data_ptr<std::remove_const_t<T>>(), tensor.stride(0)};
}

// Whether a product of matrices takes less time in a plain loop than as a call of libtorch.
inline bool small(int64_t m, int64_t n, int64_t k) { return m * n * k <= 16384; }

// The rows of `b`, each times the numbers in a column of `a`, on top of `sums`: sums += a^T b.
template <typename T>
void add_transposed_product(Rows<const T> a, Rows<const T> b, int64_t rows, int64_t m, int64_t n,
                            Rows<T> sums) {
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t i = 0; i < m; ++i) {
      const T factor = a[row][i];
      for (int64_t j = 0; j < n; ++j) sums[i][j] += factor * b[row][j];
    }
  }
}

// sums += a b
template <typename T>
void add_product(Rows<const T> a, Rows<const T> b, int64_t rows, int64_t depth, int64_t n,
                 Rows<T> sums) {
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t k = 0; k < depth; ++k) {
      const T factor = a[row][k];
      for (int64_t j = 0; j < n; ++j) sums[row][j] += factor * b[k][j];
    }
  }
}

// at::zeros for a few numbers.
template <typename T>
at::Tensor zeros(at::IntArrayRef sizes, const at::TensorOptions& options) {
  at::Tensor result = at::empty(sizes, options);
  T* first = result.data_ptr<T>();
  std::fill(first, first + result.numel(), T(0));
  return result;
}
