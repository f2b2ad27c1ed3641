// A JavaScript function that a graph calls. It lives as long as the graph holds it.
#pragma once

#include "binding/call.h"

class Callback {
 public:
  Callback(Environment& env, napi_value function);
  ~Callback() { dead_->add(reference_); }
  Callback(const Callback&) = delete;
  Callback& operator=(const Callback&) = delete;

  // Calls the function with what `arguments` makes and gives its result to `read`, all in one
  // handle scope. Throws outside the thread that the function belongs to. A JavaScript exception
  // leaves through C++ as the same object.
  template <typename Make, typename Read>
  auto operator()(Make&& arguments, Read&& read) const {
    check_thread();
    const Napi::HandleScope scope(env_.raw());
    const auto values = arguments(env_.raw());
    return read(call(values.data(), values.size()));
  }

  Environment& env() const { return env_; }

 private:
  void check_thread() const;
  napi_value call(const napi_value* arguments, size_t count) const;

  Environment& env_;
  std::shared_ptr<DeadReferences> dead_;
  napi_ref reference_ = nullptr;
};
