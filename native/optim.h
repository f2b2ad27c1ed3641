// Optimizer steps and gradient clipping: one call for all parameters.
#pragma once

#include "call.h"

void export_optim(Environment& env, napi_value exports);
