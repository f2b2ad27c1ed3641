// What libtorch's profiler saw, as plain numbers; tables and traces are made in TypeScript.
#include <torch/csrc/autograd/profiler_kineto.h>

#include "exports.h"

namespace {

namespace profiler = torch::autograd::profiler;
using torch::profiler::impl::ActivityType;
using torch::profiler::impl::ProfilerConfig;
using torch::profiler::impl::ProfilerState;

void end_profile(void*) {
  try {
    if (torch::profiler::impl::profilerEnabled()) profiler::disableProfiler();
  } catch (const std::exception&) {
    // Nobody wants its events.
  }
}

// profiler_start(record_shapes)
napi_value profiler_start(Call& call) {
  TORCH_CHECK(!torch::profiler::impl::profilerEnabled(), "a profiler runs already");
  const ProfilerConfig config(ProfilerState::KINETO, call.boolean(0));
  const std::set<ActivityType> activities{ActivityType::CPU};
  profiler::prepareProfiler(config, activities);
  profiler::enableProfiler(config, activities);
  call.env().profile = std::shared_ptr<void>(nullptr, &end_profile);
  return call.undefined();
}

void append(Call& call, napi_value array, uint32_t& length, napi_value value) {
  check_napi(call.raw(), napi_set_element(call.raw(), array, length++, value));
}

// profiler_stop() -> [name, start, duration (nanoseconds), thread, shapes of the inputs, ...] of
// all events on the CPU, in the order of their starts
napi_value profiler_stop(Call& call) {
  const auto result = profiler::disableProfiler();
  call.env().profile.reset();
  napi_value events = nullptr;
  check_napi(call.raw(), napi_create_array(call.raw(), &events));
  uint32_t length = 0;
  for (const profiler::KinetoEvent& event : result->events()) {
    if (event.deviceType() != c10::DeviceType::CPU || event.isHiddenEvent()) continue;
    napi_value shapes = nullptr;
    check_napi(call.raw(), napi_create_array(call.raw(), &shapes));
    uint32_t inputs = 0;
    if (event.hasShapes()) {
      for (const auto& shape : event.shapes()) append(call, shapes, inputs, call.integers(shape));
    }
    append(call, events, length, call.value(event.name()));
    append(call, events, length, call.value(event.startNs()));
    append(call, events, length, call.value(event.durationNs()));
    append(call, events, length, call.value(event.startThreadId()));
    append(call, events, length, shapes);
  }
  return events;
}

napi_value record_function_enter(Call& call) {
  auto record = std::make_unique<at::RecordFunction>(at::RecordScope::USER_SCOPE);
  if (record->isActive()) record->before(call.string(0));
  call.env().record_functions.push_back(std::move(record));
  return call.undefined();
}

napi_value record_function_exit(Call& call) {
  TORCH_CHECK(!call.env().record_functions.empty(), "no record_function is open");
  call.env().record_functions.pop_back();
  return call.undefined();
}

}  // namespace

void export_profiler(Environment& env, napi_value exports) {
  export_function(env, exports, "profiler_start", enter<profiler_start>);
  export_function(env, exports, "profiler_stop", enter<profiler_stop>);
  export_function(env, exports, "record_function_enter", enter<record_function_enter>);
  export_function(env, exports, "record_function_exit", enter<record_function_exit>);
}
