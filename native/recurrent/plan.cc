#include "recurrent/plan.h"

#include <ATen/autocast_mode.h>

namespace recurrent {

namespace {

bool has_sizes(const at::Tensor& tensor, at::IntArrayRef sizes) { return tensor.sizes() == sizes; }

// Whether the shape of the weight at `place` among those of its layer and direction is right.
bool weight_fits(const Plan& plan, const at::Tensor& weight, size_t place, int64_t layer) {
  const int64_t below = layer == 0 ? plan.input : plan.settings.directions() * plan.state;
  if (place == 0) return has_sizes(weight, {plan.gate_rows(), below});
  if (place == 1) return has_sizes(weight, {plan.gate_rows(), plan.state});
  if (plan.settings.has_biases && place < 4) return has_sizes(weight, {plan.gate_rows()});
  return has_sizes(weight, {plan.state, plan.hidden});
}

// Sets the offsets.
void read_batch_sizes(Plan& plan, int64_t rows) {
  const at::Tensor& sizes = plan.settings.batch_sizes;
  TORCH_CHECK(sizes.layout() == at::kStrided && sizes.dim() == 1 &&
                  sizes.scalar_type() == at::kLong && sizes.is_cpu() && sizes.numel() > 0,
              "Expected batch_sizes to be an int64 vector on the CPU");
  const at::Tensor contiguous = sizes.contiguous();
  const int64_t* count = contiguous.const_data_ptr<int64_t>();
  plan.offsets.assign(1, 0);
  for (int64_t t = 0; t < contiguous.numel(); ++t) {
    TORCH_CHECK(count[t] >= 1 && (t == 0 || count[t] <= count[t - 1]),
                "Expected batch_sizes to be positive and not to grow");
    TORCH_CHECK(count[t] <= rows - plan.rows(), "batch_sizes count more rows than there are");
    plan.offsets.push_back(plan.rows() + count[t]);
  }
  TORCH_CHECK(plan.rows() == rows, "batch_sizes count fewer rows than there are");
}

void check_alike(const Arguments& arguments) {
  const at::Tensor& input = arguments.input;
  const bool casts = at::autocast::is_autocast_enabled(input.device().type());
  const auto check = [&](const at::Tensor& tensor) {
    if (!tensor.defined()) return;
    const bool fits = tensor.scalar_type() == input.scalar_type() ||
                      (casts && tensor.is_floating_point() && input.is_floating_point());
    TORCH_CHECK(
        fits && tensor.device() == input.device() && tensor.layout() == at::kStrided,
        "Expected the states and parameters of an RNN to have the input's dtype and device (",
        input.scalar_type(), ", ", input.device(), "), but got ", tensor.scalar_type(), ", ",
        tensor.device(), ", ", tensor.layout());
  };
  check(input);
  check(arguments.h_0);
  check(arguments.c_0);
  for (const at::Tensor& weight : arguments.weights) check(weight);
}

}  // namespace

Tensors Arguments::all() const {
  Tensors result{input};
  if (h_0.defined()) result.push_back(h_0);
  if (c_0.defined()) result.push_back(c_0);
  result.insert(result.end(), weights.begin(), weights.end());
  return result;
}

Arguments Arguments::of(at::TensorList all, bool has_h_0, bool has_c_0) {
  size_t next = 1;
  const at::Tensor h_0 = has_h_0 ? all[next++] : at::Tensor();
  const at::Tensor c_0 = has_c_0 ? all[next++] : at::Tensor();
  return {.input = all[0], .h_0 = h_0, .c_0 = c_0, .weights = all.slice(next).vec()};
}

Weights Plan::weights_of(const Arguments& arguments, int64_t part) const {
  const at::Tensor* first =
      arguments.weights.data() + static_cast<size_t>(part) * weights_per_part();
  const bool biases = settings.has_biases;
  return {.w_ih = first[0],
          .w_hh = first[1],
          .b_ih = biases ? first[2] : at::Tensor(),
          .b_hh = biases ? first[3] : at::Tensor(),
          .w_hr = projects ? first[biases ? 4 : 2] : at::Tensor()};
}

at::DimVector Plan::output_sizes() const {
  const int64_t width = settings.directions() * state;
  if (settings.packed()) return {rows(), width};
  if (settings.batch_first) return {batch, steps(), width};
  return {steps(), batch, width};
}

Plan plan(Settings settings, const Arguments& arguments) {
  const at::Tensor& x = arguments.input;
  const Tensors& weights = arguments.weights;
  const int64_t rank = settings.packed() ? 2 : 3;
  TORCH_CHECK(x.defined() && x.dim() == rank, "Expected an input of ", rank,
              " dimensions, but got ", x.defined() ? x.dim() : 0);
  TORCH_CHECK(settings.layers >= 1, "Expected num_layers of at least 1, but got ", settings.layers);
  Plan plan;
  plan.settings = std::move(settings);
  plan.input = x.size(-1);
  const auto count = static_cast<int64_t>(weights.size());
  const int64_t directions = plan.settings.directions();
  const auto plain = static_cast<int64_t>(plan.weights_per_part());
  const int64_t each = plan.settings.layers > count ? 0 : count / plan.parts();
  plan.projects = plan.settings.lstm() && each == plain + 1;
  TORCH_CHECK(each >= plain && each <= plain + plan.projects && count == each * plan.parts(),
              "got an incorrect number of RNN parameters (", count, " for ", plan.settings.layers,
              " layers)");

  // What is not as W_hh of the first layer says is found below.
  const at::Tensor& w_hh = weights[1];
  if (w_hh.defined() && w_hh.dim() == 2) {
    plan.hidden = w_hh.size(0) / gates_of(plan.settings.cell);
    plan.state = plan.projects ? w_hh.size(1) : plan.hidden;
  }
  // libtorch takes states of equal sizes for those of an LSTM without projections.
  TORCH_CHECK(!plan.projects || plan.state != plan.hidden,
              "Expected projections to have another size than the hidden state, but got ",
              plan.state);
  for (int64_t i = 0; i < count; ++i) {
    const at::Tensor& weight = weights[static_cast<size_t>(i)];
    TORCH_CHECK(weight.defined(), "RNN parameter ", i, " is missing");
    TORCH_CHECK(weight_fits(plan, weight, static_cast<size_t>(i % each), i / (each * directions)),
                "RNN parameter ", i, " of shape ", weight.sizes(),
                " does not fit the input and the hidden size");
  }

  if (plan.settings.packed()) {
    read_batch_sizes(plan, x.size(0));
    plan.batch = plan.offsets[1];
  } else {
    const int64_t steps = x.size(plan.settings.batch_first ? 1 : 0);
    plan.batch = x.size(plan.settings.batch_first ? 0 : 1);
    plan.offsets.resize(static_cast<size_t>(steps) + 1);
    for (int64_t t = 0; t <= steps; ++t) plan.offsets[static_cast<size_t>(t)] = t * plan.batch;
  }

  const std::pair<const at::Tensor&, int64_t> states[] = {{arguments.h_0, plan.state},
                                                          {arguments.c_0, plan.hidden}};
  for (const auto& [given, size] : states) {
    TORCH_CHECK(!given.defined() || given.sizes() == plan.state_sizes(size),
                "Expected hidden states of shape ", at::IntArrayRef(plan.state_sizes(size)),
                ", but got ", given.defined() ? given.sizes() : at::IntArrayRef());
  }
  check_alike(arguments);
  return plan;
}

at::Tensor kept_apart(const at::Tensor& tensor) {
  if (!tensor.defined() || !at::GradMode::is_enabled()) return tensor;
  // Autocast keeps a copy, and only of a tensor that is no view does it make a single one.
  const bool copied = tensor.scalar_type() == at::kFloat &&
                      at::autocast::is_autocast_enabled(tensor.device().type());
  return copied ? tensor : tensor.view_as(tensor);
}

Tensors kept_apart(at::TensorList tensors) {
  Tensors result;
  result.reserve(tensors.size());
  for (const at::Tensor& tensor : tensors) result.push_back(kept_apart(tensor));
  return result;
}

}  // namespace recurrent
