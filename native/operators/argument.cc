#include "operators/argument.h"

#include <ATen/ScalarOps.h>

#include "binding/generator.h"

namespace {

std::optional<double> field(napi_env env, napi_value object, const char* name) {
  napi_value value = nullptr;
  check_napi(env, napi_get_named_property(env, object, name, &value));
  return number_in(env, value);
}

std::optional<at::Layout> layout_of(std::string_view name) {
  if (name == "torch.strided") return at::kStrided;
  if (name == "torch.sparse_coo") return at::kSparse;
  if (name == "torch.sparse_csr") return at::kSparseCsr;
  if (name == "torch.sparse_csc") return at::kSparseCsc;
  if (name == "torch.sparse_bsr") return at::kSparseBsr;
  if (name == "torch.sparse_bsc") return at::kSparseBsc;
  return std::nullopt;
}

std::optional<at::MemoryFormat> memory_format_of(std::string_view name) {
  if (name == "torch.contiguous_format") return at::MemoryFormat::Contiguous;
  if (name == "torch.preserve_format") return at::MemoryFormat::Preserve;
  if (name == "torch.channels_last") return at::MemoryFormat::ChannelsLast;
  if (name == "torch.channels_last_3d") return at::MemoryFormat::ChannelsLast3d;
  return std::nullopt;
}

}  // namespace

Argument::Argument(const Call& call, napi_value value)
    : call_(&call), value_(value), type_(type_of(call.raw(), value)) {
  if (type_ == napi_number) number_ = *number_in(call.raw(), value);
  if (type_ == napi_object) array_ = is_array(call.raw(), value);
}

// A tagged argument has no type of its own, so that no parameter takes its number.
Argument::Argument(const Call& call, size_t index, Tag tag)
    : call_(&call), value_(call[index]), tag_(tag) {
  const auto number = number_in(call.raw(), value_);
  if (number) {
    number_ = *number;
    if (tag == Tag::Tensor) tensor_ = tensor_of(call.env(), number_);
    return;
  }
  TYPE_CHECK(tag == Tag::Tensor, "a dtype must come as a number");
  array_ = true;
  tensors_ = call.tensors(index);
}

