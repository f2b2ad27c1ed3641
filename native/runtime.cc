#include "runtime.h"

#include "argument.h"
#include "owned.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/detail/CUDAHooksInterface.h>

template <>
struct TagOf<at::Generator> {
  static constexpr napi_type_tag value = {0x6f9f3c1d2b7a4e55, 0x9d0c5a7e8b3f1246};
};

namespace {

uint64_t seed_argument(const Call& call, size_t index) {
  // As in Python, a negative seed names the unsigned one with the same bits.
  return static_cast<uint64_t>(call.integer(index));
}

at::Generator generator_argument(const Call& call, size_t index) {
  if (!call.given(index)) return at::detail::getDefaultCPUGenerator();
  auto generator = generator_of(call.raw(), call[index]);
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
  return own(call, at::globalContext().defaultGenerator(device));
}

// manual_seed(seed, generator?): without a generator, all default ones of every device.
napi_value manual_seed(Call& call) {
  const uint64_t seed = seed_argument(call, 0);
  if (!call.given(1)) {
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

napi_value get_num_threads(Call& call) {
  return call.value(static_cast<double>(at::get_num_threads()));
}

napi_value default_dtype(Call& call) {
  return call.value(static_cast<double>(c10::get_default_dtype_as_scalartype()));
}

napi_value set_default_dtype(Call& call) {
  const at::ScalarType dtype = call.dtype(0);
  TYPE_CHECK(at::isFloatingType(dtype) && c10::elementSize(dtype) > 1,
             "only floating-point types are supported as the default type");
  c10::set_default_dtype(c10::scalarTypeToTypeMeta(dtype));
  return call.undefined();
}

napi_value set_num_threads(Call& call) {
  const int64_t threads = call.integer(0);
  // OpenMP would try to start as many as it is told, and end the process.
  TORCH_CHECK_VALUE(threads > 0 && threads <= 1024,
                    "set_num_threads expects a number from 1 to 1024, got ", threads);
  at::set_num_threads(static_cast<int>(threads));
  return call.undefined();
}

napi_value cuda_device_count(Call& call) {
  const int64_t devices = at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0;
  return call.value(static_cast<double>(devices));
}

// Whether libtorch itself was built with CUDA.
napi_value cuda_built(Call& call) {
#ifdef TSTORCH_CUDA
  return call.value(true);
#else
  return call.value(false);
#endif
}

// collect_garbage_by(function(all))
napi_value collect_garbage_by(Call& call) {
  TYPE_CHECK(call.type(0) == napi_function, "expected a function");
  call.env().collect_garbage_by(call[0]);
  return call.undefined();
}

// reachable(...): nothing. What is passed here the garbage collector has not taken before.
napi_value reachable(Call& call) { return call.undefined(); }

// warn_by(function(text)): what gets libtorch's warnings
napi_value warn_by(Call& call) {
  TYPE_CHECK(call.type(0) == napi_function, "expected a function");
  call.env().warn_by(call[0]);
  return call.undefined();
}

}  // namespace

std::optional<at::Generator> generator_of(napi_env env, napi_value value) {
  const at::Generator* generator = owned_in<at::Generator>(env, value);
  return generator == nullptr ? std::nullopt : std::optional(*generator);
}

void export_runtime(Environment& env, napi_value exports) {
  export_function(env, exports, "collect_garbage_by", enter<collect_garbage_by>);
  export_function(env, exports, "warn_by", enter<warn_by>);
  export_function(env, exports, "reachable", enter<reachable>);
  export_function(env, exports, "make_generator", enter<make_generator>);
  export_function(env, exports, "default_generator", enter<default_generator>);
  export_function(env, exports, "manual_seed", enter<manual_seed>);
  export_function(env, exports, "initial_seed", enter<initial_seed>);
  export_function(env, exports, "rng_state", enter<rng_state>);
  export_function(env, exports, "set_rng_state", enter<set_rng_state>);
  export_function(env, exports, "cuda_device_count", enter<cuda_device_count>);
  export_function(env, exports, "cuda_built", enter<cuda_built>);
  export_function(env, exports, "get_num_threads", enter<get_num_threads>);
  export_function(env, exports, "default_dtype", enter<default_dtype>);
  export_function(env, exports, "set_default_dtype", enter<set_default_dtype>);
  export_function(env, exports, "set_num_threads", enter<set_num_threads>);
}
