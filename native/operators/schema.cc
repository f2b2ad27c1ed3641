#include "operators/schema.h"

#include <algorithm>
#include <sstream>

namespace {

ParameterKind kind_of(const c10::Type& type);

ParameterKind list_kind_of(const c10::Type& element) {
  if (element.kind() == c10::TypeKind::OptionalType) {
    const auto& inner = element.expectRef<c10::OptionalType>().getElementType();
    return kind_of(*inner) == ParameterKind::Tensor ? ParameterKind::OptionalTensorList
                                                    : ParameterKind::Unsupported;
  }
  switch (kind_of(element)) {
    case ParameterKind::Tensor:
      return ParameterKind::TensorList;
    case ParameterKind::Int:
      return ParameterKind::IntList;
    case ParameterKind::Float:
      return ParameterKind::FloatList;
    case ParameterKind::Bool:
      return ParameterKind::BoolList;
    case ParameterKind::Scalar:
      return ParameterKind::ScalarList;
    case ParameterKind::String:
      return ParameterKind::StringList;
    default:
      return ParameterKind::Unsupported;
  }
}

ParameterKind kind_of(const c10::Type& type) {
  switch (type.kind()) {
    case c10::TypeKind::TensorType:
      return ParameterKind::Tensor;
    case c10::TypeKind::NumberType:
      return ParameterKind::Scalar;
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
      return ParameterKind::Int;
    case c10::TypeKind::FloatType:
      return ParameterKind::Float;
    case c10::TypeKind::BoolType:
      return ParameterKind::Bool;
    case c10::TypeKind::StringType:
      return ParameterKind::String;
    case c10::TypeKind::ScalarTypeType:
      return ParameterKind::DType;
    case c10::TypeKind::LayoutType:
      return ParameterKind::Layout;
    case c10::TypeKind::MemoryFormatType:
      return ParameterKind::MemoryFormat;
    case c10::TypeKind::DeviceObjType:
      return ParameterKind::Device;
    case c10::TypeKind::GeneratorType:
      return ParameterKind::Generator;
    case c10::TypeKind::ListType:
      return list_kind_of(*type.expectRef<c10::ListType>().getElementType());
    default:
      return ParameterKind::Unsupported;
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
  Overload result{handle, {}, signature.str(), true, false, false, false};
  bool of_tensors = false;
  for (const c10::Argument& argument : schema.arguments()) {
    Parameter parameter = parameter_of(argument);
    if (parameter.kind == ParameterKind::Unsupported && !parameter.fallback)
      result.supported = false;
    result.out |= argument.is_out();
    of_tensors |= parameter.kind == ParameterKind::Tensor ||
                  parameter.kind == ParameterKind::TensorList ||
                  parameter.kind == ParameterKind::OptionalTensorList;
    result.parameters.push_back(std::move(parameter));
  }
  const std::string_view name(schema.name());
  result.resizes = result.out || name.find("resize") != name.npos || name.ends_with("::set_");
  result.factory = !of_tensors && std::ranges::any_of(schema.returns(), [](const auto& returned) {
    return returned.real_type()->kind() == c10::TypeKind::TensorType;
  });
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

// The first overload whose first `count` parameters are tensors in their places, and whose others
// have defaults.
const Overload* overload_of_tensors(const Operator& op, size_t count) {
  for (const Overload& overload : op.overloads) {
    bool fits = overload.supported && overload.parameters.size() >= count;
    for (size_t i = 0; fits && i < overload.parameters.size(); ++i) {
      const Parameter& parameter = overload.parameters[i];
      fits = i < count ? parameter.kind == ParameterKind::Tensor && !parameter.keyword_only
                       : parameter.fallback.has_value();
    }
    if (fits) return &overload;
  }
  return nullptr;
}

}  // namespace

std::unique_ptr<Operator> make_operator(const std::string& name,
                                        const std::optional<std::string>& listed) {
  auto op = std::make_unique<Operator>();
  op->name = name;
  const std::string_view base = op->base_name();
  op->numbers_as_tensors = takes_numbers_as_tensors(base);
  auto& dispatcher = c10::Dispatcher::singleton();
  const auto add = [&](const c10::OperatorName& full) {
    if (is_for_cpp_alone(base, full.overload_name)) return;
    if (const auto handle = dispatcher.findSchema(full))
      op->overloads.push_back(overload_of(*handle));
  };
  if (listed) {
    std::istringstream names(*listed);
    for (std::string overload; std::getline(names, overload, ',');)
      add({op->name, overload == "-" ? "" : overload});
  } else {
    for (const c10::OperatorName& full : dispatcher.getAllOpNames()) {
      if (full.name == op->name) add(full);
    }
    const auto order = [](const Overload& overload) {
      return std::make_tuple(overload.out, overload.parameters.size(), overload.signature);
    };
    std::sort(op->overloads.begin(), op->overloads.end(),
              [&](const Overload& a, const Overload& b) { return order(a) < order(b); });
  }
  for (size_t count = 1; count < op->of_tensors.size(); ++count) {
    op->of_tensors[count] = overload_of_tensors(*op, count);
  }
  return op;
}
