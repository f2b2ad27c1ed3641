// Tensors' bytes from files: mapped, or read straight into their memory.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "exports.h"

namespace {

// A tensor of bytes that owns its memory.
at::Tensor bytes_tensor(c10::DataPtr data, int64_t size) {
  c10::Storage storage(c10::Storage::use_byte_size_t(), size, std::move(data),
                       /*allocator=*/nullptr, /*resizable=*/false);
  return at::empty({0}, at::TensorOptions().dtype(at::kByte).device(at::kCPU))
      .set_(std::move(storage), 0, {size}, {1});
}

// map_file(descriptor, size, name) -> a tensor of the file's first bytes, or null where the system
// does not map it
napi_value map_file(Call& call) {
  const auto descriptor = static_cast<int>(call.integer(0));
  const int64_t size = call.integer(1);
  struct stat status {};
  TORCH_CHECK_VALUE(fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode) && size > 0 &&
                        size <= status.st_size,
                    "there is no file of ", size, " bytes to map");
  c10::DataPtr data = ::map_file(descriptor, static_cast<size_t>(size), call.string(2));
  if (data.get() == nullptr) return call.null();
  const c10::InferenceMode normal(false);
  return call.handle(bytes_tensor(std::move(data), size));
}

// part_of(tensor, start, dtype, sizes) -> a contiguous tensor in the memory of a tensor of bytes,
// which has a storage of its own; null where the place does not suit its dtype
napi_value part_of(Call& call) {
  const at::Tensor whole = call.tensor(0);
  const int64_t start = call.integer(1);
  const at::ScalarType type = call.dtype(2);
  const std::vector<int64_t> sizes = call.integers(3);
  const auto item = static_cast<int64_t>(c10::elementSize(type));
  int64_t bytes = item;
  bool fits = start >= 0;
  for (const int64_t size : sizes) {
    fits = fits && size >= 0 && !__builtin_mul_overflow(bytes, size, &bytes);
  }
  TORCH_CHECK_VALUE(fits && whole.layout() == at::kStrided && whole.device().is_cpu() &&
                        whole.scalar_type() == at::kByte && whole.is_contiguous() &&
                        start <= whole.numel() && bytes <= whole.numel() - start,
                    "there is no such part of the tensor");
  char* data = static_cast<char*>(whole.data_ptr()) + start;
  if (reinterpret_cast<uintptr_t>(data) % item != 0) return call.null();
  return call.handle(at::from_blob(
      data, sizes, [storage = whole.storage()](void*) {}, at::TensorOptions().dtype(type)));
}

// read_file(descriptor, position, tensor) -> how many bytes came, from `position` on or, where it
// is negative, from where the file stands: fewer than the tensor has where it ends
napi_value read_file(Call& call) {
  const auto descriptor = static_cast<int>(call.integer(0));
  const int64_t position = call.integer(1);
  const at::Tensor tensor = call.tensor(2);
  TORCH_CHECK_VALUE(tensor.layout() == at::kStrided && tensor.device().is_cpu() &&
                        tensor.is_contiguous() && !tensor._is_zerotensor(),
                    "only contiguous memory of the CPU is read into");
  char* data = static_cast<char*>(tensor.data_ptr());
  // As much as Linux gives at once, in whole pages.
  constexpr size_t kMost = 0x7ffff000;
  size_t done = 0;
  while (done < tensor.nbytes()) {
    const size_t most = std::min(kMost, tensor.nbytes() - done);
    const ssize_t count =
        position < 0 ? read(descriptor, data + done, most)
                     : pread(descriptor, data + done, most, position + static_cast<off_t>(done));
    if (count == 0) break;
    if (count > 0) done += static_cast<size_t>(count);
    TORCH_CHECK(count > 0 || errno == EINTR, "the file cannot be read: ", std::strerror(errno));
  }
  return call.value(done);
}

}  // namespace

void export_files(Environment& env, napi_value exports) {
  export_function(env, exports, "map_file", enter<map_file>);
  export_function(env, exports, "part_of", enter<part_of>);
  export_function(env, exports, "read_file", enter<read_file>);
}
