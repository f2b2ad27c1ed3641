// PyTorch's zip archives: their records as memory of tensors, and tensors' memory as their records.
// libtorch reads and writes the zip; the bytes come from a file, a mapped file or memory.
#include <caffe2/serialize/inline_container.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "binding/background.h"
#include "binding/owned.h"
#include "exports.h"

namespace {

using caffe2::serialize::PyTorchStreamReader;
using caffe2::serialize::PyTorchStreamWriter;
using caffe2::serialize::ReadAdapterInterface;

// --- where the bytes come from -------------------------------------------------------------------

// A file in memory: mapped, or a copy of what JavaScript has.
struct Region {
  char* data = nullptr;
  size_t size = 0;
  bool mapped = false;
  // Of a private map, whose missing pages are handled.
  c10::DataPtr guarded;

  Region() = default;
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  ~Region() {
    if (guarded.get() != nullptr) return;
    if (mapped)
      munmap(data, size);
    else
      std::free(data);
  }
};

class Source final : public ReadAdapterInterface {
 public:
  explicit Source(std::shared_ptr<Region> region)
      : size_(region->size), region_(std::move(region)) {}
  explicit Source(int descriptor) : descriptor_(descriptor) {
    struct stat status {};
    TORCH_CHECK(fstat(descriptor_, &status) == 0,
                "the file cannot be read: ", std::strerror(errno));
    size_ = static_cast<size_t>(status.st_size);
  }
  ~Source() override {
    if (descriptor_ != -1) close(descriptor_);
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;

  size_t size() const override { return size_; }
  const std::shared_ptr<Region>& region() const { return region_; }

  // Fewer bytes than asked for where there are no more.
  size_t read(uint64_t position, void* buffer, size_t count, const char*) const override {
    if (position >= size_) return 0;
    count = std::min(count, size_ - static_cast<size_t>(position));
    if (region_ != nullptr) {
      std::memcpy(buffer, region_->data + position, count);
      return count;
    }
    size_t done = 0;
    while (done < count) {
      const ssize_t part = pread(descriptor_, static_cast<char*>(buffer) + done, count - done,
                                 static_cast<off_t>(position + done));
      if (part < 0 && errno == EINTR) continue;
      if (part <= 0) break;
      done += static_cast<size_t>(part);
    }
    return done;
  }

 private:
  int descriptor_ = -1;
  size_t size_ = 0;
  std::shared_ptr<Region> region_;
};

// Deflate makes no more of a byte.
constexpr size_t kMostOfAByte = 1032;
// Where a record's local header says how it is compressed.
constexpr size_t kMethodOffset = 8;
// No element takes more: what is aligned so is aligned for all.
constexpr size_t kAlignment = 16;

struct Archive {
  std::shared_ptr<Source> source;
  std::unique_ptr<PyTorchStreamReader> reader;

  explicit Archive(std::shared_ptr<Source> from) : source(std::move(from)) {
    reader = std::make_unique<PyTorchStreamReader>(source);
  }

  bool is_stored(const std::string& name) const {
    uint16_t method = 0;
    const size_t read = source->read(reader->getRecordHeaderOffset(name) + kMethodOffset, &method,
                                     sizeof method, "");
    return read == sizeof method && method == 0;
  }

  // The bytes of a record; throws where the file cannot hold so many.
  size_t size_of(const std::string& name) const {
    const size_t size = reader->getRecordSize(name);
    const size_t most = is_stored(name) ? source->size() : source->size() * kMostOfAByte;
    TORCH_CHECK(size <= most, "'", name, "' says that it has ", size,
                " bytes, more than the file of ", source->size(), " bytes can hold");
    return size;
  }

  void read(const std::string& name, void* into, size_t count) const {
    if (count == 0) return;
    const size_t size = size_of(name);
    TORCH_CHECK(size >= count, "'", name, "' is cut off: it has ", size, " bytes, and ", count,
                " are needed");
    if (size == count) {
      reader->getRecord(name, into, count);
      return;
    }
    const auto [data, all] = reader->getRecord(name);
    TORCH_CHECK(all >= count, "'", name, "' is cut off");
    std::memcpy(into, data.get(), count);
  }

