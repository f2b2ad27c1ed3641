#include "guards.h"

#include <map>

namespace {

using torch::jit::Stack;

// The arguments of a call by their names in the schema.
class Named {
 public:
  Named(const Overload& overload, const Stack& stack) : overload_(overload), stack_(stack) {}

  const at::IValue* find(std::string_view name) const {
    for (size_t i = 0; i < overload_.parameters.size(); ++i) {
      if (overload_.parameters[i].name == name) return &stack_[i];
    }
    return nullptr;
  }
  const at::IValue& at(std::string_view name) const {
    const at::IValue* value = find(name);
    TORCH_INTERNAL_ASSERT(value != nullptr, "no argument ", name);
    return *value;
  }
  at::Tensor tensor(std::string_view name) const {
    const at::IValue& value = at(name);
    return value.isNone() ? at::Tensor() : value.toTensor();
  }
  int64_t integer(std::string_view name) const { return at(name).toInt(); }

 private:
  const Overload& overload_;
  const Stack& stack_;
};

void check_vector(const at::Tensor& tensor, int64_t size, std::string_view name) {
  TORCH_CHECK(!tensor.defined() ||
                  (tensor.layout() == at::kStrided && tensor.dim() == 1 && tensor.size(0) == size),
              "Expected ", name, " to be a vector of size ", size, ", but got ", tensor.sizes());
}

void batch_norm(const Overload& overload, const Stack& stack) {
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

void group_norm(const Overload& overload, const Stack& stack) {
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

void eigvals(const Overload& overload, const Stack& stack) {
  const at::Tensor matrix = Named(overload, stack).tensor("self");
  if (matrix.layout() != at::kStrided || matrix.is_meta()) return;
  if (!matrix.is_floating_point() && !matrix.is_complex()) return;
  TORCH_CHECK(at::isfinite(matrix).all().item<bool>(),
              "torch.linalg.eigvals: input tensor should not contain infs or NaNs.");
}

// lstm, gru, rnn_tanh and rnn_relu: the weights of each layer, and the lengths of packed sequences.
void recurrent(const Overload& overload, const Stack& stack) {
  const Named arguments(overload, stack);
  const bool packed = arguments.find("batch_sizes") != nullptr;
  const at::Tensor input = arguments.tensor(packed ? "data" : "input");
  const int64_t layers = arguments.integer("num_layers");
  const int64_t directions = arguments.at("bidirectional").toBool() ? 2 : 1;
  const bool biases = arguments.at("has_biases").toBool();
  const auto weights = arguments.at("params").toTensorVector();
  const bool lstm = overload.handle.schema().name() == "aten::lstm";
  const auto states =
      lstm ? arguments.at("hx").toTensorVector() : std::vector<at::Tensor>{arguments.tensor("hx")};
  const int64_t rank = packed ? 2 : 3;
  TORCH_CHECK(input.dim() == rank, "Expected an input of ", rank, " dimensions, but got ",
              input.dim());
  TORCH_CHECK(layers >= 1 && layers <= 4096, "Expected num_layers of at least 1, but got ", layers);
  TORCH_CHECK(states.size() == (lstm ? 2 : 1), "Expected ", lstm ? "two hidden states" : "a state",
              ", but got ", states.size());
  const auto each = static_cast<int64_t>(weights.size()) / (layers * directions);
  const int64_t plain = biases ? 4 : 2;
  const bool counted = each * layers * directions == static_cast<int64_t>(weights.size()) &&
                       (each == plain || (lstm && each == plain + 1));
  TORCH_CHECK(counted, "got an incorrect number of RNN parameters (", weights.size(), " for ",
              layers, " layers)");
  for (const at::Tensor& state : states) {
    TORCH_CHECK(state.dim() == 3 && state.size(0) == layers * directions,
                "Expected hidden states of shape (", layers * directions,
                ", batch, hidden), but got ", state.sizes());
    TORCH_CHECK(state.scalar_type() == input.scalar_type() && state.device() == input.device(),
                "Input and hidden tensors are not of the same dtype and device");
  }
  const int64_t gates = lstm ? 4 : overload.handle.schema().name() == "aten::gru" ? 3 : 1;
  const int64_t hidden = states.back().size(2);
  const int64_t output = states.front().size(2);
  for (size_t i = 0; i < weights.size(); ++i) {
    const auto place = static_cast<int64_t>(i) % each;
    const at::Tensor& weight = weights[i];
    const auto layer = static_cast<int64_t>(i) / (each * directions);
    const int64_t inputs = layer == 0 ? input.size(rank - 1) : output * directions;
    bool fits = weight.scalar_type() == input.scalar_type() && weight.device() == input.device() &&
                weight.layout() == at::kStrided;
    if (place < 2) {
      fits = fits && weight.dim() == 2 && weight.size(0) == gates * hidden &&
             weight.size(1) == (place == 0 ? inputs : output);
    } else if (place < plain) {
      fits = fits && weight.dim() == 1 && weight.size(0) == gates * hidden;
    } else {
      fits = fits && weight.dim() == 2 && weight.size(0) == output && weight.size(1) == hidden;
    }
    TORCH_CHECK(fits, "RNN parameter ", i, " of shape ", weight.sizes(), " and dtype ",
                weight.scalar_type(), " does not fit the input and the hidden size");
  }
  if (!packed) return;
  const at::Tensor sizes = arguments.tensor("batch_sizes");
  TORCH_CHECK(
      sizes.dim() == 1 && sizes.scalar_type() == at::kLong && sizes.is_cpu() && sizes.numel() > 0,
      "Expected batch_sizes to be an int64 vector on the CPU");
  const auto counts = sizes.contiguous();
  const int64_t* count = counts.const_data_ptr<int64_t>();
  int64_t rows = 0;
  for (int64_t i = 0; i < counts.numel(); ++i) {
    TORCH_CHECK(count[i] > 0 && count[i] <= (i == 0 ? input.size(0) : count[i - 1]),
                "Expected batch_sizes to be positive and not to grow");
    rows += count[i];
    TORCH_CHECK(rows <= input.size(0), "batch_sizes count more rows than there are");
  }
  TORCH_CHECK(rows == input.size(0), "batch_sizes count ", rows, " rows of ", input.size(0));
}

}  // namespace

Guard guard_of(std::string_view name) {
  static const std::map<std::string_view, Guard> guards = {
      {"native_batch_norm", batch_norm},
      {"_native_batch_norm_legit", batch_norm},
      {"native_group_norm", group_norm},
      {"linalg_eigvals", eigvals},
      {"lstm", recurrent},
      {"gru", recurrent},
      {"rnn_tanh", recurrent},
      {"rnn_relu", recurrent},
  };
  const auto found = guards.find(name);
  return found == guards.end() ? nullptr : found->second;
}
