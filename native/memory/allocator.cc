#include "memory/allocator.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>

#include <cstring>
#endif

namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kSmallestCached = size_t{32} << 10;
constexpr int64_t kCacheCap = int64_t{256} << 20;

struct alignas(kAlignment) Header {
  size_t capacity;
  int64_t counted;
  ByteCounter* counter;
  ByteCounter* taker;  // another thread's, which has the block as well
};
static_assert(sizeof(Header) == kAlignment);

#ifdef __SANITIZE_ADDRESS__
// AddressSanitizer sees where a block ends, and what is used after it was freed, only where no
// block is larger than what was asked for or used again.
constexpr bool kReuse = false;
// libtorch's own code is not instrumented: what it wrote beyond a block these bytes show when the
// block is freed.
constexpr size_t kGuard = 64;
constexpr int kGuardByte = 0xA5;

unsigned char* guard_of(Header* block) {
  return reinterpret_cast<unsigned char*>(block + 1) + block->capacity;
}
void set_guard(Header* block) {
  std::memset(guard_of(block), kGuardByte, kGuard);
  __asan_poison_memory_region(guard_of(block), kGuard);
}
void check_guard(Header* block) {
  unsigned char* guard = guard_of(block);
  __asan_unpoison_memory_region(guard, kGuard);
  if (std::all_of(guard, guard + kGuard, [](int byte) { return byte == kGuardByte; })) return;
  set_guard(block);
  void* frame = __builtin_frame_address(0);
  __asan_report_error(__builtin_return_address(0), frame, frame, guard, /*is_write=*/1, 1);
}
#else
constexpr bool kReuse = true;
constexpr size_t kGuard = 0;
void set_guard(Header*) {}
void check_guard(Header*) {}
#endif

thread_local ByteCounter* current_counter = nullptr;

class BlockCache {
 public:
  Header* take(size_t capacity) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = free_.find(capacity);
    if (found == free_.end() || found->second.empty()) return nullptr;
    Header* block = found->second.back();
    found->second.pop_back();
    bytes_ -= static_cast<int64_t>(capacity);
    return block;
  }

  bool keep(Header* block) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto capacity = static_cast<int64_t>(block->capacity);
    if (bytes_ + capacity > kCacheCap) return false;
    free_[block->capacity].push_back(block);
    bytes_ += capacity;
    return true;
  }

  void empty() {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& entry : free_) {
      for (Header* block : entry.second) std::free(block);
    }
    free_.clear();
    bytes_ = 0;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<size_t, std::vector<Header*>> free_;
  int64_t bytes_ = 0;
};

// Small blocks, kept by each thread for itself: asking the C library for an aligned block costs as
// much as a small operator's arithmetic.
class SmallBlocks {
 public:
  static constexpr size_t kLargest = 4096;

  SmallBlocks() { current = this; }
  ~SmallBlocks() {
    current = nullptr;
    for (std::vector<Header*>& blocks : free_) {
      for (Header* block : blocks) std::free(block);
    }
  }

  static size_t rounded(size_t bytes) { return std::bit_ceil(std::max(bytes, kAlignment)); }

  // This thread's, or nullptr once the thread is ending: tensors may die after it.
  static SmallBlocks* get() {
    thread_local SmallBlocks blocks;
    (void)blocks;
    return current;
  }

  Header* take(size_t capacity) {
    std::vector<Header*>& blocks = free_[index(capacity)];
    if (blocks.empty()) return nullptr;
    Header* block = blocks.back();
    blocks.pop_back();
    return block;
  }

  bool keep(Header* block) {
    std::vector<Header*>& blocks = free_[index(block->capacity)];
    if (blocks.size() >= most_of(block->capacity)) return false;
    blocks.push_back(block);
    return true;
  }

 private:
  // Of the smallest so few that they are in the processor's cache still when they are used again.
  // Of the others about what one collection of garbage frees (environment.cc): the C library would
  // cut other things out of freed blocks, and then ask the system for the next ones.
  static size_t most_of(size_t capacity) {
    constexpr size_t kSmallest = 512;
    constexpr size_t kFew = 256;
    constexpr size_t kCap = size_t{48} << 20;
    return capacity <= kSmallest ? kFew : kCap / (sizeof(Header) + capacity);
  }

  static thread_local SmallBlocks* current;

  static size_t index(size_t capacity) {
    return std::countr_zero(capacity) - std::countr_zero(kAlignment);
  }

