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
  void throw_to_javascript(napi_env env) const;

 private:
  // Copies of an exception share what it holds, and the last may die on any thread.
  std::shared_ptr<napi_ref__> reference_;
};

// Throws what Node-API reports: a pending JavaScript exception as itself.
[[noreturn]] void throw_napi_error(napi_env env);
inline void check_napi(napi_env env, napi_status status) {
  if (status != napi_ok) throw_napi_error(env);
}

// Turns the C++ exception in flight into a pending JavaScript exception.
void throw_to_javascript(napi_env env) noexcept;
