// Rows of numbers in memory. Nothing else: the recurrent kernels, which are compiled for several
// sets of vector instructions, share this file with everything else.
#pragma once

#include <cstdint>

// Rows of numbers, `stride` apart. Without data: zeros.
template <typename T>
struct Rows {
  T* data = nullptr;
  int64_t stride = 0;

  explicit operator bool() const { return data != nullptr; }
  T* operator[](int64_t row) const { return data + row * stride; }
};
