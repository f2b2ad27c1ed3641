// What belongs to the process: seeds, random generators, threads, devices.
#pragma once

#include "call.h"

void export_runtime(Environment& env, napi_value exports);
