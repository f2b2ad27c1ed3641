// Where in JavaScript the forward call was whose backward gives nan (set_detect_anomaly).
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/function_hook.h>

#include "exports.h"

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
std::string javascript_stack(napi_env env) {
  napi_value error = nullptr;
  napi_value stack = nullptr;
  check_napi(env, napi_create_error(env, nullptr, string_value(env, ""), &error));
  check_napi(env, napi_get_named_property(env, error, "stack", &stack));
  const auto text = string_in(env, stack);
  return text ? text->substr(text->find('\n') + 1) : "";
}

// Remembers which call of JavaScript made the nodes behind a result.
void note_forward_call(Environment& env, const at::Tensor& result) {
  Environment::Anomaly& anomaly = env.anomaly;
  if (!anomaly.check_nan || !result.defined()) return;
  const auto node = result.grad_fn();
  if (!node || node->sequence_nr() < anomaly.noted) return;
  const auto stack = std::make_shared<std::string>(javascript_stack(env.raw()));
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

// detect_anomaly(enabled, check_nan) -> what it was
napi_value detect_anomaly(Call& call) {
  Environment::Anomaly& anomaly = call.env().anomaly;
  const bool before = anomaly.note != nullptr;
  anomaly.note = call.boolean(0) ? note_forward_call : nullptr;
  anomaly.check_nan = call.boolean(1);
  anomaly.noted = at::sequence_number::peek();
  return call.value(before);
}

napi_value is_anomaly_enabled(Call& call) { return call.value(call.env().anomaly.note != nullptr); }

napi_value is_anomaly_check_nan_enabled(Call& call) {
  return call.value(call.env().anomaly.check_nan);
}

napi_value is_checkpoint_valid(Call& call) {
  return call.value(torch::autograd::Engine::get_default_engine().is_checkpoint_valid());
}

}  // namespace

void export_anomaly(Environment& env, napi_value exports) {
  export_function(env, exports, "detect_anomaly", enter<detect_anomaly>);
  export_function(env, exports, "is_anomaly_enabled", enter<is_anomaly_enabled>);
  export_function(env, exports, "is_anomaly_check_nan_enabled",
                  enter<is_anomaly_check_nan_enabled>);
  export_function(env, exports, "is_checkpoint_valid", enter<is_checkpoint_valid>);
}
