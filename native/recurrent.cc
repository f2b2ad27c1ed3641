// A sequence through all layers and both directions as one autograd node (CPU, float and double),
// where libtorch's own path makes a few nodes for each time step. Whatever the kernels cannot do
// goes to libtorch's operators, and so does the graph of a gradient (create_graph).
#include "recurrent.h"

#include <ATen/autocast_mode.h>
#include <ATen/record_function.h>

#include "call.h"
#include "fused.h"
#include "recurrent_layers.h"

namespace {

using recurrent::Arguments;
using recurrent::Cell;
using recurrent::contiguous;
using recurrent::LayerTrace;
using recurrent::libtorch_path;
using recurrent::Needed;
using recurrent::Results;
using recurrent::Settings;
using recurrent::Tensors;
using recurrent::Weights;

// A call of forward_layers or backward_layers for the dtype.
template <typename Body>
auto for_dtype(at::ScalarType dtype, const Body& body) {
  return dtype == at::kDouble ? body(double{}) : body(float{});
}

using torch::autograd::Node;
using torch::autograd::SavedVariable;

bool fusable(Settings& settings, const Arguments& arguments);

class Sequence : public Node {
 public:
  // Runs the layers, and makes them a node of the graph where a gradient may be wanted.
  static Tensors run(Settings settings, const Arguments& arguments) {
    const Tensors inputs = arguments.all();
    const bool differentiable =
        at::GradMode::is_enabled() &&
        std::any_of(inputs.begin(), inputs.end(),
                    [](const at::Tensor& input) { return input.requires_grad(); });
    Results results = forward(settings, arguments);
    Tensors outputs{results.output, results.h_n};
    if (settings.lstm()) outputs.push_back(results.c_n);
    if (!differentiable) return outputs;
    const auto [owner, node] = make_node<Sequence>();
    for (const at::Tensor& input : inputs) {
      node->add_next_edge(torch::autograd::impl::gradient_edge(input));
      node->inputs_.emplace_back(input, false);
    }
    for (const at::Tensor& output : outputs) {
      const uint32_t number = node->add_input_metadata(output);
      torch::autograd::impl::set_gradient_edge(output, {owner, number});
    }
    node->has_h_0_ = arguments.h_0.defined();
    node->has_c_0_ = arguments.c_0.defined();
    node->settings_ = std::move(settings);
    node->traces_ = std::move(results.traces);
    node->output_version_ = torch::autograd::impl::version_counter(results.output);
    node->expected_version_ = node->output_version_.current_version();
    return outputs;
  }

  Tensors apply(Tensors&& gradients) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    TORCH_CHECK(
        !inputs_.empty(),
        "Trying to backward through the graph a second time (or directly access saved tensors "
        "after they have already been freed). Saved intermediate values of the graph are freed "
        "when you call .backward() or autograd.grad(). Specify retain_graph=True if you need "
        "to backward through the graph a second time or if you need to access saved tensors "
        "after calling backward.");
    Tensors inputs;
    std::vector<bool> needed;
    for (const SavedVariable& saved : inputs_) {
      needed.push_back(task_should_compute_output(inputs.size()));
      inputs.push_back(saved.unpack());
    }
    if (at::GradMode::is_enabled()) return differentiable_backward(inputs, gradients, needed);
    const at::AutoDispatchBelowADInplaceOrView guard;
    Arguments arguments = Arguments::of(inputs, has_h_0_, has_c_0_);
    check_unchanged(arguments, gradients);
    arguments.h_0 = contiguous(arguments.h_0);
    arguments.c_0 = contiguous(arguments.c_0);
    const bool changed = output_version_.current_version() != expected_version_;
    const Arguments found = for_dtype(arguments.input.scalar_type(), [&](auto number) {
      if (changed) {
        // The caller may change the output in place, as in PyTorch; then the last layer is done
        // again.
        recurrent::last_layer_again<decltype(number)>(settings_, arguments, traces_.back());
        expected_version_ = output_version_.current_version();
      }
      return recurrent::backward_layers<decltype(number)>(settings_, arguments, traces_, gradients,
                                                          Needed(arguments, needed));
    });
    Tensors result{found.input};
    if (has_h_0_) result.push_back(found.h_0);
    if (has_c_0_) result.push_back(found.c_0);
    result.insert(result.end(), found.weights.begin(), found.weights.end());
    return result;
  }

