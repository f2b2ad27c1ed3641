// Which overload of an operator a call means, and why it means none.
#pragma once

#include "argument.h"
#include "schema.h"

// A call's arguments: positional ones, then those given by name.
struct Arguments {
  c10::SmallVector<Argument, 4> values;
  std::vector<std::string> names;

  size_t positional() const { return values.size() - names.size(); }

  const Argument* named(const std::string& name) const {
    const auto found = std::find(names.begin(), names.end(), name);
    return found == names.end() ? nullptr : &values[positional() + (found - names.begin())];
  }

  const Argument* given(const Parameter& parameter, size_t position) const {
    if (!parameter.keyword_only && position < positional()) return &values[position];
    return names.empty() ? nullptr : named(parameter.name);
  }
};

// The overload that the arguments fit, its stack built. Throws Python's words where there is none.
const Overload& choose(const Operator& op, const Arguments& arguments, torch::jit::Stack& stack);
