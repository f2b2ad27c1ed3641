// Where in JavaScript the forward call was whose backward gives nan (set_detect_anomaly).
#pragma once

#include "call.h"

// Remembers, where that is asked for, which call of JavaScript made the nodes behind a result.
void note_forward_call(const Call& call, const at::Tensor& result);

void export_anomaly(Environment& env, napi_value exports);
