// A tensor's handle, metadata and data, without its operators.
#pragma once

#include "call.h"

void export_tensors(Environment& env, napi_value exports);
