// Tensors that travel between worker threads: one leaves an alias here under a token, the other
// takes it out. The only table of the process; everything else belongs to one environment.
#pragma once

#include "call.h"

void export_share(Environment& env, napi_value exports);
