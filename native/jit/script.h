// Modules and objects of TorchScript's, as JavaScript holds them.
#pragma once

#include <torch/csrc/jit/api/module.h>

#include <shared_mutex>

#include "binding/owned.h"

// What the modules and objects of one file share: whether any of their methods changes attributes,
// or lists and dicts, which may be attributes. Such methods run alone, in whatever thread: libtorch
// does not guard the values.
struct Lane {
  bool assigns = false;
  bool changes = false;
  std::shared_mutex mutex;

  // For a method, or a look at an attribute.
  struct Turn {
    std::shared_lock<std::shared_mutex> among_others;
    std::unique_lock<std::shared_mutex> alone;
  };
  Turn enter() {
    return changes ? Turn{{}, std::unique_lock(mutex)} : Turn{std::shared_lock(mutex), {}};
  }
  // For what changes an attribute.
  std::unique_lock<std::shared_mutex> enter_alone() { return std::unique_lock(mutex); }
};

struct Script {
  torch::jit::ObjectPtr object;
  std::shared_ptr<Lane> lane;

  torch::jit::Module module() const { return torch::jit::Module(object); }
};

template <>
struct TagOf<Script> {
  static constexpr napi_type_tag value = {0x3f0a6c9b5d1e4827, 0xb81d7e2c60f94a35};
};

inline Script& script_argument(const Call& call, size_t index) {
  return owned_argument<Script>(call, index, "a module or object of TorchScript's");
}

// Functions of source code.
struct Unit {
  std::shared_ptr<torch::jit::CompilationUnit> unit;
  std::shared_ptr<Lane> lane;
};

template <>
struct TagOf<Unit> {
  static constexpr napi_type_tag value = {0x9ce1b7406f5a4d12, 0x84a2c3d95e7b1f60};
};

// The lane of all that a compilation unit's functions may change.
std::shared_ptr<Lane> lane_of(const torch::jit::CompilationUnit& unit);
