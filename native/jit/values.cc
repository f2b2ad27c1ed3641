#include "jit/values.h"

#include "binding/generator.h"

namespace {

using c10::TypeKind;
using c10::TypePtr;

// A value that holds itself, or one that no program meant.
constexpr int kDeepest = 100;

class Reader {
 public:
  explicit Reader(const Call& call) : call_(call), raw_(call.raw()) {}

  std::optional<at::IValue> read(napi_value value, const TypePtr& type, int depth = 0) const {
    TORCH_CHECK_VALUE(depth < kDeepest, "a value is nested more than ", kDeepest, " deep");
    const auto kind = kind_of(value);
    switch (type->kind()) {
      case TypeKind::AnyType:
        return infer(value, depth);
      case TypeKind::OptionalType:
        if (is_null(value)) return at::IValue();
        return read(value, type->expectRef<c10::OptionalType>().getElementType(), depth + 1);
      case TypeKind::UnionType:
        for (const TypePtr& contained : type->containedTypes()) {
          if (auto fitting = read(value, contained, depth + 1)) return fitting;
        }
        return std::nullopt;
      case TypeKind::NoneType:
        return is_null(value) ? std::optional(at::IValue()) : std::nullopt;
      case TypeKind::TensorType:
        if (kind != ScriptKind::Tensor) return std::nullopt;
        return at::IValue(tensor_of(call_.env(), *number_in(raw_, element(value, 1))));
      case TypeKind::IntType:
        if (kind == ScriptKind::DType) {
          return at::IValue(static_cast<int64_t>(dtype_of(*number_in(raw_, element(value, 1)))));
        }
        return as_value(integer(value));
      case TypeKind::FloatType:
        if (const auto number = number_in(raw_, value)) return at::IValue(*number);
        if (const auto whole = integer(value)) return at::IValue(static_cast<double>(*whole));
        return std::nullopt;
      case TypeKind::ComplexType:
      case TypeKind::NumberType:
        return number(value, kind, type->kind() == TypeKind::ComplexType);
      case TypeKind::BoolType:
        return as_value(boolean_in(raw_, value));
      case TypeKind::StringType:
        return as_value(string_in(raw_, value));
      case TypeKind::DeviceObjType:
        if (const auto name = string_in(raw_, value)) return at::IValue(c10::Device(*name));
        return std::nullopt;
      case TypeKind::GeneratorType:
        if (auto generator = generator_in(raw_, value)) return at::IValue(std::move(*generator));
        return std::nullopt;
      case TypeKind::ListType:
        if (kind != ScriptKind::List) return std::nullopt;
        return list(value, type->expectRef<c10::ListType>().getElementType(), depth);
      case TypeKind::TupleType:
        return tuple(value, kind, type->expect<c10::TupleType>(), depth);
      case TypeKind::DictType:
        if (kind != ScriptKind::Dict) return std::nullopt;
        return dict(value, type->expectRef<c10::DictType>(), depth);
      case TypeKind::ClassType:
      case TypeKind::InterfaceType:
        return object(value, kind, type);
      default:
        return std::nullopt;
    }
  }

  std::string type_name(napi_value value) const {
    switch (type_of(raw_, value)) {
      case napi_null:
      case napi_undefined:
        return "NoneType";
      case napi_boolean:
        return "bool";
      case napi_bigint:
        return "int";
      case napi_number:
        return is_whole(*number_in(raw_, value)) ? "int" : "float";
      case napi_string:
        return "str";
      default:
        break;
    }
    switch (kind_of(value).value_or(ScriptKind::Future)) {
      case ScriptKind::Tensor:
        return "Tensor";
      case ScriptKind::DType:
        return "dtype";
      case ScriptKind::List:
      case ScriptKind::Tuple:
        return "list";
      case ScriptKind::Dict:
        return "dict";
      case ScriptKind::Complex:
        return "complex";
      case ScriptKind::Object:
      case ScriptKind::Module:
        return owned_in<Script>(raw_, element(value, 1))->object->type()->repr_str();
      default:
        return "object";
    }
  }

