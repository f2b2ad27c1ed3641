// Functions whose gradient is written in JavaScript (torch.autograd.Function).
#pragma once

#include "call.h"

void export_functions(Environment& env, napi_value exports);