  std::string name() const override {
    switch (settings_.cell) {
      case Cell::kLstm:
        return "LstmSequenceBackward";
      case Cell::kGru:
        return "GruSequenceBackward";
      default:
        return "RnnSequenceBackward";
    }
  }

  void release_variables() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    inputs_.clear();
    traces_.clear();
  }

 private:
  static Results forward(const Settings& settings, Arguments arguments) {
    const at::AutoDispatchBelowADInplaceOrView guard;
    arguments.h_0 = contiguous(arguments.h_0);
    arguments.c_0 = contiguous(arguments.c_0);
    return for_dtype(arguments.input.scalar_type(), [&](auto number) {
      return recurrent::forward_layers<decltype(number)>(settings, arguments);
    });
  }

  // Raw pointers follow: whatever got another shape, dtype or device since forward (which `data`
  // can do without a new version, and a hook to a gradient) is an error.
  void check_unchanged(const Arguments& arguments, const Tensors& gradients) const {
    const LayerTrace& first = traces_.front();
    const LayerTrace& last = traces_.back();
    Settings now = settings_;
    const auto same = [&](const at::Tensor& gradient, at::IntArrayRef sizes) {
      return !gradient.defined() || (plain(gradient, first.x) && gradient.sizes() == sizes);
    };
    const Weights weights = weights_of(settings_, arguments, 0, 0);
    const int64_t hidden = first.directions[0].gates.size(1) / recurrent::gates_of(settings_.cell);
    const int64_t width = last.output.size(1);
    const int64_t state = width / settings_.directions();
    const int64_t states = settings_.layers * settings_.directions();
    const int64_t batch = settings_.sequences();
    const at::Tensor& output = gradients[0];
    const bool unchanged =
        fusable(now, arguments) && now.offsets == settings_.offsets &&
        arguments.input.scalar_type() == first.x.scalar_type() &&
        arguments.input.size(-1) == first.x.size(1) &&
        weights.w_hh.size(0) == first.directions[0].gates.size(1) &&
        weights.w_hh.size(1) == state &&
        (settings_.packed()      ? same(output, {settings_.rows(), width})
         : settings_.batch_first ? same(output, {batch, settings_.steps(), width})
                                 : same(output, {settings_.steps(), batch, width})) &&
        same(gradients[1], {states, batch, state}) &&
        (!settings_.lstm() || same(gradients[2], {states, batch, hidden}));
    TORCH_CHECK(
        unchanged,
        "an input, a parameter or a gradient of a recurrent layer has another shape, dtype or "
        "device than when its forward ran");
  }

  // With create_graph: libtorch's path again, and its gradient with a graph. The arguments go in as
  // aliases: one may depend on another, whose gradient must not count that way too.
  Tensors differentiable_backward(Tensors aliases, const Tensors& gradients,
                                  const std::vector<bool>& needed) const {
    Tensors wanted;
    for (size_t i = 0; i < aliases.size(); ++i) {
      aliases[i] = aliases[i].view_as(aliases[i]);
      if (needed[i]) wanted.push_back(aliases[i]);
    }
    Tensors masks;
    for (const LayerTrace& trace : traces_) {
      if (!trace.mask.defined()) continue;
      masks.push_back(
          settings_.packed()
              ? trace.mask
              : trace.mask.view({settings_.steps(), settings_.sequences(), trace.mask.size(1)}));
    }
    const Tensors outputs =
        libtorch_path(settings_, Arguments::of(aliases, has_h_0_, has_c_0_), masks);
    Tensors from, incoming;
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (!gradients[i].defined()) continue;
      from.push_back(outputs[i]);
      incoming.push_back(gradients[i]);
    }
    Tensors result(aliases.size());
    if (from.empty() || wanted.empty()) return result;
    const Tensors found = torch::autograd::grad(from, wanted, incoming, true, true, true);
    for (size_t i = 0, next = 0; i < aliases.size(); ++i) {
      if (needed[i]) result[i] = found[next++];
    }
    return result;
  }

  Settings settings_;
  std::vector<SavedVariable> inputs_;  // Arguments::all()
  bool has_h_0_ = false, has_c_0_ = false;
  std::vector<LayerTrace> traces_;
  c10::VariableVersion output_version_ = c10::VariableVersion(0);
  uint32_t expected_version_ = 0;
};

