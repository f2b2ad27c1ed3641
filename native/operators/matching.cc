#include "operators/matching.h"

#include <algorithm>
#include <numeric>
#include <sstream>

namespace {

using torch::jit::Stack;

size_t positional_parameters(const Overload& overload) {
  return std::count_if(overload.parameters.begin(), overload.parameters.end(),
                       [](const Parameter& parameter) { return !parameter.keyword_only; });
}

bool has_parameter(const Overload& overload, const std::string& name) {
  return std::any_of(overload.parameters.begin(), overload.parameters.end(),
                     [&](const Parameter& parameter) { return is_name_of(name, parameter); });
}

// Builds the stack for one overload; says whether the arguments fit it.
bool fits(const Operator& op, const Overload& overload, const CallArguments& arguments,
          Matching matching, Stack& stack) {
  if (!overload.supported) return false;
  stack.clear();
  stack.reserve(overload.parameters.size());
  size_t used = 0;
  for (size_t i = 0; i < overload.parameters.size(); ++i) {
    const Parameter& parameter = overload.parameters[i];
    const Argument* argument = arguments.given(parameter, i);
    if (argument != nullptr) {
      ++used;
      if (!argument->is_undefined()) {
        auto value = argument->as(parameter, matching, op.numbers_as_tensors);
        if (!value) return false;
        stack.push_back(std::move(*value));
        continue;
      }
    }
    if (!parameter.fallback) return false;
    stack.push_back(*parameter.fallback);
  }
  // An argument that no parameter took is surplus, unknown, or given twice.
  return used == arguments.values.size();
}

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substitution = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, substitution}));
    }
  }
  return row.back();
}

std::string nearest_parameter(const Operator& op, const std::string& name) {
  std::string best;
  size_t smallest = name.size() / 2 + 1;
  for (const Overload& overload : op.overloads) {
    for (const Parameter& parameter : overload.parameters) {
      if (name.size() > 2 && parameter.name.compare(0, name.size(), name) == 0) {
        return parameter.name;
      }
      const size_t distance = edit_distance(name, parameter.name);
      if (distance < smallest) {
        smallest = distance;
        best = parameter.name;
      }
    }
  }
  return best;
}

// A function's first tensor is its input.
std::string shown_name(const Parameter& parameter) {
  return parameter.name == "self" ? "input" : parameter.name;
}

// What a parameter takes, as Python calls it.
const char* python_type(const Parameter& parameter) {
  switch (parameter.kind) {
    case ParameterKind::Tensor:
      return "Tensor";
    case ParameterKind::TensorList:
    case ParameterKind::OptionalTensorList:
      return "tuple of Tensors";
    case ParameterKind::Scalar:
      return "Number";
    case ParameterKind::Int:
      return "int";
    case ParameterKind::Float:
      return "float";
    case ParameterKind::Bool:
      return "bool";
    case ParameterKind::String:
      return "str";
    case ParameterKind::DType:
      return "torch.dtype";
    case ParameterKind::Layout:
      return "torch.layout";
    case ParameterKind::Device:
      return "torch.device";
    case ParameterKind::MemoryFormat:
      return "torch.memory_format";
    case ParameterKind::Generator:
      return "torch.Generator";
    case ParameterKind::IntList:
      return "tuple of ints";
    case ParameterKind::FloatList:
      return "tuple of floats";
    case ParameterKind::BoolList:
      return "tuple of bools";
    case ParameterKind::ScalarList:
      return "tuple of Numbers";
    case ParameterKind::StringList:
      return "tuple of strs";
    case ParameterKind::Unsupported:
      break;
  }
  return "something that JavaScript has not";
}

// Why the arguments do not fit one overload, in Python's words.
std::string misfit(const Operator& op, const Overload& overload, const CallArguments& arguments) {
  std::ostringstream reason;
  const size_t capacity = positional_parameters(overload);
  if (arguments.positional() > capacity) {
    reason << "takes " << capacity << " positional arguments but " << arguments.positional()
           << " were given";
    return reason.str();
  }
  for (size_t i = 0; i < overload.parameters.size(); ++i) {
    const Parameter& parameter = overload.parameters[i];
    const Argument* argument = arguments.given(parameter, i);
    if (i < arguments.positional() && arguments.named(parameter) != nullptr) {
      return "got multiple values for argument '" + shown_name(parameter) + "'";
    }
    if (argument == nullptr || argument->is_undefined()) {
      if (!parameter.fallback) return "missing required argument '" + shown_name(parameter) + "'";
      continue;
    }
    if (!argument->as(parameter, Matching::Lenient, op.numbers_as_tensors)) {
      if (parameter.kind == ParameterKind::TensorList) {
        if (const auto place = argument->first_missing_tensor()) {
          reason << "expected Tensor as element " << *place << " in argument " << i
                 << ", but got null";
          return reason.str();
        }
      }
      reason << "argument '" << shown_name(parameter) << "' (position " << i + 1 << ") must be "
             << python_type(parameter) << ", not " << argument->description();
      return reason.str();
    }
  }
  return "arguments do not fit";
}

[[noreturn]] void throw_misfit(const Operator& op, const CallArguments& arguments) {
  const std::string_view name = op.base_name();
  for (const std::string& keyword : arguments.names) {
    const bool known =
        std::any_of(op.overloads.begin(), op.overloads.end(),
                    [&](const Overload& overload) { return has_parameter(overload, keyword); });
    if (known) continue;
    const std::string nearest = nearest_parameter(op, keyword);
    TYPE_CHECK(false, name, "() got an unexpected keyword argument '", keyword, "'",
               nearest.empty() ? "" : " (did you mean '" + nearest + "'?)");
  }
  std::vector<const Overload*> candidates;
  const bool wants_out = arguments.has("out");
  for (const Overload& overload : op.overloads) {
    if (overload.supported && overload.out == wants_out) candidates.push_back(&overload);
  }
  if (candidates.size() == 1) {
    TYPE_CHECK(false, name, "(): ", misfit(op, *candidates.front(), arguments), "\n  ",
               candidates.front()->signature);
  }
  std::ostringstream message;
  message << name << "() received an invalid combination of arguments - got (";
  for (size_t i = 0; i < arguments.values.size(); ++i) {
    if (i > 0) message << ", ";
    if (i >= arguments.positional()) {
      message << arguments.names[i - arguments.positional()] << "=";
    }
    message << arguments.values[i].description();
  }
  message << "), but expected one of:";
  for (const Overload* overload : candidates) {
    message << "\n * " << overload->signature << "\n     " << misfit(op, *overload, arguments);
  }
  TYPE_CHECK(false, message.str());
}

}  // namespace

const Overload& choose(const Operator& op, const CallArguments& arguments, Stack& stack) {
  for (const Matching matching : {Matching::Strict, Matching::Lenient}) {
    for (const Overload& overload : op.overloads) {
      if (fits(op, overload, arguments, matching, stack)) return overload;
    }
  }
  throw_misfit(op, arguments);
}
