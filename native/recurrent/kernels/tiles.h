// Products of matrices in tiles of a few rows and NV vectors of columns, held in registers from the
// first to the last k; what follows (the gates' arithmetic) finds them in the first cache.
#pragma once

#include "recurrent/kernels/packing.h"

namespace recurrent::TSTORCH_CAPABILITY {
namespace {

#if defined(CPU_CAPABILITY_AVX512) || defined(__aarch64__)
constexpr int kRegisters = 32;
#else
constexpr int kRegisters = 16;
#endif

template <int NV>
constexpr int kTileRows = (kRegisters - NV - 2) / NV;

constexpr int kMaxTileNumbers = 1024;

// tile = a (MR, depth) b (depth, NV vectors)
template <typename T, int NV, int MR>
void multiply_tile(Rows<const T> a, int64_t depth, const T* b, T* tile) {
  constexpr int64_t lanes = Vec<T>::size();
  Vec<T> sums[MR][NV];
#pragma GCC unroll 16
  for (int r = 0; r < MR; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) sums[r][v] = Vec<T>(T(0));
  }
  const T* row[MR];
#pragma GCC unroll 16
  for (int r = 0; r < MR; ++r) row[r] = a[r];
  for (int64_t k = 0; k < depth; ++k, b += NV * lanes) {
    Vec<T> columns[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) columns[v] = Vec<T>::loadu(b + v * lanes);
#pragma GCC unroll 16
    for (int r = 0; r < MR; ++r) {
      const Vec<T> value(row[r][k]);
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) sums[r][v] = at::vec::fmadd(value, columns[v], sums[r][v]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < MR; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) sums[r][v].store(tile + (r * NV + v) * lanes);
  }
}

template <typename T, int NV, int MR>
void multiply_rows(int64_t rows, Rows<const T> a, int64_t depth, const T* b, T* tile) {
  if (rows == MR) {
    multiply_tile<T, NV, MR>(a, depth, b, tile);
  } else if constexpr (MR > 1) {
    multiply_rows<T, NV, MR - 1>(rows, a, depth, b, tile);
  }
}

// a b for rows [begin, end), where b is packed; then(row, tile number, its NV vectors) for each
// row. Without `a` the product is zero. The tiles are shared among the threads, the same way each
// time, so that each finds its part of b in its own cache.
template <typename T, int NV, typename Soon, typename Then>
void multiply(Rows<const T> a, int64_t begin, int64_t end, int64_t depth, const T* b, int64_t tiles,
              int thread, int threads, const Soon& soon, const Then& then) {
  constexpr int64_t lanes = Vec<T>::size();
  static_assert(kTileRows<NV> * NV * lanes <= kMaxTileNumbers);
  alignas(64) T tile[kMaxTileNumbers];
  const int64_t rows = end - begin;
  if (rows <= 0) return;
  const int64_t blocks = divide_up(rows, kTileRows<NV>);
  const int64_t units = tiles * blocks;
  if (!a) {
    for (int i = 0; i < kMaxTileNumbers; ++i) tile[i] = 0;
  }
  for (int64_t unit = units * thread / threads; unit < units * (thread + 1) / threads; ++unit) {
    const int64_t j = unit / blocks;
    const int64_t first = rows * (unit % blocks) / blocks;
    const int64_t last = rows * (unit % blocks + 1) / blocks;
    for (int64_t r = first; r < last; ++r) soon(begin + r, j);
    if (a) {
      multiply_rows<T, NV, kTileRows<NV>>(last - first, {a[begin + first], a.stride}, depth,
                                          b + j * depth * NV * lanes, tile);
    }
    for (int64_t r = first; r < last; ++r) then(begin + r, j, tile + (r - first) * NV * lanes);
  }
}

constexpr auto kNothing = [](int64_t, int64_t) {};

}  // namespace
}  // namespace recurrent::TSTORCH_CAPABILITY
