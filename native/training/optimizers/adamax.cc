#include "training/optimizer.h"

namespace {

struct Adamax {
  static constexpr const char* kName = "Adamax";
  enum { kStep, kAverage, kMost, kStates };
  static constexpr std::initializer_list<size_t> kLike = {kAverage, kMost};
  using Options = AdamaxOptions;

  static void check(const Member& member, const Settings&) { check_sparse(member, kName); }

  static void begin(Member& member, const Settings& settings, const Options&) {
    member.state[kStep] = scalar_state(member, settings);
    for (const size_t j : kLike) member.state[j] = at::zeros_like(member.parameter);
  }

  static bool needs(size_t, const Member&, const Options&) { return true; }

  static void single(Member& member, const Settings& settings, const Options& options) {
    const at::Tensor& count = member.state[kStep];
    if (settings.capturable) check_capturable({member.parameter, count}, "params and state_steps");
    const Value step = advance(count, settings.capturable);
    const at::Tensor gradient =
        as_real(with_decay(ascending(member, settings), member.parameter, settings));
    const Member real = as_real(member, kLike);
    const at::Tensor &parameter = real.parameter, &average = real.state[kAverage];
    at::Tensor most = real.state[kMost];
    average.lerp_(gradient, 1 - options.beta1);
    if (settings.differentiable) {
      const at::Tensor both = at::cat({multiply_(most, options.beta2).unsqueeze(0),
                                       gradient.abs().add_(options.eps).unsqueeze_(0)});
      most.copy_(both.amax(0));
    } else {
      multiply_(most, options.beta2);
      at::maximum_out(most, most, gradient.abs().add_(options.eps));
    }
    if (settings.capturable) {
      const at::Tensor correction = (pow(options.beta1, step) - Value(1)).tensor();
      const Value& lr = settings.lr;
      lr.is_tensor() ? correction.div_(lr.tensor()) : correction.div_(lr.number());
      parameter.addcdiv_(average, most.mul(correction));
    } else {
      const Value rate = settings.lr / (Value(1) - pow(options.beta1, step));
      parameter.addcdiv_(average, most, (-rate).number());
    }
  }

  static void multi(const std::vector<Member*>& members, const Settings& settings,
                    const Options& options) {
    for (const Group& group : grouped(members, kStates, kLike, false)) {
      std::vector<at::Scalar> rates;
      for (const at::Tensor& count : group.state[kStep]) {
        const double correction = 1 - std::pow(options.beta1, advance(count));
        rates.emplace_back(settings.lr.number() / correction * -1);
      }
      const Tensors gradients = with_decay(group, settings);
      const auto &averages = group.state[kAverage], &most = group.state[kMost];
      at::_foreach_lerp_(averages, gradients, 1 - options.beta1);
      at::_foreach_mul_(most, options.beta2);
      const Tensors sizes = at::_foreach_abs(gradients);
      at::_foreach_add_(sizes, options.eps);
      at::_foreach_maximum_(most, sizes);
      at::_foreach_addcdiv_(group.parameters, averages, most, rates);
    }
  }

  template <typename T>
  static void own(const Member& member, const Settings& settings, const Options& options) {
    const double correction = 1 - std::pow(options.beta1, advance(member.state[kStep]));
    const Slope<T> slope(settings);
    const T rate = settings.lr.number() / correction, eps = options.eps;
    const T beta2 = options.beta2, rest1 = 1 - options.beta1;
    for_each<T>(member, std::index_sequence<kAverage, kMost>(),
                [=](T& parameter, T gradient, T& average, T& most) {
                  const T g = slope(parameter, gradient);
                  average += rest1 * (g - average);
                  const T before = beta2 * most, now = std::abs(g) + eps;
                  // What is no number stays none.
                  most = now > before || now != now ? now : before;
                  parameter -= rate * average / most;
                });
  }
};

}  // namespace

void export_adamax(Environment& env, napi_value exports) {
  export_function(env, exports, "adamax_step", enter<optimizer_step<Adamax>>);
}
