// Life signs: a thread that waits without turning its event loop, which brings news of other
// threads, can see here whether one of them has ended, however it did.
#include "exports.h"

namespace {

enum class Life { Starting, Running, Ended };
using LifeSign = std::shared_ptr<std::atomic<Life>>;

class LifeSigns {
 public:
  int64_t add() {
    const std::lock_guard<std::mutex> lock(mutex_);
    signs_.emplace(next_, std::make_shared<std::atomic<Life>>(Life::Starting));
    return next_++;
  }

  LifeSign find(int64_t key) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = signs_.find(key);
    TORCH_CHECK(found != signs_.end(), "there is no life sign ", key);
    return found->second;
  }

  void remove(int64_t key) {
    const std::lock_guard<std::mutex> lock(mutex_);
    signs_.erase(key);
  }

 private:
  std::mutex mutex_;
  std::unordered_map<int64_t, LifeSign> signs_;
  int64_t next_ = 1;
};

LifeSigns& life_signs() {
  static auto* signs = new LifeSigns();
  return *signs;
}

// make_life_sign() -> key, for another thread to take up
napi_value make_life_sign(Call& call) { return integer_value(call.raw(), life_signs().add()); }

// take_life_sign(key): this environment's life is what it shows from now on.
napi_value take_life_sign(Call& call) {
  const LifeSign sign = life_signs().find(call.integer(0));
  *sign = Life::Running;
  call.env().life_sign = std::shared_ptr<void>(nullptr, [sign](void*) { *sign = Life::Ended; });
  return call.undefined();
}

// read_life_sign(key) -> 0: the thread is starting, 1: it runs, 2: it has ended
napi_value read_life_sign(Call& call) {
  return call.value(static_cast<int>(life_signs().find(call.integer(0))->load()));
}

// remove_life_sign(key)
napi_value remove_life_sign(Call& call) {
  life_signs().remove(call.integer(0));
  return call.undefined();
}

}  // namespace

void export_life_signs(Environment& env, napi_value exports) {
  export_function(env, exports, "make_life_sign", enter<make_life_sign>);
  export_function(env, exports, "take_life_sign", enter<take_life_sign>);
  export_function(env, exports, "read_life_sign", enter<read_life_sign>);
  export_function(env, exports, "remove_life_sign", enter<remove_life_sign>);
}
