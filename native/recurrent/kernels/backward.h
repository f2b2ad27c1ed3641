// All time steps backward.
#pragma once

#include "recurrent/kernels/steps.h"

namespace recurrent::TSTORCH_CAPABILITY {
namespace {

// The arithmetic of one step backwards. Rows below `going_on` also get a gradient from the step
// that follows; the others end here.
template <typename T>
struct StepBackward {
  const Backward<T>& layer;
  int64_t offset, going_on, hidden;
  Before<T> h, c;

  StepBackward(const Backward<T>& layer, int64_t s)
      : layer(layer),
        going_on(0),
        hidden(layer.hidden),
        h(layer.steps, s, layer.output, layer.h_0),
        c(layer.steps, s, layer.cells, layer.c_0) {
    const int64_t t = layer.steps.at(s);
    offset = layer.steps.offsets[t];
    if (s + 1 < layer.steps.count) {
      going_on = smaller(layer.steps.rows(t), layer.steps.rows(layer.steps.at(s + 1)));
    }
  }

  // The gradient of h, as far as it does not come through W_hh.
  Vec<T> direct(const Columns<T>& at, int64_t row) const {
    const Vec<T> gradient = at.load(layer.d_output, offset + row);
    return row < going_on ? gradient : gradient + at.load(layer.d_h_n, row);
  }

  void elman(const Columns<T>& at, int64_t row, Vec<T> d_h) const {
    const Vec<T> one(T(1));
    const Vec<T> zero(T(0));
    const Vec<T> y = at.load(layer.output[offset + row]);
    at.store(layer.cell == Cell::Tanh ? d_h * (one - y * y) : Vec<T>::blendv(d_h, zero, y <= zero),
             layer.d_gates[offset + row]);
  }

  void lstm(const Columns<T>& at, int64_t row, Vec<T> d_h) const {
    const Vec<T> one(T(1));
    const T* gate = layer.gates[offset + row];
    T* d_gate = layer.d_gates[offset + row];
    const Vec<T> i = at.load(gate);
    const Vec<T> f = at.load(gate + hidden);
    const Vec<T> g = at.load(gate + 2 * hidden);
    const Vec<T> o = at.load(gate + 3 * hidden);
    const Vec<T> tanh_c = at.load(layer.cells[offset + row]).tanh();
    const Vec<T> later = row < going_on ? at.load(layer.carry[row]) : at.load(layer.d_c_n, row);
    const Vec<T> d_c = at::vec::fmadd(d_h * o, one - tanh_c * tanh_c, later);
    at.store(d_c * g * i * (one - i), d_gate);
    at.store(d_c * c.load(at, row) * f * (one - f), d_gate + hidden);
    at.store(d_c * i * (one - g * g), d_gate + 2 * hidden);
    at.store(d_h * tanh_c * o * (one - o), d_gate + 3 * hidden);
    at.store(d_c * f, layer.carry[row]);
  }

  void gru(const Columns<T>& at, int64_t row, Vec<T> d_h) const {
    const Vec<T> one(T(1));
    const T* gate = layer.gates[offset + row];
    T* d_gate = layer.d_gates[offset + row];
    const Vec<T> r = at.load(gate);
    const Vec<T> z = at.load(gate + hidden);
    const Vec<T> n = at.load(gate + 2 * hidden);
    if (row < going_on) d_h = d_h + at.load(layer.carry[row]);
    const Vec<T> d_n = d_h * (one - z) * (one - n * n);
    const Vec<T> d_z = d_h * (h.load(at, row) - n) * z * (one - z);
    const Vec<T> d_r = d_n * at.load(layer.candidates[offset + row]) * r * (one - r);
    at.store(d_n, d_gate);
    at.store(d_r, d_gate + hidden);
    at.store(d_z, d_gate + 2 * hidden);
    at.store(d_n * r, d_gate + 3 * hidden);
    at.store(d_h * z, layer.carry[row]);
  }

  void soon(int64_t row, int64_t tile) const {
    constexpr int64_t width = kPlainVectors * Vec<T>::size();
    const int64_t column = tile * width;
    const auto rows = [&](auto all) {
      if (all) fetch(all[offset + row], column, width);
    };
    rows(layer.d_output);
    rows(layer.cells);
    rows(layer.candidates);
    for (int64_t g = 0; layer.gates && g < gates_of(layer.cell); ++g) {
      fetch(layer.gates[offset + row] + g * hidden, column, width);
    }
    if (gates_of(layer.cell) == 1) rows(layer.output);
  }

  void cell(const Columns<T>& at, int64_t row, Vec<T> d_h) const {
    switch (layer.cell) {
      case Cell::Lstm:
        return lstm(at, row, d_h);
      case Cell::Gru:
        return gru(at, row, d_h);
      default:
        return elman(at, row, d_h);
    }
  }
};

template <typename T>
void backward(const Backward<T>& layer, int thread, int threads) {
  constexpr int NV = kPlainVectors;
  const int64_t depth = gates_of(layer.cell) * layer.hidden;
  const int64_t tiles = tiling_of<T>(Packing::kPlain, layer.cell, depth, layer.state).count;
  const int64_t unprojected =
      tiling_of<T>(Packing::kPlain, layer.cell, layer.state, layer.hidden).count;
  // What W_hh is multiplied with: all but the part of a GRU's n that does not depend on h.
  const Rows<const T> d_gates{layer.d_gates.data + (layer.cell == Cell::Gru ? layer.hidden : 0),
                              layer.d_gates.stride};
  for (int64_t s = layer.steps.count - 1; s >= 0; --s) {
    const StepBackward<T> step(layer, s);
    const int64_t rows = layer.steps.rows(layer.steps.at(s));
    const auto then = [&](int64_t row, int64_t tile, const T* sums) {
      each_vector<T>(tile, layer.state, sums, [&](Columns<T> at, Vec<T> sum) {
        const Vec<T> d_h = sum + step.direct(at, row);
        if (layer.projection) {
          at.store(d_h, layer.d_hidden[step.offset + row]);
        } else {
          step.cell(at, row, d_h);
        }
      });
    };
    const auto soon = [&](int64_t row, int64_t tile) {
      if (!layer.projection) step.soon(row, tile);
    };
    if (step.going_on > 0) {
      const int64_t following = layer.steps.offsets[layer.steps.at(s + 1)];
      multiply<T, NV>({d_gates[following], d_gates.stride}, 0, step.going_on, depth,
                      layer.recurrent, tiles, thread, threads, soon, then);
    }
    multiply<T, NV>({}, step.going_on, rows, depth, layer.recurrent, tiles, thread, threads, soon,
                    then);
    meet(threads);
    if (!layer.projection) continue;
    const Rows<T> d_hidden = rows_at(layer.d_hidden, step.offset);
    multiply<T, NV>(
        {d_hidden.data, d_hidden.stride}, 0, rows, layer.state, layer.projection, unprojected,
        thread, threads, [&](int64_t row, int64_t tile) { step.soon(row, tile); },
        [&](int64_t row, int64_t tile, const T* sums) {
          each_vector<T>(tile, layer.hidden, sums,
                         [&](Columns<T> at, Vec<T> sum) { step.cell(at, row, sum); });
        });
    meet(threads);
  }
}

}  // namespace
}  // namespace recurrent::TSTORCH_CAPABILITY