 private:
  bool is_null(napi_value value) const {
    const napi_valuetype type = type_of(raw_, value);
    return type == napi_null || type == napi_undefined;
  }

  template <typename T>
  static std::optional<at::IValue> as_value(std::optional<T> value) {
    return value ? std::optional(at::IValue(std::move(*value))) : std::nullopt;
  }

  napi_value element(napi_value array, uint32_t index) const {
    napi_value result = nullptr;
    check_napi(raw_, napi_get_element(raw_, array, index, &result));
    return result;
  }

  std::optional<ScriptKind> kind_of(napi_value value) const {
    if (type_of(raw_, value) != napi_object || !is_array(raw_, value)) return std::nullopt;
    const auto kind = number_in(raw_, element(value, 0));
    TYPE_CHECK(kind && *kind >= 0 && *kind <= static_cast<double>(ScriptKind::Future),
               "no value of TorchScript's");
    return static_cast<ScriptKind>(static_cast<int>(*kind));
  }

  std::optional<int64_t> integer(napi_value value) const {
    const auto number = number_in(raw_, value);
    if (number && is_whole(*number)) return static_cast<int64_t>(*number);
    return type_of(raw_, value) == napi_bigint ? bigint_in(raw_, value) : std::nullopt;
  }

  std::optional<at::IValue> number(napi_value value, std::optional<ScriptKind> kind,
                                   bool complex) const {
    if (kind == ScriptKind::Complex) {
      const auto real = number_in(raw_, element(value, 1));
      const auto imaginary = number_in(raw_, element(value, 2));
      TYPE_CHECK(real && imaginary, "a complex number has two numbers");
      return at::IValue(c10::complex<double>(*real, *imaginary));
    }
    const auto real = number_in(raw_, value);
    if (complex) {
      return real ? std::optional(at::IValue(c10::complex<double>(*real, 0))) : std::nullopt;
    }
    const bool negative_zero = real && *real == 0 && std::signbit(*real);
    if (const auto whole = integer(value); whole && !negative_zero) return at::IValue(*whole);
    if (real) return at::IValue(*real);
    return as_value(boolean_in(raw_, value));
  }

  std::optional<at::IValue> list(napi_value value, const TypePtr& element_type, int depth) const {
    c10::impl::GenericList list(element_type);
    const uint32_t length = length_of(raw_, value);
    for (uint32_t i = 1; i < length; ++i) {
      const Napi::HandleScope scope(raw_);
      auto item = read(element(value, i), element_type, depth + 1);
      if (!item) return std::nullopt;
      list.push_back(std::move(*item));
    }
    return at::IValue(std::move(list));
  }

  // An array of as many items; for one whose fields have names, an object that has these does too.
  std::optional<at::IValue> tuple(napi_value value, std::optional<ScriptKind> kind,
                                  const c10::TupleTypePtr& type, int depth) const {
    const auto& types = type->elements();
    std::vector<at::IValue> items(types.size());
    if (kind == ScriptKind::List) {
      if (length_of(raw_, value) != types.size() + 1) return std::nullopt;
      for (size_t i = 0; i < types.size(); ++i) {
        auto item = read(element(value, static_cast<uint32_t>(i) + 1), types[i], depth + 1);
        if (!item) return std::nullopt;
        items[i] = std::move(*item);
      }
    } else if (kind == ScriptKind::Dict && type->schema() != nullptr) {
      const auto& fields = type->schema()->arguments();
      if (length_of(raw_, value) != 2 * fields.size() + 2) return std::nullopt;
      for (size_t i = 0; i < fields.size(); ++i) {
        const auto position = field_position(value, fields[i].name());
        auto item = position ? read(element(value, *position), types[i], depth + 1) : std::nullopt;
        if (!item) return std::nullopt;
        items[i] = std::move(*item);
      }
    } else {
      return std::nullopt;
    }
    return at::IValue(type->schema() == nullptr
                          ? c10::ivalue::Tuple::create(std::move(items))
                          : c10::ivalue::Tuple::createNamed(std::move(items), type));
  }

