// A step of SGD: one call for all parameters.
#include <ATen/ops/_fused_sgd.h>

#include <algorithm>
#include <tuple>

#include "contract.h"
#include "training/fused_step.h"

namespace {

struct SgdGroup {
  Tensors parameters, gradients, buffers;
};

void sgd_fused(SgdGroup& group, const SgdOptions& options, const LearningRate& rate, bool first) {
  if (group.parameters.empty()) return;
  const at::AutoDispatchBelowADInplaceOrView guard;
  const FewThreads threads(group.parameters);
  with_learning_rate(rate, group.parameters.front().device(), [&](const auto& lr) {
    at::_fused_sgd_(group.parameters, group.gradients, group.buffers, options.weight_decay,
                    options.momentum, lr, options.dampening, options.nesterov, options.maximize,
                    first);
  });
  mark_changed(group.parameters);
}

// torch.optim.sgd._single_tensor_sgd for one parameter.
void sgd_single(const at::Tensor& parameter, at::Tensor gradient, at::Tensor& buffer,
                const SgdOptions& options, const LearningRate& rate) {
  if (options.maximize) gradient = gradient.neg();
  if (options.weight_decay != 0) gradient = gradient.add(parameter, options.weight_decay);
  if (options.momentum != 0) {
    if (!buffer.defined()) {
      buffer = gradient.detach().clone();
    } else {
      buffer.mul_(options.momentum).add_(gradient, 1 - options.dampening);
    }
    gradient = options.nesterov ? gradient.add(buffer, options.momentum) : buffer;
  }
  parameter.add_(gradient, -rate.value());
}

// sgd_step(parameters, buffers, SgdOptions, lr as a tensor or null) -> null, or the handles of the
// momentum buffers that are new.
napi_value sgd_step(Call& call) {
  const at::NoGradGuard no_grad;
  const Tensors parameters = call.tensors(0);
  Tensors buffers = call.tensors(1);
  check_lengths(parameters, {&buffers});
  const auto options = call.record<SgdOptions>(2);
  const LearningRate rate = learning_rate(call, options.lr, 3);
  using Key = std::tuple<at::ScalarType, c10::Device, bool>;
  Groups<Key, SgdGroup> groups;
  std::vector<bool> created(parameters.size());
  for (size_t i = 0; i < parameters.size(); ++i) {
    const at::Tensor& parameter = parameters[i];
    const at::Tensor gradient = parameter.grad();
    if (!gradient.defined()) continue;
    created[i] = options.momentum != 0 && !buffers[i].defined();
    if (!options.fused || !are_alike(parameter, {gradient, buffers[i]})) {
      sgd_single(parameter, gradient, buffers[i], options, rate);
      continue;
    }
    if (created[i]) buffers[i] = at::empty_like(parameter);
    const Key key{parameter.scalar_type(), parameter.device(), created[i]};
    SgdGroup& members = group_of(groups, key);
    members.parameters.push_back(parameter);
    members.gradients.push_back(gradient);
    if (options.momentum != 0) members.buffers.push_back(buffers[i]);
  }
  for (auto& [key, group] : groups) sgd_fused(group, options, rate, std::get<bool>(key));
  if (std::find(created.begin(), created.end(), true) == created.end()) return call.null();
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (!created[i]) buffers[i].reset();
  }
  return call.handles(buffers);
}

}  // namespace

void export_sgd(Environment& env, napi_value exports) {
  export_function(env, exports, "sgd_step", enter<sgd_step>);
}
