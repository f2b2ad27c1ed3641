#include "cuda/devices.h"

namespace {

napi_value current_device(Call& call) {
  at::globalContext().lazyInitDevice(at::kCUDA);
  return call.value(c10::cuda::current_device());
}

napi_value set_device(Call& call) {
  c10::cuda::set_device(cuda_device(call, 0));
  return call.undefined();
}

std::string hexadecimal(const cudaUUID_t& uuid) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < sizeof(uuid.bytes); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    const auto byte = static_cast<unsigned char>(uuid.bytes[i]);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

// device_properties(device) -> an object with Python's names
napi_value device_properties(Call& call) {
  const cudaDeviceProp& found = *at::cuda::getDeviceProperties(cuda_device(call, 0));
  const napi_value object = new_object(call.raw());
  const auto put = [&](const char* name, auto value) {
    set_field(call.raw(), object, name, call.value(value));
  };
  put("name", std::string_view(found.name));
  put("uuid", hexadecimal(found.uuid));
  put("major", found.major);
  put("minor", found.minor);
  put("total_memory", found.totalGlobalMem);
  put("multi_processor_count", found.multiProcessorCount);
  put("max_threads_per_multi_processor", found.maxThreadsPerMultiProcessor);
  put("max_threads_per_block", found.maxThreadsPerBlock);
  put("warp_size", found.warpSize);
  put("L2_cache_size", found.l2CacheSize);
  put("regs_per_multiprocessor", found.regsPerMultiprocessor);
  put("shared_memory_per_block", found.sharedMemPerBlock);
  put("shared_memory_per_block_optin", found.sharedMemPerBlockOptin);
  put("shared_memory_per_multiprocessor", found.sharedMemPerMultiprocessor);
  put("pci_bus_id", found.pciBusID);
  put("pci_device_id", found.pciDeviceID);
  put("pci_domain_id", found.pciDomainID);
  put("is_integrated", found.integrated != 0);
  put("is_multi_gpu_board", found.isMultiGpuBoard != 0);
  return object;
}

napi_value can_device_access_peer(Call& call) {
  return call.value(at::cuda::canDeviceAccessPeer(cuda_device(call, 0), cuda_device(call, 1)));
}

napi_value synchronize(Call& call) {
  synchronize_device(cuda_device(call, 0));
  return call.undefined();
}

}  // namespace

c10::DeviceIndex cuda_device(const Call& call, size_t index) {
  at::globalContext().lazyInitDevice(at::kCUDA);
  const int64_t device = call.integer(index);
  if (device == -1) return c10::cuda::current_device();
  const c10::DeviceIndex count = c10::cuda::device_count();
  TORCH_CHECK_VALUE(device >= 0 && device < count, "there is no device cuda:", device, "; there ",
                    count == 1 ? "is " : "are ", static_cast<int>(count));
  return static_cast<c10::DeviceIndex>(device);
}

void synchronize_device(c10::DeviceIndex device) {
  const c10::DeviceGuard guard({at::kCUDA, device});
  c10::cuda::device_synchronize();
}

void export_cuda_devices(Environment& env, napi_value cuda) {
  export_function(env, cuda, "current_device", enter<current_device>);
  export_function(env, cuda, "set_device", enter<set_device>);
  export_function(env, cuda, "device_properties", enter<device_properties>);
  export_function(env, cuda, "can_device_access_peer", enter<can_device_access_peer>);
  export_function(env, cuda, "synchronize", enter<synchronize>);
}
