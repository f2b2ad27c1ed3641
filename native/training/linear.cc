// x W^T + b where there are so few numbers that a call of libtorch costs more than the arithmetic:
// one node, in plain loops, instead of three. Anything else is at::linear.
#include <ATen/autocast_mode.h>

#include "autograd/node.h"
#include "exports.h"
#include "raw/memory.h"
#include "raw/products.h"

namespace {

using torch::autograd::Node;
using torch::autograd::SavedVariable;

template <typename T>
Rows<const T> constant(const at::Tensor& matrix) {
  return {matrix.data_ptr<T>(), matrix.size(-1)};
}

template <typename T>
at::Tensor product(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const int64_t rows = x.size(0), inputs = x.size(1), outputs = weight.size(0);
  at::Tensor result = at::empty({rows, outputs}, x.options());
  const Rows<const T> from = constant<T>(x), w = constant<T>(weight);
  const T* offsets = bias.defined() ? bias.data_ptr<T>() : nullptr;
  T* to = result.data_ptr<T>();
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t i = 0; i < outputs; ++i) {
      T sum = 0;
      for (int64_t k = 0; k < inputs; ++k) sum += from[row][k] * w[i][k];
      *to++ = offsets ? sum + offsets[i] : sum;
    }
  }
  return result;
}

class LinearBackward : public Node {
 public:
  static at::Tensor run(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
    at::Tensor output;
    {
      const at::AutoDispatchBelowADInplaceOrView guard;
      output = x.scalar_type() == at::kDouble ? product<double>(x, weight, bias)
                                              : product<float>(x, weight, bias);
    }
    const bool differentiable =
        at::GradMode::is_enabled() &&
        (x.requires_grad() || weight.requires_grad() || (bias.defined() && bias.requires_grad()));
    if (!differentiable) return output;
    const auto [owner, node] = make_node<LinearBackward>();
    node->add_next_edge(torch::autograd::impl::gradient_edge(x));
    node->add_next_edge(torch::autograd::impl::gradient_edge(weight));
    if (bias.defined()) node->add_next_edge(torch::autograd::impl::gradient_edge(bias));
    // As in PyTorch, a factor is kept where the other one's gradient needs it.
    if (weight.requires_grad()) node->x_ = SavedVariable(x, false);
    if (x.requires_grad()) node->weight_ = SavedVariable(weight, false);
    torch::autograd::impl::set_gradient_edge(output, {owner, node->add_input_metadata(output)});
    return output;
  }

  Tensors apply(Tensors&& gradients) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    const bool biased = num_outputs() == 3;
    Tensors result(num_outputs());
    const at::Tensor& gradient = gradients[0];
    if (!gradient.defined()) return result;
    const bool needs_x = task_should_compute_output(0);
    const bool needs_weight = task_should_compute_output(1);
    const bool needs_bias = biased && task_should_compute_output(2);
    const at::Tensor x = needs_weight ? x_.unpack() : at::Tensor();
    const at::Tensor weight = needs_x ? weight_.unpack() : at::Tensor();
    // What changed its shape since forward is for libtorch to refuse.
    const auto fits = [&](const at::Tensor& factor, int64_t dim, int64_t size) {
      return !factor.defined() || (is_plain(factor, gradient) && factor.is_contiguous() &&
                                   factor.dim() == 2 && factor.size(dim) == size);
    };
    const bool fit = is_plain(gradient, gradient) && gradient.dim() == 2 &&
                     fits(x, 0, gradient.size(0)) && fits(weight, 0, gradient.size(1));
    if (at::GradMode::is_enabled() || !fit) {
      if (needs_x) result[0] = at::mm(gradient, weight);
      if (needs_weight) result[1] = at::mm(gradient.t(), x);
      if (needs_bias) result[2] = gradient.sum(0);
      return result;
    }
    const at::AutoDispatchBelowADInplaceOrView guard;
    if (gradient.scalar_type() == at::kDouble) {
      by_hand<double>(result, gradient.contiguous(), x, weight, needs_bias);
    } else {
      by_hand<float>(result, gradient.contiguous(), x, weight, needs_bias);
    }
    return result;
  }

  std::string name() const override { return "LinearBackward"; }

  void release_variables() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    x_.reset_data();
    weight_.reset_data();
  }

 private:
  template <typename T>
  static void by_hand(Tensors& result, const at::Tensor& gradient, const at::Tensor& x,
                      const at::Tensor& weight, bool needs_bias) {
    const int64_t rows = gradient.size(0), outputs = gradient.size(1);
    const auto options = gradient.options();
    const Rows<const T> d = constant<T>(gradient);
    if (weight.defined()) {
      const int64_t inputs = weight.size(1);
      result[0] = zeros<T>({rows, inputs}, options);
      add_product<T>(d, constant<T>(weight), rows, outputs, inputs, rows_of<T>(result[0]));
    }
    if (x.defined()) {
      const int64_t inputs = x.size(1);
      result[1] = zeros<T>({outputs, inputs}, options);
      add_transposed_product<T>(d, constant<T>(x), rows, outputs, inputs, rows_of<T>(result[1]));
    }
    if (!needs_bias) return;
    result[2] = zeros<T>({outputs}, options);
    T* sums = result[2].data_ptr<T>();
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t i = 0; i < outputs; ++i) sums[i] += d[row][i];
    }
  }

  SavedVariable x_, weight_;
};

bool is_small_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  const at::ScalarType dtype = x.scalar_type();
  if (dtype != at::kFloat && dtype != at::kDouble) return false;
  if (x.dim() != 2 || weight.dim() != 2 || x.size(1) != weight.size(1) || x.numel() == 0 ||
      weight.numel() == 0 || !is_small_product(x.size(0), x.size(1), weight.size(0))) {
    return false;
  }
  const auto fits = [&](const at::Tensor& tensor) {
    return is_plain(tensor, x) && tensor.is_contiguous();
  };
  if (!fits(x) || !fits(weight)) return false;
  if (bias.defined() && (!fits(bias) || bias.dim() != 1 || bias.size(0) != weight.size(0))) {
    return false;
  }
  return !at::autocast::is_autocast_enabled(at::kCPU);
}

// linear(x, weight, bias or null, by plain loops where there are few numbers)
napi_value linear(Call& call) {
  const at::Tensor x = call.tensor(0);
  const at::Tensor weight = call.tensor(1);
  const at::Tensor bias = call.tensor_or_undefined(2);
  const bool fused = call.boolean(3);
  return call.handle(with_room(call.env(), [&] {
    return fused && is_small_linear(x, weight, bias) ? LinearBackward::run(x, weight, bias)
                                                     : at::linear(x, weight, bias);
  }));
}

}  // namespace

void export_linear(Environment& env, napi_value exports) {
  export_function(env, exports, "linear", enter<linear>);
}
