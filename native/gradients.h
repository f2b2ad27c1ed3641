// What is done to the gradients of many parameters in one call: clipping, forgetting.
#pragma once

#include "call.h"

void export_gradients(Environment& env, napi_value exports);
