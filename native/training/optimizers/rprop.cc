#include "training/optimizer.h"

namespace {

struct Rprop {
  static constexpr const char* kName = "Rprop";
  enum { kStep, kBefore, kSize, kStates };
  static constexpr std::initializer_list<size_t> kLike = {kBefore, kSize};
  using Options = RpropOptions;

  static void check(const Member& member, const Settings&) { check_sparse(member, kName); }

  static void begin(Member& member, const Settings& settings, const Options&) {
    member.state[kStep] = scalar_state(member, settings);
    member.state[kBefore] = at::zeros_like(member.parameter);
    const double lr = settings.lr.number();
    const at::Scalar size =
        member.parameter.is_complex() ? at::Scalar(c10::complex<double>(lr, lr)) : at::Scalar(lr);
    member.state[kSize] = at::full_like(member.gradient, size);
  }

  static bool needs(size_t, const Member&, const Options&) { return true; }

  // Signs become the factors of the step sizes.
  static void to_factors(const at::Tensor& signs, const Options& options) {
    signs.masked_fill_(signs.gt(0), options.eta_plus);
    signs.masked_fill_(signs.lt(0), options.eta_minus);
    signs.masked_fill_(signs.eq(0), 1);
  }

  static void single(Member& member, const Settings& settings, const Options& options) {
    const at::Tensor& count = member.state[kStep];
    if (settings.capturable) check_capturable({member.parameter, count}, "params and state_steps");
    advance(count);
    const Member real = as_real(member, kLike);
    const at::Tensor &before = real.state[kBefore], &size = real.state[kSize];
    at::Tensor gradient = as_real(ascending(member, settings));
    const at::Tensor factors =
        gradient.mul(settings.differentiable ? before.clone() : before).sign();
    to_factors(factors, options);
    size.mul_(factors).clamp_(options.least, options.most);
    gradient = gradient.clone();
    gradient.masked_fill_(factors.eq(options.eta_minus), 0);
    real.parameter.addcmul_(gradient.sign(), size, -1);
    before.copy_(gradient);
  }

  static void multi(const std::vector<Member*>& members, const Settings& settings,
                    const Options& options) {
    for (const Group& group : grouped(members, kStates, kLike, false)) {
      for (const at::Tensor& count : group.state[kStep]) advance(count);
      const auto &before = group.state[kBefore], &sizes = group.state[kSize];
      const Tensors factors = at::_foreach_mul(group.gradients, before);
      at::_foreach_copy_(before, group.gradients);
      if (settings.maximize) {
        at::_foreach_neg_(factors);
        at::_foreach_neg_(before);
      }
      at::_foreach_sign_(factors);
      for (const at::Tensor& factor : factors) to_factors(factor, options);
      at::_foreach_mul_(sizes, factors);
      Tensors signs;
      for (size_t i = 0; i < factors.size(); ++i) {
        sizes[i].clamp_(options.least, options.most);
        before[i].masked_fill_(factors[i].eq(options.eta_minus), 0);
        signs.push_back(before[i].sign());
      }
      at::_foreach_addcmul_(group.parameters, signs, sizes, -1);
    }
  }

  template <typename T>
  static void own(const Member& member, const Settings& settings, const Options& options) {
    advance(member.state[kStep]);
    const Slope<T> slope(settings, false);
    const T plus = options.eta_plus, minus = options.eta_minus;
    const T least = options.least, most = options.most;
    for_each<T>(member, std::index_sequence<kBefore, kSize>(),
                [=](T& parameter, T gradient, T& before, T& size) {
                  const T g = slope(parameter, gradient), product = g * before;
                  const T factor = product > 0 ? plus : product < 0 ? minus : T(1);
                  const T grown = size * factor;
                  size = grown < least ? least : grown > most ? most : grown;
                  before = factor == minus ? T(0) : g;
                  parameter -= before > 0 ? size : before < 0 ? -size : before * size;
                });
  }
};

}  // namespace

void export_rprop(Environment& env, napi_value exports) {
  export_function(env, exports, "rprop_step", enter<optimizer_step<Rprop>>);
}
