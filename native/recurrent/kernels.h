// The time loop of one recurrent layer in one direction, on raw memory. kernels/ is
// compiled once for each set of vector instructions; kernels<T>() has the best that this CPU runs.
//
// Sequences lie as PyTorch packs them: step t has the rows [offsets[t], offsets[t + 1]), one for
// each sequence that is still going on, longest first. Sequences of one length are the case where
// every step has as many. All buffers are rows of contiguous numbers.
#pragma once

#include <cstdint>

#include "contract.h"
#include "raw/rows.h"

namespace recurrent {

constexpr int64_t gates_of(Cell cell) { return cell == Cell::Lstm ? 4 : cell == Cell::Gru ? 3 : 1; }

struct Steps {
  int64_t count;
  const int64_t* offsets;  // count + 1
  bool reverse;            // the last step comes first

  int64_t rows(int64_t t) const { return offsets[t + 1] - offsets[t]; }
  // The s-th step that the recurrence takes.
  int64_t at(int64_t s) const { return reverse ? count - 1 - s : s; }
};

template <typename T>
struct Layer {
  Cell cell;
  Steps steps;
  int64_t hidden;                 // H
  int64_t state;                  // size of h: H, or that of the projection
  const T* recurrent = nullptr;   // W_hh, packed
  const T* projection = nullptr;  // W_hr, packed; null without projections
  Rows<T> gates;                  // (rows, gates x H)
  Rows<T> cells;                  // LSTM: c (rows, H)
  Rows<T> candidates;             // GRU: W_hn h + b_hn (rows, H)
  Rows<T> unprojected;            // with projections: o tanh(c) (rows, H)
  Rows<T> output;                 // (rows, state)
  Rows<const T> h_0;              // (sequences, state)
  Rows<const T> c_0;              // (sequences, H)
};

// Forward. `gates` come in as W_ih x + b_ih + b_hh, and go out as the gates' values.
template <typename T>
struct Forward : Layer<T> {
  const T* candidate_bias = nullptr;  // GRU: b_hn, which is not in `gates`
  Rows<T> kept;                       // where the output is written once more; may be `gates`
};

// Backward: what forward left, and the gradients.
template <typename T>
struct Backward : Layer<T> {
  Rows<const T> d_output;  // (rows, state)
  Rows<const T> d_h_n;     // (sequences, state)
  Rows<const T> d_c_n;     // (sequences, H)
  // Of what goes into the gates, (rows, gates x H). GRU: (rows, 4 H), as n, r, z, and n's recurrent
  // part.
  Rows<T> d_gates;
  // What goes to the step before beside W_hh's part: LSTM's d_c, GRU's z d_h (sequences, H).
  Rows<T> carry;
  Rows<T> d_hidden;  // with projections: the whole gradient of h (rows, state)
};

enum class Packing {
  kGates,       // (gates x H, K), used as h W^T: a tile holds all gates of a few hidden units
  kTransposed,  // (N, K), used as x W^T
  kPlain,       // (K, N), used as x W
};

template <typename T>
struct Kernels {
  // How many numbers the packed form of a matrix (rows, columns) has.
  int64_t (*packed_size)(Packing packing, Cell cell, int64_t rows, int64_t columns);
  // Packs a part of it: each of `threads` calls its share.
  void (*pack)(Packing packing, Cell cell, int64_t rows, int64_t columns, Rows<const T> from, T* to,
               int thread, int threads);
  // All time steps. Each of `threads` OpenMP threads of one team calls this; they meet at barriers.
  void (*forward)(const Forward<T>& layer, int thread, int threads);
  void (*backward)(const Backward<T>& layer, int thread, int threads);
};

#define TSTORCH_RECURRENT_KERNELS(capability)        \
  namespace capability {                             \
  template <typename T>                              \
  Kernels<T> kernels();                              \
  extern template Kernels<float> kernels<float>();   \
  extern template Kernels<double> kernels<double>(); \
  }
TSTORCH_RECURRENT_KERNELS(baseline)
TSTORCH_RECURRENT_KERNELS(avx2)
TSTORCH_RECURRENT_KERNELS(avx512)
#undef TSTORCH_RECURRENT_KERNELS

}  // namespace recurrent
