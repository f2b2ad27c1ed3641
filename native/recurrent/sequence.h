// A sequence through all layers and both directions as one autograd node (CPU, float and double),
// where libtorch's own path makes a few nodes for each time step.
#pragma once

#include "recurrent/plan.h"

namespace recurrent {

// Whether all tensors are raw memory of one dtype, which the kernels ask for.
bool are_plain(const Arguments& arguments);

// Runs the layers by the kernels, and makes them a node of the graph where a gradient may be
// wanted. `arguments` are plain, and those of the plan. Gives output, h_n and in an LSTM c_n.
Tensors run_sequence(Plan plan, const Arguments& arguments);

}  // namespace recurrent
