// What LBFGS does with all its parameters as one long vector: one call for each. In each, the
// operations and their order are those of torch.optim.LBFGS.
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/view_as_real.h>
#include <ATen/ops/zeros.h>

#include "exports.h"

namespace {

// A complex tensor counts as its real and imaginary parts.
at::Tensor as_real(const at::Tensor& tensor) {
  return tensor.is_complex() ? at::view_as_real(tensor) : tensor;
}

at::Tensor flat(const at::Tensor& tensor) { return as_real(tensor).reshape({-1}); }

// lbfgs_gradient(parameters) -> the vector of their gradients; a missing one is zero.
napi_value lbfgs_gradient(Call& call) {
  const at::NoGradGuard no_grad;
  Tensors parts;
  for (const at::Tensor& parameter : call.tensors(0)) {
    const at::Tensor gradient = parameter.grad();
    if (!gradient.defined()) {
      parts.push_back(flat(at::zeros({parameter.numel()}, parameter.options())));
    } else {
      parts.push_back(flat(gradient.is_sparse() ? gradient.to_dense() : gradient));
    }
  }
  return call.handle(at::cat(parts, 0));
}

// lbfgs_parameters(parameters) -> the vector of their elements, a copy.
napi_value lbfgs_parameters(Call& call) {
  const at::NoGradGuard no_grad;
  Tensors parts;
  for (const at::Tensor& parameter : call.tensors(0)) parts.push_back(flat(parameter));
  // One part alone may come back as it is.
  return call.handle(parts.size() == 1 ? parts.front().clone() : at::cat(parts, 0));
}

// Calls visit(parameter, part) for each parameter and its part of a vector.
template <typename Visit>
void each_part(const Tensors& parameters, const at::Tensor& vector, const Visit& visit) {
  int64_t offset = 0;
  for (const at::Tensor& given : parameters) {
    const at::Tensor parameter = as_real(given);
    visit(parameter, vector.narrow(0, offset, parameter.numel()).view(parameter.sizes()));
    offset += parameter.numel();
  }
}

// lbfgs_add(parameters, vector, step size)
napi_value lbfgs_add(Call& call) {
  const at::NoGradGuard no_grad;
  const double step = call.number(2);
  each_part(
      call.tensors(0), call.tensor(1),
      [&](const at::Tensor& parameter, const at::Tensor& part) { parameter.add_(part, step); });
  return call.undefined();
}

// lbfgs_restore(parameters, vector): gives them the elements that lbfgs_parameters read.
napi_value lbfgs_restore(Call& call) {
  const at::NoGradGuard no_grad;
  each_part(call.tensors(0), call.tensor(1),
            [](const at::Tensor& parameter, const at::Tensor& part) { parameter.copy_(part); });
  return call.undefined();
}

// lbfgs_direction(gradient, old directions, old steps, ro, H_diag or null for 1) -> the direction,
// and the factors al of the first loop as one vector, null where there are none.
napi_value lbfgs_direction(Call& call) {
  const at::NoGradGuard no_grad;
  const Tensors directions = call.tensors(1);
  const Tensors steps = call.tensors(2);
  const Tensors ro = call.tensors(3);
  const at::Tensor h_diag = call.tensor_or_undefined(4);
  TORCH_CHECK_VALUE(directions.size() == steps.size() && steps.size() == ro.size(),
                    "LBFGS: old_dirs, old_stps and ro differ in length");
  Tensors al(directions.size());
  at::Tensor direction = call.tensor(0).neg();
  for (size_t i = directions.size(); i-- > 0;) {
    al[i] = steps[i].dot(direction) * ro[i];
    direction.add_(directions[i], al[i].neg().item());
  }
  direction = h_diag.defined() ? direction.mul(h_diag) : direction.mul(1);
  for (size_t i = 0; i < directions.size(); ++i) {
    const at::Tensor be = directions[i].dot(direction) * ro[i];
    direction.add_(steps[i], al[i].sub(be).item());
  }
  const at::Tensor factors = al.empty() ? at::Tensor() : at::stack(al);
  return call.handles({direction, factors});
}

}  // namespace

void export_lbfgs(Environment& env, napi_value exports) {
  export_function(env, exports, "lbfgs_gradient", enter<lbfgs_gradient>);
  export_function(env, exports, "lbfgs_parameters", enter<lbfgs_parameters>);
  export_function(env, exports, "lbfgs_add", enter<lbfgs_add>);
  export_function(env, exports, "lbfgs_restore", enter<lbfgs_restore>);
  export_function(env, exports, "lbfgs_direction", enter<lbfgs_direction>);
}
