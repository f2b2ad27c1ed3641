// Weights, packed once per sequence in the order in which the tiles of a product read them.
#pragma once

#include "recurrent/kernels/vectors.h"

namespace recurrent::TSTORCH_CAPABILITY {
namespace {

// Vectors of columns in a tile where gates do not decide it.
constexpr int kPlainVectors = 2;

// Where the columns of a tile are: vector v of tile j holds `lanes` columns from first(j, v) on, as
// far as they are below end(v).
struct Tiling {
  int64_t vectors, count, tile_stride, vector_stride, limit;
  bool gates;

  int64_t first(int64_t tile, int64_t vector) const {
    return tile * tile_stride + vector * vector_stride;
  }
  int64_t end(int64_t vector) const { return gates ? vector * vector_stride + limit : limit; }
};

template <typename T>
Tiling tiling_of(Packing packing, Cell cell, int64_t rows, int64_t columns) {
  constexpr int64_t lanes = Vec<T>::size();
  if (packing == Packing::kGates && gates_of(cell) > 1) {
    const int64_t hidden = rows / gates_of(cell);
    return {gates_of(cell), divide_up(hidden, lanes), lanes, hidden, hidden, true};
  }
  const int64_t width = packing == Packing::kPlain ? columns : rows;
  const int64_t tile = lanes * kPlainVectors;
  return {kPlainVectors, divide_up(width, tile), tile, lanes, width, false};
}

template <typename T>
int64_t packed_size(Packing packing, Cell cell, int64_t rows, int64_t columns) {
  const Tiling tiling = tiling_of<T>(packing, cell, rows, columns);
  const int64_t depth = packing == Packing::kPlain ? rows : columns;
  return tiling.count * tiling.vectors * Vec<T>::size() * depth;
}

template <typename T>
void pack(Packing packing, Cell cell, int64_t rows, int64_t columns, Rows<const T> from, T* to,
          int thread, int threads) {
  constexpr int64_t lanes = Vec<T>::size();
  const Tiling tiling = tiling_of<T>(packing, cell, rows, columns);
  const int64_t depth = packing == Packing::kPlain ? rows : columns;
  const int64_t width = tiling.vectors * lanes;
  for (int64_t tile = tiling.count * thread / threads; tile < tiling.count * (thread + 1) / threads;
       ++tile) {
    for (int64_t v = 0; v < tiling.vectors; ++v) {
      T* target = to + tile * width * depth + v * lanes;
      const int64_t first = tiling.first(tile, v);
      int64_t used = smaller(lanes, tiling.end(v) - first);
      if (used < 0) used = 0;
      for (int64_t k = 0; k < depth; ++k, target += width) {
        if (packing == Packing::kPlain) {
          const T* source = from[k] + first;
          for (int64_t lane = 0; lane < used; ++lane) target[lane] = source[lane];
        } else {
          const T* source = from[first] + k;
          for (int64_t lane = 0; lane < used; ++lane) target[lane] = source[lane * from.stride];
        }
        for (int64_t lane = used; lane < lanes; ++lane) target[lane] = 0;
      }
    }
  }
}

}  // namespace
}  // namespace recurrent::TSTORCH_CAPABILITY
