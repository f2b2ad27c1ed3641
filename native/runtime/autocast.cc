// Automatic mixed precision: which device's operators cast their inputs, and to what.
#include <ATen/autocast_mode.h>

#include "exports.h"

namespace {

namespace autocast = at::autocast;

at::DeviceType device_type_argument(const Call& call, size_t index) {
  const at::DeviceType type = c10::Device(call.string(index)).type();
  TORCH_CHECK_VALUE(type == at::kCPU || type == at::kCUDA,
                    "autocast is there for cpu and cuda, not for ", call.string(index));
  return type;
}

// autocast_state(device) -> [enabled, dtype, cache_enabled]
napi_value autocast_state(Call& call) {
  const at::DeviceType device = device_type_argument(call, 0);
  const auto dtype = static_cast<int64_t>(autocast::get_autocast_dtype(device));
  return call.integers(
      {autocast::is_autocast_enabled(device), dtype, autocast::is_autocast_cache_enabled()});
}

void set_state(const Call& call) {
  const at::DeviceType device = device_type_argument(call, 0);
  const at::ScalarType dtype = call.dtype(2);
  autocast::set_autocast_enabled(device, call.boolean(1));
  autocast::set_autocast_dtype(device, dtype);
  autocast::set_autocast_cache_enabled(call.boolean(3));
}

// autocast_enter(device, enabled, dtype, cache_enabled)
napi_value autocast_enter(Call& call) {
  set_state(call);
  autocast::increment_nesting();
  return call.undefined();
}

// autocast_exit(device, enabled, dtype, cache_enabled): with the state before. Copies of weights
// live until the outermost one ends.
napi_value autocast_exit(Call& call) {
  if (autocast::decrement_nesting() == 0) autocast::clear_cache();
  set_state(call);
  return call.undefined();
}

napi_value clear_autocast_cache(Call& call) {
  autocast::clear_cache();
  return call.undefined();
}

}  // namespace

void export_autocast(Environment& env, napi_value exports) {
  export_function(env, exports, "autocast_state", enter<autocast_state>);
  export_function(env, exports, "autocast_enter", enter<autocast_enter>);
  export_function(env, exports, "autocast_exit", enter<autocast_exit>);
  export_function(env, exports, "clear_autocast_cache", enter<clear_autocast_cache>);
}
