// What the dispatcher knows of an operator, in the form that calls from JavaScript need.
#pragma once

#include <array>

#include "torch.h"

// How an argument of a schema is read from JavaScript.
enum class ParameterKind {
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
  ParameterKind kind;
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
  bool factory;    // makes tensors from none
  bool resizes;    // may change the sizes of what it writes to
};

// All overloads of one name, in the order in which they are tried.
struct Operator {
  std::string name;  // "aten::add"
  std::vector<Overload> overloads;
  bool numbers_as_tensors;
  // What is done before the call, or nullptr (operators/guards.h).
  void (*guard)(const Overload&, torch::jit::Stack&) = nullptr;
  // The overload that so many positional tensors and nothing else mean, or nullptr.
  std::array<const Overload*, 4> of_tensors{};

  // "add"
  std::string_view base_name() const { return std::string_view(name).substr(name.find("::") + 2); }
};

// The operator of this name with the overloads in `listed` (separated by commas, "-" for the one
// without a name), or with all that the dispatcher has, those with the fewest parameters first.
std::unique_ptr<Operator> make_operator(const std::string& name,
                                        const std::optional<std::string>& listed);
