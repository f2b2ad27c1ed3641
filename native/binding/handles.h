// Tensors as JavaScript names them: by handles, which are numbers.
#pragma once

#include "binding/values.h"
#include "memory/environment.h"

// The handle in a JavaScript number; 0, which names nothing, where it holds none.
HandleTable::Handle handle_in(double number);

// The tensor behind a handle; throws where it was freed.
at::Tensor tensor_of(const Environment& env, double handle);

// The tensor whose handle the value is; an undefined one where it is 0 or no number.
at::Tensor tensor_or_undefined(const Environment& env, napi_value value);

// The tensors of an array of handles.
Tensors tensors_in(const Environment& env, napi_value array);

// A new handle of the tensor; null where it is undefined.
napi_value handle_value(Environment& env, at::Tensor tensor);
napi_value handles_value(Environment& env, at::TensorList tensors);
