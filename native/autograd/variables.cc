// What autograd knows of a tensor: whether it requires a gradient, the gradient, hooks, versions.
#include "autograd/hooks.h"
#include "exports.h"

namespace {

napi_value requires_grad(Call& call) { return call.value(call.tensor(0).requires_grad()); }

napi_value set_requires_grad(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  const bool wanted = call.boolean(1);
  TORCH_CHECK(tensor.is_leaf() || wanted,
              "you can only change requires_grad flags of leaf variables. If you want to use a "
              "computed variable in a subgraph that doesn't require differentiation use "
              "var_no_grad = var.detach().");
  TORCH_CHECK(!wanted || tensor.is_floating_point() || tensor.is_complex(),
              "only Tensors of floating point dtype can require gradients");
  if (tensor.is_leaf()) tensor.set_requires_grad(wanted);
  return call.undefined();
}

napi_value is_leaf(Call& call) { return call.value(call.tensor(0).is_leaf()); }

napi_value grad(Call& call) { return call.handle(call.tensor(0).grad()); }

napi_value has_grad(Call& call) { return call.value(call.tensor(0).grad().defined()); }

napi_value set_grad(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  const at::Tensor value = call.tensor_or_undefined(1);
  if (value.defined()) {
    TORCH_CHECK(!value.is_same(tensor), "can't assign Variable as its own grad");
    TORCH_CHECK(value.scalar_type() == tensor.scalar_type(), "assigned grad has data of type ",
                value.scalar_type(), ", expected ", tensor.scalar_type());
    TORCH_CHECK(value.device() == tensor.device(), "assigned grad has data located on ",
                value.device(), ", expected ", tensor.device());
    TORCH_CHECK(value.sizes() == tensor.sizes(),
                "assigned grad has data of a different size: ", value.sizes(), ", expected ",
                tensor.sizes());
  }
  tensor.mutable_grad() = value;
  return call.undefined();
}

napi_value retain_grad(Call& call) {
  call.tensor(0).retain_grad();
  return call.undefined();
}

napi_value retains_grad(Call& call) { return call.value(call.tensor(0).retains_grad()); }

napi_value version(Call& call) { return call.value(call.tensor(0)._version()); }

// A tensor's hooks, as one of those that libtorch keeps for it.
struct TensorHooks {
  at::TensorBase operator()(const at::TensorBase& given) const {
    at::Tensor gradient(given);
    for (const auto& [id, callback] : list->hooks()) {
      Environment& env = callback->env();
      const GradientForm form(gradient);
      const at::Tensor replacement =
          (*callback)([&](napi_env) { return std::array{handle_value(env, gradient)}; },
                      [&](napi_value result) { return tensor_or_undefined(env, result); });
      if (replacement.defined()) gradient = replacement;
      form.check(gradient);
    }
    return gradient;
  }
  std::shared_ptr<HookList> list = std::make_shared<HookList>();
};

std::shared_ptr<HookList> hooks_of(const at::Tensor& tensor) {
  const auto* meta = torch::autograd::impl::get_autograd_meta(tensor);
  if (meta == nullptr || !meta->cpp_hooks_list_) return nullptr;
  for (const auto& hook : *meta->cpp_hooks_list_) {
    if (const auto* ours = hook.target<TensorHooks>()) return ours->list;
  }
  return nullptr;
}

// Whether a tensor's hooks are gone once its only handle is. Its node has them too.
bool go_with(const at::Tensor& tensor, const std::weak_ptr<HookList>& list) {
  const auto* meta = torch::autograd::impl::get_autograd_meta(tensor);
  if (meta == nullptr || hooks_of(tensor) != list.lock()) return false;
  const auto& node = meta->grad_fn_;
  const size_t places = 1 + meta->hooks_.size() + (node ? 1 : 0);
  return static_cast<size_t>(meta->cpp_hooks_list_.use_count()) <= places &&
         (!node || node.use_count() == 1);
}

// register_hook(tensor, function(handle) -> handle or anything else, edges) -> remove
napi_value register_hook(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  TORCH_CHECK(tensor.requires_grad(),
              "cannot register a hook on a tensor that doesn't require gradient");
  auto list = hooks_of(tensor);
  if (!list) {
    TensorHooks hooks;
    list = hooks.list;
    static_cast<const at::TensorBase&>(tensor).register_hook(hooks);
  }
  const std::weak_ptr<HookList> weak = list;
  return list->add(call, 1, [weak, handle = call.natural(0)](const HandleTable& tensors) {
    const at::Tensor* held = tensors.find_sole(handle);
    return held != nullptr && go_with(*held, weak);
  });
}

napi_value data(Call& call) { return call.handle(call.tensor(0).variable_data()); }

napi_value set_data(Call& call) {
  const at::Tensor& tensor = call.tensor(0);
  const bool same_sizes = tensor.sizes() == call.tensor(1).sizes();
  tensor.set_data(call.tensor(1));
  // A graph may have saved this very tensor, and its kernels read it by the sizes that it had.
  if (!same_sizes && !tensor.is_inference()) tensor.unsafeGetTensorImpl()->bump_version();
  return call.undefined();
}

}  // namespace

void export_variables(Environment& env, napi_value exports) {
  export_function(env, exports, "requires_grad", enter<requires_grad>);
  export_function(env, exports, "set_requires_grad", enter<set_requires_grad>);
  export_function(env, exports, "is_leaf", enter<is_leaf>);
  export_function(env, exports, "grad", enter<grad>);
  export_function(env, exports, "has_grad", enter<has_grad>);
  export_function(env, exports, "set_grad", enter<set_grad>);
  export_function(env, exports, "retain_grad", enter<retain_grad>);
  export_function(env, exports, "retains_grad", enter<retains_grad>);
  export_function(env, exports, "version", enter<version>);
  export_function(env, exports, "register_hook", enter<register_hook>);
  export_function(env, exports, "data", enter<data>);
  export_function(env, exports, "set_data", enter<set_data>);
}
