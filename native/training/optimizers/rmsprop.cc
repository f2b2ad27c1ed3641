#include "training/optimizer.h"

namespace {

struct Rmsprop {
  static constexpr const char* kName = "RMSprop";
  enum { kStep, kSquares, kBuffer, kAverage, kStates };
  static constexpr std::initializer_list<size_t> kLike = {kSquares, kBuffer, kAverage};
  using Options = RmspropOptions;

  static void check(const Member& member, const Settings&) { check_sparse(member, kName); }

  static void begin(Member& member, const Settings& settings, const Options& options) {
    member.state[kStep] = scalar_state(member, settings);
    for (const size_t j : kLike) {
      if (needs(j, member, options)) member.state[j] = at::zeros_like(member.parameter);
    }
  }

  static bool needs(size_t j, const Member&, const Options& options) {
    return (j != kBuffer || options.momentum > 0) && (j != kAverage || options.centered);
  }

  static void single(Member& member, const Settings& settings, const Options& options) {
    const at::Tensor& count = member.state[kStep];
    if (settings.capturable) check_capturable({member.parameter, count}, "params and state_steps");
    advance(count);
    const at::Tensor gradient =
        as_real(with_decay(ascending(member, settings), member.parameter, settings));
    const Member real = as_real(member, kLike);
    const at::Tensor &parameter = real.parameter, &squares = real.state[kSquares];
    multiply_(squares, options.alpha).addcmul_(gradient, gradient, 1 - options.alpha);
    at::Tensor deviation;
    if (options.centered) {
      const at::Tensor& average = real.state[kAverage];
      average.lerp_(gradient, 1 - options.alpha);
      deviation = squares.addcmul(average, average, -1).sqrt_();
    } else {
      deviation = squares.sqrt();
    }
    deviation = settings.differentiable ? deviation.add(options.eps) : deviation.add_(options.eps);
    const double descent = (-settings.lr).number();
    if (options.momentum > 0) {
      const at::Tensor& buffer = real.state[kBuffer];
      multiply_(buffer, options.momentum).addcdiv_(gradient, deviation);
      parameter.add_(buffer, descent);
    } else {
      parameter.addcdiv_(gradient, deviation, descent);
    }
  }

  static void multi(const std::vector<Member*>& members, const Settings& settings,
                    const Options& options) {
    const double descent = (-settings.lr).number();
    for (const Group& group : grouped(members, kStates, kLike, false)) {
      for (const at::Tensor& count : group.state[kStep]) advance(count);
      const Tensors gradients = with_decay(group, settings);
      const Tensors& squares = group.state[kSquares];
      at::_foreach_mul_(squares, options.alpha);
      at::_foreach_addcmul_(squares, gradients, gradients, 1 - options.alpha);
      Tensors deviations;
      if (options.centered) {
        const Tensors& averages = group.state[kAverage];
        at::_foreach_lerp_(averages, gradients, 1 - options.alpha);
        deviations = at::_foreach_addcmul(squares, averages, averages, -1);
        at::_foreach_sqrt_(deviations);
      } else {
        deviations = at::_foreach_sqrt(squares);
      }
      at::_foreach_add_(deviations, options.eps);
      if (options.momentum > 0) {
        const Tensors& buffers = group.state[kBuffer];
        at::_foreach_mul_(buffers, options.momentum);
        at::_foreach_addcdiv_(buffers, gradients, deviations);
        at::_foreach_add_(group.parameters, buffers, descent);
      } else {
        at::_foreach_addcdiv_(group.parameters, gradients, deviations, descent);
      }
    }
  }

  template <typename T>
  static void own(const Member& member, const Settings& settings, const Options& options) {
    advance(member.state[kStep]);
    const bool centered = options.centered, moving = options.momentum > 0;
    const Slope<T> slope(settings);
    const T lr = settings.lr.number(), alpha = options.alpha, rest = 1 - options.alpha;
    const T eps = options.eps, momentum = options.momentum;
    const auto deviation = [=](T g, T& square, T* average) {
      square = alpha * square + rest * g * g;
      if (average == nullptr) return std::sqrt(square) + eps;
      *average += rest * (g - *average);
      return std::sqrt(square - *average * *average) + eps;
    };
    if (centered && moving) {
      for_each<T>(member, std::index_sequence<kSquares, kBuffer, kAverage>(),
                  [=](T& parameter, T gradient, T& square, T& buffer, T& average) {
                    const T g = slope(parameter, gradient);
                    buffer = momentum * buffer + g / deviation(g, square, &average);
                    parameter -= lr * buffer;
                  });
    } else if (moving) {
      for_each<T>(member, std::index_sequence<kSquares, kBuffer>(),
                  [=](T& parameter, T gradient, T& square, T& buffer) {
                    const T g = slope(parameter, gradient);
                    buffer = momentum * buffer + g / deviation(g, square, nullptr);
                    parameter -= lr * buffer;
                  });
    } else if (centered) {
      for_each<T>(member, std::index_sequence<kSquares, kAverage>(),
                  [=](T& parameter, T gradient, T& square, T& average) {
                    const T g = slope(parameter, gradient);
                    parameter -= lr * g / deviation(g, square, &average);
                  });
    } else {
      for_each<T>(member, std::index_sequence<kSquares>(),
                  [=](T& parameter, T gradient, T& square) {
                    const T g = slope(parameter, gradient);
                    parameter -= lr * g / deviation(g, square, nullptr);
                  });
    }
  }
};

}  // namespace

void export_rmsprop(Environment& env, napi_value exports) {
  export_function(env, exports, "rmsprop_step", enter<optimizer_step<Rmsprop>>);
}
