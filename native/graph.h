// The graph's nodes as JavaScript sees them, and the hooks on them.
#pragma once

#include "call.h"

void export_graph(Environment& env, napi_value exports);
