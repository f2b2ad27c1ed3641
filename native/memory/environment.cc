#include "memory/environment.h"

#include <torch/csrc/autograd/engine.h>

#include <algorithm>
#include <array>
#include <climits>
#include <thread>

namespace {

// What a handle costs beside its elements: the TensorImpl, its graph node, the JavaScript object.
// What native code holds of JavaScript costs about as much: a hook with its closure, for one.
constexpr int64_t kBytesPerHandle = 1024;
constexpr int64_t kWorthTelling = int64_t{1} << 20;
// Less than what V8 lets memory outside its heap grow before it collects everything (64 MB).
constexpr int64_t kWorthCollecting = int64_t{48} << 20;

// As much of the host's memory as a device counts for that is full: its garbage is then collected
// each time it has grown by a twentieth of the device, whatever the device's size.
constexpr int64_t kBytesOfADevice = int64_t{1} << 30;
// Devices are asked at one of so many calls: that takes a lock.
constexpr uint32_t kCallsBetweenReadings = 16;

std::atomic<int> live{0};
/// The threads that an operation may use in an environment that is alone.
std::atomic<int> threads_of_one{0};

thread_local Environment* current = nullptr;

// A backward inside a hook runs within the one around it. From a certain depth on the engine would
// move it to another thread, where JavaScript cannot run; on this one V8 watches over the stack.
struct Engine : torch::autograd::Engine {
  static constexpr auto kMaxDepth = &Engine::max_recursion_depth_;
};

void allow_deep_backward() {
  static std::once_flag once;
  std::call_once(
      once, [] { torch::autograd::Engine::get_default_engine().*Engine::kMaxDepth = INT_MAX; });
}

}  // namespace

Environment::Environment(napi_env env)
    : env_(env), thread_(std::this_thread::get_id()), counter_(ByteCounter::create()) {
  install_allocator();
  count_bytes_for(counter_);
  // Nodes of every device run on the thread that calls backward, where JavaScript hooks may run.
  c10::AutogradState::get_tls_state().set_multithreading_enabled(false);
  allow_deep_backward();
  c10::WarningUtils::set_warning_handler(&warnings_);
  current = this;
  const int environments = ++live;
  int threads = 0;
  if (threads_of_one.compare_exchange_strong(threads, at::get_num_threads())) return;
  if (environments > 1) at::set_num_threads(std::max(1, threads / environments));
}

Environment::~Environment() {
  --live;
  c10::WarningUtils::set_warning_handler(nullptr);
  current = nullptr;
  dead_references->close();
  inference_modes.clear();
  dead_.clear();
  tensors = HandleTable();
  count_bytes_for(nullptr);
  counter_->unreference();
}

Environment* Environment::of_this_thread() { return current; }

Environment* Environment::of(napi_env env) {
  void* data = nullptr;
  return napi_get_instance_data(env, &data) == napi_ok ? static_cast<Environment*>(data) : nullptr;
}

int64_t Environment::live_bytes() const { return counter_->bytes(); }

int64_t Environment::held() const {
  const int64_t handles = static_cast<int64_t>(tensors.live()) + Held::count(*dead_references);
  return live_bytes() + handles * kBytesPerHandle + held_on_devices();
}

// The allocator does not know which environment a byte is for: each has its share.
int64_t Environment::held_on_devices() const {
  if (devices_.total == 0) return 0;
  const double filled = static_cast<double>(devices_.used) / static_cast<double>(devices_.total);
  return static_cast<int64_t>(filled * static_cast<double>(kBytesOfADevice)) /
         std::max(1, live.load());
}

void Environment::read_devices() {
  if (read_devices_ == nullptr) return;
  devices_ = read_devices_();
  used_at_collection_ = std::min(used_at_collection_, devices_.used);
}

void Environment::tell_v8() {
  const int64_t change = held() - told_;
  told_ += change;
  int64_t ignored = 0;
  napi_adjust_external_memory(env_, change, &ignored);
}

void Environment::settle() {
  if (warnings_.any()) pass_warnings_on();
  for (napi_ref reference : dead_references->take()) napi_delete_reference(env_, reference);
  release_dying();
  if (++settled_ % kCallsBetweenReadings == 0) read_devices();
  if (std::abs(held() - told_) <= kWorthTelling) return;
  held_at_collection_ = std::min(held_at_collection_, held());
  if (held() - held_at_collection_ > kWorthCollecting) collect_grown();
  tell_v8();
}

void Environment::collect_grown() {
  collect(Garbage::Young);
  // Held objects are no young garbage, as what native code holds outlives V8's own collections; and
  // V8 cannot free them in its full ones.
  held_at_full_collection_ = std::min(held_at_full_collection_, held());
  const int64_t grown = held() - held_at_full_collection_;
  if (held_objects.empty() || grown < std::max(kWorthCollecting, held_at_full_collection_ / 2)) {
    return;
  }
  collect(Garbage::All);
}

