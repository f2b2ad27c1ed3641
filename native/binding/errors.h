// Errors on their way between C++ and JavaScript.
#pragma once

#include "torch.h"

// An error that becomes a JavaScript TypeError.
#define TYPE_CHECK(condition, ...) TORCH_CHECK_TYPE(condition, __VA_ARGS__)

// What JavaScript threw, on its way through C++: any value at all, which comes out as it was.
class Thrown : public std::exception {
 public:
  // Takes the exception that is pending.
  explicit Thrown(napi_env env);
  const char* what() const noexcept override { return "JavaScript threw an exception"; }
  // Null where JavaScript is being terminated.
  napi_value value(napi_env env) const;

 private:
  // Copies of an exception share what it holds, and the last may die on any thread.
  std::shared_ptr<napi_ref__> reference_;
};

// Throws what Node-API reports: a pending JavaScript exception as itself.
[[noreturn]] void throw_napi_error(napi_env env);
inline void check_napi(napi_env env, napi_status status) {
  if (status != napi_ok) throw_napi_error(env);
}

// What the C++ exception in flight is in JavaScript, or null where nobody is left to hear of it.
napi_value thrown_value(napi_env env) noexcept;

// The result of a function that failed: an object with what is to be thrown, which
// lib/core/native.ts throws. Node throws what a function leaves pending while it is pending still;
// where memory for that runs out, and the garbage collector runs a finalizer of ours meanwhile, it
// ends the process.
napi_value failure(napi_env env) noexcept;
