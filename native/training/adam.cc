// A step of Adam or AdamW: one call for all parameters.
#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>

#include <cmath>
#include <tuple>

#include "contract.h"
#include "training/fused_step.h"

namespace {

// Complex numbers are optimized as pairs of real ones.
at::Tensor as_real(const at::Tensor& tensor) {
  return tensor.defined() && tensor.is_complex() ? at::view_as_real(tensor) : tensor;
}

struct AdamGroup {
  Tensors parameters, gradients, averages, squares, maxima, steps;
};

// torch.optim.adam._single_tensor_adam for one parameter.
void adam_single(const at::Tensor& whole, const at::Tensor& whole_gradient,
                 const at::Tensor& whole_average, const at::Tensor& whole_square,
                 const at::Tensor& whole_maximum, double step, const AdamOptions& options,
                 double lr) {
  const at::Tensor parameter = as_real(whole);
  at::Tensor gradient = as_real(whole_gradient);
  const at::Tensor average = as_real(whole_average);
  const at::Tensor square = as_real(whole_square);
  const at::Tensor maximum = as_real(whole_maximum);
  if (options.maximize) gradient = gradient.neg();
  if (options.decoupled_weight_decay) {
    parameter.mul_(1 - lr * options.weight_decay);
  } else if (options.weight_decay != 0) {
    gradient = gradient.add(parameter, options.weight_decay);
  }
  average.lerp_(gradient, 1 - options.beta1);
  square.mul_(options.beta2).addcmul_(gradient, gradient, 1 - options.beta2);
  const double correction1 = 1 - std::pow(options.beta1, step);
  const double correction2 = std::pow(1 - std::pow(options.beta2, step), 0.5);
  if (options.amsgrad) at::maximum_out(const_cast<at::Tensor&>(maximum), maximum, square);
  const at::Tensor root = (options.amsgrad ? maximum : square).sqrt();
  const at::Tensor denominator = root.div_(correction2).add_(options.eps);
  parameter.addcdiv_(average, denominator, -lr / correction1);
}

// adam_step(parameters, averages, squares, maxima, steps, AdamOptions, lr as a tensor or null). On
// a GPU the steps are there too, and nothing is read from it.
napi_value adam_step(Call& call) {
  const at::NoGradGuard no_grad;
  const Tensors parameters = call.tensors(0);
  const Tensors averages = call.tensors(1);
  const Tensors squares = call.tensors(2);
  const Tensors maxima = call.tensors(3);
  const Tensors steps = call.tensors(4);
  check_lengths(parameters, {&averages, &squares, &maxima, &steps});
  const auto options = call.record<AdamOptions>(5);
  const LearningRate rate = learning_rate(call, options.lr, 6);
  using Key = std::tuple<at::ScalarType, c10::Device>;
  Groups<Key, AdamGroup> groups;
  Tensors counted_on_device;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const at::Tensor& parameter = parameters[i];
    const at::Tensor gradient = parameter.grad();
    if (!gradient.defined()) continue;
    check_gradient(gradient, "Adam");
    TORCH_CHECK(averages[i].defined() && squares[i].defined() && steps[i].defined() &&
                    maxima[i].defined() == options.amsgrad,
                "a parameter with a gradient has no Adam state");
    TORCH_CHECK(steps[i].numel() == 1, "an Adam step must hold one number");
    const bool fusable = options.fused && steps[i].scalar_type() == at::kFloat &&
                         are_alike(parameter, {gradient, averages[i], squares[i], maxima[i]});
    if (steps[i].is_cpu() && steps[i].scalar_type() == at::kFloat) {
      *steps[i].data_ptr<float>() += 1;
    } else if (fusable && steps[i].device() == parameter.device()) {
      counted_on_device.push_back(steps[i]);
    } else {
      steps[i].add_(1);
    }
    if (!fusable) {
      adam_single(parameter, gradient, averages[i], squares[i], maxima[i],
                  steps[i].item().toDouble(), options, rate.value());
      continue;
    }
    const Key key{parameter.scalar_type(), parameter.device()};
    AdamGroup& members = group_of(groups, key);
    members.parameters.push_back(parameter);
    members.gradients.push_back(gradient);
    members.averages.push_back(averages[i]);
    members.squares.push_back(squares[i]);
    if (options.amsgrad) members.maxima.push_back(maxima[i]);
    members.steps.push_back(
        steps[i].device() == parameter.device() ? steps[i] : steps[i].to(parameter.device()));
  }
  if (!counted_on_device.empty()) at::_foreach_add_(counted_on_device, 1);
  for (const auto& [key, group] : groups) {
    const at::AutoDispatchBelowADInplaceOrView guard;
    const FewThreads threads(group.parameters);
    const auto step = [&, &group = group](auto fused) {
      with_learning_rate(rate, group.parameters.front().device(), [&](const auto& lr) {
        fused(group.parameters, group.gradients, group.averages, group.squares, group.maxima,
              group.steps, lr, options.beta1, options.beta2, options.weight_decay, options.eps,
              options.amsgrad, options.maximize);
      });
    };
    if (options.decoupled_weight_decay) {
      step([](auto&&... arguments) { at::_fused_adamw_(arguments...); });
    } else {
      step([](auto&&... arguments) { at::_fused_adam_(arguments...); });
    }
    mark_changed(group.parameters);
  }
  return call.undefined();
}

}  // namespace

void export_adam(Environment& env, napi_value exports) {
  export_function(env, exports, "adam_step", enter<adam_step>);
}