bool Environment::make_room_on_device(int64_t free) {
  read_devices();
  const DeviceMemory before = devices_;
  const int64_t grown = before.used - used_at_collection_;
  const bool scarce = free < before.total / 16;
  if (grown <= 0 || (grown < before.total / 64 && !scarce)) return false;
  collect(Garbage::Young);
  if (before.used - devices_.used < grown / 2) collect(Garbage::All);
  return devices_.used < before.used;
}

void Environment::collect_garbage_by(napi_value collect) {
  if (collect_ != nullptr) napi_delete_reference(env_, collect_);
  napi_create_reference(env_, collect, 1, &collect_);
}

void Environment::warn_by(napi_value warn) {
  if (warn_ != nullptr) napi_delete_reference(env_, warn_);
  napi_create_reference(env_, warn, 1, &warn_);
}

void Environment::make_errors_by(napi_value make) {
  if (make_error_ != nullptr) napi_delete_reference(env_, make_error_);
  napi_create_reference(env_, make, 1, &make_error_);
}

napi_value Environment::make_error(std::string_view type, std::string_view message) const {
  napi_value make = nullptr;
  napi_value receiver = nullptr;
  napi_value error = nullptr;
  std::array<napi_value, 2> arguments{};
  napi_create_string_utf8(env_, type.data(), type.size(), &arguments[0]);
  napi_create_string_utf8(env_, message.data(), message.size(), &arguments[1]);
  if (make_error_ == nullptr) {
    napi_create_error(env_, nullptr, arguments[1], &error);
  } else if (napi_get_reference_value(env_, make_error_, &make) == napi_ok &&
             napi_get_undefined(env_, &receiver) == napi_ok) {
    napi_call_function(env_, receiver, make, arguments.size(), arguments.data(), &error);
  }
  // Where the stack ends, it is that which is thrown.
  if (error == nullptr) napi_get_and_clear_last_exception(env_, &error);
  return error;
}

void Environment::pass_warnings_on() {
  for (const std::string& text : warnings_.take()) {
    const Napi::HandleScope scope(env_);
    napi_value warn = nullptr;
    napi_value receiver = nullptr;
    napi_value argument = nullptr;
    napi_value ignored = nullptr;
    bool pending = true;
    if (napi_is_exception_pending(env_, &pending) != napi_ok || pending || warn_ == nullptr) return;
    if (napi_get_reference_value(env_, warn_, &warn) != napi_ok) return;
    if (napi_get_undefined(env_, &receiver) != napi_ok) return;
    if (napi_create_string_utf8(env_, text.data(), text.size(), &argument) != napi_ok) return;
    napi_call_function(env_, receiver, warn, 1, &argument, &ignored);
  }
}

void Environment::throw_missing_page() {
  missing_pages_seen_ = missing_pages;
  TORCH_CHECK(false, "the data of '", file_of_missing_page(),
              "' is cut off: another program changed the file while it was mapped, or its disk "
              "fails. What was computed from it is wrong");
}

void Environment::collect(Garbage garbage) {
  const Napi::HandleScope scope(env_);
  napi_value collect = nullptr;
  napi_value receiver = nullptr;
  napi_value all = nullptr;
  napi_value ignored = nullptr;
  bool pending = true;
  // An exception on its way to JavaScript must not meet another call.
  if (napi_is_exception_pending(env_, &pending) != napi_ok || pending) return;
  if (collect_ == nullptr || napi_get_reference_value(env_, collect_, &collect) != napi_ok) return;
  if (napi_get_undefined(env_, &receiver) != napi_ok) return;
  if (napi_get_boolean(env_, garbage == Garbage::All, &all) != napi_ok) return;
  const auto loose = held_objects.loosen(env_, tensors, garbage == Garbage::All);
  napi_call_function(env_, receiver, collect, 1, &all, &ignored);
  release_dying();
  held_objects.tighten(env_, loose);
  read_devices();
  held_at_collection_ = held();
  if (garbage == Garbage::All) held_at_full_collection_ = held();
  used_at_collection_ = devices_.used;
}

void Environment::release_from_finalizer(HandleTable::Handle handle) {
  // A tensor may hold others of a device, by its graph: see bury().
  if (read_devices_ != nullptr) {
    dying_.push_back(handle);
    return;
  }
  tensors.release(handle);
  if (held() < told_ - kWorthTelling) tell_v8();
}

void Environment::release_dying() {
  while (!dying_.empty()) {
    const HandleTable::Handle handle = dying_.back();
    dying_.pop_back();
    tensors.release(handle);
  }
  if (!dead_.empty() && !capturing) std::exchange(dead_, {}).clear();
}
