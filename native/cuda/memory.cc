// Memory of devices: what is taken, and garbage collected where it runs out.
#include <c10/cuda/CUDACachingAllocator.h>

#include "cuda/devices.h"

namespace {

namespace cuda_allocator = c10::cuda::CUDACachingAllocator;
using c10::CachingDeviceAllocator::DeviceStats;

int64_t allocated_bytes(c10::DeviceIndex device) {
  return cuda_allocator::getDeviceStats(device)
      .allocated_bytes[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)]
      .current;
}

// Nothing while no device was used: asking would initialize them.
DeviceMemory read_devices() {
  if (!cuda_allocator::get()->initialized()) return {};
  DeviceMemory memory;
  const c10::DeviceIndex count = c10::cuda::device_count();
  for (c10::DeviceIndex device = 0; device < count; ++device) {
    memory.used += allocated_bytes(device);
    memory.total += static_cast<int64_t>(at::cuda::getDeviceProperties(device)->totalGlobalMem);
  }
  return memory;
}

// Called where the allocator has no cached block that fits, before it asks the driver: on every
// thread that uses the device, with the allocator's lock held.
class CollectGarbage final : public c10::FreeMemoryCallback {
 public:
  bool Execute() override {
    Environment* env = Environment::of_this_thread();
    if (env == nullptr || env->capturing) return false;
    size_t free = 0;
    size_t total = 0;
    if (cudaMemGetInfo(&free, &total) != cudaSuccess) {
      (void)cudaGetLastError();
      return false;
    }
    return env->make_room_on_device(static_cast<int64_t>(free));
  }
};

// memory_stats(device) -> an object with Python's names
napi_value memory_stats(Call& call) {
  const DeviceStats stats = cuda_allocator::getDeviceStats(cuda_device(call, 0));
  const napi_value object = new_object(call.raw());
  const auto number = [&](const std::string& name, int64_t value) {
    set_field(call.raw(), object, name.c_str(), call.value(value));
  };
  const auto stat = [&](const std::string& name, const c10::CachingAllocator::Stat& values) {
    number(name + ".current", values.current);
    number(name + ".peak", values.peak);
    number(name + ".allocated", values.allocated);
    number(name + ".freed", values.freed);
  };
  const auto stats_of_pools = [&](const std::string& name,
                                  const c10::CachingAllocator::StatArray& values) {
    stat(name + ".all", values[0]);
    stat(name + ".small_pool", values[1]);
    stat(name + ".large_pool", values[2]);
  };
  stats_of_pools("allocation", stats.allocation);
  stats_of_pools("segment", stats.segment);
  stats_of_pools("active", stats.active);
  stats_of_pools("inactive_split", stats.inactive_split);
  stats_of_pools("allocated_bytes", stats.allocated_bytes);
  stats_of_pools("reserved_bytes", stats.reserved_bytes);
  stats_of_pools("active_bytes", stats.active_bytes);
  stats_of_pools("inactive_split_bytes", stats.inactive_split_bytes);
  stats_of_pools("requested_bytes", stats.requested_bytes);
  stat("oversize_allocations", stats.oversize_allocations);
  stat("oversize_segments", stats.oversize_segments);
  number("num_alloc_retries", stats.num_alloc_retries);
  number("num_ooms", stats.num_ooms);
  number("num_sync_all_streams", stats.num_sync_all_streams);
  number("num_device_alloc", stats.num_device_alloc);
  number("num_device_free", stats.num_device_free);
  number("max_split_size", stats.max_split_size);
  return object;
}

napi_value reset_peak_memory_stats(Call& call) {
  cuda_allocator::resetPeakStats(cuda_device(call, 0));
  return call.undefined();
}

napi_value reset_accumulated_memory_stats(Call& call) {
  cuda_allocator::resetAccumulatedStats(cuda_device(call, 0));
  return call.undefined();
}

// memory_initialized() -> whether a device was used yet
napi_value memory_initialized(Call& call) {
  return call.value(cuda_allocator::get()->initialized());
}

napi_value empty_cache(Call& call) {
  if (cuda_allocator::get()->initialized()) cuda_allocator::emptyCache();
  return call.undefined();
}

// mem_get_info(device) -> [free, total], as the driver sees them
napi_value mem_get_info(Call& call) {
  const c10::DeviceIndex device = cuda_device(call, 0);
  const c10::DeviceGuard guard({at::kCUDA, device});
  size_t free = 0;
  size_t total = 0;
  C10_CUDA_CHECK(cudaMemGetInfo(&free, &total));
  return call.integers({static_cast<int64_t>(free), static_cast<int64_t>(total)});
}

// memory_fraction(device) -> what part of the device this process may take
napi_value memory_fraction(Call& call) {
  return call.value(cuda_allocator::getMemoryFraction(cuda_device(call, 0)));
}

// set_memory_fraction(fraction, device)
napi_value set_memory_fraction(Call& call) {
  cuda_allocator::setMemoryFraction(call.number(0), cuda_device(call, 1));
  return call.undefined();
}

}  // namespace

namespace c10 {
REGISTER_FREE_MEMORY_CALLBACK("tstorch_collect_garbage", CollectGarbage)
}  // namespace c10

void export_cuda_memory(Environment& env, napi_value cuda) {
  env.watch_devices(read_devices);
  export_function(env, cuda, "memory_stats", enter<memory_stats>);
  export_function(env, cuda, "reset_peak_memory_stats", enter<reset_peak_memory_stats>);
  export_function(env, cuda, "reset_accumulated_memory_stats",
                  enter<reset_accumulated_memory_stats>);
  export_function(env, cuda, "memory_initialized", enter<memory_initialized>);
  export_function(env, cuda, "empty_cache", enter<empty_cache>);
  export_function(env, cuda, "mem_get_info", enter<mem_get_info>);
  export_function(env, cuda, "memory_fraction", enter<memory_fraction>);
  export_function(env, cuda, "set_memory_fraction", enter<set_memory_fraction>);
}