// --- which path ----------------------------------------------------------------------------------

bool has_sizes(const at::Tensor& tensor, at::IntArrayRef sizes) { return tensor.sizes() == sizes; }

// Everything that raw pointers rely on. What is not as expected is libtorch's to do, or to refuse.
bool fusable(Settings& settings, const Arguments& arguments) {
  const at::Tensor& x = arguments.input;
  const at::ScalarType dtype = x.scalar_type();
  if (dtype != at::kFloat && dtype != at::kDouble && dtype != at::kBFloat16) return false;
  if (at::autocast::is_autocast_enabled(at::kCPU)) return false;
  if (!plain(x, x) || x.dim() != (settings.packed() ? 2 : 3) || x.numel() == 0) return false;
  const int64_t directions = settings.directions();
  const auto parts = static_cast<size_t>(settings.layers * directions);
  if (settings.layers < 1 || arguments.weights.empty() || arguments.weights.size() % parts != 0) {
    return false;
  }
  const size_t each = arguments.weights.size() / parts;
  const size_t without_projection = settings.has_biases ? 4 : 2;
  const bool projects = each == without_projection + 1;
  if (each != without_projection && !(projects && settings.lstm())) return false;
  for (const at::Tensor& weight : arguments.weights) {
    if (!plain(weight, x)) return false;
  }
  // Where the rows of each step are.
  if (settings.packed()) {
    const at::Tensor& sizes = settings.batch_sizes;
    if (!sizes.is_cpu() || sizes.scalar_type() != at::kLong || sizes.dim() != 1 ||
        sizes.numel() == 0) {
      return false;
    }
    const at::Tensor contiguous = sizes.contiguous();
    const int64_t* count = contiguous.data_ptr<int64_t>();
    settings.offsets.assign(1, 0);
    for (int64_t t = 0; t < sizes.numel(); ++t) {
      if (count[t] < 1 || count[t] > x.size(0) - settings.rows()) return false;
      if (t > 0 && count[t] > count[t - 1]) return false;
      settings.offsets.push_back(settings.offsets.back() + count[t]);
    }
    if (settings.rows() != x.size(0)) return false;
  } else {
    const int64_t steps = x.size(settings.batch_first ? 1 : 0);
    const int64_t batch = x.size(settings.batch_first ? 0 : 1);
    settings.offsets.resize(static_cast<size_t>(steps) + 1);
    for (int64_t t = 0; t <= steps; ++t) settings.offsets[static_cast<size_t>(t)] = t * batch;
  }
  const Weights first = weights_of(settings, arguments, 0, 0);
  if (first.w_hh.dim() != 2) return false;
  const int64_t gates = recurrent::gates_of(settings.cell);
  const int64_t hidden = first.w_hh.size(0) / gates;
  const int64_t state = first.w_hh.size(1);
  if (hidden < 1 || state < 1 || (!projects && state != hidden)) return false;
  for (int64_t layer = 0; layer < settings.layers; ++layer) {
    const int64_t width = layer == 0 ? x.size(-1) : directions * state;
    for (int64_t d = 0; d < directions; ++d) {
      const Weights weights = weights_of(settings, arguments, layer, d);
      const bool right = has_sizes(weights.w_ih, {gates * hidden, width}) &&
                         has_sizes(weights.w_hh, {gates * hidden, state}) &&
                         (!settings.has_biases || (has_sizes(weights.b_ih, {gates * hidden}) &&
                                                   has_sizes(weights.b_hh, {gates * hidden}))) &&
                         (!projects || has_sizes(weights.w_hr, {state, hidden}));
      if (!right) return false;
    }
  }
  const int64_t states = settings.layers * directions;
  const auto state_fits = [&](const at::Tensor& given, int64_t size) {
    return !given.defined() ||
           (plain(given, x) && has_sizes(given, {states, settings.sequences(), size}));
  };
  return state_fits(arguments.h_0, state) && state_fits(arguments.c_0, hidden);
}

