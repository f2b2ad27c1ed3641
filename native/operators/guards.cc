#include "operators/guards.h"

#include <map>

#include "operators/named.h"
#include "operators/recurrent_guards.h"

namespace {

using torch::jit::Stack;

void check_vector(const at::Tensor& tensor, int64_t size, std::string_view name) {
  TORCH_CHECK(!tensor.defined() ||
                  (tensor.layout() == at::kStrided && tensor.dim() == 1 && tensor.size(0) == size),
              "Expected ", name, " to be a vector of size ", size, ", but got ", tensor.sizes());
}

void batch_norm(const Overload& overload, Stack& stack) {
  const Named arguments(overload, stack);
  const at::Tensor input = arguments.tensor("input");
  TORCH_CHECK(input.dim() >= 2, "Expected an input of at least 2 dimensions, but got ",
              input.dim());
  const bool has_statistics = arguments.find("running_mean") != nullptr;
  for (const char* name : {"weight", "bias", "running_mean", "running_var"}) {
    if (arguments.find(name) != nullptr) check_vector(arguments.tensor(name), input.size(1), name);
  }
  TORCH_CHECK(
      !has_statistics || arguments.at("training").toBool() ||
          (arguments.tensor("running_mean").defined() && arguments.tensor("running_var").defined()),
      "Expected running_mean and running_var to be given when training is False");
}

void group_norm(const Overload& overload, Stack& stack) {
  const Named arguments(overload, stack);
  const at::Tensor input = arguments.tensor("input");
  const int64_t n = arguments.integer("N"), c = arguments.integer("C"),
                rest = arguments.integer("HxW"), groups = arguments.integer("group");
  TORCH_CHECK(groups > 0 && c >= 0 && c % groups == 0,
              "Expected number of channels in input to be divisible by num_groups, but got ", c,
              " channels and num_groups=", groups);
  int64_t pixels = 0, total = 0;
  const bool fits = n >= 0 && rest >= 0 && !c10::mul_overflows(n, c, &pixels) &&
                    !c10::mul_overflows(pixels, rest, &total) && total == input.numel();
  TORCH_CHECK(fits, "Expected N * C * HxW to be the ", input.numel(),
              " elements of the input, but got ", n, " * ", c, " * ", rest);
  for (const char* name : {"weight", "bias"}) check_vector(arguments.tensor(name), c, name);
}

void eigvals(const Overload& overload, Stack& stack) {
  const at::Tensor matrix = Named(overload, stack).tensor("self");
  if (matrix.layout() != at::kStrided || matrix.is_meta()) return;
  if (!matrix.is_floating_point() && !matrix.is_complex()) return;
  TORCH_CHECK(at::isfinite(matrix).all().item<bool>(),
              "torch.linalg.eigvals: input tensor should not contain infs or NaNs.");
}

void check_plain(const at::Tensor& tensor, at::ScalarType type, std::string_view name) {
  TORCH_CHECK(tensor.layout() == at::kStrided && tensor.is_cpu() && tensor.scalar_type() == type,
              "Expected ", name, " to be a tensor of ", type, " on the CPU, but got ",
              tensor.scalar_type(), " on ", tensor.device());
}

void pack_matrix(const Overload& overload, Stack& stack) {
  const at::Tensor matrix = Named(overload, stack).tensor("input");
  check_plain(matrix, at::kFloat, "the input");
  TORCH_CHECK(matrix.dim() == 2 && matrix.numel() > 0,
              "Expected the input to be a matrix with elements, but got sizes ", matrix.sizes());
}

// Observes the range of a tensor, in whole or along an axis, and rounds it to that range.
void observed_fake_quant(const Overload& overload, Stack& stack) {
  const Named arguments(overload, stack);
  const at::Tensor input = arguments.tensor("self");
  if (!input.is_cpu()) return;
  const int64_t axis = arguments.integer("ch_axis");
  TORCH_CHECK(axis >= 0 && axis < input.dim(), "Expected ch_axis to be from 0 to ", input.dim() - 1,
              ", but got ", axis);
  check_plain(input, at::kFloat, "the input");
  TORCH_CHECK(input.numel() > 0, "Expected the input to have elements");
  const bool per_row = arguments.at("per_row_fake_quant").toBool();
  const int64_t channels = per_row ? input.size(axis) : 1;
  for (const char* name : {"running_min", "running_max", "scale", "zero_point"}) {
    const at::Tensor tensor = arguments.tensor(name);
    check_plain(tensor, name == std::string_view("zero_point") ? at::kInt : at::kFloat, name);
    TORCH_CHECK(
        tensor.is_contiguous() && (tensor.numel() == channels || (per_row && tensor.numel() == 0)),
        "Expected ", name, " to have ", channels, " elements, but got ", tensor.numel());
  }
}

}  // namespace

Guard guard_of(std::string_view name) {
  static const std::map<std::string_view, Guard> guards = {
      {"native_batch_norm", batch_norm},
      {"_native_batch_norm_legit", batch_norm},
      {"native_group_norm", group_norm},
      {"linalg_eigvals", eigvals},
      {"fbgemm_pack_gemm_matrix_fp16", pack_matrix},
      {"fused_moving_avg_obs_fake_quant", observed_fake_quant},
      {"_fused_moving_avg_obs_fq_helper", observed_fake_quant},
      {"lstm", recurrent_layers},
      {"gru", recurrent_layers},
      {"rnn_tanh", recurrent_layers},
      {"rnn_relu", recurrent_layers},
      {"lstm_cell", recurrent_cell},
      {"gru_cell", recurrent_cell},
      {"rnn_tanh_cell", recurrent_cell},
      {"rnn_relu_cell", recurrent_cell},
      {"_thnn_differentiable_lstm_cell_backward", recurrent_cell_backward},
      {"_thnn_differentiable_gru_cell_backward", recurrent_cell_backward},
  };
  const auto found = guards.find(name);
  return found == guards.end() ? nullptr : found->second;
}
