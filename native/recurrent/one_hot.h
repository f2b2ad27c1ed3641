// Inputs that are one-hot, as tokens have after one_hot: a product with such rows is a choice of
// rows, and its gradient a sum of rows. For float and double.
#pragma once

#include "torch.h"

namespace recurrent {

// The places of the ones where each row of x has a single 1 and zeros; otherwise undefined.
template <typename T>
at::Tensor places_of_ones(const at::Tensor& x);

// The sum of the rows of `from` by their places: x^T from, where x has its ones there.
template <typename T>
at::Tensor sums_by_place(const at::Tensor& from, const at::Tensor& places, int64_t width);

}  // namespace recurrent
