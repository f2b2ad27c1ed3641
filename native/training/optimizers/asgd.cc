#include "training/optimizer.h"

namespace {

// torch.as_tensor(value)
at::Tensor tensor_of(const Value& value) {
  if (value.is_tensor()) return value.tensor();
  return at::scalar_tensor(value.number(), at::TensorOptions(at::get_default_dtype()));
}

struct Asgd {
  static constexpr const char* kName = "ASGD";
  enum { kStep, kEta, kMu, kAverage, kStates };
  static constexpr std::initializer_list<size_t> kLike = {kAverage};
  using Options = AsgdOptions;

  static void check(const Member& member, const Settings&) { check_sparse(member, kName); }

  static void begin(Member& member, const Settings& settings, const Options&) {
    member.state[kStep] = scalar_state(member, settings, 0, true);
    member.state[kEta] = scalar_state(member, settings, settings.lr.number(), true);
    member.state[kMu] = scalar_state(member, settings, 1, true);
    member.state[kAverage] = at::zeros_like(member.parameter);
  }

  static bool needs(size_t, const Member&, const Options&) { return true; }

  static Value next_eta(const Settings& settings, const Options& options, const Value& step) {
    return settings.lr /
           pow(Value(1) + Value(options.lambd) * settings.lr * step, Value(options.alpha));
  }

  static void single(Member& member, const Settings& settings, const Options& options) {
    const auto& [count, eta, mu, _1, _2, _3] = member.state;
    if (settings.capturable) {
      check_capturable({member.parameter, mu, eta, count}, "params, mus, etas, and state_steps");
    }
    const Member real = as_real(member, kLike);
    const at::Tensor &parameter = real.parameter, &average = real.state[kAverage];
    const Value step = advance(count, settings.capturable);
    at::Tensor gradient = as_real(ascending(member, settings));
    gradient = with_decay(gradient, parameter, settings);
    if (settings.capturable) {
      parameter.mul_((Value(1) - Value(options.lambd) * Value(eta)).tensor());
      parameter.addcmul_(gradient, eta, -1);
    } else {
      const double rate = eta.item().toDouble();
      multiply_(parameter, 1 - options.lambd * rate);
      parameter.add_(gradient, -rate);
    }
    if (settings.capturable || mu.item().toDouble() != 1) {
      average.add_(parameter.sub(average).mul_(mu));
    } else {
      average.copy_(parameter);
    }
    eta.copy_(tensor_of(next_eta(settings, options, step)));
    if (settings.capturable) {
      const at::Tensor after = step.tensor().sub(options.t0);
      mu.copy_(at::maximum(after, at::ones_like(step.tensor())).reciprocal().mul(1));
    } else {
      mu.copy_(tensor_of(1 / std::max(1.0, step.number() - options.t0)));
    }
  }

  static void multi(const std::vector<Member*>& members, const Settings& settings,
                    const Options& options) {
    for (const Group& group : grouped(members, kStates, kLike, false)) {
      const auto &etas = group.state[kEta], &mus = group.state[kMu];
      const auto& averages = group.state[kAverage];
      for (const at::Tensor& count : group.state[kStep]) advance(count);
      const Tensors gradients =
          at::_foreach_add(with_decay(group, settings), group.parameters, options.lambd);
      at::_foreach_addcmul_(group.parameters, gradients, etas, -1);
      at::_foreach_addcmul_(averages, at::_foreach_sub(group.parameters, averages), mus);
      for (size_t i = 0; i < etas.size(); ++i) {
        // Python's arithmetic of these is that of tensors here.
        const at::Tensor& step = group.state[kStep][i];
        etas[i].copy_(next_eta(settings, options, step).tensor());
        mus[i].copy_(tensor_of(1 / std::max(1.0, step.item().toDouble() - options.t0)));
      }
    }
  }

  template <typename T>
  static void own(const Member& member, const Settings& settings, const Options& options) {
    const auto& [count, eta, mu, _1, _2, _3] = member.state;
    const double step = advance(count);
    const double rate = eta.item().toDouble();
    const Slope<T> slope(settings);
    const T kept = 1 - options.lambd * rate, descent = rate, part = mu.item().toDouble();
    for_each<T>(member, std::index_sequence<kAverage>(), [=](T& parameter, T gradient, T& average) {
      const T g = slope(parameter, gradient);
      parameter = kept * parameter - descent * g;
      average = part == 1 ? parameter : average + part * (parameter - average);
    });
    eta.copy_(tensor_of(next_eta(settings, options, step)));
    mu.copy_(tensor_of(1 / std::max(1.0, step - options.t0)));
  }
};

}  // namespace

void export_asgd(Environment& env, napi_value exports) {
  export_function(env, exports, "asgd_step", enter<optimizer_step<Asgd>>);
}
