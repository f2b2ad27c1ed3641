// The graph's nodes as JavaScript sees them, and the hooks on them.
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/functions/accumulate_grad.h>

#include "autograd/hooks.h"
#include "autograd/node.h"
#include "binding/owned.h"
#include "exports.h"

// What JavaScript's object of a node holds.
using NodeHolder = std::shared_ptr<const NodeOwner>;

template <>
struct TagOf<NodeHolder> {
  static constexpr napi_type_tag value = {0x3b1de0c4a98f4d71, 0x8e2f6a1c57d90b34};
};

namespace {

using torch::autograd::variable_list;

napi_value node_value(const Call& call, const NodeOwner& node) {
  return node ? own<NodeHolder>(call, std::make_shared<NodeOwner>(node)) : call.null();
}

const NodeHolder& holder_argument(const Call& call, size_t index) {
  return owned_argument<NodeHolder>(call, index, "a node of a graph");
}

NodeOwner node_argument(const Call& call, size_t index) { return *holder_argument(call, index); }

// Calls each hook with what `arguments` makes of the gradients, which the hook may replace.
template <typename Make>
variable_list run_hooks(const HookList& list, variable_list gradients, const Make& arguments) {
  for (const auto& [id, callback] : list.hooks()) {
    Environment& env = callback->env();
    const std::vector<GradientForm> forms(gradients.begin(), gradients.end());
    const auto read = [&](napi_value result) {
      return is_array(env.raw(), result) ? tensors_in(env, result) : gradients;
    };
    variable_list results = (*callback)([&](napi_env) { return arguments(env, gradients); }, read);
    TORCH_CHECK(results.size() == gradients.size(),
                "hook has returned an incorrect number of values (got ", results.size(),
                ", but expected ", gradients.size(), ")");
    for (size_t i = 0; i < results.size(); ++i) forms[i].check(results[i]);
    gradients = std::move(results);
  }
  return gradients;
}

struct NodePreHook : torch::autograd::FunctionPreHook {
  variable_list operator()(const variable_list& given) override {
    return run_hooks(*list, given, [](Environment& env, const variable_list& gradients) {
      return std::array{handles_value(env, gradients)};
    });
  }
  std::shared_ptr<HookList> list = std::make_shared<HookList>();
};

struct NodePostHook : torch::autograd::FunctionPostHook {
  variable_list operator()(const variable_list& given, const variable_list& outputs) override {
    return run_hooks(*list, given, [&](Environment& env, const variable_list& gradients) {
      return std::array{handles_value(env, gradients), handles_value(env, outputs)};
    });
  }
  std::shared_ptr<HookList> list = std::make_shared<HookList>();
};

// A leaf's hooks that run once its gradient is there.
struct AccumulatedHook : torch::autograd::PostAccumulateGradHook {
  void operator()(const torch::autograd::Variable& tensor) override {
    for (const auto& [id, callback] : list->hooks()) {
      Environment& env = callback->env();
      (*callback)([&](napi_env) { return std::array{handle_value(env, tensor)}; },
                  [](napi_value) {});
    }
  }
  std::shared_ptr<HookList> list = std::make_shared<HookList>();
};

// The list of the hook of ours among those of a node, which the node may just be running.
template <typename Hook, typename Hooks>
std::shared_ptr<HookList> list_among(const Hooks& hooks) {
  for (const auto& hook : hooks) {
    if (const auto* ours = dynamic_cast<Hook*>(hook.get())) return ours->list;
  }
  return nullptr;
}

// grad_fn(tensor) -> node or null
napi_value grad_fn(Call& call) { return node_value(call, call.tensor(0).grad_fn()); }

napi_value node_name(Call& call) { return call.value(node_argument(call, 0)->name()); }

// next_functions(node) -> nodes and the places of their inputs by turns
napi_value next_functions(Call& call) {
  const NodeOwner node = node_argument(call, 0);
  napi_value result = nullptr;
  check_napi(call.raw(), napi_create_array(call.raw(), &result));
  uint32_t position = 0;
  for (const torch::autograd::Edge& edge : node->next_edges()) {
    check_napi(call.raw(),
               napi_set_element(call.raw(), result, position++, node_value(call, edge.function)));
    check_napi(call.raw(),
               napi_set_element(call.raw(), result, position++, call.value(edge.input_nr)));
  }
  return result;
}

// node_variable(node) -> the leaf whose gradient the node adds to, or null
napi_value node_variable(Call& call) {
  const NodeOwner node = node_argument(call, 0);
  const auto* accumulator = dynamic_cast<torch::autograd::AccumulateGrad*>(node.get());
  return accumulator == nullptr ? call.null() : call.handle(accumulator->variable);
}

// Whether a node's hooks are gone once JavaScript's object of the node is, and the only handle of a
// tensor that the node made, which is the call's fourth argument: 0 where there is none.
Callback::Condition go_with_node(const Call& call) {
  const std::weak_ptr<const NodeOwner> weak = holder_argument(call, 0);
  const auto* node = holder_argument(call, 0)->get();
  return [weak, node, handle = call.natural(3)](const HandleTable& tensors) {
    size_t owners = 0;
    size_t known = 0;
    const auto count = [&](const NodeOwner& owner) {
      if (owner.get() != node) return;
      owners = owner.use_count();
      ++known;
    };
    if (const NodeHolder holder = weak.lock()) count(*holder);
    if (const at::Tensor* held = tensors.find_sole(handle)) {
      const auto* meta = torch::autograd::impl::get_autograd_meta(*held);
      if (meta != nullptr) count(meta->grad_fn_);
    }
    return known > 0 && known == owners;
  };
}

// node_pre_hook(node, function(handles of gradients) -> handles or nothing, edges, result) ->
// remove
napi_value node_pre_hook(Call& call) {
  const NodeOwner node = node_argument(call, 0);
  auto list = list_among<NodePreHook>(node->pre_hooks());
  if (!list) {
    auto hook = std::make_unique<NodePreHook>();
    list = hook->list;
    node->add_pre_hook(std::move(hook));
  }
  return list->add(call, 1, go_with_node(call));
}

// node_post_hook(node, function(gradients of inputs, of outputs) -> handles or nothing, edges,
// result) -> remove
napi_value node_post_hook(Call& call) {
  const NodeOwner node = node_argument(call, 0);
  auto list = list_among<NodePostHook>(node->post_hooks());
  if (!list) {
    auto hook = std::make_unique<NodePostHook>();
    list = hook->list;
    node->add_post_hook(std::move(hook));
  }
  return list->add(call, 1, go_with_node(call));
}

// post_accumulate_hook(tensor, function(handle), edges) -> remove
napi_value post_accumulate_hook(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  TORCH_CHECK(tensor.requires_grad(),
              "cannot register a hook on a tensor that doesn't require gradient");
  TORCH_CHECK(tensor.is_leaf(),
              "post accumulate grad hooks cannot be registered on non-leaf tensors");
  if (!torch::autograd::impl::post_acc_grad_hooks(tensor)) {
    torch::autograd::impl::set_post_acc_grad_hooks(tensor, std::make_unique<AccumulatedHook>());
  }
  auto* hook =
      dynamic_cast<AccumulatedHook*>(torch::autograd::impl::post_acc_grad_hooks(tensor).get());
  TORCH_CHECK(hook != nullptr, "the tensor has hooks of another kind");
  return hook->list->add(call, 1, [handle = call.natural(0)](const HandleTable& tensors) {
    return tensors.find_sole(handle) != nullptr;
  });
}

}  // namespace

void export_graph(Environment& env, napi_value exports) {
  export_function(env, exports, "grad_fn", enter<grad_fn>);
  export_function(env, exports, "node_name", enter<node_name>);
  export_function(env, exports, "next_functions", enter<next_functions>);
  export_function(env, exports, "node_variable", enter<node_variable>);
  export_function(env, exports, "node_pre_hook", enter<node_pre_hook>);
  export_function(env, exports, "node_post_hook", enter<node_post_hook>);
  export_function(env, exports, "post_accumulate_hook", enter<post_accumulate_hook>);
}
