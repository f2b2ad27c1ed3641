// JavaScript names a tensor by a handle: a slot of this table and the generation of its use.
//
// A handle is an integer below 2^53, so that it travels as a plain JavaScript number. Generations
// only grow, and a slot whose generations are used up is retired: a stale handle never names
// another tensor. The table belongs to one environment and is used on its thread alone.
#pragma once

#include "torch.h"

class HandleTable {
 public:
  using Handle = uint64_t;

  Handle insert(at::Tensor tensor) {
    uint32_t index = first_free_;
    if (index == kNone) {
      TORCH_CHECK(slots_.size() < kMaxSlots, "too many live tensors (", slots_.size(), ")");
      index = static_cast<uint32_t>(slots_.size());
      slots_.emplace_back();
    } else {
      first_free_ = slots_[index].next_free;
    }
    Slot& slot = slots_[index];
    slot.tensor = std::move(tensor);
    ++live_;
    return (static_cast<Handle>(slot.generation) << kSlotBits) | index;
  }

  // The tensor, or nullptr where the handle is stale. Valid until the next insert or release.
  const at::Tensor* find(Handle handle) const {
    const uint64_t index = handle & (kMaxSlots - 1);
    if (index >= slots_.size()) return nullptr;
    const Slot& slot = slots_[index];
    const bool current = slot.generation == handle >> kSlotBits && slot.tensor.defined();
    return current ? &slot.tensor : nullptr;
  }

  // The tensor, where nothing else holds it; or nullptr.
  const at::Tensor* find_sole(Handle handle) const {
    const at::Tensor* tensor = find(handle);
    return tensor != nullptr && tensor->use_count() == 1 ? tensor : nullptr;
  }

  bool release(Handle handle) {
    if (find(handle) == nullptr) return false;
    const auto index = static_cast<uint32_t>(handle & (kMaxSlots - 1));
    Slot& slot = slots_[index];
    // The tensor dies after the table is whole again: its destructor may come back here.
    const at::Tensor dying = std::move(slot.tensor);
    if (++slot.generation < kMaxGenerations) {
      slot.next_free = first_free_;
      first_free_ = index;
    }
    --live_;
    return true;
  }

  size_t live() const { return live_; }

 private:
  static constexpr unsigned kSlotBits = 26;
  static constexpr uint64_t kMaxSlots = uint64_t{1} << kSlotBits;
  static constexpr uint32_t kMaxGenerations = 1u << (53 - kSlotBits);
  static constexpr uint32_t kNone = UINT32_MAX;

  struct Slot {
    at::Tensor tensor;
    uint32_t generation = 1;
    uint32_t next_free = kNone;
  };

  std::vector<Slot> slots_;
  uint32_t first_free_ = kNone;
  size_t live_ = 0;
};
