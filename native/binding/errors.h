// Errors on their way between C++ and JavaScript.
#pragma once

#include "torch.h"

// An error that becomes a JavaScript TypeError.
#define TYPE_CHECK(condition, ...) TORCH_CHECK_TYPE(condition, __VA_ARGS__)

// Throws what Node-API reports: a pending JavaScript exception as itself.
void check_napi(napi_env env, napi_status status);

// Turns the C++ exception in flight into a pending JavaScript exception.
void throw_to_javascript(napi_env env) noexcept;