const char* name_of(Cell cell) {
  switch (cell) {
    case Cell::kLstm:
      return "tstorch::lstm";
    case Cell::kGru:
      return "tstorch::gru";
    case Cell::kRelu:
      return "tstorch::rnn_relu";
    default:
      return "tstorch::rnn_tanh";
  }
}

Tensors run(Settings settings, const Arguments& arguments, bool fused) {
  if (!fused || !fusable(settings, arguments)) return libtorch_path(settings, arguments);
  if (arguments.input.scalar_type() == at::kBFloat16) {
    // In single precision from the first step to the last; only what comes out is rounded.
    Tensors all = arguments.all();
    for (at::Tensor& tensor : all) tensor = tensor.to(at::kFloat);
    Tensors results = run(settings, arguments.like(all), true);
    for (at::Tensor& tensor : results) tensor = tensor.to(at::kBFloat16);
    return results;
  }
  RECORD_FUNCTION(name_of(settings.cell), std::vector<c10::IValue>{});
  return Sequence::run(std::move(settings), arguments);
}

// recurrent(cell, input, batch_sizes or null, h_0 or null, c_0 or null, weights, Float64Array[
// has_biases, layers, dropout, train, bidirectional, batch_first, fused]) -> [output, h_n, c_n?]
napi_value recurrent_sequence(Call& call) {
  const std::vector<double> numbers = call.numbers(6);
  TYPE_CHECK(numbers.size() == 7, "expected 7 numbers");
  const int64_t cell = call.integer(0);
  TYPE_CHECK(cell >= 0 && cell <= 3, "no such cell");
  TYPE_CHECK(numbers[1] >= 1 && numbers[1] <= 1e6, "the number of layers must be from 1 on");
  Settings settings{static_cast<Cell>(cell),
                    numbers[0] != 0,
                    static_cast<int64_t>(numbers[1]),
                    numbers[2],
                    numbers[3] != 0,
                    numbers[4] != 0,
                    numbers[5] != 0,
                    call.tensor_or_undefined(2),
                    {}};
  TYPE_CHECK(settings.lstm() || !call.given(4), "only an LSTM has c_0");
  const Arguments arguments{call.tensor(1), call.tensor_or_undefined(3),
                            call.tensor_or_undefined(4), call.tensors(5)};
  const auto fewest =
      static_cast<size_t>(settings.layers * settings.directions()) * (settings.has_biases ? 4 : 2);
  TYPE_CHECK(arguments.weights.size() >= fewest, "expected at least ", fewest, " weights, got ",
             arguments.weights.size());
  for (const at::Tensor& weight : arguments.weights) {
    TYPE_CHECK(weight.defined() && weight.dim() >= 1, "a weight is missing");
  }
  const Tensors results =
      with_room(call.env(), [&] { return run(settings, arguments, numbers[6] != 0); });
  napi_value result = nullptr;
  check_napi(call.raw(), napi_create_array_with_length(call.raw(), results.size(), &result));
  for (size_t i = 0; i < results.size(); ++i) {
    check_napi(call.raw(), napi_set_element(call.raw(), result, static_cast<uint32_t>(i),
                                            call.handle(results[i])));
  }
  return result;
}

}  // namespace

void export_recurrent(Environment& env, napi_value exports) {
  export_function(env, exports, "recurrent", enter<recurrent_sequence>);
}
