// What the steps of both directions of time share.
#pragma once

#include "recurrent/kernels/tiles.h"

namespace recurrent::TSTORCH_CAPABILITY {
namespace {

// Calls body(columns, sums) for each vector of a plain tile that has columns below `width`.
template <typename T, typename Body>
void each_vector(int64_t tile, int64_t width, const T* sums, const Body& body) {
  constexpr int64_t lanes = Vec<T>::size();
  for (int v = 0; v < kPlainVectors; ++v) {
    const int64_t column = (tile * kPlainVectors + v) * lanes;
    if (column >= width) return;
    body(Columns<T>{column, smaller(lanes, width - column)}, Vec<T>::loadu(sums + v * lanes));
  }
}

void meet(int threads) {
#ifdef _OPENMP
  if (threads > 1) {
#pragma omp barrier
  }
#endif
}

// The state before a step: that of the step before it for the sequences that were going on then,
// the initial one for the others.
template <typename T>
struct Before {
  int64_t going_on;
  Rows<T> rows;
  Rows<const T> initial;

  Before(const Steps& steps, int64_t s, Rows<T> all, Rows<const T> initial)
      : going_on(0), initial(initial) {
    if (s == 0) return;
    const int64_t t = steps.at(s);
    const int64_t previous = steps.at(s - 1);
    going_on = smaller(steps.rows(t), steps.rows(previous));
    rows = {all[steps.offsets[previous]], all.stride};
  }

  Vec<T> load(const Columns<T>& columns, int64_t row) const {
    return row < going_on ? columns.load(rows, row) : columns.load(initial, row);
  }
};

template <typename T>
Rows<T> rows_at(Rows<T> all, int64_t offset) {
  return all ? Rows<T>{all[offset], all.stride} : all;
}

}  // namespace
}  // namespace recurrent::TSTORCH_CAPABILITY
