// Values of TorchScript's and of JavaScript's, as ScriptKind of contract.h lays them out.
#pragma once

#include "contract.h"
#include "jit/script.h"

// The value as one of the type, or nothing where it does not fit.
std::optional<at::IValue> script_value(const Call& call, napi_value value,
                                       const c10::TypePtr& type);

// What was given, by Python's name of its type, for messages.
std::string script_type_name(const Call& call, napi_value value);

napi_value value_of_script(const Call& call, const at::IValue& value,
                           const std::shared_ptr<Lane>& lane);

// The arguments of a call by its schema: those in their places, then those with names. `self` is
// null for a function.
torch::jit::Stack script_arguments(const Call& call, const c10::FunctionSchema& schema,
                                   const torch::jit::ObjectPtr& self, napi_value positional,
                                   const std::vector<std::string>& names, napi_value named);
