// Random generators and their seeds.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/detail/CUDAHooksInterface.h>

#include "binding/generator.h"
#include "exports.h"

namespace {

uint64_t seed_argument(const Call& call, size_t index) {
  // As in Python, a negative seed names the unsigned one with the same bits.
  return static_cast<uint64_t>(call.integer(index));
}

// What operators on the CPU draw from in this environment where no generator is given.
at::Generator cpu_generator(const Call& call) {
  return call.env().generator.value_or(at::detail::getDefaultCPUGenerator());
}

at::Generator generator_argument(const Call& call, size_t index) {
  if (!call.given(index)) return cpu_generator(call);
  auto generator = generator_in(call.raw(), call[index]);
  TYPE_CHECK(generator.has_value(), "argument ", index + 1, " must be a Generator");
  return *generator;
}

// make_generator(device) -> a generator of its own
napi_value make_generator(Call& call) {
  const c10::Device device(call.string(0));
  if (device.is_cpu()) return own(call, at::detail::createCPUGenerator());
  at::globalContext().lazyInitDevice(device.type());
  return own(call, at::globalContext()
                       .getAcceleratorHooksInterface(device.type())
                       .getNewGenerator(device.index()));
}

// default_generator(device) -> the one that operators draw from where none is given
napi_value default_generator(Call& call) {
  const c10::Device device(call.string(0));
  if (device.is_cpu()) return own(call, cpu_generator(call));
  return own(call, at::globalContext().defaultGenerator(device));
}

// manual_seed(seed, generator?): without a generator, all default ones of every device; where the
// environment has its own, that one alone, since the others are not its alone.
napi_value manual_seed(Call& call) {
  const uint64_t seed = seed_argument(call, 0);
  if (!call.given(1) && !call.env().generator.has_value()) {
    at::manual_seed(seed);
  } else {
    at::Generator generator = generator_argument(call, 1);
    const std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_current_seed(seed);
  }
  return call.undefined();
}

// initial_seed(generator?) -> bigint
napi_value initial_seed(Call& call) {
  at::Generator generator = generator_argument(call, 0);
  napi_value result = nullptr;
  check_napi(call.raw(), napi_create_bigint_uint64(call.raw(), generator.current_seed(), &result));
  return result;
}

napi_value rng_state(Call& call) {
  at::Generator generator = generator_argument(call, 0);
  const std::lock_guard<std::mutex> lock(generator.mutex());
  return call.handle(generator.get_state());
}

napi_value set_rng_state(Call& call) {
  const at::Tensor state = call.tensor(0);
  at::Generator generator = generator_argument(call, 1);
  const std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_state(state);
  return call.undefined();
}

}  // namespace

void export_generators(Environment& env, napi_value exports) {
  export_function(env, exports, "make_generator", enter<make_generator>);
  export_function(env, exports, "default_generator", enter<default_generator>);
  export_function(env, exports, "manual_seed", enter<manual_seed>);
  export_function(env, exports, "initial_seed", enter<initial_seed>);
  export_function(env, exports, "rng_state", enter<rng_state>);
  export_function(env, exports, "set_rng_state", enter<set_rng_state>);
}
