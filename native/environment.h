// What the addon keeps for one JavaScript environment (the main thread, or one worker).
#pragma once

#include "allocator.h"
#include "handle_table.h"
#include "torch.h"

struct Operator;

// References to JavaScript values whose holders died, on whatever thread and perhaps inside the
// garbage collector. Holders share it, since they may outlive the environment.
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
  std::atomic<bool> closed_{false};
  std::mutex mutex_;
  std::vector<napi_ref> references_;
  std::atomic<bool> any_{false};
};

// libtorch's warnings, until JavaScript has them.
class Warnings : public c10::WarningHandler {
 public:
  void process(const c10::Warning& warning) override { texts_.push_back(warning.msg()); }
  bool any() const { return !texts_.empty(); }
  std::vector<std::string> take() { return std::exchange(texts_, {}); }

 private:
  std::vector<std::string> texts_;
};

class Environment {
 public:
  // Binds the calling thread: its allocations count for this environment from now on.
  explicit Environment(napi_env env);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  HandleTable tensors;
  std::vector<std::unique_ptr<Operator>> operators;
  std::vector<std::unique_ptr<c10::InferenceMode>> inference_modes;
  std::vector<std::unique_ptr<at::RecordFunction>> record_functions;
  // Custom functions whose backward is running, the innermost last.
  std::vector<torch::autograd::Node*> running_functions;

  // Whether backward is to refuse nan, and up to which node forward calls are remembered.
  struct Anomaly {
    bool enabled = false;
    bool check_nan = true;
    uint64_t noted = 0;
  } anomaly;

  const std::shared_ptr<DeadReferences> dead_references = std::make_shared<DeadReferences>();

  napi_env raw() const { return env_; }
  bool on_own_thread() const { return std::this_thread::get_id() == thread_; }

  // Tells V8 how much memory the tensors hold, once it has changed by a megabyte, and deletes the
  // references that died since. Ends every call from JavaScript; may run the garbage collector.
  void settle();

  // `collect` collects young garbage alone, which is where tensors die. V8 answers memory outside
  // its heap with collections of everything, which cost several times as much; so this comes first.
  void collect_young_garbage_by(napi_value collect);

  // `warn` gets the text of each warning of libtorch's on this thread.
  void warn_by(napi_value warn);

  // Frees a tensor from inside the garbage collector, where JavaScript must not be touched.
  void release_from_finalizer(HandleTable::Handle handle);

  int64_t live_bytes() const;

 private:
  int64_t held() const;
  void tell_v8();
  void collect_young_garbage();
  void pass_warnings_on();

  napi_env env_;
  std::thread::id thread_;
  ByteCounter* counter_;
  int64_t told_ = 0;
  napi_ref collect_ = nullptr;
  napi_ref warn_ = nullptr;
  Warnings warnings_;
  int64_t held_at_collection_ = 0;
};