  // The bytes of a record where the file is in memory and they can be used there; else nullptr.
  char* in_place(const std::string& name, size_t count) const {
    const std::shared_ptr<Region>& region = source->region();
    if (region == nullptr || count == 0 || !is_stored(name)) return nullptr;
    const size_t offset = reader->getRecordOffset(name);
    TORCH_CHECK(offset <= region->size && count <= region->size - offset && count <= size_of(name),
                "'", name, "' reaches beyond the file's end");
    char* data = region->data + offset;
    return reinterpret_cast<uintptr_t>(data) % kAlignment == 0 ? data : nullptr;
  }
};

using SharedArchive = std::shared_ptr<Archive>;

}  // namespace

template <>
struct TagOf<SharedArchive> {
  static constexpr napi_type_tag value = {0x2be5d07c6f3f49a1, 0x9b1c47e80d52a36e};
};

namespace {

const SharedArchive& archive_argument(const Call& call, size_t index) {
  const SharedArchive& archive = owned_argument<SharedArchive>(call, index, "an archive");
  TORCH_CHECK(archive != nullptr, "the archive is closed");
  return archive;
}

// The memory of a Uint8Array.
std::string_view bytes_argument(napi_env env, napi_value value) {
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  bool is = false;
  check_napi(env, napi_is_typedarray(env, value, &is));
  TYPE_CHECK(is, "bytes must be a Uint8Array");
  check_napi(env, napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr));
  TYPE_CHECK(type == napi_uint8_array, "bytes must be a Uint8Array");
  return {static_cast<const char*>(data), length};
}

// --- reading -------------------------------------------------------------------------------------

// Maps a file: 1 privately, where writes stay here, 2 shared, where they reach the file.
std::shared_ptr<Region> mapped(int descriptor, int64_t kind) {
  struct stat status {};
  TORCH_CHECK(fstat(descriptor, &status) == 0, "the file cannot be mapped: ", std::strerror(errno));
  auto region = std::make_shared<Region>();
  const auto size = static_cast<size_t>(status.st_size);
  if (kind == 1) {
    region->guarded = map_file(descriptor, size, "an archive that torch.load mapped");
    TORCH_CHECK(region->guarded.get() != nullptr,
                "the file cannot be mapped: ", std::strerror(errno));
    region->data = static_cast<char*>(region->guarded.get());
    region->size = size;
    return region;
  }
  void* data = mmap(nullptr, size, PROT_READ | PROT_WRITE, kind == 2 ? MAP_SHARED : MAP_PRIVATE,
                    descriptor, 0);
  TORCH_CHECK(data != MAP_FAILED, "the file cannot be mapped: ", std::strerror(errno));
  region->data = static_cast<char*>(data);
  region->size = size;
  region->mapped = true;
  return region;
}

std::shared_ptr<Region> copied(std::string_view bytes) {
  auto region = std::make_shared<Region>();
  void* data = nullptr;
  // Records are aligned to 64 bytes within an archive.
  if (!bytes.empty()) {
    TORCH_CHECK_WITH(OutOfMemoryError, posix_memalign(&data, 64, bytes.size()) == 0,
                     "out of memory: tried to allocate ", bytes.size(), " bytes");
    std::memcpy(data, bytes.data(), bytes.size());
  }
  region->data = static_cast<char*>(data);
  region->size = bytes.size();
  return region;
}

// open_archive(descriptor or Uint8Array, mmap: 0 or as `mapped`)
napi_value open_archive(Call& call) {
  std::shared_ptr<Source> source;
  if (call.type(0) != napi_number) {
    source = std::make_shared<Source>(copied(bytes_argument(call.raw(), call[0])));
  } else {
    const auto descriptor = static_cast<int>(call.integer(0));
    const int64_t kind = call.integer(1);
    if (kind != 0) {
      source = std::make_shared<Source>(mapped(descriptor, kind));
    } else {
      const int own_descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
      TORCH_CHECK(own_descriptor != -1, "the file cannot be read: ", std::strerror(errno));
      source = std::make_shared<Source>(own_descriptor);
    }
  }
  return own(call, std::make_shared<Archive>(std::move(source)));
}

// close_archive(archive): its file is closed, not only when the garbage collector comes by
napi_value close_archive(Call& call) {
  owned_argument<SharedArchive>(call, 0, "an archive").reset();
  return call.undefined();
}

// archive_records(archive) -> the names of all records, behind the archive's own
napi_value archive_records(Call& call) {
  const std::vector<std::string> names = archive_argument(call, 0)->reader->getAllRecords();
  return array_value(call.raw(), names, [&](const std::string& name) { return call.value(name); });
}

// archive_has(archive, name)
napi_value archive_has(Call& call) {
  return call.value(archive_argument(call, 0)->reader->hasRecord(call.string(1)));
}

// A tensor of bytes over memory that is there already.
at::Tensor bytes_over(char* data, size_t size, std::shared_ptr<Region> region) {
  auto* owner = new std::shared_ptr<Region>(std::move(region));
  const auto free_owner = [](void* context) {
    delete static_cast<std::shared_ptr<Region>*>(context);
  };
  at::Storage storage(at::Storage::use_byte_size_t(), size,
                      at::DataPtr(data, owner, free_owner, at::kCPU), nullptr, false);
  const at::Tensor bytes = at::empty({0}, at::kByte);
  return bytes.set_(std::move(storage), 0, {static_cast<int64_t>(size)}, {1});
}

// archive_record(archive, name, count or -1 for all, read) -> the record's bytes as a uint8 tensor;
// unless `read` those are not there yet
napi_value archive_record(Call& call) {
  return with_room(call.env(), [&] {
    const SharedArchive& archive = archive_argument(call, 0);
    const std::string name = call.string(1);
    int64_t count = call.integer(2);
    if (count == -1) count = static_cast<int64_t>(archive->size_of(name));
    TORCH_CHECK(count >= 0, "a record of ", count, " bytes");
    const auto size = static_cast<size_t>(count);
    if (size > 0) {
      const size_t there = archive->size_of(name);
      TORCH_CHECK(there >= size, "'", name, "' is cut off: it has ", there, " bytes, and ", size,
                  " are needed");
    }
    if (char* data = archive->in_place(name, size)) {
      return call.handle(bytes_over(data, size, archive->source->region()));
    }
    const at::Tensor bytes = at::empty({count}, at::kByte);
    if (call.boolean(3)) archive->read(name, bytes.mutable_data_ptr(), size);
    return call.handle(bytes);
  });
}

// archive_fill(archive, names, tensors) -> a promise: reads records into tensors that
// archive_record made
napi_value archive_fill(Call& call) {
  std::vector<std::string> names = call.strings(1);
  Tensors tensors = call.tensors(2);
  TYPE_CHECK(names.size() == tensors.size(), "as many names as tensors");
  return promise_of(call, "tstorch.load",
                    [archive = archive_argument(call, 0), names = std::move(names),
                     tensors = std::move(tensors)] {
                      for (size_t i = 0; i < names.size(); ++i) {
                        archive->read(names[i], tensors[i].mutable_data_ptr(), tensors[i].nbytes());
                      }
                      return 0.0;
                    });
}

// The bytes that a view needs of its storage; throws where they are no number.
uint64_t reach(int64_t offset, at::IntArrayRef sizes, at::IntArrayRef strides, uint64_t item) {
  TORCH_CHECK(sizes.size() == strides.size(), "a tensor of ", sizes.size(), " sizes and ",
              strides.size(), " strides");
  TORCH_CHECK(offset >= 0, "a tensor that begins before its storage");
  auto last = static_cast<uint64_t>(offset);
  bool overflow = false;
  bool empty = false;
  for (size_t i = 0; i < sizes.size(); ++i) {
    TORCH_CHECK(sizes[i] >= 0 && strides[i] >= 0, "a tensor of size ", sizes[i], " and stride ",
                strides[i]);
    if (sizes[i] == 0) {
      empty = true;
      continue;
    }
    uint64_t step = 0;
    overflow |= __builtin_mul_overflow(static_cast<uint64_t>(sizes[i] - 1),
                                       static_cast<uint64_t>(strides[i]), &step);
    overflow |= __builtin_add_overflow(last, step, &last);
  }
  if (empty) return 0;
  overflow |= __builtin_add_overflow(last, uint64_t{1}, &last);
  overflow |= __builtin_mul_overflow(last, item, &last);
  TORCH_CHECK(!overflow, "a tensor of size ", sizes, " and strides ", strides, " is too large");
  return last;
}

// view_storage(bytes, dtype, offset, sizes, strides, empty tensor to be made of it or null) -> a
// tensor on the storage of `bytes`
napi_value view_storage(Call& call) {
  const at::Tensor bytes = call.tensor(0);
  const at::ScalarType type = call.dtype(1);
  const int64_t offset = call.integer(2);
  const std::vector<int64_t> sizes = call.integers(3);
  const std::vector<int64_t> strides = call.integers(4);
  at::Tensor tensor = call.tensor_or_undefined(5);
  const uint64_t needed = reach(offset, sizes, strides, c10::elementSize(type));
  const at::Storage& storage = bytes.storage();
  TORCH_CHECK(needed <= storage.nbytes(), "a tensor of size ", at::IntArrayRef(sizes), ", strides ",
              at::IntArrayRef(strides), " and offset ", offset, " needs ", needed,
              " bytes of a storage that has ", storage.nbytes());
  if (!tensor.defined()) tensor = at::empty({0}, bytes.options().dtype(type));
  TYPE_CHECK(tensor.scalar_type() == type && tensor.device() == bytes.device(),
             "another kind of tensor");
  return call.handle(tensor.set_(storage, offset, sizes, strides));
}

// qscheme(tensor) -> how it is quantised, as Python calls it
napi_value qscheme(Call& call) {
  return call.value(std::string_view(c10::toString(call.tensor(0).qscheme())));
}

// byteswap(bytes, size of an item): turns the order of the bytes of each item
napi_value byteswap(Call& call) {
  const at::Tensor bytes = call.tensor(0);
  const auto item = static_cast<size_t>(call.natural(1));
  TYPE_CHECK(bytes.scalar_type() == at::kByte && bytes.is_contiguous() && bytes.device().is_cpu() &&
                 item > 0,
             "bytes of the CPU");
  auto* data = bytes.mutable_data_ptr<uint8_t>();
  const size_t size = bytes.nbytes() / item * item;
  for (size_t i = 0; i < size; i += item) std::reverse(data + i, data + i + item);
  return call.undefined();
}

// --- writing -------------------------------------------------------------------------------------

struct Record {
  std::string name;
  // One of the two.
  std::string text;
  at::Tensor bytes;
};

struct Writing {
  std::vector<Record> records;
  bool crc32 = true;

