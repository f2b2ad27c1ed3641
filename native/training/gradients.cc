// What is done to the gradients of many parameters in one call: clipping, forgetting.
#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/_foreach_zero.h>
#include <ATen/ops/linalg_vector_norm.h>

#include <algorithm>

#include "exports.h"

namespace {

Tensors gradients_of(const Tensors& parameters) {
  Tensors result;
  for (const at::Tensor& parameter : parameters) {
    if (parameter.grad().defined()) result.push_back(parameter.grad());
  }
  return result;
}

// Whether one call for all is fewer kernels: on a CPU there are none to start.
bool on_one_gpu(const Tensors& tensors) {
  return std::all_of(tensors.begin(), tensors.end(), [&](const at::Tensor& tensor) {
    return tensor.is_cuda() && tensor.layout() == at::kStrided &&
           tensor.device() == tensors.front().device() &&
           tensor.scalar_type() == tensors.front().scalar_type();
  });
}

// clip_grad_norm(parameters, max_norm, norm_type) -> total norm, a tensor.
// No value leaves the device.
napi_value clip_grad_norm(Call& call) {
  const at::NoGradGuard no_grad;
  const Tensors gradients = gradients_of(call.tensors(0));
  const double max_norm = call.number(1);
  const double norm_type = call.number(2);
  if (gradients.empty()) return call.handle(at::zeros({}));
  const c10::Device first = gradients.front().device();
  const bool together = on_one_gpu(gradients);
  Tensors norms;
  if (together) {
    norms = at::_foreach_norm(gradients, norm_type);
  } else {
    norms.reserve(gradients.size());
    for (const at::Tensor& gradient : gradients) {
      norms.push_back(at::linalg_vector_norm(gradient, norm_type).to(first));
    }
  }
  const at::Tensor total = at::linalg_vector_norm(at::stack(norms), norm_type);
  const at::Tensor coefficient = at::clamp_max(max_norm / (total + 1e-6), 1.0);
  if (together) {
    at::_foreach_mul_(gradients, coefficient);
    return call.handle(total);
  }
  for (const at::Tensor& gradient : gradients) {
    gradient.mul_(coefficient.to(gradient.device()));
  }
  return call.handle(total);
}

// clip_grad_value(parameters, clip_value)
napi_value clip_grad_value(Call& call) {
  const at::NoGradGuard no_grad;
  const double limit = call.number(1);
  for (const at::Tensor& gradient : gradients_of(call.tensors(0))) gradient.clamp_(-limit, limit);
  return call.undefined();
}

// zero_grad(parameters, set_to_none)
napi_value zero_grad(Call& call) {
  const bool set_to_none = call.boolean(1);
  Tensors kept;
  for (const at::Tensor& parameter : call.tensors(0)) {
    at::Tensor& gradient = parameter.mutable_grad();
    if (!gradient.defined()) continue;
    if (set_to_none) {
      gradient.reset();
    } else {
      if (gradient.grad_fn()) {
        gradient.detach_();
      } else {
        gradient.requires_grad_(false);
      }
      kept.push_back(gradient);
    }
  }
  if (!kept.empty()) at::_foreach_zero_(kept);
  return call.undefined();
}

}  // namespace

void export_gradients(Environment& env, napi_value exports) {
  export_function(env, exports, "clip_grad_norm", enter<clip_grad_norm>);
  export_function(env, exports, "clip_grad_value", enter<clip_grad_value>);
  export_function(env, exports, "zero_grad", enter<zero_grad>);
}
