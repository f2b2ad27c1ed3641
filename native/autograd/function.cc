// Functions whose gradient is written in JavaScript (torch.autograd.Function).
#include <torch/csrc/autograd/custom_function.h>

#include <numeric>
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
  std::shared_ptr<Callback> callback_;

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

// Whether a function's node is gone once the handles of its results are.
bool go_with_results(const HandleTable& tensors, const torch::autograd::Node* node,
                     const std::vector<HandleTable::Handle>& results) {
  size_t owners = 0;
  size_t known = 0;
  for (const HandleTable::Handle handle : results) {
    const at::Tensor* held = tensors.find_sole(handle);
    if (held == nullptr) continue;
    const auto* meta = torch::autograd::impl::get_autograd_meta(*held);
    if (meta == nullptr || meta->grad_fn_.get() != node) continue;
    owners = meta->grad_fn_.use_count();
    ++known;
  }
  return known > 0 && known == owners;
}

// custom_function(inputs, outputs, saved, non_differentiable, dirty, name, materialize, backward)
// -> for each output the handle that stands for it from now on, null where it is the same tensor.
// backward(handles of gradients, which inputs need one) gives an array of handles or nulls; the
// edges of the outputs are to refer to it (memory/references.h).
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
  const auto results = std::make_shared<std::vector<HandleTable::Handle>>();
  node->callback_ =
      Callback::make(call.env(), call[7], [node = node, results](const auto& tensors) {
        return go_with_results(tensors, node, *results);
      });
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
  each_element(call.raw(), call[1], [&](uint32_t, napi_value handle) {
    results->push_back(handle_in(number_in(call.raw(), handle).value_or(0)));
  });
  std::vector<size_t> places(outputs.size());
  std::iota(places.begin(), places.end(), 0);
  return array_value(call.raw(), places, [&](size_t i) {
    if (wrapped[i]->is_same(outputs[i])) return call.null();
    const napi_value fresh = call.handle(*wrapped[i]);
    results->at(i) = handle_in(*number_in(call.raw(), fresh));
    return fresh;
  });
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
