// Functions whose gradient is written in JavaScript (torch.autograd.Function).
#include <torch/csrc/autograd/custom_function.h>

#include <unordered_set>

#include "autograd/node.h"
#include "binding/callback.h"
#include "exports.h"

namespace {

using torch::autograd::SavedVariable;
using torch::autograd::variable_list;

// Calls back into JavaScript with the gradients of its outputs.
class CustomBackward : public torch::autograd::Node {
 public:
  // Without the lock: a backward may run backward through its own node again.
  variable_list apply(variable_list&& gradients) override {
    Environment& env = callback_->env();
    if (materialize_) {
      for (size_t i = 0; i < gradients.size(); ++i) {
        if (!gradients[i].defined()) gradients[i] = input_metadata(i).zeros_like();
      }
    }
    const auto arguments = [&](napi_env raw) {
      std::vector<bool> needed;
      for (uint32_t i = 0; i < num_outputs(); ++i) needed.push_back(task_should_compute_output(i));
      const auto flag = [&](bool is_needed) { return boolean_value(raw, is_needed); };
      return std::array{handles_value(env, gradients), array_value(raw, needed, flag)};
    };
    const auto read = [&](napi_value result) {
      TYPE_CHECK(is_array(env.raw(), result), "a backward must give an array");
      variable_list inputs = tensors_in(env, result);
      inputs.resize(num_outputs());
      return inputs;
    };
    env.running_functions.push_back(this);
    try {
      variable_list result = (*callback_)(arguments, read);
      env.running_functions.pop_back();
      return result;
    } catch (...) {
      env.running_functions.pop_back();
      throw;
    }
  }

  std::string name() const override { return name_; }

  void release_variables() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (SavedVariable& variable : saved_) variable.reset_data();
  }

  void save(const at::Tensor& tensor) {
    saved_.emplace_back(tensor, tensor.defined() && tensor.grad_fn().get() == this);
  }

  variable_list unpack() {
    const std::lock_guard<std::mutex> lock(mutex_);
    variable_list result;
    for (const SavedVariable& variable : saved_) result.push_back(variable.unpack(getptr()));
    return result;
  }

  std::string name_;
  bool materialize_ = true;
  std::unique_ptr<Callback> callback_;

 private:
  std::vector<SavedVariable> saved_;
};

// Newer versions of libtorch also tell which node was attached.
template <typename... Arguments>
auto wrap_outputs(const Arguments&... arguments) {
  NodeOwner attached;
  if constexpr (requires { torch::autograd::_wrap_outputs(arguments..., attached); }) {
    return torch::autograd::_wrap_outputs(arguments..., attached);
  } else {
    return torch::autograd::_wrap_outputs(arguments...);
  }
}

std::unordered_set<at::TensorImpl*> set_of(const variable_list& tensors) {
  std::unordered_set<at::TensorImpl*> result;
  for (const at::Tensor& tensor : tensors) result.insert(tensor.unsafeGetTensorImpl());
  return result;
}

// custom_function(inputs, outputs, saved, non_differentiable, dirty, name, materialize, backward)
// -> for each output the handle that stands for it from now on, null where it is the same tensor.
// backward(handles of gradients, which inputs need one) gives an array of handles or nulls.
napi_value custom_function(Call& call) {
  const variable_list inputs = call.tensors(0);
  const variable_list outputs = call.tensors(1);
  const variable_list dirty = call.tensors(4);
  for (const auto* list : {&inputs, &outputs, &dirty}) {
    for (const at::Tensor& tensor : *list) TYPE_CHECK(tensor.defined(), "a tensor is missing");
  }
  const auto [owner, node] = make_node<CustomBackward>();
  node->name_ = call.string(5);
  node->materialize_ = call.boolean(6);
  node->callback_ = std::make_unique<Callback>(call.env(), call[7]);
  const bool recorded =
      at::GradMode::is_enabled() && torch::autograd::any_variable_requires_grad(inputs);
  if (recorded) {
    node->set_next_edges(torch::autograd::collect_next_edges(inputs));
    node->clear_input_metadata();
  }
  for (const at::Tensor& tensor : dirty) tensor.unsafeGetTensorImpl()->bump_version();
  std::vector<std::optional<at::Tensor>> raw(outputs.begin(), outputs.end());
  const auto no_forward_mode = [](const variable_list&, const variable_list&) -> variable_list {
    TORCH_CHECK_NOT_IMPLEMENTED(false, "a custom Function has no forward-mode gradient");
  };
  const auto view_of = [](const at::Tensor& tensor) { return tensor.view_as(tensor); };
  const auto wrapped = wrap_outputs(inputs, set_of(call.tensors(3)), set_of(dirty), raw,
                                    recorded ? owner : NodeOwner(), no_forward_mode,
                                    std::unordered_set<at::TensorImpl*>(), view_of, false);
  if (recorded) {
    for (const at::Tensor& tensor : call.tensors(2)) node->save(tensor);
  }
  variable_list fresh(outputs.size());
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (!wrapped[i]->is_same(outputs[i])) fresh[i] = *wrapped[i];
  }
  return call.handles(fresh);
}

// saved_tensors() -> what the function whose backward is running saved
napi_value saved_tensors(Call& call) {
  auto& running = call.env().running_functions;
  TORCH_CHECK(!running.empty(), "saved_tensors can be read while backward runs");
  return handles_value(call.env(), static_cast<CustomBackward*>(running.back())->unpack());
}

}  // namespace

void export_functions(Environment& env, napi_value exports) {
  export_function(env, exports, "custom_function", enter<custom_function>);
  export_function(env, exports, "saved_tensors", enter<saved_tensors>);
}
