// Adam and AdamW.
#include "training/optimizer.h"

namespace {

struct Adam {
  static constexpr const char* kName = "Adam";
  enum { kStep, kAverage, kSquares, kMost, kStates };
  static constexpr std::initializer_list<size_t> kLike = {kAverage, kSquares, kMost};
  using Options = AdamOptions;

  static void check(const Member& member, const Settings& settings) {
    TORCH_CHECK(!member.gradient.is_sparse(),
                "Adam does not support sparse gradients, please consider SparseAdam instead");
    if (settings.implementation == Implementation::Fused) check_fused(member.parameter);
    if (settings.implementation == Implementation::Foreach && !settings.capturable) {
      TORCH_CHECK(!settings.lr.is_tensor(),
                  "lr as a Tensor is not supported for capturable=False and foreach=True");
    }
  }

  static void begin(Member& member, const Settings& settings, const Options& options) {
    member.state[kStep] = scalar_state(member, settings, 0, member.parameter.is_cuda());
    for (const size_t j : kLike) {
      if (needs(j, member, options)) member.state[j] = at::zeros_like(member.parameter);
    }
  }

  static bool needs(size_t j, const Member&, const Options& options) {
    return j != kMost || options.amsgrad;
  }

  static Value beta1(const Settings& settings, const Options& options) {
    return settings.beta1.is_tensor() ? settings.beta1 : Value(options.beta1);
  }
  static Value beta2(const Settings& settings, const Options& options) {
    return settings.beta2.is_tensor() ? settings.beta2 : Value(options.beta2);
  }

  static at::Tensor decay(const Member& member, const Settings& settings, const Options& options) {
    const at::Tensor gradient = ascending(member, settings);
    const Value& decay = settings.weight_decay;
    if (!settings.decays()) return gradient;
    if (options.decoupled_weight_decay) {
      multiply_(member.parameter, Value(1) - settings.lr * decay);
      return gradient;
    }
    if (settings.differentiable && decay.is_tensor() && decay.tensor().requires_grad()) {
      return gradient.addcmul(member.parameter.clone(), decay.tensor());
    }
    return gradient.add(member.parameter, decay.number());
  }

  static void single(Member& member, const Settings& settings, const Options& options) {
    const at::Tensor& count = member.state[kStep];
    const Value one = 1, second = beta2(settings, options);
    Value first = beta1(settings, options);
    if (settings.capturable) check_capturable({member.parameter, count}, "params and state_steps");
    const bool as_tensor = settings.capturable || settings.differentiable;
    const Value step = advance(count, as_tensor);
    const at::Tensor gradient = as_real(decay(member, settings, options));
    const Member real = as_real(member, kLike);
    const at::Tensor &parameter = real.parameter, &average = real.state[kAverage];
    const at::Tensor &squares = real.state[kSquares], &most = real.state[kMost];
    if (first.is_tensor()) {
      lerp_(average, gradient,
            one - Value(first.tensor().to(parameter.device(), parameter.scalar_type())));
    } else {
      lerp_(average, gradient, one - first);
    }
    if (settings.differentiable && second.is_tensor() && second.tensor().requires_grad()) {
      squares.lerp_(gradient.square(), (one - second).tensor());
    } else {
      multiply_(squares, second).addcmul_(gradient, gradient, (one - second).number());
    }
    if (!as_tensor) {
      const Value size = settings.lr / (one - pow(first, step));
      const Value root = pow(one - pow(second, step), 0.5);
      if (options.amsgrad) {
        at::Tensor maximum = most;
        at::maximum_out(maximum, most, squares);
      }
      const Value deviation = Value((options.amsgrad ? most : squares).sqrt()) / root;
      parameter.addcdiv_(average, deviation.tensor().add_(options.eps), (-size).number());
      return;
    }
    // A count that is differentiated must not change under what was computed from it.
    const auto power = [&](const Value& base) {
      const bool recorded = base.is_tensor() && base.tensor().requires_grad();
      return one - pow(base, recorded ? Value(count.clone()) : step);
    };
    const Value size = -(settings.lr / power(first));
    const Value root = power(second).tensor().sqrt();
    if (options.amsgrad) {
      most.copy_(at::maximum(settings.differentiable ? most.clone() : most, squares));
    }
    const Value deviation = Value((options.amsgrad ? most : squares).sqrt()) / (root * size);
    const at::Tensor denominator = deviation.tensor().add_((Value(options.eps) / size).tensor());
    parameter.addcdiv_(settings.differentiable ? average.clone() : average, denominator);
  }

  static void multi(const std::vector<Member*>& members, const Settings& settings,
                    const Options& options) {
    if (settings.lr.is_tensor() || beta1(settings, options).is_tensor()) {
      for (Member* const member : members) single(*member, settings, options);
      return;
    }
    for (const Group& group : grouped(members, kStates, kLike, false)) {
      const auto &averages = group.state[kAverage], &squares = group.state[kSquares];
      std::vector<at::Scalar> sizes, roots;
      for (const at::Tensor& count : group.state[kStep]) {
        const double step = advance(count);
        sizes.emplace_back(settings.lr.number() / (1 - std::pow(options.beta1, step)) * -1);
        roots.emplace_back(std::pow(1 - std::pow(options.beta2, step), 0.5));
      }
      Tensors gradients = group.gradients;
      if (settings.decays() && options.decoupled_weight_decay) {
        shrink(group, settings);
        if (settings.maximize) gradients = at::_foreach_neg(gradients);
      } else {
        gradients = with_decay(group, settings);
      }
      at::_foreach_lerp_(averages, gradients, 1 - options.beta1);
      at::_foreach_mul_(squares, options.beta2);
      at::_foreach_addcmul_(squares, gradients, gradients, 1 - options.beta2);
      if (options.amsgrad) at::_foreach_maximum_(group.state[kMost], squares);
      const Tensors deviations = at::_foreach_sqrt(options.amsgrad ? group.state[kMost] : squares);
      at::_foreach_div_(deviations, roots);
      at::_foreach_add_(deviations, options.eps);
      at::_foreach_addcdiv_(group.parameters, averages, deviations, sizes);
    }
  }

  static std::vector<Member*> fused(const std::vector<Member*>& members, const Settings& settings,
                                    const Options& options) {
    const double first = beta1(settings, options).number();
    const double second = beta2(settings, options).number();
    const auto take = [&](Group& group, const auto& lr) {
      const auto call = [&](auto kernel) {
        kernel(group.parameters, group.gradients, group.state[kAverage], group.state[kSquares],
               options.amsgrad ? group.state[kMost] : Tensors(), group.state[kStep], lr, first,
               second, settings.weight_decay.number(), options.eps, options.amsgrad,
               settings.maximize);
      };
      if (options.decoupled_weight_decay) {
        call([](auto&&... arguments) { at::_fused_adamw_(arguments...); });
      } else {
        call([](auto&&... arguments) { at::_fused_adam_(arguments...); });
      }
    };
    return step_fused(members, settings, kStates, kLike, take);
  }
};

}  // namespace

void export_adam(Environment& env, napi_value exports) {
  export_function(env, exports, "adam_step", enter<optimizer_step<Adam>>);
}
