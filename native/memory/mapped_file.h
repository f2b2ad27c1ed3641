// Files as memory: a page is read from the disk when it is first touched, and what is written to it
// stays in this process.
//
// Of a file that is cut off while it is mapped, or whose disk fails, pages are missing, and to
// touch one ends a process by SIGBUS. Here zeros take their place, and the calls from JavaScript
// that end after that throw (binding/call.h).
#pragma once

#include "torch.h"

#include <atomic>

// The first `size` bytes of a file that is open; nullptr where the system does not map it. What it
// holds until its memory dies counts for the thread's environment. `name` is for the error.
c10::DataPtr map_file(int descriptor, size_t size, std::string_view name);

// How often pages of mapped files were missing.
extern std::atomic<uint64_t> missing_pages;

// The file of which a page was missing last.
std::string file_of_missing_page();
