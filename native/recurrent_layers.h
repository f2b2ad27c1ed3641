// What recurrent layers compute over whole sequences, without autograd: by the fused kernels
// (recurrent_layers.cc) or by libtorch's operators (recurrent_libtorch.cc).
#pragma once

#include "recurrent_kernels.h"
#include "torch.h"

namespace recurrent {

using Tensors = std::vector<at::Tensor>;

// What the layers are, and how the sequences lie in memory.
struct Settings {
  Cell cell = Cell::kTanh;
  bool has_biases = true;
  int64_t layers = 1;
  double dropout = 0;
  bool train = false, bidirectional = false, batch_first = false;
  at::Tensor batch_sizes;        // packed sequences: how many there are at each step
  std::vector<int64_t> offsets;  // where the rows of each step begin, and their number

  bool lstm() const { return cell == Cell::kLstm; }
  bool packed() const { return batch_sizes.defined(); }
  int64_t directions() const { return bidirectional ? 2 : 1; }
  int64_t steps() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t rows() const { return offsets.back(); }
  int64_t sequences() const { return offsets[1]; }
  bool uniform() const { return rows() == steps() * sequences(); }
  bool drops() const { return train && dropout > 0 && layers > 1; }
};

// The tensors of a call: input, h_0 and c_0 (undefined: zeros; no c_0 but in an LSTM), and for each
// layer and direction w_ih, w_hh, b_ih and b_hh where there are biases, w_hr with projections.
struct Arguments {
  at::Tensor input, h_0, c_0;
  Tensors weights;

  // In one list, without those that are undefined, and back.
  Tensors all() const {
    Tensors result{input};
    if (h_0.defined()) result.push_back(h_0);
    if (c_0.defined()) result.push_back(c_0);
    result.insert(result.end(), weights.begin(), weights.end());
    return result;
  }
  Arguments like(const Tensors& all) const { return of(all, h_0.defined(), c_0.defined()); }
  static Arguments of(at::TensorList all, bool has_h_0, bool has_c_0) {
    size_t next = 1;
    const at::Tensor h_0 = has_h_0 ? all[next++] : at::Tensor();
    const at::Tensor c_0 = has_c_0 ? all[next++] : at::Tensor();
    return {all[0], h_0, c_0, all.slice(next).vec()};
  }
};

struct Weights {
  at::Tensor w_ih, w_hh, b_ih, b_hh, w_hr;
};

inline size_t weights_per_direction(const Settings& settings, const Arguments& arguments) {
  return arguments.weights.size() / static_cast<size_t>(settings.layers * settings.directions());
}

inline Weights weights_of(const Settings& settings, const Arguments& arguments, int64_t layer,
                          int64_t direction) {
  const size_t each = weights_per_direction(settings, arguments);
  const at::Tensor* first = arguments.weights.data() +
                            static_cast<size_t>(layer * settings.directions() + direction) * each;
  Weights result{first[0], first[1], {}, {}, {}};
  if (settings.has_biases) {
    result.b_ih = first[2];
    result.b_hh = first[3];
  }
  if (each % 2 == 1) result.w_hr = first[each - 1];
  return result;
}

inline int64_t state_size(const Settings& settings, const Arguments& arguments) {
  return weights_of(settings, arguments, 0, 0).w_hh.size(1);
}

// What forward leaves for backward: one buffer for each, rows as those of the packed sequences.
struct Trace {
  at::Tensor gates, cells, candidates, unprojected;
};

// What one layer leaves for backward.
struct LayerTrace {
  at::Tensor x;       // its input (rows, size)
  at::Tensor places;  // of the ones in x, if it is one-hot
  at::Tensor output;  // (rows, directions x state)
  at::Tensor mask;    // what dropout multiplied the output with; undefined without
  Trace directions[2];
};

struct Results {
  at::Tensor output, h_n, c_n;
  std::vector<LayerTrace> traces;
};

// For which of the arguments a gradient is wanted.
struct Needed {
  bool input, h_0, c_0;
  std::vector<bool> weights;

  // `all`: by place in Arguments::all().
  Needed(const Arguments& arguments, const std::vector<bool>& all) : h_0(false), c_0(false) {
    auto next = all.begin();
    input = *next++;
    if (arguments.h_0.defined()) h_0 = *next++;
    if (arguments.c_0.defined()) c_0 = *next++;
    weights.assign(next, all.end());
  }
};

// Forward and backward by the kernels, for float and double. `arguments` have been checked, and
// have contiguous states.
template <typename T>
Results forward_layers(const Settings& settings, const Arguments& arguments);

// `gradients`: of output, h_n and c_n; any may be undefined. The result has the arguments'
// gradients.
template <typename T>
Arguments backward_layers(const Settings& settings, const Arguments& arguments,
                          std::vector<LayerTrace>& traces, const Tensors& gradients,
                          const Needed& needed);

// The last layer's forward once more, into a new output.
template <typename T>
void last_layer_again(const Settings& settings, const Arguments& arguments, LayerTrace& trace);

at::Tensor contiguous(const at::Tensor& tensor);

// The whole computation by libtorch's operators: output, h_n and in an LSTM c_n. `masks`: those
// that dropout drew between the layers, where they are given.
Tensors libtorch_path(const Settings& settings, const Arguments& arguments);
Tensors libtorch_path(const Settings& settings, const Arguments& arguments, const Tensors& masks);

}  // namespace recurrent
