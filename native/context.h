// libtorch's switches: what kernels may do, on every thread of the process.
#pragma once

#include "call.h"

void export_context(Environment& env, napi_value exports);
