#include "training/optimizer.h"

namespace {

struct Adadelta {
  static constexpr const char* kName = "Adadelta";
  enum { kStep, kSquares, kDeltas, kStates };
  static constexpr std::initializer_list<size_t> kLike = {kSquares, kDeltas};
  using Options = AdadeltaOptions;

  static void check(const Member& member, const Settings&) { check_sparse(member, kName); }

  static void begin(Member& member, const Settings& settings, const Options&) {
    member.state[kStep] = scalar_state(member, settings);
    for (const size_t j : kLike) member.state[j] = at::zeros_like(member.parameter);
  }

  static bool needs(size_t, const Member&, const Options&) { return true; }

  static void single(Member& member, const Settings& settings, const Options& options) {
    const auto& [step, whole_squares, whole_deltas, _1, _2, _3] = member.state;
    if (settings.capturable) check_capturable({member.parameter, step}, "params and state_steps");
    advance(step);
    const at::Tensor gradient =
        as_real(with_decay(ascending(member, settings), member.parameter, settings));
    const at::Tensor squares = as_real(whole_squares), deltas = as_real(whole_deltas);
    multiply_(squares, options.rho).addcmul_(gradient, gradient, 1 - options.rho);
    const at::Tensor deviation = squares.add(options.eps).sqrt_();
    at::Tensor delta = deltas.add(options.eps).sqrt_();
    if (settings.differentiable) delta = delta.clone();
    delta.div_(deviation).mul_(gradient);
    multiply_(deltas, options.rho).addcmul_(delta, delta, 1 - options.rho);
    if (member.parameter.is_complex()) delta = at::view_as_complex(delta);
    member.parameter.add_(delta, (-settings.lr).number());
  }

  static void multi(const std::vector<Member*>& members, const Settings& settings,
                    const Options& options) {
    for (const Group& group : grouped(members, kStates, kLike, false)) {
      for (const at::Tensor& step : group.state[kStep]) advance(step);
      const Tensors gradients = with_decay(group, settings);
      const auto &squares = group.state[kSquares], &deltas = group.state[kDeltas];
      at::_foreach_mul_(squares, options.rho);
      at::_foreach_addcmul_(squares, gradients, gradients, 1 - options.rho);
      const Tensors deviations = at::_foreach_add(squares, options.eps);
      at::_foreach_sqrt_(deviations);
      const Tensors updates = at::_foreach_add(deltas, options.eps);
      at::_foreach_sqrt_(updates);
      at::_foreach_div_(updates, deviations);
      at::_foreach_mul_(updates, gradients);
      at::_foreach_mul_(deltas, options.rho);
      at::_foreach_addcmul_(deltas, updates, updates, 1 - options.rho);
      at::_foreach_add_(group.parameters, updates, (-settings.lr).number());
    }
  }

  template <typename T>
  static void own(const Member& member, const Settings& settings, const Options& options) {
    advance(member.state[kStep]);
    const Slope<T> slope(settings);
    const T lr = settings.lr.number(), rho = options.rho, eps = options.eps;
    const T rest = 1 - options.rho;
    for_each<T>(member, std::index_sequence<kSquares, kDeltas>(),
                [=](T& parameter, T gradient, T& square, T& deltas) {
                  const T g = slope(parameter, gradient);
                  square = rho * square + rest * g * g;
                  const T delta = std::sqrt(deltas + eps) / std::sqrt(square + eps) * g;
                  deltas = rho * deltas + rest * delta * delta;
                  parameter -= lr * delta;
                });
  }
};

}  // namespace

void export_adadelta(Environment& env, napi_value exports) {
  export_function(env, exports, "adadelta_step", enter<optimizer_step<Adadelta>>);
}
