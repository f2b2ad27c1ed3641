// Recurrent layers over whole sequences by the kernels, without autograd.
#pragma once

#include "recurrent/plan.h"

namespace recurrent {

// What forward leaves for backward: one buffer for each, rows as those of the packed sequences.
struct Trace {
  at::Tensor gates, cells, candidates, unprojected;  // gates: but for nn.RNN, whose gate is h
  at::Tensor states;                                 // h, where the caller has the layer's output
};

// What one layer leaves for backward.
struct LayerTrace {
  at::Tensor x;       // its input (rows, size)
  at::Tensor places;  // of the ones in x, if it is one-hot
  at::Tensor output;  // (rows, directions x state); not of the last layer
  at::Tensor mask;    // what dropout multiplied the output with; undefined without
  Trace directions[2];
};

struct Results {
  at::Tensor output, h_n, c_n;
  std::vector<LayerTrace> traces;
};

// What is wanted of the gradients of one direction of one layer.
struct Needs {
  bool x, h_0, c_0, w_ih, w_hh, b_ih, b_hh, w_hr;

  bool any() const { return x || h_0 || c_0 || w_ih || w_hh || b_ih || b_hh || w_hr; }
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

  Needs of(const Plan& plan, int64_t layer, int64_t direction) const;
};

// Which of the arguments must have the values that they had in forward, by place in
// Arguments::all(). Beside them backward_layers looks at a GRU's h_0.
std::vector<bool> values_needed(const Plan& plan, const Arguments& arguments, const Needed& needed);

// Forward and backward by the kernels, for float and double. `arguments` are
// those of the plan, as raw memory (is_plain), with contiguous states. Traces are left if backward
// may follow.
template <typename T>
Results forward_layers(const Plan& plan, const Arguments& arguments, bool backward_follows);

// `gradients`: of output, h_n and c_n; any may be undefined. The result has the arguments'
// gradients.
template <typename T>
Arguments backward_layers(const Plan& plan, const Arguments& arguments,
                          std::vector<LayerTrace>& traces, const Tensors& gradients,
                          const Needed& needed);

// The tensor itself where it is contiguous or undefined.
at::Tensor contiguous(const at::Tensor& tensor);

}  // namespace recurrent
