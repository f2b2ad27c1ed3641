// A linear layer for a few numbers.
#pragma once

#include "environment.h"

void export_linear(Environment& env, napi_value exports);
