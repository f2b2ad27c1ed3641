#include "operators.h"

#include "argument.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <sstream>

namespace {

using torch::jit::Stack;

Kind kind_of(const c10::Type& type);

Kind list_kind_of(const c10::Type& element) {
  if (element.kind() == c10::TypeKind::OptionalType) {
    const auto& inner = element.expectRef<c10::OptionalType>().getElementType();
    return kind_of(*inner) == Kind::Tensor ? Kind::OptionalTensorList : Kind::Unsupported;
  }
  switch (kind_of(element)) {
    case Kind::Tensor:
      return Kind::TensorList;
    case Kind::Int:
      return Kind::IntList;
    case Kind::Float:
      return Kind::FloatList;
    case Kind::Bool:
      return Kind::BoolList;
    case Kind::Scalar:
      return Kind::ScalarList;
    case Kind::String:
      return Kind::StringList;
    default:
      return Kind::Unsupported;
  }
}

Kind kind_of(const c10::Type& type) {
  switch (type.kind()) {
    case c10::TypeKind::TensorType:
      return Kind::Tensor;
    case c10::TypeKind::NumberType:
      return Kind::Scalar;
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
      return Kind::Int;
    case c10::TypeKind::FloatType:
      return Kind::Float;
    case c10::TypeKind::BoolType:
      return Kind::Bool;
    case c10::TypeKind::StringType:
      return Kind::String;
    case c10::TypeKind::ScalarTypeType:
      return Kind::DType;
    case c10::TypeKind::LayoutType:
      return Kind::Layout;
    case c10::TypeKind::MemoryFormatType:
      return Kind::MemoryFormat;
    case c10::TypeKind::DeviceObjType:
      return Kind::Device;
    case c10::TypeKind::GeneratorType:
      return Kind::Generator;
    case c10::TypeKind::ListType:
      return list_kind_of(*type.expectRef<c10::ListType>().getElementType());
    default:
      return Kind::Unsupported;
  }
}

Parameter parameter_of(const c10::Argument& argument) {
  Parameter result;
  result.name = argument.name();
  const c10::TypePtr& type = argument.real_type();
  result.optional = type->kind() == c10::TypeKind::OptionalType;
  result.kind =
      kind_of(result.optional ? *type->expectRef<c10::OptionalType>().getElementType() : *type);
  result.keyword_only = argument.kwarg_only();
  if (argument.N()) result.length = static_cast<int>(*argument.N());
  result.fallback = argument.default_value();
  return result;
}

Overload overload_of(const c10::OperatorHandle& handle) {
  const c10::FunctionSchema& schema = handle.schema();
  std::ostringstream signature;
  signature << schema;
  Overload result{handle, {}, signature.str(), true, false};
  for (const c10::Argument& argument : schema.arguments()) {
    Parameter parameter = parameter_of(argument);
    if (parameter.kind == Kind::Unsupported && !parameter.fallback) result.supported = false;
    result.out |= argument.is_out();
    result.parameters.push_back(std::move(parameter));
  }
  return result;
}

bool names_one_of(std::string_view name, std::initializer_list<std::string_view> bases) {
  if (!name.empty() && name.back() == '_') name.remove_suffix(1);
  return std::find(bases.begin(), bases.end(), name) != bases.end();
}

// Python lets a number stand for a tensor in these alone.
bool takes_numbers_as_tensors(std::string_view name) {
  return names_one_of(name, {"add", "sub", "subtract", "mul", "multiply", "div", "divide",
                             "true_divide", "floor_divide"});
}

// Of these, Python has no Scalar overload: its numbers become tensors, as the graph then shows.
bool is_for_cpp_alone(std::string_view name, std::string_view overload) {
  return overload == "Scalar" && names_one_of(name, {"add", "sub", "mul", "div"});
}

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

size_t positional_parameters(const Overload& overload) {
  return std::count_if(overload.parameters.begin(), overload.parameters.end(),
                       [](const Parameter& parameter) { return !parameter.keyword_only; });
}

bool has_parameter(const Overload& overload, const std::string& name) {
  return std::any_of(overload.parameters.begin(), overload.parameters.end(),
                     [&](const Parameter& parameter) { return parameter.name == name; });
}

// Builds the stack for one overload; says whether the arguments fit it.
bool fits(const Operator& op, const Overload& overload, const Arguments& arguments,
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
      const size_t distance = edit_distance(name, parameter.name);
      if (distance < smallest) {
        smallest = distance;
        best = parameter.name;
      }
    }
  }
  return best;
}

