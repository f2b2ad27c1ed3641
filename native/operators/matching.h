// Which overload of an operator a call means, and why it means none.
#pragma once

#include "operators/argument.h"

// Names that Python takes for a parameter beside its own: a function's first tensor is called
// input, and NumPy's names are understood.
inline bool is_name_of(std::string_view name, const Parameter& parameter) {
  const std::string& own = parameter.name;
  if (name == own) return true;
  if (own == "self") return name == "input" || name == "x" || name == "a" || name == "x1";
  if (own == "dim") return name == "axis";
  if (own == "keepdim") return name == "keepdims";
  return own == "other" && name == "x2";
}

// An operator's arguments: positional ones, then those given by name.
struct CallArguments {
  c10::SmallVector<Argument, 4> values;
  std::vector<std::string> names;

  size_t positional() const { return values.size() - names.size(); }

  const Argument* named(const Parameter& parameter) const {
    for (size_t i = 0; i < names.size(); ++i) {
      if (is_name_of(names[i], parameter)) return &values[positional() + i];
    }
    return nullptr;
  }

  bool has(std::string_view name) const {
    return std::find(names.begin(), names.end(), name) != names.end();
  }

  const Argument* given(const Parameter& parameter, size_t position) const {
    if (!parameter.keyword_only && position < positional()) return &values[position];
    return names.empty() ? nullptr : named(parameter);
  }
};

// The overload that the arguments fit, its stack built. Throws Python's words where there is none.
const Overload& choose(const Operator& op, const CallArguments& arguments,
                       torch::jit::Stack& stack);
