#include "argument.h"

#include <ATen/ScalarOps.h>

#include <cmath>

namespace {

constexpr double kMaxSafeInteger = 9007199254740991.0;

bool is_whole(double number) {
  return std::floor(number) == number && std::abs(number) <= kMaxSafeInteger;
}

std::optional<double> field(napi_env env, napi_value object, const char* name) {
  napi_value value = nullptr;
  double number = 0;
  if (napi_get_named_property(env, object, name, &value) != napi_ok) return std::nullopt;
  if (napi_get_value_double(env, value, &number) != napi_ok) return std::nullopt;
  return number;
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

Argument::Argument(const Call& call, size_t index, Tag tag)
    : call_(&call), value_(call[index]), tag_(tag) {
  if (tag != Tag::Plain) {
    if (napi_get_value_double(call.raw(), value_, &number_) == napi_ok) {
      if (tag == Tag::Tensor) tensor_ = tensor_of(call.env(), number_);
      return;
    }
    TYPE_CHECK(tag == Tag::Tensor, "a dtype must come as a number");
    array_ = true;
    tensors_ = call.tensors(index);
    return;
  }
  type_ = call.type(index);
  if (type_ == napi_number)
    check_napi(call.raw(), napi_get_value_double(call.raw(), value_, &number_));
  if (type_ == napi_object) check_napi(call.raw(), napi_is_array(call.raw(), value_, &array_));
}

std::optional<at::IValue> Argument::as(const Parameter& parameter, Matching matching,
                                       bool numbers_as_tensors) const {
  if (tag_ == Tag::Plain && type_ == napi_null) {
    if (parameter.optional) return at::IValue();
    return std::nullopt;
  }
  switch (parameter.kind) {
    case Kind::Tensor:
      if (tensor_.defined()) return at::IValue(tensor_);
      if (numbers_as_tensors) {
        if (const auto number = scalar()) {
          return at::IValue(at::native::wrapped_scalar_tensor(*number));
        }
      }
      return std::nullopt;
    case Kind::TensorList:
    case Kind::OptionalTensorList:
      return as_tensors(parameter);
    case Kind::Scalar:
    case Kind::Int:
    case Kind::Float:
      return as_number(parameter, matching);
    case Kind::Bool:
      if (type_ == napi_boolean) {
        bool flag = false;
        check_napi(call_->raw(), napi_get_value_bool(call_->raw(), value_, &flag));
        return at::IValue(flag);
      }
      return std::nullopt;
    case Kind::DType:
      if (tag_ == Tag::DType) return at::IValue(dtype_of(number_));
      return std::nullopt;
    case Kind::String:
    case Kind::Layout:
    case Kind::Device:
    case Kind::MemoryFormat:
      return as_named(parameter.kind);
    case Kind::Generator:
      if (tag_ == Tag::Plain) {
        if (auto generator = generator_of(call_->raw(), value_)) {
          return at::IValue(std::move(*generator));
        }
      }
      return std::nullopt;
    case Kind::IntList:
    case Kind::FloatList:
    case Kind::BoolList:
    case Kind::ScalarList:
    case Kind::StringList:
      return as_list(parameter);
    case Kind::Unsupported:
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<at::IValue> Argument::as_tensors(const Parameter& parameter) const {
  const bool empty_list = tag_ == Tag::Plain && array_ && elements().empty();
  if (!(tag_ == Tag::Tensor && array_) && !empty_list) return std::nullopt;
  if (parameter.kind == Kind::TensorList) {
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
    if (parameter.kind == Kind::Scalar) return at::IValue(number);
    if (number.isComplex()) return std::nullopt;
    if (parameter.kind == Kind::Float) return at::IValue(number.toDouble());
    if (number.isFloatingPoint()) return std::nullopt;
    return at::IValue(number.toLong());
  }
  switch (parameter.kind) {
    case Kind::Int:
      if (const auto number = integer()) return at::IValue(*number);
      return std::nullopt;
    case Kind::Float:
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
    if (parameter.kind == Kind::IntList) {
      if (const auto number = integer()) {
        return at::IValue(std::vector<int64_t>(*parameter.length, *number));
      }
    } else if (parameter.kind == Kind::FloatList && type_ == napi_number) {
      return at::IValue(std::vector<double>(*parameter.length, number_));
    }
    return std::nullopt;
  }
  const std::vector<Argument> items = elements();
  const auto collect = [&](auto list, auto read) -> std::optional<at::IValue> {
    for (const Argument& item : items) {
      auto element = read(item);
      if (!element) return std::nullopt;
      list.push_back(*element);
    }
    return at::IValue(std::move(list));
  };
  switch (parameter.kind) {
    case Kind::IntList:
      return collect(c10::List<int64_t>(), [](const Argument& item) { return item.integer(); });
    case Kind::FloatList:
      return collect(c10::List<double>(), [](const Argument& item) {
        return item.type_ == napi_number ? std::optional<double>(item.number_) : std::nullopt;
      });
    case Kind::BoolList:
      return collect(c10::List<bool>(), [](const Argument& item) -> std::optional<bool> {
        bool flag = false;
        if (napi_get_value_bool(item.call_->raw(), item.value_, &flag) != napi_ok)
          return std::nullopt;
        return flag;
      });
    case Kind::StringList:
      return collect(c10::List<std::string>(), [](const Argument& item) {
        return item.type_ == napi_string ? std::optional<std::string>(item.text()) : std::nullopt;
      });
    default: {
      c10::impl::GenericList list(c10::NumberType::get());
      for (const Argument& item : items) {
        const auto number = item.scalar();
        if (!number) return std::nullopt;
        list.push_back(at::IValue(*number));
      }
      return at::IValue(std::move(list));
    }
  }
}

std::optional<at::IValue> Argument::as_named(Kind kind) const {
  if (tag_ != Tag::Plain || type_ != napi_string) return std::nullopt;
  const std::string name = text();
  switch (kind) {
    case Kind::Layout:
      if (const auto layout = layout_of(name)) return at::IValue(static_cast<int64_t>(*layout));
      return std::nullopt;
    case Kind::MemoryFormat:
      if (const auto format = memory_format_of(name)) {
        return at::IValue(static_cast<int64_t>(*format));
      }
      return std::nullopt;
    case Kind::Device:
      return at::IValue(c10::Device(name));
    default:
      return at::IValue(name);
  }
}

std::optional<int64_t> Argument::integer() const {
  if (tag_ != Tag::Plain) return std::nullopt;
  if (type_ == napi_number && is_whole(number_)) return static_cast<int64_t>(number_);
  if (type_ != napi_bigint) return std::nullopt;
  int64_t value = 0;
  bool lossless = false;
  check_napi(call_->raw(), napi_get_value_bigint_int64(call_->raw(), value_, &value, &lossless));
  TORCH_CHECK_VALUE(lossless, "a bigint argument does not fit into 64 bits");
  return value;
}

std::optional<at::Scalar> Argument::scalar() const {
  if (tag_ != Tag::Plain) return std::nullopt;
  if (type_ == napi_number) {
    const bool negative_zero = number_ == 0 && std::signbit(number_);
    if (is_whole(number_) && !negative_zero) return at::Scalar(static_cast<int64_t>(number_));
    return at::Scalar(number_);
  }
  if (type_ == napi_boolean) {
    bool flag = false;
    check_napi(call_->raw(), napi_get_value_bool(call_->raw(), value_, &flag));
    return at::Scalar(flag);
  }
  if (const auto whole = integer()) return at::Scalar(*whole);
  if (type_ == napi_object && !array_) {
    const auto real = field(call_->raw(), value_, "re");
    const auto imaginary = field(call_->raw(), value_, "im");
    if (real && imaginary) return at::Scalar(c10::complex<double>(*real, *imaginary));
  }
  return std::nullopt;
}

std::vector<Argument> Argument::elements() const {
  uint32_t length = 0;
  check_napi(call_->raw(), napi_get_array_length(call_->raw(), value_, &length));
  std::vector<Argument> result(length);
  for (uint32_t i = 0; i < length; ++i) {
    Argument& item = result[i];
    item.call_ = call_;
    check_napi(call_->raw(), napi_get_element(call_->raw(), value_, i, &item.value_));
    check_napi(call_->raw(), napi_typeof(call_->raw(), item.value_, &item.type_));
    if (item.type_ == napi_number) {
      check_napi(call_->raw(), napi_get_value_double(call_->raw(), item.value_, &item.number_));
    } else if (item.type_ == napi_object) {
      check_napi(call_->raw(), napi_is_array(call_->raw(), item.value_, &item.array_));
    }
  }
  return result;
}

std::string Argument::text() const {
  size_t length = 0;
  check_napi(call_->raw(), napi_get_value_string_utf8(call_->raw(), value_, nullptr, 0, &length));
  std::string result(length, '\0');
  check_napi(call_->raw(),
             napi_get_value_string_utf8(call_->raw(), value_, result.data(), length + 1, &length));
  return result;
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
  size_t length = 0;
  const napi_env env = call_->raw();
  if (napi_get_named_property(env, value_, "constructor", &constructor) != napi_ok ||
      napi_get_named_property(env, constructor, "name", &name) != napi_ok ||
      napi_get_value_string_utf8(env, name, nullptr, 0, &length) != napi_ok || length == 0) {
    // A getter may have thrown: this is about another mistake.
    napi_value ignored = nullptr;
    napi_get_and_clear_last_exception(env, &ignored);
    return "object";
  }
  std::string result(length, '\0');
  check_napi(env, napi_get_value_string_utf8(env, name, result.data(), length + 1, &length));
  return result == "Object" ? "object" : result;
}

std::string Argument::description() const {
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
      return is_whole(number_) ? "whole number" : "fractional number";
    case napi_bigint:
      return "bigint";
    case napi_string:
      return "string '" + text() + "'";
    case napi_function:
      return "function";
    default: {
      if (!array_) return class_name();
      const std::vector<Argument> items = elements();
      return items.empty() ? "empty list" : "list of " + items.front().description();
    }
  }
}
