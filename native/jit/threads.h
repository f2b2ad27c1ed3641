// Threads that run models beside JavaScript's: a few for each environment, and a queue that has an
// end.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>

#include "jit/script.h"

class ModelThreads {
 public:
  // What a thread runs.
  using Work = std::function<at::IValue()>;

  // Those of an environment, made when they are first asked for.
  static ModelThreads& of(Environment& env);
  ~ModelThreads();
  ModelThreads(const ModelThreads&) = delete;
  ModelThreads& operator=(const ModelThreads&) = delete;

  size_t threads() const { return most_threads_; }
  size_t queue() const { return most_waiting_; }
  void set_limits(size_t threads, size_t queue);

  // Runs `work` in the modes of this moment. Gives a promise of its value. Throws where the queue
  // is full.
  napi_value run(Work work, std::shared_ptr<Lane> lane);

  // Drops what waits, and waits for what runs.
  void stop();

 private:
  struct Job;

  explicit ModelThreads(Environment& env);
  void loop();
  void settle(std::unique_ptr<Job> job);
  static void settle_on_own_thread(napi_env raw, napi_value, void* self, void* job);

  Environment& env_;
  napi_threadsafe_function settled_ = nullptr;
  size_t pending_ = 0;
  size_t most_threads_;
  size_t most_waiting_ = 128;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Job>> waiting_;
  size_t idle_ = 0;
  // Waiting or running.
  size_t unfinished_ = 0;
  size_t alive_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

// The error in flight: an object of torch.jit.Error's name where TorchScript raised it.
napi_value script_error_value(Environment& env) noexcept;