// Why the arguments do not fit one overload, in Python's words.
std::string misfit(const Operator& op, const Overload& overload, const Arguments& arguments) {
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
    if (i < arguments.positional() && arguments.named(parameter.name) != nullptr) {
      return "got multiple values for argument '" + parameter.name + "'";
    }
    if (argument == nullptr || argument->is_undefined()) {
      if (!parameter.fallback) return "missing required argument '" + parameter.name + "'";
      continue;
    }
    if (!argument->as(parameter, Matching::Lenient, op.numbers_as_tensors)) {
      reason << "argument '" << parameter.name << "' (position " << i + 1 << ") must be "
             << overload.handle.schema().arguments()[i].real_type()->annotation_str() << ", not "
             << argument->description();
      return reason.str();
    }
  }
  return "arguments do not fit";
}

[[noreturn]] void throw_misfit(const Operator& op, const Arguments& arguments) {
  const std::string name = op.name.substr(op.name.find("::") + 2);
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
  const bool wants_out = arguments.named("out") != nullptr;
  for (const Overload& overload : op.overloads) {
    if (overload.supported && overload.out == wants_out) candidates.push_back(&overload);
  }
  if (candidates.size() == 1) {
    TYPE_CHECK(false, name, "() ", misfit(op, *candidates.front(), arguments), "\n  ",
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

const Overload& choose(const Operator& op, const Arguments& arguments, Stack& stack) {
  for (const Matching matching : {Matching::Strict, Matching::Lenient}) {
    for (const Overload& overload : op.overloads) {
      if (fits(op, overload, arguments, matching, stack)) return overload;
    }
  }
  throw_misfit(op, arguments);
}

// --- results ---------------------------------------------------------------------------------

constexpr int kPlain = 0;
constexpr int kTensor = 1;
constexpr int kDType = 2;

napi_value small(const Call& call, int number) { return call.value(static_cast<double>(number)); }

// A tensor that was an argument comes back as that argument, so that `x.add_(1) === x`.
napi_value tensor_value(const Call& call, at::Tensor tensor, std::span<const Argument> arguments) {
  if (!tensor.defined()) return call.null();
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].tensor().is_same(tensor)) return small(call, -static_cast<int>(i) - 1);
  }
  return call.handle(std::move(tensor));
}

template <typename List, typename Convert>
napi_value list_value(const Call& call, const List& list, Convert convert) {
  napi_value result = nullptr;
  check_napi(call.raw(), napi_create_array_with_length(call.raw(), list.size(), &result));
  for (size_t i = 0; i < list.size(); ++i) {
    check_napi(call.raw(),
               napi_set_element(call.raw(), result, static_cast<uint32_t>(i), convert(list[i])));
  }
  return result;
}

napi_value scalar_value(const Call& call, const at::Scalar& scalar) {
  if (scalar.isBoolean()) return call.value(scalar.toBool());
  if (scalar.isIntegral(false)) return integer_value(call.raw(), scalar.toLong());
  if (!scalar.isComplex()) return call.value(scalar.toDouble());
  const auto number = scalar.toComplexDouble();
  napi_value result = nullptr;
  check_napi(call.raw(), napi_create_object(call.raw(), &result));
  check_napi(call.raw(),
             napi_set_named_property(call.raw(), result, "re", call.value(number.real())));
  check_napi(call.raw(),
             napi_set_named_property(call.raw(), result, "im", call.value(number.imag())));
  return result;
}