  std::array<std::vector<Header*>, 7> free_;  // 64, 128 ... 4096 bytes
};

thread_local SmallBlocks* SmallBlocks::current = nullptr;

// Sizes from 32 KiB up are rounded to an eighth of their power of two, so that a freed block
// serves the next request of about its size and wastes at most an eighth.
size_t rounded(size_t bytes) {
  if (!kReuse) return bytes;
  if (bytes <= SmallBlocks::kLargest) return SmallBlocks::rounded(bytes);
  if (bytes < kSmallestCached) return bytes;
  const size_t step = std::bit_floor(bytes) / 8;
  return (bytes + step - 1) / step * step;
}

// Lives until the process ends: tensors may be freed by static destructors.
BlockCache& block_cache() {
  static auto* cache = new BlockCache();
  return *cache;
}

Header* system_block(size_t capacity) {
  void* memory = nullptr;
  if (posix_memalign(&memory, kAlignment, sizeof(Header) + capacity + kGuard) != 0) return nullptr;
  return static_cast<Header*>(memory);
}

bool keep_for_reuse(Header* block) {
  if (!kReuse) return false;
  if (block->capacity >= kSmallestCached) return block_cache().keep(block);
  if (block->capacity > SmallBlocks::kLargest) return false;
  SmallBlocks* small = SmallBlocks::get();
  return small != nullptr && small->keep(block);
}

Header* take_for_reuse(size_t capacity) {
  if (!kReuse) return nullptr;
  if (capacity >= kSmallestCached) return block_cache().take(capacity);
  if (capacity > SmallBlocks::kLargest) return nullptr;
  SmallBlocks* small = SmallBlocks::get();
  return small != nullptr ? small->take(capacity) : nullptr;
}

// libtorch's contract for raw allocation: the context is the data pointer itself.
void release(void* data) {
  if (data == nullptr) return;
  c10::profiledCPUMemoryReporter().Delete(data);
  Header* block = static_cast<Header*>(data) - 1;
  if (block->counter != nullptr) block->counter->remove(block->counted);
  if (block->taker != nullptr) block->taker->remove(block->counted);
  check_guard(block);
  if (!keep_for_reuse(block)) std::free(block);
}

class CountingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    const c10::Device cpu(c10::DeviceType::CPU);
    if (bytes == 0) return {nullptr, nullptr, &release, cpu};
    // A negative size that went through size_t must not wrap around when rounded.
    Header* block = bytes <= PTRDIFF_MAX ? find_block(rounded(bytes)) : nullptr;
    if (block == nullptr) {
      c10::profiledCPUMemoryReporter().OutOfMemory(bytes);
      TORCH_CHECK_WITH(OutOfMemoryError, false, "out of memory on the CPU: tried to allocate ",
                       bytes, " bytes");
    }
    block->counter = current_counter;
    block->counted = static_cast<int64_t>(block->capacity);
    block->taker = nullptr;
    if (block->counter != nullptr) block->counter->add(block->counted);
    void* data = block + 1;
    c10::profiledCPUMemoryReporter().New(data, bytes);
    return {data, data, &release, cpu};
  }

  c10::DeleterFnPtr raw_deleter() const override { return &release; }

  void copy_data(void* destination, const void* source, std::size_t count) const override {
    default_copy_data(destination, source, count);
  }

 private:
  static Header* find_block(size_t capacity) {
    Header* block = take_for_reuse(capacity);
    if (block == nullptr) block = system_block(capacity);
    if (block == nullptr) {
      block_cache().empty();
      block = system_block(capacity);
    }
    if (block == nullptr) return nullptr;
    block->capacity = capacity;
    set_guard(block);
    return block;
  }
};

}  // namespace

void install_allocator() {
  static std::once_flag once;
  std::call_once(once, [] { c10::SetCPUAllocator(new CountingAllocator(), /*priority=*/255); });
}

void count_bytes_for(ByteCounter* counter) { current_counter = counter; }

ByteCounter* counter_of_this_thread() { return current_counter; }

void count_for_both(const c10::DataPtr& data) {
  if (data.get() == nullptr || data.get_deleter() != &release || current_counter == nullptr) return;
  Header* block = static_cast<Header*>(data.get_context()) - 1;
  if (block->counter == current_counter || block->taker != nullptr) return;
  block->taker = current_counter;
  block->taker->add(block->counted);
}
