// Tensors that travel between worker threads: one leaves an alias here under a token, the other
// takes it out.
#include <unordered_set>

#include "exports.h"

namespace {

// Tokens of a group end with it, whoever has them: those of no group stay until they are taken.
constexpr int64_t kNoGroup = 0;

class SharedTensors {
 public:
  int64_t open() {
    const std::lock_guard<std::mutex> lock(mutex_);
    groups_[next_group_];
    return next_group_++;
  }

  int64_t put(at::Tensor tensor, int64_t group) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = groups_.find(group);
    // Nobody will take what is put into a group that was closed meanwhile.
    if (group != kNoGroup && found == groups_.end()) return 0;
    if (group != kNoGroup) found->second.insert(next_);
    tensors_.emplace(next_, Entry{std::move(tensor), group});
    return next_++;
  }

  at::Tensor take(int64_t token) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = tensors_.find(token);
    TORCH_CHECK(found != tensors_.end(),
                "no shared tensor under this token: a token can be used once");
    Entry entry = std::move(found->second);
    tensors_.erase(found);
    if (entry.group != kNoGroup) groups_[entry.group].erase(token);
    count_for_both(entry.tensor.storage().data_ptr());
    return std::move(entry.tensor);
  }

  void close(int64_t group) {
    std::vector<Entry> freed;  // after the lock
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = groups_.find(group);
    if (found == groups_.end()) return;
    for (const int64_t token : found->second) {
      freed.push_back(std::move(tensors_.extract(token).mapped()));
    }
    groups_.erase(found);
  }

  size_t size() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return tensors_.size();
  }

 private:
  struct Entry {
    at::Tensor tensor;
    int64_t group;
  };

  std::mutex mutex_;
  std::unordered_map<int64_t, Entry> tensors_;
  std::unordered_map<int64_t, std::unordered_set<int64_t>> groups_;
  int64_t next_ = 1;
  int64_t next_group_ = kNoGroup + 1;
};

SharedTensors& shared_tensors() {
  static auto* tensors = new SharedTensors();
  return *tensors;
}

// share(tensor) -> an alias for another thread
napi_value share(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  TORCH_CHECK(tensor.is_leaf() || !tensor.requires_grad(),
              "cannot share a non-leaf tensor that requires grad, since its graph belongs to this "
              "thread; share tensor.detach()");
  // Growing it in one thread would free the memory under the other's feet.
  tensor.storage().unsafeGetStorageImpl()->set_resizable(false);
  return call.handle(tensor.detach());
}

// put_shared(alias, group = 0) -> token
napi_value put_shared(Call& call) {
  const int64_t group = call.given(1) ? call.integer(1) : kNoGroup;
  return integer_value(call.raw(), shared_tensors().put(call.tensor(0), group));
}

// from_shared(token) -> tensor
napi_value from_shared(Call& call) { return call.handle(shared_tensors().take(call.integer(0))); }

// open_shared_group() -> group
napi_value open_shared_group(Call& call) {
  return integer_value(call.raw(), shared_tensors().open());
}

// close_shared_group(group): frees what was put into it and not taken, and what will be
napi_value close_shared_group(Call& call) {
  shared_tensors().close(call.integer(0));
  return call.undefined();
}

// shared_count() -> how many tensors wait for a thread
napi_value shared_count(Call& call) {
  return integer_value(call.raw(), static_cast<int64_t>(shared_tensors().size()));
}

}  // namespace

void export_share(Environment& env, napi_value exports) {
  export_function(env, exports, "share", enter<share>);
  export_function(env, exports, "put_shared", enter<put_shared>);
  export_function(env, exports, "from_shared", enter<from_shared>);
  export_function(env, exports, "open_shared_group", enter<open_shared_group>);
  export_function(env, exports, "close_shared_group", enter<close_shared_group>);
  export_function(env, exports, "shared_count", enter<shared_count>);
}