napi_value plain_value(const Call& call, const at::IValue& value) {
  if (value.isNone()) return call.null();
  if (value.isBool()) return call.value(value.toBool());
  if (value.isInt() || value.isSymInt()) return integer_value(call.raw(), value.toInt());
  if (value.isDouble() || value.isComplexDouble()) return scalar_value(call, value.toScalar());
  if (value.isString()) return call.value(std::string_view(value.toStringRef()));
  if (value.isDevice()) return call.value(std::string_view(value.toDevice().str()));
  if (value.isIntList()) return call.integers(value.toIntVector());
  if (value.isDoubleList()) {
    return list_value(call, value.toDoubleVector(), [&](double item) { return call.value(item); });
  }
  if (value.isBoolList()) {
    const auto list = value.toBoolList().vec();
    return list_value(call, list, [&](bool item) { return call.value(item); });
  }
  TORCH_CHECK_NOT_IMPLEMENTED(false, "a result of type ", value.tagKind(),
                              " has no JavaScript form");
}

// Pushes a result's tag and value.
void append_result(const Call& call, napi_value array, uint32_t position,
                   const c10::Argument& returned, at::IValue value,
                   std::span<const Argument> arguments) {
  int tag = kPlain;
  napi_value converted = nullptr;
  if (value.isTensor()) {
    tag = kTensor;
    converted = tensor_value(call, std::move(value).toTensor(), arguments);
  } else if (value.isTensorList()) {
    tag = kTensor;
    converted = list_value(call, value.toTensorVector(),
                           [&](const at::Tensor& item) { return call.handle_or_null(item); });
  } else {
    if (returned.real_type()->kind() == c10::TypeKind::ScalarTypeType) tag = kDType;
    converted = plain_value(call, value);
  }
  check_napi(call.raw(), napi_set_element(call.raw(), array, position, small(call, tag)));
  check_napi(call.raw(), napi_set_element(call.raw(), array, position + 1, converted));
}

// One tensor comes back as its handle. Anything else is an array: the overload's index (for the
// names of its results), then tag and value of each result.
napi_value results(const Call& call, const Operator& op, const Overload& overload, Stack& stack,
                   std::span<const Argument> arguments) {
  if (stack.size() == 1 && stack[0].isTensor()) {
    return tensor_value(call, std::move(stack[0]).toTensor(), arguments);
  }
  napi_value array = nullptr;
  check_napi(call.raw(), napi_create_array(call.raw(), &array));
  const auto index = static_cast<int>(&overload - op.overloads.data());
  check_napi(call.raw(), napi_set_element(call.raw(), array, 0, small(call, index)));
  const auto& returns = overload.handle.schema().returns();
  for (size_t i = 0; i < stack.size(); ++i) {
    append_result(call, array, static_cast<uint32_t>(2 * i + 1), returns[i], std::move(stack[i]),
                  arguments);
  }
  return array;
}

// --- exports ---------------------------------------------------------------------------------

// operator(name, overloads?) -> id. Without a list of overload names: all that the dispatcher has.
napi_value find_operator(Call& call) {
  auto op = std::make_unique<Operator>();
  op->name = call.string(0);
  const std::string_view base = std::string_view(op->name).substr(op->name.find("::") + 2);
  op->numbers_as_tensors = takes_numbers_as_tensors(base);
  auto& dispatcher = c10::Dispatcher::singleton();
  const auto add = [&](const c10::OperatorName& name) {
    if (is_for_cpp_alone(base, name.overload_name)) return;
    if (const auto handle = dispatcher.findSchema(name))
      op->overloads.push_back(overload_of(*handle));
  };
  if (call.given(1)) {
    std::istringstream names(call.string(1));
    for (std::string name; std::getline(names, name, ',');)
      add({op->name, name == "-" ? "" : name});
  } else {
    for (const c10::OperatorName& name : dispatcher.getAllOpNames()) {
      if (name.name == op->name) add(name);
    }
    const auto order = [](const Overload& overload) {
      return std::make_tuple(overload.out, overload.parameters.size(), overload.signature);
    };
    std::sort(op->overloads.begin(), op->overloads.end(),
              [&](const Overload& a, const Overload& b) { return order(a) < order(b); });
  }
  if (op->overloads.empty()) return small(call, -1);
  auto& operators = call.env().operators;
  operators.push_back(std::move(op));
  return small(call, static_cast<int>(operators.size()) - 1);
}

