// CUDA's devices, for a libtorch that has it. Other builds leave this folder out, and their exports
// have no `cuda`.
#pragma once

#include <c10/cuda/CUDAFunctions.h>

#include "exports.h"

// Declared in ATen/cuda/CUDAContextLight.h, which includes headers of libraries of CUDA's that a
// program without kernels does not need.
namespace at::cuda {
C10_IMPORT cudaDeviceProp* getDeviceProperties(c10::DeviceIndex device);
C10_IMPORT bool canDeviceAccessPeer(c10::DeviceIndex device, c10::DeviceIndex peer);
}  // namespace at::cuda

// The device whose number is an argument; -1 is the current one. CUDA is initialized then.
c10::DeviceIndex cuda_device(const Call& call, size_t index);

// Waits for all that was asked of a device.
void synchronize_device(c10::DeviceIndex device);
