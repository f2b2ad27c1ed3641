#include "recurrent/sequence.h"

#include <torch/csrc/autograd/functions/accumulate_grad.h>

#include <algorithm>
#include <typeinfo>

#include "autograd/node.h"
#include "raw/memory.h"
#include "recurrent/layers.h"
#include "recurrent/libtorch_path.h"

namespace recurrent {

namespace {

using torch::autograd::Node;

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
    Results results = forward(plan, arguments, differentiable);
    Tensors outputs{results.output, results.h_n};
    if (plan.settings.lstm()) outputs.push_back(results.c_n);
    if (!differentiable) return outputs;
    const auto [owner, node] = make_node<Sequence>();
    for (const at::Tensor& input : inputs) {
      node->add_next_edge(torch::autograd::impl::gradient_edge(input));
    }
    node->keep(plan, arguments, inputs);
    for (const at::Tensor& output : outputs) {
      const uint32_t number = node->add_input_metadata(output);
      torch::autograd::impl::set_gradient_edge(output, {owner, number});
    }
    node->plan_ = std::move(plan);
    node->traces_ = std::move(results.traces);
    return outputs;
  }

  Tensors apply(Tensors&& gradients) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    TORCH_CHECK(
        !traces_.empty(),
        "Trying to backward through the graph a second time (or directly access saved tensors "
        "after they have already been freed). Saved intermediate values of the graph are freed "
        "when you call .backward() or autograd.grad(). Specify retain_graph=True if you need "
        "to backward through the graph a second time or if you need to access saved tensors "
        "after calling backward.");
    // Forward ran without autocast.
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const bool differentiable = at::GradMode::is_enabled();
    const Tensors inputs = arguments_.all();
    std::vector<bool> wanted;
    for (size_t i = 0; i < inputs.size(); ++i) wanted.push_back(task_should_compute_output(i));
    const Needed needed(arguments_, wanted);
    const std::vector<bool> values = values_needed(plan_, arguments_, needed);
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (values[i] || differentiable) check_version(inputs[i], versions_[i]);
      if (wanted[i]) check_leaf(next_edge(i), inputs[i].sizes());
    }
    check_gradients(gradients);
    if (differentiable) return differentiable_backward(gradients, wanted);
    const at::AutoDispatchBelowADInplaceOrView guard;
    Arguments arguments = arguments_;
    arguments.h_0 = h_0_.defined() ? h_0_ : contiguous(arguments.h_0);
    arguments.c_0 = contiguous(arguments.c_0);
    const Arguments found = for_dtype(arguments.input.scalar_type(), [&](auto number) {
      return backward_layers<decltype(number)>(plan_, arguments, traces_, gradients, needed);
    });
    Tensors result{found.input};
    if (arguments_.h_0.defined()) result.push_back(found.h_0);
    if (arguments_.c_0.defined()) result.push_back(found.c_0);
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
    arguments_ = {};
    h_0_.reset();
    versions_.clear();
    traces_.clear();
  }

 private:
  static Results forward(const Plan& plan, Arguments arguments, bool backward_follows) {
    const at::AutoDispatchBelowADInplaceOrView guard;
    arguments.h_0 = contiguous(arguments.h_0);
    arguments.c_0 = contiguous(arguments.c_0);
    return for_dtype(arguments.input.scalar_type(), [&](auto number) {
      return forward_layers<decltype(number)>(plan, arguments, backward_follows);
    });
  }

  // Keeps the arguments as they are: `data` of the caller's may become another tensor, as it does
  // in module.double(). `inputs`: Arguments::all().
  void keep(const Plan& plan, const Arguments& arguments, const Tensors& inputs) {
    Tensors aliases;
    aliases.reserve(inputs.size());
    versions_.reserve(inputs.size());
    bool inference = false;
    for (const at::Tensor& input : inputs) {
      aliases.push_back(input.tensor_data());
      inference |= input.is_inference();
      versions_.push_back(input.is_inference() ? 0 : static_cast<uint32_t>(input._version()));
    }
    if (inference) check_inference(plan, arguments, inputs);
    arguments_ = arguments.like(aliases);
    if (plan.settings.cell != Cell::Gru || !arguments_.h_0.defined()) return;
    // A GRU's gates have a gradient that looks at the state, which PyTorch lets change
    // nevertheless.
    const at::AutoDispatchBelowADInplaceOrView guard;
    h_0_ = arguments_.h_0.clone(at::MemoryFormat::Contiguous);
  }

  // Tensors of inference mode have no versions, so nobody would see them change.
  static void check_inference(const Plan& plan, const Arguments& arguments, const Tensors& inputs) {
    std::vector<bool> wanted;
    for (const at::Tensor& input : inputs) wanted.push_back(input.requires_grad());
    const std::vector<bool> values = values_needed(plan, arguments, Needed(arguments, wanted));
    for (size_t i = 0; i < inputs.size(); ++i) {
      TORCH_CHECK(!values[i] || !inputs[i].is_inference(),
                  "Inference tensors cannot be saved for backward. To work around you can make a "
                  "clone to get a normal tensor and use it in autograd.");
    }
  }

  static void check_version(const at::Tensor& tensor, uint32_t version) {
    if (tensor.is_inference()) return;
    const auto current = static_cast<uint32_t>(tensor._version());
    TORCH_CHECK(current == version,
                "one of the variables needed for gradient computation has been modified by an "
                "inplace operation: [",
                tensor.toString(), " ", tensor.sizes(), "] is at version ", current,
                "; expected version ", version, " instead.");
  }

  // A gradient of another shape is of no use to whoever gets it.
  static void check_leaf(const torch::autograd::Edge& edge, at::IntArrayRef sizes) {
    using torch::autograd::AccumulateGrad;
    const Node* node = edge.function.get();
    if (node == nullptr || typeid(*node) != typeid(AccumulateGrad)) return;
    TORCH_CHECK(static_cast<const AccumulateGrad*>(node)->variable.sizes() == sizes,
                "an input or a parameter of a recurrent layer has another shape than when its "
                "forward ran");
  }

  // Raw pointers follow, and a hook may have changed a gradient.
  void check_gradients(const Tensors& gradients) const {
    const auto check = [&](const at::Tensor& gradient, at::IntArrayRef sizes) {
      TORCH_CHECK(!gradient.defined() ||
                      (is_plain(gradient, arguments_.input) && gradient.sizes() == sizes),
                  "a gradient of a recurrent layer has another shape, dtype or device than what "
                  "it is the gradient of");
    };
    check(gradients[0], plan_.output_sizes());
    check(gradients[1], plan_.state_sizes(plan_.state));
    if (plan_.settings.lstm()) check(gradients[2], plan_.state_sizes(plan_.hidden));
  }

  // With create_graph: libtorch's path again, and its gradient with a graph. The arguments go in as
  // aliases: one may depend on another, whose gradient must not count that way too.
  Tensors differentiable_backward(const Tensors& gradients, const std::vector<bool>& needed) const {
    Tensors aliases = arguments_.all();
    Tensors wanted;
    for (size_t i = 0; i < aliases.size(); ++i) {
      const at::Tensor variable = aliases[i].tensor_data();
      if (next_edge(i).is_valid()) {
        torch::autograd::impl::set_gradient_edge(variable, next_edge(i));
      }
      aliases[i] = variable.view_as(variable);
      if (needed[i]) wanted.push_back(aliases[i]);
    }
    Tensors masks;
    for (const LayerTrace& trace : traces_) {
      if (!trace.mask.defined()) continue;
      masks.push_back(plan_.settings.packed()
                          ? trace.mask
                          : trace.mask.view({plan_.steps(), plan_.batch, trace.mask.size(1)}));
    }
    const Tensors outputs = libtorch_path(plan_, arguments_.like(aliases), masks);
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
  Arguments arguments_;
  at::Tensor h_0_;                  // a GRU's: a copy
  std::vector<uint32_t> versions_;  // of Arguments::all()
  std::vector<LayerTrace> traces_;
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
