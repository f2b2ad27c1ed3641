// libtorch's profiler.
#pragma once

#include "environment.h"

void export_profiler(Environment& env, napi_value exports);
