// Recurrent layers: a whole sequence, all layers and directions, as one autograd node.
#pragma once

#include "environment.h"

void export_recurrent(Environment& env, napi_value exports);
