// Tensors that travel between worker threads: one leaves an alias here under a token, the other
// takes it out. The only table of the process; everything else belongs to one environment.
#include "exports.h"

namespace {

class SharedTensors {
 public:
  int64_t put(at::Tensor tensor) {
    const std::lock_guard<std::mutex> lock(mutex_);
    tensors_.emplace(next_, std::move(tensor));
    return next_++;
  }

  at::Tensor take(int64_t token) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = tensors_.find(token);
    TORCH_CHECK(found != tensors_.end(),
                "no shared tensor under this token: a token can be used once");
    at::Tensor tensor = std::move(found->second);
    tensors_.erase(found);
    return tensor;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<int64_t, at::Tensor> tensors_;
  int64_t next_ = 1;
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

// put_shared(alias) -> token
napi_value put_shared(Call& call) {
  return integer_value(call.raw(), shared_tensors().put(call.tensor(0)));
}

// from_shared(token) -> tensor
napi_value from_shared(Call& call) { return call.handle(shared_tensors().take(call.integer(0))); }

}  // namespace

void export_share(Environment& env, napi_value exports) {
  export_function(env, exports, "share", enter<share>);
  export_function(env, exports, "put_shared", enter<put_shared>);
  export_function(env, exports, "from_shared", enter<from_shared>);
}
