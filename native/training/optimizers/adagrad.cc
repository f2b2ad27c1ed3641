#include "training/optimizer.h"

namespace {

struct Adagrad {
  static constexpr const char* kName = "Adagrad";
  enum { kStep, kSum, kStates };
  static constexpr std::initializer_list<size_t> kLike = {kSum};
  using Options = AdagradOptions;

  static void check(const Member& member, const Settings& settings) {
    if (settings.implementation == Implementation::Fused) {
      check_fused(member.parameter);
      TORCH_CHECK(!member.gradient.is_sparse(),
                  "`fused` does not support sparse grad or complex param");
    }
  }

  static void begin(Member& member, const Settings& settings, const Options& options) {
    member.state[kStep] = scalar_state(member, settings, 0, member.parameter.is_cuda());
    const double first = options.initial_accumulator_value;
    const at::Scalar value = member.parameter.is_complex()
                                 ? at::Scalar(c10::complex<double>(first, first))
                                 : at::Scalar(first);
    member.state[kSum] = at::full_like(member.parameter, value);
  }

  static bool needs(size_t, const Member&, const Options&) { return true; }

  static Value rate(const Settings& settings, const Options& options, double step) {
    return settings.lr / Value(1 + (step - 1) * options.lr_decay);
  }

  static at::Tensor sparse(const at::Tensor& gradient, const at::Tensor& values) {
    return at::sparse_coo_tensor(gradient._indices(), values, gradient.sizes(), gradient.options());
  }

  static void single(Member& member, const Settings& settings, const Options& options) {
    const double step = advance(member.state[kStep]);
    at::Tensor gradient = ascending(member, settings);
    TORCH_CHECK(!settings.decays() || !gradient.is_sparse(),
                "weight_decay option is not compatible with sparse gradients");
    gradient = with_decay(gradient, member.parameter, settings);
    const double descent = (-rate(settings, options, step)).number();
    if (gradient.is_sparse()) {
      const at::Tensor& sum = member.state[kSum];
      gradient = gradient.coalesce();
      const at::Tensor values = gradient._values();
      sum.add_(sparse(gradient, values.pow(2)));
      const at::Tensor deviations = sum.sparse_mask(gradient)._values().sqrt_().add_(options.eps);
      member.parameter.add_(sparse(gradient, values.div(deviations)), descent);
      return;
    }
    gradient = as_real(gradient);
    const Member real = as_real(member, kLike);
    const at::Tensor& sum = real.state[kSum];
    sum.addcmul_(gradient, gradient, 1);
    const at::Tensor deviation =
        settings.differentiable ? sum.sqrt().add(options.eps) : sum.sqrt().add_(options.eps);
    real.parameter.addcdiv_(gradient, deviation, descent);
  }

  static void multi(const std::vector<Member*>& members, const Settings& settings,
                    const Options& options) {
    std::vector<Member*> dense;
    for (Member* const member : members) {
      if (member->gradient.is_sparse()) {
        single(*member, settings, options);
      } else {
        dense.push_back(member);
      }
    }
    for (const Group& group : grouped(dense, kStates, kLike, false)) {
      std::vector<at::Scalar> descents;
      Tensors tensors;
      for (const at::Tensor& count : group.state[kStep]) {
        const Value descent = -rate(settings, options, advance(count));
        if (descent.is_tensor()) {
          tensors.push_back(descent.tensor());
        } else {
          descents.emplace_back(descent.number());
        }
      }
      const Tensors gradients = with_decay(group, settings);
      const Tensors& sums = group.state[kSum];
      at::_foreach_addcmul_(sums, gradients, gradients, 1);
      const Tensors deviations = at::_foreach_sqrt(sums);
      at::_foreach_add_(deviations, options.eps);
      Tensors numerators = gradients;
      if (!tensors.empty()) {
        numerators = at::_foreach_mul(gradients, tensors);
      } else if (settings.maximize || settings.decays()) {
        // Not the same numbers in 16 bits.
        at::_foreach_mul_(numerators, descents);
      } else {
        numerators = at::_foreach_mul(gradients, descents);
      }
      at::_foreach_addcdiv_(group.parameters, numerators, deviations);
    }
  }

  static std::vector<Member*> fused(const std::vector<Member*>& members, const Settings& settings,
                                    const Options& options) {
    const auto take = [&](Group& group, const auto& lr) {
      at::_fused_adagrad_(group.parameters, group.gradients, group.state[kSum], group.state[kStep],
                          lr, options.lr_decay, settings.weight_decay.number(), options.eps,
                          settings.maximize);
    };
    return step_fused(members, settings, kStates, kLike, take);
  }

  template <typename T>
  static void own(const Member& member, const Settings& settings, const Options& options) {
    const double step = advance(member.state[kStep]);
    const Slope<T> slope(settings);
    const T descent = rate(settings, options, step).number(), eps = options.eps;
    for_each<T>(member, std::index_sequence<kSum>(), [=](T& parameter, T gradient, T& sum) {
      const T g = slope(parameter, gradient);
      sum += g * g;
      parameter -= descent * g / (std::sqrt(sum) + eps);
    });
  }
};

}  // namespace

void export_adagrad(Environment& env, napi_value exports) {
  export_function(env, exports, "adagrad_step", enter<optimizer_step<Adagrad>>);
}
