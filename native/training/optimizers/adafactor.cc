#include "training/optimizer.h"

namespace {

// x.norm(2), over all dimensions or one.
at::Tensor norm_of(const at::Tensor& tensor) { return at::linalg_vector_norm(tensor, 2); }
at::Tensor mean_square(const at::Tensor& tensor, int64_t dim) {
  return at::linalg_vector_norm(tensor, 2, dim, true);
}

double root_mean_square(const at::Tensor& tensor) {
  return norm_of(tensor).item().toDouble() / std::pow(static_cast<double>(tensor.numel()), 0.5);
}

struct Adafactor {
  static constexpr const char* kName = "Adafactor";
  enum { kStep, kRows, kColumns, kVariance, kStates };
  static constexpr std::initializer_list<size_t> kLike = {};
  using Options = AdafactorOptions;

  static void check(const Member& member, const Settings&) {
    TORCH_CHECK(!member.parameter.is_complex(), "Adafactor does not support complex parameters");
    check_sparse(member, kName);
  }

  static void begin(Member& member, const Settings& settings, const Options&) {
    member.state[kStep] = scalar_state(member, settings);
    const at::Tensor& gradient = member.gradient;
    if (gradient.dim() <= 1) {
      member.state[kVariance] = at::zeros_like(gradient);
      return;
    }
    for (const auto& [j, dim] : {std::pair{kRows, -1}, std::pair{kColumns, -2}}) {
      auto sizes = gradient.sizes().vec();
      sizes[sizes.size() + dim] = 1;
      member.state[j] = gradient.new_zeros(sizes);
    }
  }

  static bool needs(size_t j, const Member& member, const Options&) {
    return j == kStep || (j == kVariance) != (member.gradient.dim() > 1);
  }

  // Python's min(lr, 1 / sqrt(step)).
  static Value relative_rate(const Value& lr, double step) {
    const double most = 1 / std::pow(step, 0.5);
    const bool less = lr.is_tensor() ? lr.tensor().gt(most).item<bool>() : most < lr.number();
    return less ? Value(most) : lr;
  }

  // The dtype of the first parameter decides for all of a group, as in Python.
  static double epsilon(Options& options, const at::Tensor& parameter) {
    if (std::isnan(options.eps1)) {
      options.eps1 = AT_DISPATCH_FLOATING_TYPES_AND2(
          at::kHalf, at::kBFloat16, parameter.scalar_type(), "finfo",
          [] { return static_cast<double>(std::numeric_limits<scalar_t>::epsilon()); });
    }
    return options.eps1;
  }

  static void single(Member& member, const Settings& settings, Options& options) {
    const at::Tensor& parameter = member.parameter;
    const auto& [count, rows, columns, variance, _1, _2] = member.state;
    const at::Tensor gradient = ascending(member, settings);
    const double eps1 = epsilon(options, parameter);
    const double step = advance(count);
    const double part = std::pow(step, options.beta2_decay);
    const Value alpha = Value(std::max(options.eps2, root_mean_square(parameter))) *
                        relative_rate(settings.lr, step);
    if (settings.decays()) multiply_(parameter, Value(1) - settings.lr * settings.weight_decay);
    at::Tensor update;
    if (gradient.dim() > 1) {
      rows.lerp_(mean_square(gradient, -1).square_().div_(gradient.size(-1)), part);
      columns.lerp_(mean_square(gradient, -2).square_().div_(gradient.size(-2)), part);
      update = rows.matmul(columns);
      update.div_(rows.mean(-2, true).clamp_min_(eps1));
    } else {
      variance.lerp_(gradient.mul(gradient), part);
      update = variance.clone();
    }
    update.clamp_(eps1 * eps1).rsqrt_();
    update.mul_(gradient);
    const double denominator = std::max(1.0, root_mean_square(update) / options.d);
    parameter.add_(update, (-alpha / denominator).number());
  }

  static void multi(const std::vector<Member*>& members, const Settings& settings,
                    Options& options) {
    for (const Group& group : grouped(members, kStates, kLike, true)) {
      const double eps1 = epsilon(options, group.parameters.front());
      Tensors gradients = group.gradients;
      if (settings.maximize) gradients = at::_foreach_neg(gradients);
      std::vector<at::Scalar> parts;
      std::vector<Value> alphas;
      for (size_t i = 0; i < gradients.size(); ++i) {
        const double step = advance(group.state[kStep][i]);
        parts.emplace_back(std::pow(step, options.beta2_decay));
        alphas.push_back(Value(std::max(options.eps2, root_mean_square(group.parameters[i]))) *
                         relative_rate(settings.lr, step));
      }
      if (settings.decays()) shrink(group, settings);
      Tensors updates;
      if (gradients.front().dim() > 1) {
        const auto &rows = group.state[kRows], &columns = group.state[kColumns];
        follow(rows, gradients, -1, parts);
        follow(columns, gradients, -2, parts);
        Tensors means;
        for (size_t i = 0; i < rows.size(); ++i) {
          updates.push_back(rows[i].matmul(columns[i]));
          means.push_back(rows[i].mean(-2, true));
        }
        at::_foreach_clamp_min_(means, eps1);
        at::_foreach_div_(updates, means);
      } else {
        const auto& variances = group.state[kVariance];
        at::_foreach_lerp_(variances, at::_foreach_mul(gradients, gradients), parts);
        for (const at::Tensor& variance : variances) updates.push_back(variance.clone());
      }
      at::_foreach_clamp_min_(updates, eps1 * eps1);
      at::_foreach_rsqrt_(updates);
      at::_foreach_mul_(updates, gradients);
      for (size_t i = 0; i < updates.size(); ++i) {
        const double denominator = std::max(1.0, root_mean_square(updates[i]) / options.d);
        const Value factor = -alphas[i] / denominator;
        factor.is_tensor() ? updates[i].mul_(factor.tensor()) : updates[i].mul_(factor.number());
      }
      at::_foreach_add_(group.parameters, updates);
    }
  }

  static void follow(const Tensors& averages, const Tensors& gradients, int64_t dim,
                     const std::vector<at::Scalar>& parts) {
    Tensors means;
    std::vector<at::Scalar> sizes;
    for (const at::Tensor& gradient : gradients) {
      means.push_back(mean_square(gradient, dim));
      sizes.emplace_back(gradient.size(dim));
    }
    at::_foreach_mul_(means, means);
    at::_foreach_div_(means, sizes);
    at::_foreach_lerp_(averages, means, parts);
  }
};

}  // namespace

void export_adafactor(Environment& env, napi_value exports) {
  export_function(env, exports, "adafactor_step", enter<optimizer_step<Adafactor>>);
}
