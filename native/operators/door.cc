// The generic door to libtorch's operators: names and schemas from the dispatcher, arguments
// converted by schema, kernels called boxed. There is no code per operator.
#include <span>

#include "exports.h"
#include "operators/failed_resize.h"
#include "operators/guards.h"
#include "operators/matching.h"

namespace {

using torch::jit::Stack;

// --- results ---------------------------------------------------------------------------------

// A tensor that was an argument comes back as that argument, so that `x.add_(1) === x`.
napi_value tensor_value(const Call& call, at::Tensor tensor, std::span<const Argument> arguments) {
  if (!tensor.defined()) return call.null();
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].tensor().is_same(tensor)) {
      call.note_result(tensor);
      return call.value(-static_cast<int>(i) - 1);
    }
  }
  return call.handle(std::move(tensor));
}

napi_value scalar_value(const Call& call, const at::Scalar& scalar) {
  if (scalar.isBoolean()) return call.value(scalar.toBool());
  if (scalar.isIntegral(false)) return integer_value(call.raw(), scalar.toLong());
  if (!scalar.isComplex()) return call.value(scalar.toDouble());
  const auto number = scalar.toComplexDouble();
  const napi_value result = new_object(call.raw());
  set_field(call.raw(), result, "re", call.value(number.real()));
  set_field(call.raw(), result, "im", call.value(number.imag()));
  return result;
}

napi_value plain_value(const Call& call, const at::IValue& value) {
  if (value.isNone()) return call.null();
  if (value.isBool()) return call.value(value.toBool());
  if (value.isInt() || value.isSymInt()) return integer_value(call.raw(), value.toInt());
  if (value.isDouble() || value.isComplexDouble()) return scalar_value(call, value.toScalar());
  if (value.isString()) return call.value(value.toStringRef());
  if (value.isDevice()) return call.value(value.toDevice().str());
  if (value.isIntList()) return call.integers(value.toIntVector());
  if (value.isDoubleList()) {
    return array_value(call.raw(), value.toDoubleVector(),
                       [&](double item) { return call.value(item); });
  }
  if (value.isBoolList()) {
    const auto list = value.toBoolList().vec();
    return array_value(call.raw(), list, [&](bool item) { return call.value(item); });
  }
  TORCH_CHECK_NOT_IMPLEMENTED(false, "a result of type ", value.tagKind(),
                              " has no JavaScript form");
}

// Pushes a result's tag and value.
void append_result(const Call& call, napi_value array, uint32_t position,
                   const c10::Argument& returned, at::IValue value,
                   std::span<const Argument> arguments) {
  Tag tag = Tag::Plain;
  napi_value converted = nullptr;
  if (value.isTensor()) {
    tag = Tag::Tensor;
    converted = tensor_value(call, std::move(value).toTensor(), arguments);
  } else if (value.isTensorList()) {
    tag = Tag::Tensor;
    converted = call.handles(value.toTensorVector());
  } else {
    if (returned.real_type()->kind() == c10::TypeKind::ScalarTypeType) tag = Tag::DType;
    converted = plain_value(call, value);
  }
  const napi_value tag_value = call.value(static_cast<int>(tag));
  check_napi(call.raw(), napi_set_element(call.raw(), array, position, tag_value));
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
  const auto index = &overload - op.overloads.data();
  check_napi(call.raw(), napi_set_element(call.raw(), array, 0, call.value(index)));
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
  const std::string name = call.string(0);
  TORCH_CHECK_NOT_IMPLEMENTED(!reaches_unchecked_memory(name), name,
                              " cannot be called: it reaches memory without checking where it is");
  auto op = make_operator(name, call.given(1) ? std::optional(call.string(1)) : std::nullopt);
  if (op->overloads.empty()) return call.value(-1);
  op->guard = guard_of(op->base_name());
  auto& operators = call.env().operators;
  operators.push_back(std::move(op));
  return call.value(operators.size() - 1);
}

const Operator& operator_at(const Call& call, size_t index) {
  const int64_t id = call.integer(index);
  const auto& operators = call.env().operators;
  TORCH_CHECK_INDEX(id >= 0 && id < static_cast<int64_t>(operators.size()), "no operator ", id);
  return *operators[id];
}

