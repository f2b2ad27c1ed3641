// What a call of TorchScript's means: whose method or which function, and its arguments.
#pragma once

#include "jit/script.h"

struct Callee {
  // Null for a function.
  torch::jit::ObjectPtr self;
  std::shared_ptr<torch::jit::CompilationUnit> unit;
  std::shared_ptr<Lane> lane;
  torch::jit::Function* function;
};

// The method or function whose owner and name are the arguments from `index` on.
Callee callee_argument(const Call& call, size_t index);

// A call that is ready to run, in whatever thread.
struct ScriptCall {
  Callee callee;
  torch::jit::Stack stack;

  at::IValue run();
};

// callee, method, arguments in their places, names, named arguments: the arguments from `index` on.
ScriptCall script_call_argument(const Call& call, size_t index);

// Whether a plain object may be a value of this type.
bool takes_objects(const c10::Type& type);
