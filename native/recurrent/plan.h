// A call of recurrent layers: what they are, the tensors they get, and the one place that says
// which shapes belong together.
#pragma once

#include "recurrent/kernels.h"
#include "torch.h"

namespace recurrent {

struct Settings {
  Cell cell = Cell::Tanh;
  bool has_biases = true;
  int64_t layers = 1;
  double dropout = 0;
  bool train = false, bidirectional = false, batch_first = false;
  at::Tensor batch_sizes;  // packed sequences: how many there are at each step

  bool lstm() const { return cell == Cell::Lstm; }
  bool packed() const { return batch_sizes.defined(); }
  int64_t directions() const { return bidirectional ? 2 : 1; }
  bool drops() const { return train && dropout > 0 && layers > 1; }
};

// The tensors of a call: input, h_0 and c_0 (undefined: zeros; no c_0 but in an LSTM), and for each
// layer and direction w_ih, w_hh, b_ih and b_hh where there are biases, w_hr with projections.
struct Arguments {
  at::Tensor input, h_0, c_0;
  Tensors weights;

  // In one list, without those that are undefined, and back.
  Tensors all() const;
  Arguments like(const Tensors& all) const { return of(all, h_0.defined(), c_0.defined()); }
  static Arguments of(at::TensorList all, bool has_h_0, bool has_c_0);
};

struct Weights {
  at::Tensor w_ih, w_hh, b_ih, b_hh, w_hr;
};

// Settings with the sizes that the tensors have, and where the rows of each step are.
struct Plan {
  Settings settings;
  int64_t input = 0;   // columns of x
  int64_t hidden = 0;  // H
  int64_t state = 0;   // size of h: H, or that of the projection
  int64_t batch = 0;   // sequences
  bool projects = false;
  std::vector<int64_t> offsets;  // where the rows of each step begin, and their number

  int64_t steps() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t rows() const { return offsets.back(); }
  // Whether all sequences have one length.
  bool uniform() const { return rows() == steps() * batch; }
  // Layers times directions.
  int64_t parts() const { return settings.layers * settings.directions(); }
  int64_t gate_rows() const { return gates_of(settings.cell) * hidden; }
  size_t weights_per_part() const {
    return (settings.has_biases ? 4 : 2) + static_cast<size_t>(projects);
  }
  Weights weights_of(const Arguments& arguments, int64_t part) const;

  at::DimVector output_sizes() const;
  // `size`: `state` for h_0 and h_n, `hidden` for c_0 and c_n.
  at::DimVector state_sizes(int64_t size) const { return {parts(), batch, size}; }
};

// The plan of a call. Throws where its tensors do not belong together, by shape, dtype, device or
// layout: libtorch's operators and the kernels read past their ends then.
Plan plan(Settings settings, const Arguments& arguments);

// The tensor as a view, where autograd may keep it: libtorch's LSTM reads what it kept by the sizes
// of forward, and another tensor put into `data` of the one that the caller has may be smaller.
at::Tensor kept_apart(const at::Tensor& tensor);
Tensors kept_apart(at::TensorList tensors);

}  // namespace recurrent
