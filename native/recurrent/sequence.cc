#include "recurrent/sequence.h"

#include <algorithm>

#include "autograd/node.h"
#include "raw/memory.h"
#include "recurrent/layers.h"
#include "recurrent/libtorch_path.h"

namespace recurrent {

namespace {

using torch::autograd::Node;
using torch::autograd::SavedVariable;

// A call of forward_layers or backward_layers for the dtype.
template <typename Body>
auto for_dtype(at::ScalarType dtype, const Body& body) {
  return dtype == at::kDouble ? body(double{}) : body(float{});
}

class Sequence : public Node {
 public:
  // Runs the layers, and makes them a node of the graph where a gradient may be wanted.
  static Tensors run(Plan plan, const Arguments& arguments) {
    const Tensors inputs = arguments.all();
    const bool differentiable =
        at::GradMode::is_enabled() &&
        std::any_of(inputs.begin(), inputs.end(),
                    [](const at::Tensor& input) { return input.requires_grad(); });
    Results results = forward(plan, arguments);
    Tensors outputs{results.output, results.h_n};
    if (plan.settings.lstm()) outputs.push_back(results.c_n);
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
    node->plan_ = std::move(plan);
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
        last_layer_again<decltype(number)>(plan_, arguments, traces_.back());
        expected_version_ = output_version_.current_version();
      }
      return backward_layers<decltype(number)>(plan_, arguments, traces_, gradients,
                                               Needed(arguments, needed));
    });
    Tensors result{found.input};
    if (has_h_0_) result.push_back(found.h_0);
    if (has_c_0_) result.push_back(found.c_0);
    result.insert(result.end(), found.weights.begin(), found.weights.end());
    return result;
  }

  std::string name() const override {
    switch (plan_.settings.cell) {
      case Cell::Lstm:
        return "LstmSequenceBackward";
      case Cell::Gru:
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
  static Results forward(const Plan& plan, Arguments arguments) {
    const at::AutoDispatchBelowADInplaceOrView guard;
    arguments.h_0 = contiguous(arguments.h_0);
    arguments.c_0 = contiguous(arguments.c_0);
    return for_dtype(arguments.input.scalar_type(), [&](auto number) {
      return forward_layers<decltype(number)>(plan, arguments);
    });
  }

  // Raw pointers follow: whatever got another shape, dtype or device since forward (which `data`
  // can do without a new version, and a hook to a gradient) is an error.
  void check_unchanged(const Arguments& arguments, const Tensors& gradients) const {
    const at::Tensor& x = traces_.front().x;
    const auto fits = [&](const at::Tensor& gradient, at::IntArrayRef sizes) {
      return !gradient.defined() || (is_plain(gradient, x) && gradient.sizes() == sizes);
    };
    const auto now = plan(plan_.settings, arguments);
    const bool unchanged =
        now && now->same_sizes(plan_) && arguments.input.scalar_type() == x.scalar_type() &&
        are_plain(arguments) && fits(gradients[0], plan_.output_sizes()) &&
        fits(gradients[1], plan_.state_sizes(plan_.state)) &&
        (!plan_.settings.lstm() || fits(gradients[2], plan_.state_sizes(plan_.hidden)));
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
      masks.push_back(plan_.settings.packed()
                          ? trace.mask
                          : trace.mask.view({plan_.steps(), plan_.batch, trace.mask.size(1)}));
    }
    const Tensors outputs = libtorch_path(plan_, Arguments::of(aliases, has_h_0_, has_c_0_), masks);
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

  Plan plan_;
  std::vector<SavedVariable> inputs_;  // Arguments::all()
  bool has_h_0_ = false, has_c_0_ = false;
  std::vector<LayerTrace> traces_;
  c10::VariableVersion output_version_ = c10::VariableVersion(0);
  uint32_t expected_version_ = 0;
};

}  // namespace

bool are_plain(const Arguments& arguments) {
  const at::Tensor& x = arguments.input;
  const auto fits = [&](const at::Tensor& tensor) { return is_plain(tensor, x); };
  return fits(x) && std::all_of(arguments.weights.begin(), arguments.weights.end(), fits) &&
         (!arguments.h_0.defined() || fits(arguments.h_0)) &&
         (!arguments.c_0.defined() || fits(arguments.c_0));
}

Tensors run_sequence(Plan plan, const Arguments& arguments) {
  return Sequence::run(std::move(plan), arguments);
}

}  // namespace recurrent
