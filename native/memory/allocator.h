// libtorch's CPU allocator, replaced by one that knows which environment each byte belongs to.
//
// V8 frees tensors well only if it is told how many bytes they hold, and only the allocator knows:
// views share them and autograd graphs save them out of sight. The allocator also keeps freed
// blocks of 32 KiB and more for reuse, which spares the page faults of short-lived buffers and
// keeps the heap from fragmenting.
#pragma once

#include "torch.h"

#include <atomic>

// Live bytes of the tensors that one environment's thread allocated. Blocks outlive environments,
// so each holds a reference.
class ByteCounter {
 public:
  static ByteCounter* create() { return new ByteCounter(); }
  int64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  void add(int64_t bytes) {
    references_.fetch_add(1, std::memory_order_relaxed);
    bytes_.fetch_add(bytes, std::memory_order_relaxed);
  }
  void remove(int64_t bytes) {
    bytes_.fetch_sub(bytes, std::memory_order_relaxed);
    unreference();
  }
  void unreference() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

 private:
  std::atomic<int64_t> bytes_{0};
  std::atomic<int64_t> references_{1};
};

// Installs the allocator, once for the process.
void install_allocator();

// The calling thread has a tensor that another one made: where its block is the allocator's, it
// counts for both from now on, since the garbage of either keeps it. Not to be called for one block
// by two threads at once.
void count_for_both(const c10::DataPtr& data);

// What this thread allocates from now on counts for `counter` (nullptr: for nobody).
void count_bytes_for(ByteCounter* counter);

// For whom this thread allocates.
ByteCounter* counter_of_this_thread();
