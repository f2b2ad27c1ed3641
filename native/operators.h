// The generic door to libtorch's operators: names and schemas from the dispatcher, arguments
// converted by schema, kernels called boxed. There is no code per operator.
#pragma once

#include "call.h"

void export_operators(Environment& env, napi_value exports);
