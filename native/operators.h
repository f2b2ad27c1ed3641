// The generic door to libtorch's operators: names and schemas from the dispatcher, arguments
// converted by schema, kernels called boxed. There is no code per operator.
#pragma once

#include "call.h"

// How an argument of a schema is read from JavaScript.
enum class Kind {
  Tensor,
  TensorList,
  OptionalTensorList,
  Scalar,
  Int,
  Float,
  Bool,
  String,
  DType,
  Layout,
  Device,
  MemoryFormat,
  Generator,
  IntList,
  FloatList,
  BoolList,
  ScalarList,
  StringList,
  Unsupported,
};

struct Parameter {
  std::string name;
  Kind kind;
  bool optional;  // None is accepted
  bool keyword_only;
  std::optional<int> length;  // int[2]: a single number stands for all
  std::optional<at::IValue> fallback;
};

struct Overload {
  c10::OperatorHandle handle;
  std::vector<Parameter> parameters;
  std::string signature;
  bool supported;  // every required argument can come from JavaScript
  bool out;        // writes into keyword-only tensors
};

// All overloads of one name, in the order in which they are tried.
struct Operator {
  std::string name;
  std::vector<Overload> overloads;
  bool numbers_as_tensors;
};

void export_operators(Environment& env, napi_value exports);
