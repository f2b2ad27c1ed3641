// An environment that draws from a generator of its own where none is given. libtorch has one for
// the process: threads that seed it and draw from it would have each other's numbers.
#include <ATen/CPUGeneratorImpl.h>
#include <torch/library.h>

#include "exports.h"

namespace {

// Of the keys that libtorch leaves to extensions the one for modes of a thread. Operators that have
// nothing registered for it pass it by.
constexpr c10::DispatchKey kOwnGenerator = c10::DispatchKey::DeferredInit;

bool takes_generator(const c10::Argument& argument) {
  const auto optional = argument.type()->cast<c10::OptionalType>();
  return optional && optional->getElementType()->kind() == c10::TypeKind::GeneratorType;
}

// What makes a tensor has no backend here yet: it calls what fills the tensor, which has.
void give_generator(const c10::OperatorHandle& op, c10::DispatchKeySet keys,
                    torch::jit::Stack* stack) {
  const Environment* env = Environment::of_this_thread();
  if (env != nullptr && env->generator.has_value() &&
      keys.has_backend(c10::BackendComponent::CPUBit)) {
    const std::vector<c10::Argument>& arguments = op.schema().arguments();
    const size_t first = stack->size() - arguments.size();
    for (size_t i = 0; i < arguments.size(); i++) {
      c10::IValue& value = (*stack)[first + i];
      if (value.isNone() && takes_generator(arguments[i])) value = *env->generator;
    }
  }
  op.redispatchBoxed(keys & c10::DispatchKeySet(c10::DispatchKeySet::FULL_AFTER, kOwnGenerator),
                     stack);
}

void register_kernels() {
  using torch::Library;
  static auto* all = new Library(Library::IMPL, "_", kOwnGenerator, __FILE__, __LINE__);
  static auto* aten = new Library(Library::IMPL, "aten", kOwnGenerator, __FILE__, __LINE__);
  all->fallback(torch::CppFunction::makeFallthrough());
  for (const c10::OperatorName& name : c10::Dispatcher::singleton().getAllOpNames()) {
    const auto op = c10::Dispatcher::singleton().findSchema(name);
    if (!op || op->schema().name().rfind("aten::", 0) != 0) continue;
    const auto& arguments = op->schema().arguments();
    if (std::any_of(arguments.begin(), arguments.end(), takes_generator)) {
      aten->impl(c10::toString(name).c_str(),
                 torch::CppFunction::makeFromBoxedFunction<&give_generator>());
    }
  }
}

// prepare_own_generators(): once for the process, before a thread calls own_generator().
napi_value prepare_own_generators(Call& call) {
  static std::once_flag once;
  std::call_once(once, register_kernels);
  return call.undefined();
}

// own_generator(): this environment draws from a generator of its own from now on.
napi_value own_generator(Call& call) {
  prepare_own_generators(call);
  call.env().generator = at::detail::createCPUGenerator();
  c10::impl::tls_set_dispatch_key_included(kOwnGenerator, true);
  return call.undefined();
}

}  // namespace

void export_own_generator(Environment& env, napi_value exports) {
  export_function(env, exports, "prepare_own_generators", enter<prepare_own_generators>);
  export_function(env, exports, "own_generator", enter<own_generator>);
}
