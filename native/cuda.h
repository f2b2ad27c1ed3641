// torch.cuda, for a libtorch that has it: devices, streams, events (cuda.cc), memory
// (cuda_memory.cc), graphs (cuda_graph.cc). Other builds leave these files out, and their exports
// have no `cuda`.
#pragma once

#include <c10/cuda/CUDAFunctions.h>

#include "call.h"

// Declared in ATen/cuda/CUDAContextLight.h, which includes headers of libraries of CUDA's that a
// program without kernels does not need.
namespace at::cuda {
C10_IMPORT cudaDeviceProp* getDeviceProperties(c10::DeviceIndex device);
C10_IMPORT bool canDeviceAccessPeer(c10::DeviceIndex device, c10::DeviceIndex peer);
}  // namespace at::cuda

void export_cuda(Environment& env, napi_value exports);

void export_cuda_memory(Environment& env, napi_value exports);
void export_cuda_graph(Environment& env, napi_value exports);

// The device whose number is an argument; -1 is the current one. CUDA is initialized then.
c10::DeviceIndex cuda_device(const Call& call, size_t index);
