#include "jit/calls.h"

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/runtime/jit_exception.h>

#include "exports.h"
#include "jit/threads.h"
#include "jit/values.h"

Callee callee_argument(const Call& call, size_t index) {
  const std::string name = call.string(index + 1);
  if (const Unit* unit = owned_in<Unit>(call.raw(), call[index])) {
    torch::jit::Function* function = unit->unit->find_function(name);
    TORCH_CHECK(function != nullptr, "no function '", name, "'");
    return {{}, unit->unit, unit->lane, function};
  }
  const Script& script = script_argument(call, index);
  torch::jit::Function* function = script.object->type()->findMethod(name);
  TORCH_CHECK(function != nullptr && torch::jit::tryToGraphFunction(*function) != nullptr,
              "Method '", name, "' is not defined.");
  return {script.object, script.object->compilation_unit(), script.lane, function};
}

at::IValue ScriptCall::run() {
  const auto lock = callee.lane->enter();
  return (*callee.function)(std::move(stack));
}

ScriptCall script_call_argument(const Call& call, size_t index) {
  ScriptCall result{callee_argument(call, index), {}};
  const auto names = call.given(index + 3) ? call.strings(index + 3) : std::vector<std::string>();
  TYPE_CHECK(index + 2 < call.size() && is_array(call.raw(), call[index + 2]),
             "the arguments must be an array");
  result.stack =
      script_arguments(call, result.callee.function->getSchema(), result.callee.self,
                       call[index + 2], names, names.empty() ? nullptr : call[index + 4]);
  return result;
}

bool takes_objects(const c10::Type& type) {
  switch (type.kind()) {
    case c10::TypeKind::DictType:
    case c10::TypeKind::AnyType:
      return true;
    case c10::TypeKind::TupleType:
      return type.expectRef<c10::TupleType>().schema() != nullptr;
    case c10::TypeKind::OptionalType:
    case c10::TypeKind::UnionType:
      return std::ranges::any_of(type.containedTypes(),
                                 [](const auto& inner) { return takes_objects(*inner); });
    default:
      return false;
  }
}

namespace {

// jit_call(callee, method, arguments, names?, named arguments?)
napi_value jit_call(Call& call) {
  ScriptCall made = script_call_argument(call, 0);
  try {
    const at::IValue value = made.run();
    // It may be an attribute's list or dict.
    const auto turn = made.callee.lane->enter();
    return value_of_script(call, value, made.callee.lane);
  } catch (const torch::jit::JITException&) {
    napi_throw(call.raw(), script_error_value(call.env()));
    throw Thrown(call.raw());
  }
}

// jit_call_async(...) as jit_call -> a promise
napi_value jit_call_async(Call& call) {
  auto made = std::make_shared<ScriptCall>(script_call_argument(call, 0));
  std::shared_ptr<Lane> lane = made->callee.lane;
  return ModelThreads::of(call.env()).run([made] { return made->run(); }, std::move(lane));
}

// model_thread_limits() -> [threads, calls that may wait]
napi_value model_thread_limits(Call& call) {
  const ModelThreads& threads = ModelThreads::of(call.env());
  return array_value(call.raw(), std::vector<size_t>{threads.threads(), threads.queue()},
                     [&](size_t limit) { return call.value(limit); });
}

// set_model_thread_limits(threads, calls that may wait)
napi_value set_model_thread_limits(Call& call) {
  constexpr int64_t kMost = 1024;
  const int64_t threads = call.integer(0);
  const int64_t queue = call.integer(1);
  TORCH_CHECK_VALUE(threads > 0 && threads <= kMost, "async_threads must be from 1 to ", kMost,
                    ", not ", threads);
  TORCH_CHECK_VALUE(queue >= 0, "async_queue must not be negative, got ", queue);
  ModelThreads::of(call.env()).set_limits(static_cast<size_t>(threads), static_cast<size_t>(queue));
  return call.undefined();
}

// stop_model_threads(): before the process ends
napi_value stop_model_threads(Call& call) {
  if (call.env().model_threads != nullptr) call.env().model_threads->stop();
  return call.undefined();
}

}  // namespace

void export_jit_calls(Environment& env, napi_value exports) {
  export_function(env, exports, "jit_call", enter<jit_call>);
  export_function(env, exports, "jit_call_async", enter<jit_call_async>);
  export_function(env, exports, "model_thread_limits", enter<model_thread_limits>);
  export_function(env, exports, "set_model_thread_limits", enter<set_model_thread_limits>);
  export_function(env, exports, "stop_model_threads", enter<stop_model_threads>);
}