std::optional<at::IValue> Argument::as(const Parameter& parameter, Matching matching,
                                       bool numbers_as_tensors) const {
  if (tag_ == Tag::Plain && type_ == napi_null) {
    if (parameter.optional) return at::IValue();
    return std::nullopt;
  }
  switch (parameter.kind) {
    case ParameterKind::Tensor:
      if (tensor_.defined()) return at::IValue(tensor_);
      if (numbers_as_tensors) {
        if (const auto number = scalar()) {
          return at::IValue(at::native::wrapped_scalar_tensor(*number));
        }
      }
      return std::nullopt;
    case ParameterKind::TensorList:
    case ParameterKind::OptionalTensorList:
      return as_tensors(parameter);
    case ParameterKind::Scalar:
    case ParameterKind::Int:
    case ParameterKind::Float:
      return as_number(parameter, matching);
    case ParameterKind::Bool:
      if (type_ == napi_boolean) {
        return at::IValue(*boolean_in(raw(), value_));
      }
      return std::nullopt;
    case ParameterKind::DType:
      if (tag_ == Tag::DType) return at::IValue(dtype_of(number_));
      return std::nullopt;
    case ParameterKind::String:
    case ParameterKind::Layout:
    case ParameterKind::Device:
    case ParameterKind::MemoryFormat:
      return as_named(parameter.kind);
    case ParameterKind::Generator:
      if (tag_ == Tag::Plain) {
        if (auto generator = generator_in(raw(), value_)) {
          return at::IValue(std::move(*generator));
        }
      }
      return std::nullopt;
    case ParameterKind::IntList:
    case ParameterKind::FloatList:
    case ParameterKind::BoolList:
    case ParameterKind::ScalarList:
    case ParameterKind::StringList:
      return as_list(parameter);
    case ParameterKind::Unsupported:
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<at::IValue> Argument::as_tensors(const Parameter& parameter) const {
  const bool empty_list = tag_ == Tag::Plain && array_ && length_of(raw(), value_) == 0;
  if (!(tag_ == Tag::Tensor && array_) && !empty_list) return std::nullopt;
  if (parameter.kind == ParameterKind::TensorList) {
    c10::List<at::Tensor> list;
    list.reserve(tensors_.size());
    for (const at::Tensor& tensor : tensors_) {
      if (!tensor.defined()) return std::nullopt;
      list.push_back(tensor);
    }
    return at::IValue(std::move(list));
  }
  c10::List<std::optional<at::Tensor>> list;
  list.reserve(tensors_.size());
  for (const at::Tensor& tensor : tensors_) {
    list.push_back(tensor.defined() ? std::optional<at::Tensor>(tensor) : std::nullopt);
  }
  return at::IValue(std::move(list));
}

std::optional<at::IValue> Argument::as_number(const Parameter& parameter, Matching matching) const {
  // A zero-dimensional tensor stands for its number where nothing needs its gradient.
  if (tensor_.defined()) {
    if (matching == Matching::Strict || tensor_.dim() != 0 || tensor_.requires_grad()) {
      return std::nullopt;
    }
    const at::Scalar number = tensor_.item();
    if (parameter.kind == ParameterKind::Scalar) return at::IValue(number);
    if (number.isComplex()) return std::nullopt;
    if (parameter.kind == ParameterKind::Float) return at::IValue(number.toDouble());
    if (number.isFloatingPoint()) return std::nullopt;
    return at::IValue(number.toLong());
  }
  switch (parameter.kind) {
    case ParameterKind::Int:
      if (const auto number = integer()) return at::IValue(*number);
      return std::nullopt;
    case ParameterKind::Float:
      if (type_ == napi_number) return at::IValue(number_);
      if (const auto number = integer()) return at::IValue(static_cast<double>(*number));
      return std::nullopt;
    default:
      if (const auto number = scalar()) return at::IValue(*number);
      return std::nullopt;
  }
}

std::optional<at::IValue> Argument::as_list(const Parameter& parameter) const {
  if (!array_ || tag_ != Tag::Plain) {
    // int[2] kernel_size=3: one number stands for all.
    if (!parameter.length) return std::nullopt;
    if (parameter.kind == ParameterKind::IntList) {
      if (const auto number = integer()) {
        return at::IValue(std::vector<int64_t>(*parameter.length, *number));
      }
    } else if (parameter.kind == ParameterKind::FloatList && type_ == napi_number) {
      return at::IValue(std::vector<double>(*parameter.length, number_));
    }
    return std::nullopt;
  }
  const uint32_t length = length_of(raw(), value_);
  // Nothing is taken in before it fits: a long array may be of holes.
  const auto collect = [&](auto list, auto read) -> std::optional<at::IValue> {
    for (uint32_t i = 0; i < length; ++i) {
      const Napi::HandleScope scope(raw());
      auto element = read(this->element(i));
      if (!element) return std::nullopt;
      list.push_back(*element);
    }
    return at::IValue(std::move(list));
  };
  switch (parameter.kind) {
    case ParameterKind::IntList:
      return collect(c10::List<int64_t>(), [](const Argument& item) { return item.integer(); });
    case ParameterKind::FloatList:
      return collect(c10::List<double>(), [](const Argument& item) {
        return item.type_ == napi_number ? std::optional<double>(item.number_) : std::nullopt;
      });
    case ParameterKind::BoolList:
      return collect(c10::List<bool>(),
                     [](const Argument& item) { return boolean_in(item.raw(), item.value_); });
    case ParameterKind::StringList:
      return collect(c10::List<std::string>(),
                     [](const Argument& item) { return string_in(item.raw(), item.value_); });
    default:
      return collect(c10::impl::GenericList(c10::NumberType::get()), [](const Argument& item) {
        const auto number = item.scalar();
        return number ? std::optional<at::IValue>(*number) : std::nullopt;
      });
  }
}

std::optional<at::IValue> Argument::as_named(ParameterKind kind) const {
  if (tag_ != Tag::Plain || type_ != napi_string) return std::nullopt;
  const std::string name = *string_in(raw(), value_);
  switch (kind) {
    case ParameterKind::Layout:
      if (const auto layout = layout_of(name)) return at::IValue(static_cast<int64_t>(*layout));
      return std::nullopt;
    case ParameterKind::MemoryFormat:
      if (const auto format = memory_format_of(name)) {
        return at::IValue(static_cast<int64_t>(*format));
      }
      return std::nullopt;
    case ParameterKind::Device:
      return at::IValue(c10::Device(name));
    default:
      return at::IValue(name);
  }
}

std::optional<int64_t> Argument::integer() const {
  if (tag_ != Tag::Plain) return std::nullopt;
  if (type_ == napi_number && is_whole(number_)) return static_cast<int64_t>(number_);
  return type_ == napi_bigint ? bigint_in(raw(), value_) : std::nullopt;
}

std::optional<at::Scalar> Argument::scalar() const {
  if (tag_ != Tag::Plain) return std::nullopt;
  if (type_ == napi_number) {
    const bool negative_zero = number_ == 0 && std::signbit(number_);
    if (is_whole(number_) && !negative_zero) return at::Scalar(static_cast<int64_t>(number_));
    return at::Scalar(number_);
  }
  if (type_ == napi_boolean) return at::Scalar(*boolean_in(raw(), value_));
  if (const auto whole = integer()) return at::Scalar(*whole);
  if (type_ == napi_object && !array_) {
    const auto real = field(raw(), value_, "re");
    const auto imaginary = field(raw(), value_, "im");
    if (real && imaginary) return at::Scalar(c10::complex<double>(*real, *imaginary));
  }
  return std::nullopt;
}

Argument Argument::element(uint32_t index) const {
  napi_value value = nullptr;
  check_napi(raw(), napi_get_element(raw(), value_, index, &value));
  return Argument(*call_, value);
}

std::optional<size_t> Argument::first_missing_tensor() const {
  for (size_t i = 0; i < tensors_.size(); ++i) {
    if (!tensors_[i].defined()) return i;
  }
  return std::nullopt;
}

std::string Argument::class_name() const {
  napi_value constructor = nullptr;
  napi_value name = nullptr;
  if (napi_get_named_property(raw(), value_, "constructor", &constructor) != napi_ok ||
      napi_get_named_property(raw(), constructor, "name", &name) != napi_ok) {
    // A getter may have thrown: this is about another mistake.
    napi_value ignored = nullptr;
    napi_get_and_clear_last_exception(raw(), &ignored);
    return "object";
  }
  const std::string text = string_in(raw(), name).value_or("");
  return text.empty() || text == "Object" ? "object" : text;
}

std::string Argument::description(int depth) const {
  // An array may hold itself.
  constexpr int kDeepest = 3;
  if (tag_ == Tag::DType) return "torch.dtype";
  if (tag_ == Tag::Tensor) return array_ ? "list of Tensor" : "Tensor";
  switch (type_) {
    case napi_undefined:
      return "undefined";
    case napi_null:
      return "null";
    case napi_boolean:
      return "boolean";
    case napi_number:
      if (std::isnan(number_)) return "NaN";
      if (std::isinf(number_)) return number_ > 0 ? "Infinity" : "-Infinity";
      if (is_whole(number_)) return "whole number";
      return std::trunc(number_) == number_
                 ? "number beyond 2**53, which a bigint can say (2n ** 60n)"
                 : "fractional number";
    case napi_bigint:
      return "bigint";
    case napi_string:
      return "string '" + *string_in(raw(), value_) + "'";
    case napi_function:
      return "function";
    default: {
      if (!array_) return class_name();
      if (length_of(raw(), value_) == 0) return "empty list";
      return depth == kDeepest ? "list" : "list of " + element(0).description(depth + 1);
    }
  }
}
