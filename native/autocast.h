// Automatic mixed precision: which device's operators cast their inputs, and to what.
#pragma once

#include "call.h"

void export_autocast(Environment& env, napi_value exports);