// Runs the overload that `choose` finds, on the stack that it makes.
template <typename Choose>
const Overload& run(Call& call, const Operator& op, Stack& stack, Choose&& choose) {
  const Overload* overload = nullptr;
  // What changes its arguments may have done so before memory ran out.
  const auto may_repeat = [&] { return !overload->handle.schema().is_mutable(); };
  with_room(call.env(), may_repeat, [&] {
    stack.clear();
    overload = &choose();
    // As in Python, where a factory's result has version 0, however its elements came.
    std::optional<at::AutoDispatchBelowADInplaceOrView> below;
    if (overload->factory) below.emplace();
    const FailedResize sizes(*overload, stack);
    try {
      if (op.guard != nullptr) op.guard(*overload, stack);
      overload->handle.callBoxed(stack);
    } catch (c10::Error& error) {
      sizes.undo();
      error.add_context("in " + overload->signature);
      throw;
    }
  });
  return *overload;
}

// call(operator, tags, names, ...arguments): `tags` holds the Tag of each argument (contract.h),
// `names` those of the last arguments or undefined.
napi_value call_operator(Call& call) {
  constexpr size_t kFirst = 3;
  const Operator& op = operator_at(call, 0);
  uint64_t tags = call.natural(1);
  CallArguments arguments;
  const size_t count = call.size() > kFirst ? call.size() - kFirst : 0;
  if (call.given(2)) arguments.names = call.strings(2);
  TORCH_CHECK(arguments.names.size() <= count, "more names than arguments");
  arguments.values.reserve(count);
  for (size_t i = 0; i < count; ++i, tags /= kTagBase) {
    const auto tag = static_cast<Tag>(tags % kTagBase);
    if (tag == Tag::Plain) {
      arguments.values.emplace_back(call, call[kFirst + i]);
    } else {
      arguments.values.emplace_back(call, kFirst + i, tag);
    }
  }
  Stack stack;
  const Overload& overload =
      run(call, op, stack, [&]() -> const Overload& { return choose(op, arguments, stack); });
  return results(call, op, overload, stack, arguments.values);
}

// call_tensors(operator, ...handles): a call with one to three tensors in their places and nothing
// else, which needs no matching.
napi_value call_tensors(Call& call) {
  const Operator& op = operator_at(call, 0);
  const size_t count = call.size() - 1;
  c10::SmallVector<Argument, 4> values;
  for (size_t i = 0; i < count; ++i) values.emplace_back(call, i + 1, Tag::Tensor);
  const Overload* of_tensors = count < op.of_tensors.size() ? op.of_tensors[count] : nullptr;
  Stack stack;
  const Overload& overload = run(call, op, stack, [&]() -> const Overload& {
    if (of_tensors == nullptr) return choose(op, {values, {}}, stack);
    stack.reserve(of_tensors->parameters.size());
    for (const Argument& value : values) stack.emplace_back(value.tensor());
    for (size_t i = count; i < of_tensors->parameters.size(); ++i) {
      stack.push_back(*of_tensors->parameters[i].fallback);
    }
    return *of_tensors;
  });
  return results(call, op, overload, stack, values);
}

// return_names(operator, overload) -> names of the results, '' where one has none.
napi_value return_names(Call& call) {
  const Operator& op = operator_at(call, 0);
  const auto& returns = op.overloads.at(call.integer(1)).handle.schema().returns();
  return array_value(call.raw(), returns,
                     [&](const c10::Argument& returned) { return call.value(returned.name()); });
}

// signatures(operator) -> the schema of each overload.
napi_value signatures(Call& call) {
  return array_value(call.raw(), operator_at(call, 0).overloads,
                     [&](const Overload& overload) { return call.value(overload.signature); });
}

// operator_names() -> every name in the dispatcher with its overload, "aten::add.Tensor".
napi_value operator_names(Call& call) {
  const auto names = c10::Dispatcher::singleton().getAllOpNames();
  return array_value(call.raw(), names, [&](const c10::OperatorName& name) {
    return call.value(c10::toString(name));
  });
}

}  // namespace

void export_operators(Environment& env, napi_value exports) {
  export_function(env, exports, "operator", enter<find_operator>);
  export_function(env, exports, "call", enter<call_operator>);
  export_function(env, exports, "call_tensors", enter<call_tensors>);
  export_function(env, exports, "return_names", enter<return_names>);
  export_function(env, exports, "signatures", enter<signatures>);
  export_function(env, exports, "operator_names", enter<operator_names>);
}
