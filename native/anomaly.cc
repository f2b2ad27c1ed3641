#include "anomaly.h"

#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/function_hook.h>

#include "fused.h"

namespace {

using torch::autograd::Node;
using torch::autograd::variable_list;

bool has_nan(const at::Tensor& tensor) {
  if (!tensor.defined() || tensor.layout() != at::kStrided) return false;
  if (!tensor.is_floating_point() && !tensor.is_complex()) return false;
  const at::NoGradGuard guard;
  return at::isnan(tensor.sum()).item<bool>();
}

// Refuses gradients that are nan, and says where the forward call was.
struct RefusesNan : torch::autograd::FunctionPostHook {
  variable_list operator()(const variable_list& inputs, const variable_list&) override {
    for (size_t i = 0; i < inputs.size(); ++i) {
      TORCH_CHECK(!has_nan(inputs[i]), "Function '", name, "' returned nan values in its ", i,
                  "th output. The forward call that it belongs to:\n", *stack);
    }
    return inputs;
  }
  std::string name;
  std::shared_ptr<std::string> stack;
};

// The stack of the JavaScript that is running, without the line that would name an error.
std::string javascript_stack(const Call& call) {
  napi_value text = nullptr;
  napi_value error = nullptr;
  napi_value stack = nullptr;
  size_t length = 0;
  check_napi(call.raw(), napi_create_string_utf8(call.raw(), "", 0, &text));
  check_napi(call.raw(), napi_create_error(call.raw(), nullptr, text, &error));
  check_napi(call.raw(), napi_get_named_property(call.raw(), error, "stack", &stack));
  if (napi_get_value_string_utf8(call.raw(), stack, nullptr, 0, &length) != napi_ok) return "";
  std::string result(length, '\0');
  check_napi(call.raw(),
             napi_get_value_string_utf8(call.raw(), stack, result.data(), length + 1, &length));
  const size_t line = result.find('\n');
  return line == std::string::npos ? result : result.substr(line + 1);
}

// detect_anomaly(enabled, check_nan) -> what it was
napi_value detect_anomaly(Call& call) {
  Environment::Anomaly& anomaly = call.env().anomaly;
  const bool before = anomaly.enabled;
  anomaly.enabled = call.boolean(0);
  anomaly.check_nan = call.boolean(1);
  anomaly.noted = at::sequence_number::peek();
  return call.value(before);
}

napi_value is_anomaly_enabled(Call& call) { return call.value(call.env().anomaly.enabled); }

napi_value is_anomaly_check_nan_enabled(Call& call) {
  return call.value(call.env().anomaly.check_nan);
}

napi_value is_checkpoint_valid(Call& call) {
  return call.value(torch::autograd::Engine::get_default_engine().is_checkpoint_valid());
}

}  // namespace

void note_forward_call(const Call& call, const at::Tensor& result) {
  Environment::Anomaly& anomaly = call.env().anomaly;
  if (!anomaly.enabled || !anomaly.check_nan || !result.defined()) return;
  const auto node = result.grad_fn();
  if (!node || node->sequence_nr() < anomaly.noted) return;
  const auto stack = std::make_shared<std::string>(javascript_stack(call));
  // An operator may have made several nodes: all that are younger than the last call's.
  std::vector<Node*> waiting{node.get()};
  std::unordered_set<Node*> seen{node.get()};
  while (!waiting.empty()) {
    Node* next = waiting.back();
    waiting.pop_back();
    auto hook = std::make_unique<RefusesNan>();
    hook->name = next->name();
    hook->stack = stack;
    next->add_post_hook(std::move(hook));
    for (const torch::autograd::Edge& edge : next->next_edges()) {
      Node* input = edge.function.get();
      // An accumulator's number is the largest there is.
      const bool younger = input != nullptr && input->sequence_nr() != UINT64_MAX &&
                           input->sequence_nr() >= anomaly.noted;
      if (younger && seen.insert(input).second) waiting.push_back(input);
    }
  }
  anomaly.noted = at::sequence_number::peek();
}

void export_anomaly(Environment& env, napi_value exports) {
  export_function(env, exports, "detect_anomaly", enter<detect_anomaly>);
  export_function(env, exports, "is_anomaly_enabled", enter<is_anomaly_enabled>);
  export_function(env, exports, "is_anomaly_check_nan_enabled",
                  enter<is_anomaly_check_nan_enabled>);
  export_function(env, exports, "is_checkpoint_valid", enter<is_checkpoint_valid>);
}
