#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/ir.h>

#include "jit/script.h"

namespace {

// Whether an operator changes a list or a dict that it is given.
bool changes_container(const torch::jit::Node& node) {
  const c10::FunctionSchema* schema = node.maybeSchema();
  if (schema == nullptr) return false;
  return std::ranges::any_of(schema->arguments(), [](const c10::Argument& argument) {
    const auto kind = argument.type()->kind();
    return argument.alias_info() != nullptr && argument.alias_info()->isWrite() &&
           (kind == c10::TypeKind::ListType || kind == c10::TypeKind::DictType);
  });
}

void look_at(const torch::jit::Block& block, Lane& lane) {
  for (const torch::jit::Node* node : block.nodes()) {
    if (node->kind() == c10::prim::SetAttr) lane.assigns = true;
    if (changes_container(*node)) lane.changes = true;
    for (const torch::jit::Block* inner : node->blocks()) look_at(*inner, lane);
  }
}

}  // namespace

std::shared_ptr<Lane> lane_of(const torch::jit::CompilationUnit& unit) {
  auto lane = std::make_shared<Lane>();
  for (torch::jit::Function* function : unit.get_functions()) {
    torch::jit::GraphFunction* graph_function =
        function == nullptr ? nullptr : torch::jit::tryToGraphFunction(*function);
    if (graph_function != nullptr) look_at(*graph_function->graph()->block(), *lane);
  }
  lane->changes |= lane->assigns;
  return lane;
}
