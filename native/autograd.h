// Autograd's entry points: what the operators' door cannot reach.
#pragma once

#include "call.h"

void export_autograd(Environment& env, napi_value exports);