  std::optional<uint32_t> field_position(napi_value dict, const std::string& name) const {
    const uint32_t length = length_of(raw_, dict);
    for (uint32_t i = 2; i + 1 < length; i += 2) {
      if (string_in(raw_, element(dict, i)) == name) return i + 1;
    }
    return std::nullopt;
  }

  std::optional<at::IValue> dict(napi_value value, const c10::DictType& type, int depth) const {
    c10::impl::GenericDict dict(type.getKeyType(), type.getValueType());
    const uint32_t length = length_of(raw_, value);
    for (uint32_t i = 2; i + 1 < length; i += 2) {
      const Napi::HandleScope scope(raw_);
      auto key = read(element(value, i), type.getKeyType(), depth + 1);
      auto item = read(element(value, i + 1), type.getValueType(), depth + 1);
      if (!key || !item) return std::nullopt;
      dict.insert_or_assign(std::move(*key), std::move(*item));
    }
    return at::IValue(std::move(dict));
  }

  std::optional<at::IValue> object(napi_value value, std::optional<ScriptKind> kind,
                                   const TypePtr& type) const {
    if (kind != ScriptKind::Object && kind != ScriptKind::Module) return std::nullopt;
    const Script* script = owned_in<Script>(raw_, element(value, 1));
    if (script == nullptr || !script->object->type()->isSubtypeOf(*type)) return std::nullopt;
    return at::IValue(script->object);
  }

  // As Python's values have types of their own.
  std::optional<at::IValue> infer(napi_value value, int depth) const {
    if (is_null(value)) return at::IValue();
    if (auto boolean = boolean_in(raw_, value)) return at::IValue(*boolean);
    if (auto text = string_in(raw_, value)) return at::IValue(std::move(*text));
    const auto kind = kind_of(value);
    if (!kind || kind == ScriptKind::Complex) return number(value, kind, false);
    switch (*kind) {
      case ScriptKind::Tensor:
        return read(value, c10::TensorType::get(), depth);
      case ScriptKind::DType:
        return read(value, c10::IntType::get(), depth);
      case ScriptKind::List:
        return inferred_list(value, depth);
      case ScriptKind::Dict:
        return inferred_dict(value, depth);
      case ScriptKind::Object:
      case ScriptKind::Module: {
        const Script* script = owned_in<Script>(raw_, element(value, 1));
        return script == nullptr ? std::nullopt : std::optional(at::IValue(script->object));
      }
      default:
        return std::nullopt;
    }
  }

  std::optional<at::IValue> inferred_list(napi_value value, int depth) const {
    std::vector<at::IValue> items;
    TypePtr type;
    const uint32_t length = length_of(raw_, value);
    for (uint32_t i = 1; i < length; ++i) {
      auto item = read(element(value, i), c10::AnyType::get(), depth + 1);
      if (!item) return std::nullopt;
      type = unified(type, item->type());
      items.push_back(std::move(*item));
    }
    c10::impl::GenericList list(type == nullptr ? c10::TensorType::get() : type);
    for (at::IValue& item : items) list.push_back(std::move(item));
    return at::IValue(std::move(list));
  }

  std::optional<at::IValue> inferred_dict(napi_value value, int depth) const {
    std::vector<std::pair<at::IValue, at::IValue>> items;
    TypePtr keys;
    TypePtr values;
    const uint32_t length = length_of(raw_, value);
    for (uint32_t i = 2; i + 1 < length; i += 2) {
      auto key = read(element(value, i), c10::AnyType::get(), depth + 1);
      auto item = read(element(value, i + 1), c10::AnyType::get(), depth + 1);
      if (!key || !item) return std::nullopt;
      keys = unified(keys, key->type());
      values = unified(values, item->type());
      items.emplace_back(std::move(*key), std::move(*item));
    }
    c10::impl::GenericDict dict(keys == nullptr ? c10::StringType::get() : keys,
                                values == nullptr ? c10::TensorType::get() : values);
    for (auto& [key, item] : items) dict.insert_or_assign(std::move(key), std::move(item));
    return at::IValue(std::move(dict));
  }

