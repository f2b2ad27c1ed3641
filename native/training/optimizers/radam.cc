#include "training/optimizer.h"

namespace {

struct Radam {
  static constexpr const char* kName = "RAdam";
  enum { kStep, kAverage, kSquares, kStates };
  static constexpr std::initializer_list<size_t> kLike = {kAverage, kSquares};
  using Options = RadamOptions;

  static void check(const Member& member, const Settings&) { check_sparse(member, kName); }

  static void begin(Member& member, const Settings& settings, const Options&) {
    member.state[kStep] = scalar_state(member, settings);
    for (const size_t j : kLike) member.state[j] = at::zeros_like(member.parameter);
  }

  static bool needs(size_t, const Member&, const Options&) { return true; }

  // The length of the simple moving average that the exponential one is like.
  static double longest(const Options& options) { return 2 / (1 - options.beta2) - 1; }
  static Value length(const Options& options, const Value& step, const Value& correction) {
    return Value(longest(options)) - Value(2) * step * pow(options.beta2, step) / correction;
  }

  // How much the variance of the adaptive rate is to be rectified.
  static Value rectification(const Options& options, const Value& rho) {
    const double most = longest(options);
    const Value below = Value((most - 4) * (most - 2)) * rho;
    return pow((rho - Value(4)) * (rho - Value(2)) * Value(most) / below, Value(0.5));
  }

  static void single(Member& member, const Settings& settings, const Options& options) {
    const at::Tensor& count = member.state[kStep];
    if (settings.capturable) check_capturable({member.parameter, count}, "params and state_steps");
    const Member real = as_real(member, kLike);
    const at::Tensor &parameter = real.parameter, &squares = real.state[kSquares];
    const at::Tensor& average = real.state[kAverage];
    at::Tensor gradient = as_real(ascending(member, settings));
    const Value step = advance(count, settings.capturable);
    if (settings.decays()) {
      if (options.decoupled_weight_decay) {
        multiply_(parameter, Value(1) - settings.lr * settings.weight_decay);
      } else {
        gradient = with_decay(gradient, parameter, settings);
      }
    }
    average.lerp_(gradient, 1 - options.beta1);
    multiply_(squares, options.beta2).addcmul_(gradient, gradient, 1 - options.beta2);
    const Value correction1 = Value(1) - pow(options.beta1, step);
    const Value correction2 = Value(1) - pow(options.beta2, step);
    const Value corrected = Value(average) / correction1;
    const Value rho = length(options, step, correction2);
    const auto adaptive = [&] {
      const at::Tensor root = squares.sqrt();
      const at::Tensor denominator =
          settings.differentiable ? root.add(options.eps) : root.add_(options.eps);
      return pow(correction2, 0.5) / Value(denominator);
    };
    Value update = corrected * settings.lr;
    if (settings.capturable) {
      const at::Tensor factor = (rectification(options, rho) * adaptive()).tensor();
      update = update * Value(at::where(rho.tensor().gt(5.0), factor, 1.0));
    } else if (rho.number() > 5) {
      update = update * adaptive() * rectification(options, rho);
    }
    parameter.add_(update.tensor(), -1);
  }

  static void multi(const std::vector<Member*>& members, const Settings& settings,
                    const Options& options) {
    for (const Group& group : grouped(members, kStates, kLike, false)) {
      const auto &averages = group.state[kAverage], &squares = group.state[kSquares];
      std::vector<Value> rectified, plain;
      for (const at::Tensor& count : group.state[kStep]) {
        const double step = advance(count);
        const double correction1 = 1 - std::pow(options.beta1, step);
        const double correction2 = 1 - std::pow(options.beta2, step);
        const double rho = length(options, step, correction2).number();
        const double rect = rho > 5 ? rectification(options, rho).number() : 0;
        const auto rate = [&](double factor) {
          return settings.lr * Value(factor) / Value(correction1);
        };
        plain.push_back(rate(rect > 0 ? 0 : 1) * Value(-1));
        rectified.push_back(Value(std::pow(correction2, 0.5)) * rate(rect) * Value(-1));
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
      const Tensors buffers = at::_foreach_sqrt(squares);
      at::_foreach_add_(buffers, options.eps);
      if (settings.lr.is_tensor()) {
        at::_foreach_div_(buffers, tensors(rectified));
        at::_foreach_reciprocal_(buffers);
        at::_foreach_add_(buffers, tensors(plain));
      } else {
        at::_foreach_div_(buffers, numbers(rectified));
        at::_foreach_reciprocal_(buffers);
        at::_foreach_add_(buffers, numbers(plain));
      }
      at::_foreach_addcmul_(group.parameters, averages, buffers);
    }
  }

  static Tensors tensors(const std::vector<Value>& values) {
    Tensors result;
    for (const Value& value : values) result.push_back(value.tensor());
    return result;
  }
  static std::vector<at::Scalar> numbers(const std::vector<Value>& values) {
    std::vector<at::Scalar> result;
    for (const Value& value : values) result.emplace_back(value.number());
    return result;
  }

  template <typename T>
  static void own(const Member& member, const Settings& settings, const Options& options) {
    const double step = advance(member.state[kStep]), lr = settings.lr.number();
    const double correction1 = 1 - std::pow(options.beta1, step);
    const double correction2 = 1 - std::pow(options.beta2, step);
    const double rho = length(options, step, correction2).number();
    const bool adaptive = rho > 5;
    const double rect = adaptive ? rectification(options, rho).number() : 1;
    const bool decoupled = options.decoupled_weight_decay;
    const Slope<T> slope(settings, !decoupled);
    const T kept = decoupled ? 1 - lr * settings.weight_decay.number() : 1, eps = options.eps;
    const T rate = lr / correction1 * (adaptive ? rect * std::sqrt(correction2) : 1);
    const T rest1 = 1 - options.beta1, beta2 = options.beta2, rest2 = 1 - options.beta2;
    for_each<T>(member, std::index_sequence<kAverage, kSquares>(),
                [=](T& parameter, T gradient, T& average, T& square) {
                  const T g = slope(parameter, gradient);
                  average += rest1 * (g - average);
                  square = beta2 * square + rest2 * g * g;
                  const T denominator = adaptive ? std::sqrt(square) + eps : T(1);
                  parameter = kept * parameter - rate * average / denominator;
                });
  }
};

}  // namespace

void export_radam(Environment& env, napi_value exports) {
  export_function(env, exports, "radam_step", enter<optimizer_step<Radam>>);
}
