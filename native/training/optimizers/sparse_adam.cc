#include "training/optimizer.h"

namespace {

at::Tensor sparse(const at::Tensor& gradient, const at::Tensor& values) {
  return at::sparse_coo_tensor(gradient._indices(), values, gradient.sizes(), gradient.options());
}

struct SparseAdam {
  static constexpr const char* kName = "SparseAdam";
  // The count of steps is a number.
  enum { kAverage, kSquares, kStates };
  static constexpr std::initializer_list<size_t> kLike = {kAverage, kSquares};
  using Options = SparseAdamOptions;

  static void check(const Member& member, const Settings&) {
    TORCH_CHECK(member.gradient.is_sparse(),
                "SparseAdam does not support dense gradients, please consider Adam instead");
  }

  static void begin(Member& member, const Settings&, const Options&) {
    for (const size_t j : kLike) member.state[j] = at::zeros_like(member.parameter);
  }

  static bool needs(size_t, const Member&, const Options&) { return true; }

  static void single(Member& member, const Settings& settings, const Options& options) {
    const at::Tensor gradient = ascending(member, settings).coalesce();
    const at::Tensor values = gradient._values();
    if (values.numel() == 0) return;
    const at::Tensor &average = member.state[kAverage], &squares = member.state[kSquares];
    const at::Tensor old_average = average.sparse_mask(gradient)._values();
    const at::Tensor to_average = multiply_(values.sub(old_average), 1 - options.beta1);
    average.add_(sparse(gradient, to_average));
    const at::Tensor old_squares = squares.sparse_mask(gradient)._values();
    const at::Tensor to_squares = multiply_(values.pow(2).sub_(old_squares), 1 - options.beta2);
    squares.add_(sparse(gradient, to_squares));
    const at::Tensor numerator = to_average.add_(old_average);
    const at::Tensor denominator = to_squares.add_(old_squares).sqrt_().add_(options.eps);
    const double correction1 = 1 - std::pow(options.beta1, member.step);
    const double correction2 = 1 - std::pow(options.beta2, member.step);
    const Value size = settings.lr * Value(std::sqrt(correction2)) / Value(correction1);
    const Value change = -size * Value(numerator.div_(denominator));
    member.parameter.add_(sparse(gradient, change.tensor()));
  }
};

}  // namespace

void export_sparse_adam(Environment& env, napi_value exports) {
  export_function(env, exports, "sparse_adam_step", enter<optimizer_step<SparseAdam>>);
}
