// One direction of one recurrent layer over a whole sequence: what surrounds the time loop of
// kernels.h. The input's projection, and the gradients of weights and input, are one product each
// over all steps.
#pragma once

#include "raw/memory.h"
#include "recurrent/layers.h"

namespace recurrent {

// The rows of one layer and direction in (layers x directions, sequences, size), contiguous.
template <typename T>
Rows<T> rows_of_state(const at::Tensor& states, int64_t index) {
  if (!states.defined()) return {};
  const int64_t size = states.size(2);
  return {states.data_ptr<std::remove_const_t<T>>() + index * states.size(1) * size, size};
}

struct Gradients {
  at::Tensor x;
  Weights weights;
};

// Columns of d_gates and the rows of a weight that they belong to. A GRU's columns are n, r, z, and
// n as h sees it, its weights' rows r, z, n.
struct Part {
  int64_t column, row, count;
};

// For float and double.
template <typename T>
struct Direction {
  const Plan& plan;
  const Weights weights;
  int64_t direction;
  int64_t index;  // among all layers' directions
  LayerTrace& layer;
  const at::Tensor h_0, c_0;  // of all layers; undefined: zeros

  // Fills this direction's columns of the output, and its trace: h too if it is to be kept apart.
  void forward(bool keep_states) const;

  // Gradients, from those of the layer's output, of h_n and of c_n (any may be undefined). Those of
  // h_0 and c_0 go into d_h_0 and d_c_0 (undefined where nobody needs them).
  Gradients backward(const at::Tensor& d_layer, const at::Tensor& d_h_n, const at::Tensor& d_c_n,
                     const Needs& needs, const at::Tensor& d_h_0, const at::Tensor& d_c_0) const;

  Trace& trace() const { return layer.directions[direction]; }
  bool reverse() const { return direction == 1; }
  bool gru() const { return plan.settings.cell == Cell::Gru; }

  // This direction's columns of a tensor of both.
  Rows<T> own_columns(const at::Tensor& both) const {
    if (!both.defined()) return {};
    return {both.data_ptr<T>() + direction * plan.state, both.stride(0)};
  }

  // h of all rows.
  at::Tensor states() const {
    if (trace().states.defined()) return trace().states;
    return layer.output.narrow(1, direction * plan.state, plan.state);
  }

  std::vector<Part> input_parts() const {
    const int64_t H = plan.hidden;
    if (gru()) return {{0, 2 * H, H}, {H, 0, 2 * H}};
    return {{0, 0, plan.gate_rows()}};
  }
  Part recurrent_part() const { return {gru() ? plan.hidden : 0, 0, plan.gate_rows()}; }

  // The steps of forward() and backward().
  at::Tensor project_input() const;
  template <typename L>
  void describe(L& loop) const;
  template <typename L>
  void run(L& loop, Packing packing, Packing projection_packing,
           void (*Kernels<T>::*steps)(const L&, int, int)) const;
  void by_products(Gradients& result, const Needs& needs, const at::Tensor& d_gates,
                   const at::Tensor& d_h_0) const;
  void by_hand(Gradients& result, const Needs& needs, const at::Tensor& d_gates,
               const at::Tensor& d_h_0) const;
};

}  // namespace recurrent
