// Recurrent layers by libtorch's own operators: for what the kernels do not do, and for the graph
// of a gradient.
#pragma once

#include "recurrent/plan.h"

namespace recurrent {

// Output, h_n and in an LSTM c_n.
Tensors libtorch_path(const Plan& plan, const Arguments& arguments);

// The same with the masks given that dropout drew between the layers.
Tensors libtorch_path(const Plan& plan, const Arguments& arguments, const Tensors& masks);

}  // namespace recurrent
