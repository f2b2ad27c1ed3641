#include "autograd.h"

namespace {

using torch::autograd::variable_list;

// A JavaScript function that a graph calls. It lives as long as the graph holds it.
class Callback {
 public:
  Callback(Environment& env, napi_value function) : env_(env), dead_(env.dead_references) {
    check_napi(env.raw(), napi_create_reference(env.raw(), function, 1, &reference_));
  }
  ~Callback() { dead_->add(reference_); }
  Callback(const Callback&) = delete;
  Callback& operator=(const Callback&) = delete;

  // Calls function(handle of `gradient`); the handle that it returns replaces the gradient, and
  // anything else leaves it. A JavaScript exception leaves through backward as the same object.
  at::Tensor operator()(const at::Tensor& gradient) const {
    // The engine changes threads at a great depth of nested backwards.
    TORCH_CHECK(!dead_->closed() && env_.on_own_thread(),
                "a hook was called outside the thread it was registered on");
    const napi_env raw = env_.raw();
    const Napi::HandleScope scope(raw);
    napi_value function = nullptr;
    napi_value receiver = nullptr;
    napi_value argument = nullptr;
    napi_value result = nullptr;
    check_napi(raw, napi_get_reference_value(raw, reference_, &function));
    check_napi(raw, napi_get_undefined(raw, &receiver));
    const auto handle = static_cast<double>(env_.tensors.insert(gradient));
    check_napi(raw, napi_create_double(raw, handle, &argument));
    check_napi(raw, napi_call_function(raw, receiver, function, 1, &argument, &result));
    double replacement = 0;
    if (napi_get_value_double(raw, result, &replacement) != napi_ok) return {};
    return tensor_of(env_, replacement);
  }

 private:
  Environment& env_;
  std::shared_ptr<DeadReferences> dead_;
  napi_ref reference_ = nullptr;
};

std::optional<bool> optional_boolean(const Call& call, size_t index) {
  return call.given(index) ? std::optional<bool>(call.boolean(index)) : std::nullopt;
}

variable_list optional_tensors(const Call& call, size_t index) {
  return call.given(index) ? call.tensors(index) : variable_list();
}

napi_value handles(const Call& call, const variable_list& tensors) {
  napi_value result = nullptr;
  check_napi(call.raw(), napi_create_array_with_length(call.raw(), tensors.size(), &result));
  for (size_t i = 0; i < tensors.size(); ++i) {
    check_napi(call.raw(), napi_set_element(call.raw(), result, static_cast<uint32_t>(i),
                                            call.handle_or_null(tensors[i])));
  }
  return result;
}

// backward(tensors, gradients?, retain_graph?, create_graph, inputs?)
napi_value backward(Call& call) {
  torch::autograd::backward(call.tensors(0), optional_tensors(call, 1), optional_boolean(call, 2),
                            call.boolean(3), optional_tensors(call, 4));
  return call.undefined();
}

// gradients(outputs, inputs, gradients?, retain_graph?, create_graph, allow_unused) -> handles
napi_value gradients(Call& call) {
  return handles(
      call, torch::autograd::grad(call.tensors(0), call.tensors(1), optional_tensors(call, 2),
                                  optional_boolean(call, 3), call.boolean(4), call.boolean(5)));
}

napi_value is_grad_enabled(Call& call) { return call.value(at::GradMode::is_enabled()); }

// set_grad_enabled(enabled) -> what it was
napi_value set_grad_enabled(Call& call) {
  const bool before = at::GradMode::is_enabled();
  at::GradMode::set_enabled(call.boolean(0));
  return call.value(before);
}

napi_value push_inference_mode(Call& call) {
  call.env().inference_modes.push_back(std::make_unique<c10::InferenceMode>(call.boolean(0)));
  return call.undefined();
}

napi_value pop_inference_mode(Call& call) {
  TORCH_CHECK(!call.env().inference_modes.empty(), "no inference mode is open");
  call.env().inference_modes.pop_back();
  return call.undefined();
}

napi_value is_inference_mode_enabled(Call& call) {
  return call.value(c10::InferenceMode::is_enabled());
}

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

napi_value grad(Call& call) { return call.handle_or_null(call.tensor(0).grad()); }

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

napi_value grad_fn_name(Call& call) {
  const auto& node = call.tensor(0).grad_fn();
  return node ? call.value(std::string_view(node->name())) : call.null();
}

napi_value retain_grad(Call& call) {
  call.tensor(0).retain_grad();
  return call.undefined();
}

napi_value retains_grad(Call& call) { return call.value(call.tensor(0).retains_grad()); }

napi_value version(Call& call) {
  return call.value(static_cast<double>(call.tensor(0)._version()));
}

// register_hook(tensor, function(handle) -> handle or anything else) -> position
napi_value register_hook(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  TORCH_CHECK(tensor.requires_grad(),
              "cannot register a hook on a tensor that doesn't require gradient");
  TYPE_CHECK(call.type(1) == napi_function, "a hook must be a function");
  const auto callback = std::make_shared<Callback>(call.env(), call[1]);
  const unsigned position = tensor.register_hook(
      [callback](const at::Tensor& gradient) { return (*callback)(gradient); });
  return call.value(static_cast<double>(position));
}

napi_value remove_hook(Call& call) {
  call.tensor(0).remove_hook(static_cast<unsigned>(call.integer(1)));
  return call.undefined();
}

napi_value data(Call& call) { return call.handle(call.tensor(0).variable_data()); }

napi_value set_data(Call& call) {
  call.tensor(0).set_data(call.tensor(1));
  return call.undefined();
}

}  // namespace

void export_autograd(Environment& env, napi_value exports) {
  export_function(env, exports, "backward", enter<backward>);
  export_function(env, exports, "gradients", enter<gradients>);
  export_function(env, exports, "is_grad_enabled", enter<is_grad_enabled>);
  export_function(env, exports, "set_grad_enabled", enter<set_grad_enabled>);
  export_function(env, exports, "push_inference_mode", enter<push_inference_mode>);
  export_function(env, exports, "pop_inference_mode", enter<pop_inference_mode>);
  export_function(env, exports, "is_inference_mode_enabled", enter<is_inference_mode_enabled>);
  export_function(env, exports, "requires_grad", enter<requires_grad>);
  export_function(env, exports, "set_requires_grad", enter<set_requires_grad>);
  export_function(env, exports, "is_leaf", enter<is_leaf>);
  export_function(env, exports, "grad", enter<grad>);
  export_function(env, exports, "has_grad", enter<has_grad>);
  export_function(env, exports, "set_grad", enter<set_grad>);
  export_function(env, exports, "grad_fn_name", enter<grad_fn_name>);
  export_function(env, exports, "retain_grad", enter<retain_grad>);
  export_function(env, exports, "retains_grad", enter<retains_grad>);
  export_function(env, exports, "version", enter<version>);
  export_function(env, exports, "register_hook", enter<register_hook>);
  export_function(env, exports, "remove_hook", enter<remove_hook>);
  export_function(env, exports, "data", enter<data>);
  export_function(env, exports, "set_data", enter<set_data>);
}
