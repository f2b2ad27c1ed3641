#include "jit/threads.h"

#include <ATen/ThreadLocalState.h>
#include <omp.h>
#include <torch/csrc/jit/runtime/jit_exception.h>

#include "jit/values.h"

// A call and, once it ran, what came of it.
struct ModelThreads::Job {
  Work work;
  std::shared_ptr<Lane> lane;
  at::ThreadLocalState state;
  // For each of its operators.
  int threads = 1;
  napi_deferred promise = nullptr;
  at::IValue value;
  std::exception_ptr error;
  Warnings warnings;
};

namespace {

// Two calls at once keep two cores busy; what one of them computes uses the rest.
constexpr size_t kThreads = 2;

void stop_threads(void* threads) { static_cast<ModelThreads*>(threads)->stop(); }

}  // namespace

ModelThreads& ModelThreads::of(Environment& env) {
  if (env.model_threads == nullptr) env.model_threads.reset(new ModelThreads(env));
  return *env.model_threads;
}

ModelThreads::ModelThreads(Environment& env) : env_(env), most_threads_(kThreads) {
  const napi_env raw = env.raw();
  check_napi(raw, napi_create_threadsafe_function(
                      raw, nullptr, nullptr, string_value(raw, "tstorch models"), 0, 1, nullptr,
                      nullptr, this, settle_on_own_thread, &settled_));
  // It keeps the process alive only while a call runs.
  check_napi(raw, napi_unref_threadsafe_function(raw, settled_));
  // Runs before the function above is closed, as hooks run the last first.
  check_napi(raw, napi_add_env_cleanup_hook(raw, stop_threads, this));
}

ModelThreads::~ModelThreads() { stop(); }

void ModelThreads::set_limits(size_t threads, size_t queue) {
  const std::lock_guard lock(mutex_);
  most_threads_ = threads;
  most_waiting_ = queue;
  wake_.notify_all();
}

napi_value ModelThreads::run(Work work, std::shared_ptr<Lane> lane) {
  auto job = std::make_unique<Job>();
  job->work = std::move(work);
  job->lane = std::move(lane);
  const napi_env raw = env_.raw();
  napi_value promise = nullptr;
  {
    const std::lock_guard lock(mutex_);
    TORCH_CHECK(!stopping_, "the process is ending");
    TORCH_CHECK(unfinished_ < most_threads_ + most_waiting_, most_waiting_,
                " calls wait already for the threads that run models: wait for some of them, or "
                "set torch.backends.tstorch.async_queue");
    job->threads = std::max(1, at::get_num_threads() / static_cast<int>(most_threads_));
    check_napi(raw, napi_create_promise(raw, &job->promise, &promise));
    const bool starts = idle_ <= waiting_.size() && alive_ < most_threads_;
    waiting_.push_back(std::move(job));
    ++unfinished_;
    if (starts) {
      ++alive_;
      threads_.emplace_back([this] { loop(); });
    }
  }
  wake_.notify_one();
  if (pending_++ == 0) napi_ref_threadsafe_function(raw, settled_);
  return promise;
}

void ModelThreads::loop() {
  count_bytes_for(env_.counter());
  std::unique_lock lock(mutex_);
  while (!stopping_ && alive_ <= most_threads_) {
    if (waiting_.empty()) {
      ++idle_;
      wake_.wait(lock);
      --idle_;
      continue;
    }
    std::unique_ptr<Job> job = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    at::init_num_threads();
    omp_set_num_threads(job->threads);
    c10::WarningUtils::set_warning_handler(&job->warnings);
    try {
      const at::ThreadLocalStateGuard modes(job->state);
      job->value = job->work();
    } catch (...) {
      job->error = std::current_exception();
    }
    c10::WarningUtils::set_warning_handler(nullptr);
    // What it holds is freed here, where nothing waits for it.
    job->work = nullptr;
    // Before the promise is kept: whoever waits for it may call again.
    lock.lock();
    --unfinished_;
    lock.unlock();
    Job* settled = job.release();
    if (napi_call_threadsafe_function(settled_, settled, napi_tsfn_nonblocking) != napi_ok) {
      delete settled;
    }
    lock.lock();
  }
  --alive_;
  // It may have been woken for a call that another one has to take.
  wake_.notify_one();
  count_bytes_for(nullptr);
}

void ModelThreads::settle_on_own_thread(napi_env raw, napi_value, void* self, void* data) {
  std::unique_ptr<Job> job(static_cast<Job*>(data));
  if (raw != nullptr) static_cast<ModelThreads*>(self)->settle(std::move(job));
}

void ModelThreads::settle(std::unique_ptr<Job> job) {
  const napi_env raw = env_.raw();
  if (--pending_ == 0) napi_unref_threadsafe_function(raw, settled_);
  const Napi::HandleScope scope(raw);
  napi_value thrown = nullptr;
  try {
    for (const std::string& text : job->warnings.take()) TORCH_WARN(text);
    if (job->error) std::rethrow_exception(job->error);
    // It may be an attribute's list or dict.
    const auto turn = job->lane ? job->lane->enter() : Lane::Turn();
    const napi_value value = value_of_script(Call(env_), job->value, job->lane);
    napi_resolve_deferred(raw, job->promise, value);
  } catch (...) {
    thrown = script_error_value(env_);
    if (thrown != nullptr) napi_reject_deferred(raw, job->promise, thrown);
  }
  job.reset();
  env_.settle();
}

void ModelThreads::stop() {
  std::deque<std::unique_ptr<Job>> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(waiting_);
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

napi_value script_error_value(Environment& env) noexcept {
  try {
    throw;
  } catch (const torch::jit::JITException& error) {
    return env.make_error("torch.jit.Error", error.what());
  } catch (...) {
    return thrown_value(env.raw());
  }
}
