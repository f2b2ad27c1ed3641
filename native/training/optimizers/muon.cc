#include "training/optimizer.h"

namespace {

struct Muon {
  static constexpr const char* kName = "Muon";
  enum { kBuffer, kStates };
  static constexpr std::initializer_list<size_t> kLike = {kBuffer};
  using Options = MuonOptions;

  static void check(const Member& member, const Settings&) {
    TORCH_CHECK(!member.parameter.is_complex(), "Muon does not support complex parameters");
    check_sparse(member, kName);
  }

  static void begin(Member& member, const Settings&, const Options&) {
    member.state[kBuffer] = at::zeros_like(member.gradient);
  }

  static bool needs(size_t, const Member&, const Options&) { return true; }

  // The iteration of Newton and Schulz: the nearest orthogonal matrix, roughly.
  static at::Tensor orthogonal(const at::Tensor& matrix, const Options& options) {
    TORCH_CHECK_VALUE(options.ns_steps < 100,
                      "Number of steps must be less than 100 for computational efficiency");
    at::Tensor x = matrix.to(at::kBFloat16);
    const bool high = matrix.size(0) > matrix.size(1);
    if (high) x = x.t();
    x.div_(at::linalg_vector_norm(x, 2).clamp_min(options.eps));
    for (int64_t i = 0; i < options.ns_steps; ++i) {
      const at::Tensor gram = x.matmul(x.t());
      x = at::addmm(x, at::addmm(gram, gram, gram, options.b, options.c), x, options.a);
    }
    return high ? x.t() : x;
  }

  static Value rate(const Value& lr, const Options& options, const at::Tensor& parameter) {
    const double rows = parameter.size(0), columns = parameter.size(1);
    if (options.rate == static_cast<int64_t>(MuonRate::MatchRmsAdamw)) {
      return lr * Value(0.2 * std::sqrt(std::max(rows, columns)));
    }
    return lr * Value(std::sqrt(std::max(1.0, rows / columns)));
  }

  static void single(Member& member, const Settings& settings, const Options& options) {
    const at::Tensor &parameter = member.parameter, &gradient = member.gradient;
    const at::Tensor& buffer = member.state[kBuffer];
    TORCH_CHECK_VALUE(gradient.dim() == 2 && parameter.dim() == 2 && buffer.dim() == 2,
                      "Param gradient must be a 2D matrix");
    buffer.lerp_(gradient, 1 - options.momentum);
    const at::Tensor along = options.nesterov ? gradient.lerp(buffer, options.momentum) : buffer;
    const at::Tensor update = orthogonal(along, options);
    multiply_(parameter, Value(1) - settings.lr * settings.weight_decay);
    parameter.add_(update, (-rate(settings.lr, options, parameter)).number());
  }
};

}  // namespace

void export_muon(Environment& env, napi_value exports) {
  export_function(env, exports, "muon_step", enter<optimizer_step<Muon>>);
}
