#include "memory/mapped_file.h"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "memory/allocator.h"

std::atomic<uint64_t> missing_pages{0};

namespace {

// A place in the list of mapped files, which a signal handler reads at any moment: places are
// never freed, but used again.
struct Mapping {
  std::atomic<uintptr_t> begin{0};
  std::atomic<uintptr_t> end{0};
  std::array<char, 512> name{};
  size_t size = 0;
  ByteCounter* counter = nullptr;
  Mapping* next = nullptr;
};

std::atomic<Mapping*> all_mappings{nullptr};
std::atomic<const Mapping*> last_missing{nullptr};
std::mutex mutex;
std::vector<Mapping*>& unused_mappings() {
  static auto* unused = new std::vector<Mapping*>();
  return *unused;
}

struct sigaction handler_before;

const Mapping* mapping_of(uintptr_t address) {
  for (const Mapping* mapping = all_mappings.load(std::memory_order_acquire); mapping != nullptr;
       mapping = mapping->next) {
    if (address >= mapping->begin.load() && address < mapping->end.load()) return mapping;
  }
  return nullptr;
}

// Puts zeros in place of a missing page and of all behind it: a file is cut off at its end.
void on_missing_page(int signal, siginfo_t* info, void* context) {
  const auto address = reinterpret_cast<uintptr_t>(info->si_addr);
  const Mapping* mapping = mapping_of(address);
  if (mapping != nullptr) {
    const uintptr_t page = address & ~static_cast<uintptr_t>(sysconf(_SC_PAGESIZE) - 1);
    void* zeros =
        mmap(reinterpret_cast<void*>(page), mapping->end.load() - page, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    if (zeros != MAP_FAILED) {
      last_missing = mapping;
      ++missing_pages;
      return;
    }
  }
  if ((handler_before.sa_flags & SA_SIGINFO) != 0) {
    handler_before.sa_sigaction(signal, info, context);
  } else if (handler_before.sa_handler != SIG_DFL && handler_before.sa_handler != SIG_IGN) {
    handler_before.sa_handler(signal);
  } else {
    // The process touches the page again, and ends as it would have without this handler.
    sigaction(signal, &handler_before, nullptr);
  }
}

void handle_missing_pages() {
  static std::once_flag once;
  std::call_once(once, [] {
    struct sigaction action {};
    action.sa_sigaction = on_missing_page;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, &handler_before);
  });
}

Mapping* enter_mapping(void* memory, size_t size, std::string_view name) {
  const std::lock_guard<std::mutex> lock(mutex);
  std::vector<Mapping*>& unused = unused_mappings();
  Mapping* mapping = nullptr;
  if (unused.empty()) {
    mapping = new Mapping();
    mapping->next = all_mappings.load();
    all_mappings.store(mapping, std::memory_order_release);
  } else {
    mapping = unused.back();
    unused.pop_back();
  }
  const size_t length = std::min(name.size(), mapping->name.size() - 1);
  std::memcpy(mapping->name.data(), name.data(), length);
  mapping->name[length] = '\0';
  mapping->size = size;
  mapping->counter = counter_of_this_thread();
  if (mapping->counter != nullptr) mapping->counter->add(static_cast<int64_t>(size));
  const auto begin = reinterpret_cast<uintptr_t>(memory);
  mapping->begin = begin;
  mapping->end = begin + size;
  return mapping;
}

void unmap(void* context) {
  auto* mapping = static_cast<Mapping*>(context);
  const std::lock_guard<std::mutex> lock(mutex);
  auto* memory = reinterpret_cast<void*>(mapping->begin.load());
  // Nobody looks for its pages once the system may give its addresses to others.
  mapping->end = 0;
  munmap(memory, mapping->size);
  if (mapping->counter != nullptr) mapping->counter->remove(static_cast<int64_t>(mapping->size));
  unused_mappings().push_back(mapping);
}

}  // namespace

c10::DataPtr map_file(int descriptor, size_t size, std::string_view name) {
  const c10::Device cpu(c10::DeviceType::CPU);
  void* memory =
      mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, descriptor, 0);
  if (memory == MAP_FAILED) return {nullptr, cpu};
  handle_missing_pages();
  return {memory, enter_mapping(memory, size, name), unmap, cpu};
}

std::string file_of_missing_page() {
  const std::lock_guard<std::mutex> lock(mutex);
  const Mapping* mapping = last_missing.load();
  return mapping == nullptr ? "" : mapping->name.data();
}