const Operator& operator_at(const Call& call, size_t index) {
  const int64_t id = call.integer(index);
  const auto& operators = call.env().operators;
  TORCH_CHECK_INDEX(id >= 0 && id < static_cast<int64_t>(operators.size()), "no operator ", id);
  return *operators[id];
}

// call(operator, tags, names, ...arguments): `tags` holds a digit in base 3 for each argument (0
// plain, 1 tensor or list of tensors, 2 dtype), `names` those of the last arguments or undefined.
napi_value call_operator(Call& call) {
  constexpr size_t kFirst = 3;
  const Operator& op = operator_at(call, 0);
  auto tags = static_cast<uint64_t>(call.natural(1));
  Arguments arguments;
  const size_t count = call.size() > kFirst ? call.size() - kFirst : 0;
  if (call.given(2)) {
    uint32_t length = 0;
    check_napi(call.raw(), napi_get_array_length(call.raw(), call[2], &length));
    TORCH_CHECK(length <= count, "more names than arguments");
    for (uint32_t i = 0; i < length; ++i) {
      napi_value element = nullptr;
      size_t size = 0;
      check_napi(call.raw(), napi_get_element(call.raw(), call[2], i, &element));
      check_napi(call.raw(), napi_get_value_string_utf8(call.raw(), element, nullptr, 0, &size));
      std::string name(size, '\0');
      check_napi(call.raw(),
                 napi_get_value_string_utf8(call.raw(), element, name.data(), size + 1, &size));
      arguments.names.push_back(std::move(name));
    }
  }
  arguments.values.reserve(count);
  for (size_t i = 0; i < count; ++i, tags /= 3) {
    arguments.values.emplace_back(call, kFirst + i, static_cast<Tag>(tags % 3));
  }
  Stack stack;
  const Overload& overload = choose(op, arguments, stack);
  try {
    overload.handle.callBoxed(stack);
  } catch (c10::Error& error) {
    error.add_context("in " + overload.signature);
    throw;
  }
  return results(call, op, overload, stack, arguments.values);
}

// return_names(operator, overload) -> names of the results, '' where one has none.
napi_value return_names(Call& call) {
  const Operator& op = operator_at(call, 0);
  const auto& returns = op.overloads.at(call.integer(1)).handle.schema().returns();
  return list_value(call, returns, [&](const c10::Argument& returned) {
    return call.value(std::string_view(returned.name()));
  });
}

// signatures(operator) -> the schema of each overload.
napi_value signatures(Call& call) {
  return list_value(call, operator_at(call, 0).overloads, [&](const Overload& overload) {
    return call.value(std::string_view(overload.signature));
  });
}

// operator_names() -> every name in the dispatcher with its overload, "aten::add.Tensor".
napi_value operator_names(Call& call) {
  const auto names = c10::Dispatcher::singleton().getAllOpNames();
  return list_value(call, names, [&](const c10::OperatorName& name) {
    return call.value(std::string_view(c10::toString(name)));
  });
}

}  // namespace

void export_operators(Environment& env, napi_value exports) {
  export_function(env, exports, "operator", enter<find_operator>);
  export_function(env, exports, "call", enter<call_operator>);
  export_function(env, exports, "return_names", enter<return_names>);
  export_function(env, exports, "signatures", enter<signatures>);
  export_function(env, exports, "operator_names", enter<operator_names>);
}