  static TypePtr unified(const TypePtr& before, const TypePtr& type) {
    if (before == nullptr)
      return type->kind() == TypeKind::TensorType ? c10::TensorType::get() : type;
    const auto both = c10::unifyTypes(before, type);
    return both ? *both : TypePtr(c10::AnyType::get());
  }

  const Call& call_;
  napi_env raw_;
};

class Writer {
 public:
  Writer(const Call& call, const std::shared_ptr<Lane>& lane)
      : call_(call), raw_(call.raw()), lane_(lane) {}

  napi_value write(const at::IValue& value, int depth = 0) const {
    TORCH_CHECK_VALUE(depth < kDeepest, "a value of TorchScript's is nested more than ", kDeepest,
                      " deep");
    if (value.isNone()) return call_.null();
    if (value.isBool()) return call_.value(value.toBool());
    if (value.isInt()) return integer_value(raw_, value.toInt());
    if (value.isDouble()) return call_.value(value.toDouble());
    if (value.isString()) return call_.value(value.toStringRef());
    if (value.isTensor()) {
      const at::Tensor& tensor = value.toTensor();
      if (!tensor.defined()) return call_.null();
      return array(ScriptKind::Tensor, {call_.handle(tensor)});
    }
    if (value.isComplexDouble()) {
      const auto number = value.toComplexDouble();
      return array(ScriptKind::Complex, {call_.value(number.real()), call_.value(number.imag())});
    }
    if (value.isDevice()) return array(ScriptKind::Device, {call_.value(value.toDevice().str())});
    if (value.isTuple()) return tuple(value.toTupleRef(), depth);
    if (value.isList()) {
      const napi_value result = array(ScriptKind::List, {});
      uint32_t position = 1;
      for (const at::IValue& item : value.toListRef()) put(result, position++, item, depth);
      return result;
    }
    if (value.isGenericDict()) return dict(value.toGenericDict(), depth);
    if (value.isObject()) return object(value.toObject());
    if (value.isFuture()) {
      const auto future = value.toFuture();
      future->waitAndThrow();
      const napi_value result = array(ScriptKind::Future, {});
      put(result, 1, future->value(), depth);
      return result;
    }
    TORCH_CHECK_NOT_IMPLEMENTED(false, "a value of type ", value.type()->repr_str(),
                                " has no JavaScript form");
  }

 private:
  napi_value array(ScriptKind kind, std::initializer_list<napi_value> items) const {
    napi_value result = nullptr;
    check_napi(raw_, napi_create_array(raw_, &result));
    set(result, 0, call_.value(static_cast<int>(kind)));
    uint32_t position = 1;
    for (const napi_value item : items) set(result, position++, item);
    return result;
  }

  void set(napi_value array, uint32_t position, napi_value item) const {
    check_napi(raw_, napi_set_element(raw_, array, position, item));
  }

  void put(napi_value array, uint32_t position, const at::IValue& item, int depth) const {
    const Napi::HandleScope scope(raw_);
    set(array, position, write(item, depth + 1));
  }

  napi_value tuple(const c10::ivalue::Tuple& tuple, int depth) const {
    const auto type = tuple.type<c10::TupleType>();
    napi_value names = call_.null();
    if (type != nullptr && type->schema() != nullptr) {
      names = array_value(raw_, type->schema()->arguments(),
                          [&](const c10::Argument& field) { return call_.value(field.name()); });
    }
    const napi_value result = array(ScriptKind::Tuple, {names});
    uint32_t position = 2;
    for (const at::IValue& item : tuple.elements()) put(result, position++, item, depth);
    return result;
  }

