// A JavaScript function that a graph calls. It lives as long as the graph holds it.
#pragma once

#include "binding/call.h"

#include <functional>

class Callback : public Held {
 public:
  // Whether nothing holds the callback any more but objects of JavaScript's that refer to the
  // function too.
  using Condition = std::function<bool(const HandleTable& tensors)>;

  static std::shared_ptr<Callback> make(Environment& env, napi_value function, Condition may_go);

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

 protected:
  bool may_go(napi_env, const HandleTable& tensors) override { return may_go_(tensors); }

 private:
  Callback(Environment& env, napi_ref function, Condition may_go)
      : Held(env.dead_references, function), env_(env), may_go_(std::move(may_go)) {}

  void check_thread() const;
  napi_value call(const napi_value* arguments, size_t count) const;

  Environment& env_;
  const Condition may_go_;
};
