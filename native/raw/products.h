// Products of small matrices in plain loops.
#pragma once

#include "raw/rows.h"

// Whether a product of matrices takes less time in a plain loop than as a call of libtorch.
inline bool is_small_product(int64_t m, int64_t n, int64_t k) { return m * n * k <= 16384; }

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
