// References of native code's to JavaScript values.
#pragma once

#include "memory/handle_table.h"

#include <node_api.h>

#include <atomic>

// References whose holders died, on whatever thread and perhaps inside the garbage collector.
// Holders share it, since they may outlive the environment.
class DeadReferences {
 public:
  void add(napi_ref reference) {
    const std::lock_guard<std::mutex> lock(mutex_);
    references_.push_back(reference);
    any_ = true;
  }

  std::vector<napi_ref> take() {
    if (!any_.load(std::memory_order_relaxed)) return {};
    const std::lock_guard<std::mutex> lock(mutex_);
    any_ = false;
    return std::exchange(references_, {});
  }

  // Once the environment is gone, its values are too.
  void close() { closed_ = true; }
  bool closed() const { return closed_; }

 private:
  friend class Held;
  std::atomic<bool> closed_{false};
  std::mutex mutex_;
  std::vector<napi_ref> references_;
  std::atomic<bool> any_{false};
  std::atomic<int64_t> held_{0};
};

// An object of JavaScript's that native code holds, though it may be that only JavaScript holds
// what holds it.
//
// A hook that captures the tensor it hangs on is a cycle through two heaps: the tensor's object
// holds the tensor, that holds the hook, and the hook holds the object. V8 sees no more of it than
// that native code holds the hook. So the tensor's object refers to the hook too (`edges` of
// lib/core/tensor.ts), and where nothing but such objects holds the tensor, native code's reference
// is weak during the collections that the addon asks for.
class Held {
 public:
  Held(std::shared_ptr<DeadReferences> dead, napi_ref reference)
      : dead_(std::move(dead)), reference_(reference) {
    ++dead_->held_;
  }
  virtual ~Held() {
    --dead_->held_;
    dead_->add(reference_);
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

  // How many there are whose references were made in the same environment.
  static int64_t count(const DeadReferences& dead) { return dead.held_; }

 protected:
  // Before a collection: whether the object may go if V8 reaches it in no other way.
  virtual bool may_go(napi_env env, const HandleTable& tensors) = 0;
  // The object is gone.
  virtual void gone() {}

  const std::shared_ptr<DeadReferences> dead_;
  const napi_ref reference_;

 private:
  friend class HeldObjects;
};

// Those of one environment.
class HeldObjects {
 public:
  void add(const std::shared_ptr<Held>& held) {
    if (all_.size() >= crowded_) forget_dead();
    all_.push_back(held);
  }

  bool empty() const { return all_.empty(); }

  // Makes the references weak that may be: of those that no collection has seen yet, or of all.
  std::vector<std::shared_ptr<Held>> loosen(napi_env env, const HandleTable& tensors, bool all) {
    std::vector<std::shared_ptr<Held>> loose;
    for (size_t i = all ? 0 : seen_; i < all_.size(); ++i) {
      std::shared_ptr<Held> held = all_[i].lock();
      if (!held || !held->may_go(env, tensors)) continue;
      if (napi_reference_unref(env, held->reference_, nullptr) == napi_ok) {
        loose.push_back(std::move(held));
      }
    }
    return loose;
  }

  // After the collection.
  void tighten(napi_env env, const std::vector<std::shared_ptr<Held>>& loose) {
    for (const std::shared_ptr<Held>& held : loose) {
      uint32_t references = 0;
      const napi_status status = napi_reference_ref(env, held->reference_, &references);
      if (status == napi_ok && references == 0) held->gone();
    }
    forget_dead();
    seen_ = all_.size();
  }

 private:
  void forget_dead() {
    size_t kept = 0;
    size_t seen = 0;
    for (size_t i = 0; i < all_.size(); ++i) {
      if (all_[i].expired()) continue;
      if (i < seen_) ++seen;
      if (i != kept) all_[kept] = std::move(all_[i]);
      ++kept;
    }
    all_.resize(kept);
    seen_ = seen;
    crowded_ = 2 * kept + 1024;
  }

  std::vector<std::weak_ptr<Held>> all_;
  size_t seen_ = 0;
  size_t crowded_ = 1024;
};