  // Writes all; `put` takes each piece and tells whether it could. What libtorch's writer throws
  // where a write fails it throws from its destructor too, which ends the process: so it never
  // hears of it.
  template <typename Put>
  bool write(const Put& put) const {
    bool succeeded = true;
    PyTorchStreamWriter writer(
        [&](const void* data, size_t size) {
          succeeded = succeeded && put(static_cast<const char*>(data), size);
          return size;
        },
        crc32);
    for (const Record& record : records) {
      if (!succeeded) break;
      const bool is_text = !record.bytes.defined();
      const size_t size = is_text ? record.text.size() : record.bytes.nbytes();
      const void* data = is_text ? record.text.data() : record.bytes.const_data_ptr();
      writer.writeRecord(record.name, size == 0 ? "" : data, size);
    }
    writer.writeEndOfFile();
    return succeeded;
  }

  // 0, or the system's number of what went wrong.
  int write_to(int descriptor, bool flush) const {
    int error = 0;
    write([&](const char* data, size_t size) {
      while (size > 0) {
        const ssize_t part = ::write(descriptor, data, std::min(size, size_t{1} << 30));
        if (part < 0 && errno == EINTR) continue;
        if (part <= 0) {
          error = part < 0 ? errno : EIO;
          return false;
        }
        data += part;
        size -= static_cast<size_t>(part);
      }
      return true;
    });
    // What is no file has nothing to flush.
    if (error == 0 && flush && fsync(descriptor) != 0 && errno != EINVAL && errno != EROFS)
      error = errno;
    return error;
  }
};

// (names, Uint8Array or tensor of bytes for each, whether with CRC-32)
Writing writing_arguments(const Call& call, size_t index) {
  Writing writing;
  const std::vector<std::string> names = call.strings(index);
  each_element(call.raw(), call[index + 1], [&](uint32_t i, napi_value value) {
    TYPE_CHECK(i < names.size(), "as many names as records");
    Record record{names[i], {}, {}};
    if (type_of(call.raw(), value) == napi_number) {
      record.bytes = tensor_or_undefined(call.env(), value);
      TYPE_CHECK(
          record.bytes.defined() && record.bytes.is_contiguous() && record.bytes.device().is_cpu(),
          "a record must be bytes of the CPU");
    } else {
      record.text = bytes_argument(call.raw(), value);
    }
    writing.records.push_back(std::move(record));
  });
  TYPE_CHECK(writing.records.size() == names.size(), "as many records as names");
  writing.crc32 = call.boolean(index + 2);
  return writing;
}

// write_archive(descriptor, names, records, crc32) -> 0, or the system's number of what went wrong
napi_value write_archive(Call& call) {
  const auto descriptor = static_cast<int>(call.integer(0));
  return call.value(writing_arguments(call, 1).write_to(descriptor, false));
}

// write_archive_async: a promise of the same; the file is on the disk then
napi_value write_archive_async(Call& call) {
  const auto descriptor = static_cast<int>(call.integer(0));
  auto writing = std::make_shared<const Writing>(writing_arguments(call, 1));
  return promise_of(call, "tstorch.save", [descriptor, writing] {
    return static_cast<double>(writing->write_to(descriptor, true));
  });
}

// write_archive_into(Uint8Array, names, records, crc32) -> how many bytes it takes
napi_value write_archive_into(Call& call) {
  const std::string_view room = bytes_argument(call.raw(), call[0]);
  char* const begin = const_cast<char*>(room.data());
  size_t used = 0;
  const bool fits = writing_arguments(call, 1).write([&](const char* data, size_t size) {
    if (size > room.size() - used) return false;
    std::memcpy(begin + used, data, size);
    used += size;
    return true;
  });
  TORCH_CHECK(fits, "an archive that does not fit into ", room.size(), " bytes");
  return call.value(used);
}

}  // namespace

void export_archives(Environment& env, napi_value exports) {
  export_function(env, exports, "open_archive", enter<open_archive>);
  export_function(env, exports, "close_archive", enter<close_archive>);
  export_function(env, exports, "archive_records", enter<archive_records>);
  export_function(env, exports, "archive_has", enter<archive_has>);
  export_function(env, exports, "archive_record", enter<archive_record>);
  export_function(env, exports, "archive_fill", enter<archive_fill>);
  export_function(env, exports, "view_storage", enter<view_storage>);
  export_function(env, exports, "qscheme", enter<qscheme>);
  export_function(env, exports, "byteswap", enter<byteswap>);
  export_function(env, exports, "write_archive", enter<write_archive>);
  export_function(env, exports, "write_archive_async", enter<write_archive_async>);
  export_function(env, exports, "write_archive_into", enter<write_archive_into>);
}
