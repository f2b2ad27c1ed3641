// All time steps forward.
#pragma once

#include "recurrent/kernels/steps.h"

namespace recurrent::TSTORCH_CAPABILITY {
namespace {

// The arithmetic of one step: a call for each row and tile of W_hh h.
template <typename T>
struct StepForward {
  const Forward<T>& layer;
  Rows<T> gates, cells, candidates, output, kept;  // of this step
  Before<T> h, c;
  int64_t hidden;

  StepForward(const Forward<T>& layer, int64_t s)
      : layer(layer),
        h(layer.steps, s, layer.output, layer.h_0),
        c(layer.steps, s, layer.cells, layer.c_0),
        hidden(layer.hidden) {
    const int64_t offset = layer.steps.offsets[layer.steps.at(s)];
    gates = rows_at(layer.gates, offset);
    cells = rows_at(layer.cells, offset);
    candidates = rows_at(layer.candidates, offset);
    output = rows_at(layer.unprojected ? layer.unprojected : layer.output, offset);
    if (!layer.unprojected) kept = rows_at(layer.kept, offset);
  }

  Columns<T> columns(int64_t tile) const {
    constexpr int64_t lanes = Vec<T>::size();
    return {tile * lanes, smaller(lanes, hidden - tile * lanes)};
  }

  void put(const Columns<T>& at, Vec<T> h_next, int64_t row) const {
    at.store(h_next, output[row]);
    if (kept) at.store(h_next, kept[row]);
  }

  void elman(int64_t row, int64_t tile, const T* sums) const {
    each_vector<T>(tile, hidden, sums, [&](Columns<T> at, Vec<T> sum) {
      const Vec<T> x = at.load(gates[row]) + sum;
      put(at, layer.cell == Cell::Tanh ? x.tanh() : at::vec::maximum(x, Vec<T>(T(0))), row);
    });
  }

  void lstm(int64_t row, int64_t tile, const T* sums) const {
    constexpr int64_t lanes = Vec<T>::size();
    const Columns<T> at = columns(tile);
    T* gate = gates[row];
    const auto sum = [&](int64_t g) {
      return at.load(gate + g * hidden) + Vec<T>::loadu(sums + g * lanes);
    };
    const Vec<T> i = sigmoid(sum(0));
    const Vec<T> f = sigmoid(sum(1));
    const Vec<T> g = sum(2).tanh();
    const Vec<T> o = sigmoid(sum(3));
    const Vec<T> c_next = at::vec::fmadd(f, c.load(at, row), i * g);
    at.store(i, gate);
    at.store(f, gate + hidden);
    at.store(g, gate + 2 * hidden);
    at.store(o, gate + 3 * hidden);
    at.store(c_next, cells[row]);
    put(at, o * c_next.tanh(), row);
  }

  void gru(int64_t row, int64_t tile, const T* sums) const {
    constexpr int64_t lanes = Vec<T>::size();
    const Columns<T> at = columns(tile);
    T* gate = gates[row];
    const Vec<T> r = sigmoid(at.load(gate) + Vec<T>::loadu(sums));
    const Vec<T> z = sigmoid(at.load(gate + hidden) + Vec<T>::loadu(sums + lanes));
    Vec<T> candidate = Vec<T>::loadu(sums + 2 * lanes);
    if (layer.candidate_bias) candidate = candidate + at.load(layer.candidate_bias);
    const Vec<T> n = (at.load(gate + 2 * hidden) + r * candidate).tanh();
    at.store(r, gate);
    at.store(z, gate + hidden);
    at.store(n, gate + 2 * hidden);
    at.store(candidate, candidates[row]);
    put(at, (h.load(at, row) - n) * z + n, row);
  }

  void soon(int64_t row, int64_t tile) const {
    constexpr int64_t lanes = Vec<T>::size();
    const int64_t width = gates_of(layer.cell) == 1 ? kPlainVectors * lanes : lanes;
    for (int64_t g = 0; g < gates_of(layer.cell); ++g) {
      fetch(gates[row] + g * hidden, tile * width, width);
    }
  }

  void operator()(int64_t row, int64_t tile, const T* sums) const {
    switch (layer.cell) {
      case Cell::Lstm:
        return lstm(row, tile, sums);
      case Cell::Gru:
        return gru(row, tile, sums);
      default:
        return elman(row, tile, sums);
    }
  }
};

template <typename T, int NV>
void forward_steps(const Forward<T>& layer, int thread, int threads) {
  const int64_t rows = gates_of(layer.cell) * layer.hidden;
  const int64_t tiles = tiling_of<T>(Packing::kGates, layer.cell, rows, layer.state).count;
  const int64_t projected =
      tiling_of<T>(Packing::kTransposed, layer.cell, layer.state, layer.hidden).count;
  for (int64_t s = 0; s < layer.steps.count; ++s) {
    const int64_t t = layer.steps.at(s);
    const StepForward<T> step(layer, s);
    const auto soon = [&](int64_t row, int64_t tile) { step.soon(row, tile); };
    const Rows<const T> before{step.h.rows.data, step.h.rows.stride};
    multiply<T, NV>(before, 0, step.h.going_on, layer.state, layer.recurrent, tiles, thread,
                    threads, soon, step);
    multiply<T, NV>(layer.h_0, step.h.going_on, layer.steps.rows(t), layer.state, layer.recurrent,
                    tiles, thread, threads, soon, step);
    meet(threads);
    if (!layer.projection) continue;
    const Rows<T> output = rows_at(layer.output, layer.steps.offsets[t]);
    const Rows<T> kept = rows_at(layer.kept, layer.steps.offsets[t]);
    multiply<T, kPlainVectors>({step.output.data, step.output.stride}, 0, layer.steps.rows(t),
                               layer.hidden, layer.projection, projected, thread, threads, kNothing,
                               [&](int64_t row, int64_t tile, const T* sums) {
                                 each_vector<T>(tile, layer.state, sums,
                                                [&](Columns<T> at, Vec<T> sum) {
                                                  at.store(sum, output[row]);
                                                  if (kept) at.store(sum, kept[row]);
                                                });
                               });
    meet(threads);
  }
}

template <typename T>
void forward(const Forward<T>& layer, int thread, int threads) {
  switch (gates_of(layer.cell)) {
    case 4:
      return forward_steps<T, 4>(layer, thread, threads);
    case 3:
      return forward_steps<T, 3>(layer, thread, threads);
    default:
      return forward_steps<T, kPlainVectors>(layer, thread, threads);
  }
}

}  // namespace
}  // namespace recurrent::TSTORCH_CAPABILITY