  napi_value dict(const c10::impl::GenericDict& dict, int depth) const {
    const bool strings = dict.keyType()->kind() == TypeKind::StringType;
    const napi_value result = array(ScriptKind::Dict, {call_.value(strings)});
    uint32_t position = 2;
    for (const auto& entry : dict) {
      put(result, position++, entry.key(), depth);
      put(result, position++, entry.value(), depth);
    }
    return result;
  }

  napi_value object(torch::jit::ObjectPtr object) const {
    const auto type = object->type();
    const std::string name = type->name() ? type->name()->name() : "";
    const auto kind = type->is_module() ? ScriptKind::Module : ScriptKind::Object;
    return array(kind, {own(call_, Script{std::move(object), lane_}), call_.value(name)});
  }

  const Call& call_;
  napi_env raw_;
  const std::shared_ptr<Lane>& lane_;
};

}  // namespace

std::optional<at::IValue> script_value(const Call& call, napi_value value,
                                       const c10::TypePtr& type) {
  return Reader(call).read(value, type);
}

std::string script_type_name(const Call& call, napi_value value) {
  return Reader(call).type_name(value);
}

napi_value value_of_script(const Call& call, const at::IValue& value,
                           const std::shared_ptr<Lane>& lane) {
  return Writer(call, lane).write(value);
}

torch::jit::Stack script_arguments(const Call& call, const c10::FunctionSchema& schema,
                                   const torch::jit::ObjectPtr& self, napi_value positional,
                                   const std::vector<std::string>& names, napi_value named) {
  const auto& parameters = schema.arguments();
  torch::jit::Stack stack;
  stack.reserve(parameters.size());
  if (self) stack.emplace_back(self);
  const size_t first = stack.size();
  const uint32_t count = length_of(call.raw(), positional);
  TYPE_CHECK(first + count <= parameters.size(), schema.name(), "() takes at most ",
             parameters.size() - first, " argument(s), got ", count, ". Declaration: ", schema);
  const auto read = [&](napi_value array, uint32_t index, const c10::Argument& parameter) {
    napi_value given = nullptr;
    check_napi(call.raw(), napi_get_element(call.raw(), array, index, &given));
    auto value = script_value(call, given, parameter.type());
    TYPE_CHECK(value, schema.name(), "() Expected a value of type '", parameter.type()->repr_str(),
               "' for argument '", parameter.name(), "' but instead found type '",
               script_type_name(call, given), "'.\nDeclaration: ", schema);
    stack.push_back(std::move(*value));
  };
  size_t used = 0;
  for (size_t i = first; i < parameters.size(); ++i) {
    const c10::Argument& parameter = parameters[i];
    const auto name = std::find(names.begin(), names.end(), parameter.name());
    const auto place = static_cast<uint32_t>(i - first);
    if (name != names.end()) ++used;
    if (place < count) {
      TYPE_CHECK(name == names.end(), schema.name(), "() got multiple values for argument '",
                 parameter.name(), "'");
      TYPE_CHECK(!parameter.kwarg_only(), schema.name(), "() takes '", parameter.name(),
                 "' by keyword alone. Declaration: ", schema);
      read(positional, place, parameter);
    } else if (name != names.end()) {
      read(named, static_cast<uint32_t>(name - names.begin()), parameter);
    } else {
      TYPE_CHECK(parameter.default_value(), schema.name(), "() is missing value for argument '",
                 parameter.name(), "'. Declaration: ", schema);
      stack.push_back(*parameter.default_value());
    }
  }
  if (used < names.size()) {
    for (const std::string& name : names) {
      TYPE_CHECK(schema.argumentIndexWithName(name), schema.name(),
                 "() got an unexpected keyword argument '", name, "'. Declaration: ", schema);
    }
    TYPE_CHECK(false, schema.name(), "() got an argument twice");
  }
  return stack;
}
