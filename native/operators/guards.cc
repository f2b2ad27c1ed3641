#include "operators/guards.h"

#include <map>
#include <set>

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

// Elements of a tensor of indices on the CPU; none where they are elsewhere.
at::Tensor indices_on_cpu(const at::Tensor& tensor) {
  if (!tensor.defined() || tensor.layout() != at::kStrided || !tensor.is_cpu()) return {};
  if (!at::isIntegralType(tensor.scalar_type(), /*includeBool=*/false)) return {};
  return tensor.numel() == 0 ? at::Tensor() : tensor;
}

void check_range(const at::Tensor& indices, int64_t end, std::string_view name) {
  if (!indices.defined()) return;
  const auto [least, greatest] = at::aminmax(indices);
  TORCH_CHECK_INDEX(least.item<int64_t>() >= 0 && greatest.item<int64_t>() <= end, "Expected ",
                    name, " to be from 0 to ", end, ", but got ", least.item<int64_t>(), " to ",
                    greatest.item<int64_t>());
}

// Segments of an axis by their lengths or by their bounds, which `unsafe` leaves unchecked.
void segment_reduce(const Overload& overload, Stack& stack) {
  const Named arguments(overload, stack);
  const at::Tensor data = arguments.tensor("data");
  const at::Tensor lengths = indices_on_cpu(arguments.tensor("lengths"));
  const at::Tensor offsets = indices_on_cpu(arguments.tensor("offsets"));
  for (const at::Tensor& segments : {lengths, offsets}) {
    if (!segments.defined()) continue;
    const int64_t axis = segments.dim() - 1;
    TORCH_CHECK(axis >= 0 && axis < data.dim(), "Expected segments of a dimension of the data");
    const int64_t size = data.size(axis);
    check_range(segments, size, "the bounds of segments");
    if (segments.is_same(lengths)) {
      check_range(segments.sum(-1), size, "the sum of the lengths");
    } else if (segments.size(axis) > 1) {
      TORCH_CHECK(segments.diff(1, -1).min().item<int64_t>() >= 0,
                  "Expected the offsets of segments to grow");
    }
  }
}

at::Layout layout_of(const Named& arguments, const std::string& name) {
  if (name == "aten::sparse_csr_tensor") return at::kSparseCsr;
  if (name == "aten::sparse_csc_tensor") return at::kSparseCsc;
  if (name == "aten::sparse_bsr_tensor") return at::kSparseBsr;
  if (name == "aten::sparse_bsc_tensor") return at::kSparseBsc;
  const at::IValue& given = arguments.at("layout");
  return given.isNone() ? at::kSparseCsr : given.toLayout();
}

// Python checks the indices of these where it is told to, and reads them as they are where not.
void sparse_compressed(const Overload& overload, Stack& stack) {
  const Named arguments(overload, stack);
  const at::Tensor compressed = stack[0].toTensor();
  const at::Tensor plain = stack[1].toTensor();
  const at::Layout layout = layout_of(arguments, overload.handle.schema().name());
  if (!indices_on_cpu(compressed).defined() || plain.dim() == 0) return;
  if (const at::IValue* size = arguments.find("size")) {
    at::_validate_sparse_compressed_tensor_args(compressed, plain, arguments.tensor("values"),
                                                size->toIntVector(), layout);
    return;
  }
  // Without a size, libtorch takes the smallest that fits the indices.
  const bool by_rows = layout == at::kSparseCsr || layout == at::kSparseBsr;
  const int64_t end = plain.numel() == 0 ? 0 : plain.max().item<int64_t>() + 1;
  at::_validate_compressed_sparse_indices(by_rows, compressed, plain, compressed.size(-1) - 1, end,
                                          plain.size(-1));
}

}  // namespace

bool reaches_unchecked_memory(std::string_view name) {
  static const std::set<std::string_view> names = {
      "aten::_lazy_clone",
      "aten::_reshape_alias",
      "aten::_reshape_alias_copy",
      "aten::_sparse_bsc_tensor_unsafe",
      "aten::_sparse_bsr_tensor_unsafe",
      "aten::_sparse_compressed_tensor_unsafe",
      "aten::_sparse_coo_tensor_unsafe",
      "aten::_sparse_coo_tensor_with_dims_and_tensors",
      "aten::_sparse_csc_tensor_unsafe",
      "aten::_sparse_csr_tensor_unsafe",
      "aten::_convert_indices_from_coo_to_csr",
      "aten::_convert_indices_from_csr_to_coo",
      "aten::_sobol_engine_ff_",
  };
  return !name.starts_with("aten::") || names.contains(name);
}

Guard guard_of(std::string_view name) {
  static const std::map<std::string_view, Guard> guards = {
      {"native_batch_norm", batch_norm},
      {"_native_batch_norm_legit", batch_norm},
      {"native_group_norm", group_norm},
      {"linalg_eigvals", eigvals},
      {"fbgemm_pack_gemm_matrix_fp16", pack_matrix},
      {"fused_moving_avg_obs_fake_quant", observed_fake_quant},
      {"_fused_moving_avg_obs_fq_helper", observed_fake_quant},
      {"segment_reduce", segment_reduce},
      {"sparse_compressed_tensor", sparse_compressed},
      {"sparse_csr_tensor", sparse_compressed},
      {"sparse_csc_tensor", sparse_compressed},
      {"sparse_bsr_tensor", sparse_compressed},
      {"sparse_bsc_tensor", sparse_compressed},
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
