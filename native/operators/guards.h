// Operators that libtorch lets read or divide by what is not there when their arguments do not
// belong together: what it does not check is checked here, before the call.
#pragma once

#include "operators/schema.h"

// The check of an operator's arguments, or nullptr where libtorch's own are enough. It may put
// others in their place.
using Guard = void (*)(const Overload& overload, torch::jit::Stack& stack);
Guard guard_of(std::string_view name);

// Operators that take any arguments for memory, sizes or indices that are there, and which nobody
// but libtorch itself can call rightly: no check of arguments would do. So does much of what is not
// in ATen.
bool reaches_unchecked_memory(std::string_view name);
