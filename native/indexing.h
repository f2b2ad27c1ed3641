// x[...] and x[...] = v, by libtorch's own reading of them, which Python shares.
#pragma once

#include "call.h"

void export_indexing(Environment& env, napi_value exports);
