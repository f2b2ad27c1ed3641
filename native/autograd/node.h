// Nodes of libtorch's graph that are ours.
#pragma once

#include "torch.h"

// How edges own their node: an intrusive_ptr in libtorch 2.13, a shared_ptr in older ones.
using NodeOwner = decltype(torch::autograd::Edge::function);

template <typename N, typename Owner = NodeOwner>
std::pair<Owner, N*> make_node() {
  if constexpr (std::is_same_v<Owner, std::shared_ptr<torch::autograd::Node>>) {
    auto* node = new N();
    return {Owner(node, [](auto* dead) { deleteNode(dead); }), node};
  } else {
    auto node = c10::make_intrusive<N>();
    return {node, node.get()};
  }
}
