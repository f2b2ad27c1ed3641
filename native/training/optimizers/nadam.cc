#include "training/optimizer.h"

namespace {

struct Nadam {
  static constexpr const char* kName = "NAdam";
  enum { kStep, kProduct, kAverage, kSquares, kStates };
  static constexpr std::initializer_list<size_t> kLike = {kAverage, kSquares};
  using Options = NadamOptions;

  static void check(const Member& member, const Settings&) { check_sparse(member, kName); }

  static void begin(Member& member, const Settings& settings, const Options&) {
    member.state[kStep] = scalar_state(member, settings);
    member.state[kProduct] = scalar_state(member, settings, 1);
    for (const size_t j : kLike) member.state[j] = at::zeros_like(member.parameter);
  }

  static bool needs(size_t, const Member&, const Options&) { return true; }

  // The momentum of a step.
  static Value momentum(const Options& options, const Value& step) {
    const Value power = pow(0.96, step * Value(options.momentum_decay));
    return Value(options.beta1) * (Value(1) - Value(0.5) * power);
  }

  static void single(Member& member, const Settings& settings, const Options& options) {
    const at::Tensor &count = member.state[kStep], &product = member.state[kProduct];
    if (settings.capturable) {
      check_capturable({member.parameter, product, count}, "params, mu_products and state_steps");
    }
    const Member real = as_real(member, kLike);
    const at::Tensor &parameter = real.parameter, &squares = real.state[kSquares];
    const at::Tensor& average = real.state[kAverage];
    at::Tensor gradient = as_real(ascending(member, settings));
    const Value step = advance(count, settings.capturable);
    const Value correction = Value(1) - pow(options.beta2, step);
    if (settings.decays()) {
      if (options.decoupled_weight_decay) {
        multiply_(parameter, Value(1) - settings.lr * settings.weight_decay);
      } else {
        gradient = with_decay(gradient, parameter, settings);
      }
    }
    const Value now = momentum(options, step), next = momentum(options, step + Value(1));
    multiply_(product, now);
    average.lerp_(gradient, 1 - options.beta1);
    multiply_(squares, options.beta2).addcmul_(gradient, gradient, 1 - options.beta2);
    at::Tensor denominator = (Value(squares) / correction).tensor().sqrt();
    const Value one = 1, descent = -settings.lr;
    if (settings.differentiable || settings.capturable) {
      denominator = denominator.add(options.eps);
      const Value product_next = Value(product) * next;
      const Value a = Value(gradient) * (descent * (one - now) / (one - Value(product)));
      const Value b = Value(average) * (descent * next / (one - product_next));
      parameter.addcdiv_(a.tensor(), denominator);
      parameter.addcdiv_(b.tensor(), denominator);
      return;
    }
    const double total = product.item().toDouble();
    const Value product_next = Value(total) * next;
    denominator.add_(options.eps);
    parameter.addcdiv_(gradient, denominator,
                       (descent * (one - now) / (one - Value(total))).number());
    parameter.addcdiv_(average, denominator, (descent * next / (one - product_next)).number());
  }

  static void multi(const std::vector<Member*>& members, const Settings& settings,
                    const Options& options) {
    const double lr = settings.lr.number();
    for (const Group& group : grouped(members, kStates, kLike, false)) {
      const auto &averages = group.state[kAverage], &squares = group.state[kSquares];
      std::vector<at::Scalar> corrections, along_gradient, along_average;
      for (size_t i = 0; i < group.parameters.size(); ++i) {
        const double step = advance(group.state[kStep][i]);
        const at::Tensor& product = group.state[kProduct][i];
        const double now = momentum(options, step).number();
        const double next = momentum(options, step + 1).number();
        product.mul_(now);
        const double total = product.item().toDouble();
        corrections.emplace_back(std::pow(1 - std::pow(options.beta2, step), 0.5));
        along_gradient.emplace_back(lr * (1.0 - now) / (1.0 - total) * -1);
        along_average.emplace_back(lr * next / (1.0 - total * next) * -1);
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
      const Tensors denominators = at::_foreach_sqrt(squares);
      at::_foreach_div_(denominators, corrections);
      at::_foreach_add_(denominators, options.eps);
      at::_foreach_addcdiv_(group.parameters, gradients, denominators, along_gradient);
      at::_foreach_addcdiv_(group.parameters, averages, denominators, along_average);
    }
  }

  template <typename T>
  static void own(const Member& member, const Settings& settings, const Options& options) {
    const double step = advance(member.state[kStep]), lr = settings.lr.number();
    const at::Tensor& product = member.state[kProduct];
    const double now = momentum(options, step).number();
    const double next = momentum(options, step + 1).number();
    product.mul_(now);
    const double total = product.item().toDouble();
    const bool decoupled = options.decoupled_weight_decay;
    const Slope<T> slope(settings, !decoupled);
    const T kept = decoupled ? 1 - lr * settings.weight_decay.number() : 1;
    const T correction = std::sqrt(1 - std::pow(options.beta2, step)), eps = options.eps;
    const T along_gradient = lr * (1 - now) / (1 - total);
    const T along_average = lr * next / (1 - total * next);
    const T rest1 = 1 - options.beta1, beta2 = options.beta2, rest2 = 1 - options.beta2;
    for_each<T>(member, std::index_sequence<kAverage, kSquares>(),
                [=](T& parameter, T gradient, T& average, T& square) {
                  const T g = slope(parameter, gradient);
                  average += rest1 * (g - average);
                  square = beta2 * square + rest2 * g * g;
                  const T denominator = std::sqrt(square) / correction + eps;
                  parameter = kept * parameter -
                              (along_gradient * g + along_average * average) / denominator;
                });
  }
};

}  // namespace

void export_nadam(Environment& env, napi_value exports) {
  export_function(env, exports, "nadam_step", enter<optimizer_step<Nadam>>);
}
