// What the addon keeps for one JavaScript environment (the main thread, or one worker).
#pragma once

#include "memory/allocator.h"
#include "memory/mapped_file.h"
#include "memory/references.h"

struct Operator;
class ModelThreads;

// libtorch's warnings, until JavaScript has them.
class Warnings : public c10::WarningHandler {
 public:
  void process(const c10::Warning& warning) override { texts_.push_back(warning.msg()); }
  bool any() const { return !texts_.empty(); }
  std::vector<std::string> take() { return std::exchange(texts_, {}); }

 private:
  std::vector<std::string> texts_;
};

// What is to be collected: young garbage alone, which is where tensors die, or all of it.
enum class Garbage { Young, All };

// Bytes that tensors take on devices, and that the devices have.
struct DeviceMemory {
  int64_t used = 0;
  int64_t total = 0;
};

class Environment {
 public:
  // Binds the calling thread: its allocations count for this environment from now on.
  explicit Environment(napi_env env);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  HandleTable tensors;
  // Found by their names so far (operators/door.cc).
  std::vector<std::shared_ptr<const Operator>> operators;
  std::vector<std::unique_ptr<c10::InferenceMode>> inference_modes;
  std::vector<std::unique_ptr<at::RecordFunction>> record_functions;
  // Custom functions whose backward is running, the innermost last.
  std::vector<torch::autograd::Node*> running_functions;

  // What runs models beside this thread, once something does (jit/threads.h).
  std::shared_ptr<ModelThreads> model_threads;

  // While anomalies are looked for: what is told of each result, whether backward is to refuse nan,
  // and up to which node forward calls are remembered (autograd/anomaly.cc).
  struct Anomaly {
    void (*note)(Environment& env, const at::Tensor& result) = nullptr;
    bool check_nan = true;
    uint64_t noted = 0;
  } anomaly;

  // What operators draw from here where no generator is given; the process's own where there is
  // none (runtime/own_generator.cc).
  std::optional<at::Generator> generator;

  // What is told when the environment ends (runtime/life_signs.cc).
  std::shared_ptr<void> life_sign;
  // Ends the profile that this thread began and did not end: libtorch's own end comes too late.
  std::shared_ptr<void> profile;

  const std::shared_ptr<DeadReferences> dead_references = std::make_shared<DeadReferences>();
  HeldObjects held_objects;
  uint32_t hooks_made = 0;

  // The environment of the calling thread, or nullptr where JavaScript does not run on it.
  static Environment* of_this_thread();

  // That of Node-API's environment, or nullptr while it is being made.
  static Environment* of(napi_env env);

  napi_env raw() const { return env_; }
  bool on_own_thread() const { return std::this_thread::get_id() == thread_; }

  // Tells V8 how much memory the tensors hold, once it has changed by a megabyte, and deletes the
  // references that died since. Ends every call from JavaScript; may run the garbage collector.
  void settle();

  // `collect(all)` runs the garbage collector. V8 answers memory outside its heap with collections
  // of everything, which cost several times as much as one of young garbage; so this comes first.
  void collect_garbage_by(napi_value collect);
  void collect(Garbage garbage);

  // Devices count too: a full one as much as kBytesOfADevice of the host's memory.
  void watch_devices(DeviceMemory (*read)()) { read_devices_ = read; }

  // Collects garbage where that may help a device that has no more than `free` bytes left. Its
  // allocator asks whenever it would take memory from the driver: most often there is no need.
  bool make_room_on_device(int64_t free);

  // Takes an object that died inside the garbage collector and may hold what only may die outside
  // of it: the collector holds a lock of the process's there, a device's allocator one of its own
  // when it calls the collector, and nothing of CUDA's may be destroyed while a graph is captured.
  void bury(std::shared_ptr<void> dead) { dead_.push_back(std::move(dead)); }

  // Throws where pages of mapped files were missing since it was asked last.
  void check_mapped_files() {
    if (missing_pages.load(std::memory_order_relaxed) != missing_pages_seen_) throw_missing_page();
  }

  // Whether a CUDA graph is being captured.
  bool capturing = false;

  // `warn` gets the text of each warning of libtorch's on this thread.
  void warn_by(napi_value warn);

  // `make(type, message)` makes the errors that native code throws: they are those of the realm
  // that the library runs in, which need not be the one that loaded the addon (vm, Jest).
  void make_errors_by(napi_value make);
  // What JavaScript threw meanwhile, where it did.
  napi_value make_error(std::string_view type, std::string_view message) const;

  // Frees a tensor from inside the garbage collector, where JavaScript must not be touched.
  void release_from_finalizer(HandleTable::Handle handle);

  int64_t live_bytes() const;
  // What a thread that works for this environment counts its allocations for.
  ByteCounter* counter() const { return counter_; }

 private:
  int64_t held() const;
  int64_t held_on_devices() const;
  void read_devices();
  void release_dying();
  void collect_grown();
  void tell_v8();
  void pass_warnings_on();
  [[noreturn]] void throw_missing_page();

  napi_env env_;
  std::thread::id thread_;
  ByteCounter* counter_;
  int64_t told_ = 0;
  napi_ref collect_ = nullptr;
  napi_ref warn_ = nullptr;
  napi_ref make_error_ = nullptr;
  Warnings warnings_;
  int64_t held_at_collection_ = 0;
  int64_t held_at_full_collection_ = 0;
  DeviceMemory (*read_devices_)() = nullptr;
  DeviceMemory devices_;
  int64_t used_at_collection_ = 0;
  uint32_t settled_ = 0;
  uint64_t missing_pages_seen_ = missing_pages;
  std::vector<HandleTable::Handle> dying_;
  std::vector<std::shared_ptr<void>> dead_;
};

// Runs `body`; where memory runs out and `may_repeat()`, once more when all garbage was collected.
template <typename MayRepeat, typename Body>
auto with_room(Environment& env, MayRepeat&& may_repeat, Body&& body) {
  try {
    return body();
  } catch (const c10::OutOfMemoryError&) {
    if (!may_repeat()) throw;
  }
  // Outside of the handler, whose error holds on to nothing by now.
  env.collect(Garbage::All);
  return body();
}

template <typename Body>
auto with_room(Environment& env, Body&& body) {
  return with_room(
      env, [] { return true; }, std::forward<Body>(body));
}
