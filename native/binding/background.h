// Work on another thread, which JavaScript has as a promise.
#pragma once

#include <functional>

#include "binding/call.h"

// A promise of the number that `work` gives on a thread of Node's pool. `work` must not touch
// JavaScript.
napi_value promise_of(const Call& call, const char* name, std::function<double()> work);
