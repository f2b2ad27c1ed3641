// Numbers as vectors. As all of this folder, for kernels.cc alone.
#pragma once

#include <ATen/cpu/vec/vec.h>

#include "recurrent/kernels.h"

namespace recurrent::TSTORCH_CAPABILITY {
namespace {

template <typename T>
using Vec = at::vec::Vectorized<T>;

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// The columns [column, column + count) of a buffer's row, at most a vector of them.
template <typename T>
struct Columns {
  int64_t column, count;

  Vec<T> load(const T* row) const {
    return count == Vec<T>::size() ? Vec<T>::loadu(row + column)
                                   : Vec<T>::loadu(row + column, count);
  }
  template <typename U>
  Vec<T> load(Rows<U> rows, int64_t row) const {
    return rows ? load(rows[row]) : Vec<T>(T(0));
  }
  void store(Vec<T> value, T* row) const {
    if (count == Vec<T>::size()) {
      value.store(row + column);
    } else {
      value.store(row + column, static_cast<int>(count));
    }
  }
};

// Fetches the lines of a tile's columns of a row.
template <typename T>
void fetch(const T* row, int64_t column, int64_t count) {
  constexpr int64_t kLine = 64 / sizeof(T);
  for (int64_t i = 0; i < count; i += kLine) __builtin_prefetch(row + column + i);
  asm volatile("");  // GCC drops calls of functions that do nothing else
}

template <typename T>
Vec<T> sigmoid(Vec<T> x) {
  return Vec<T>(T(1)) / (Vec<T>(T(1)) + x.neg().exp());
}

}  // namespace
}  // namespace recurrent::TSTORCH_CAPABILITY
