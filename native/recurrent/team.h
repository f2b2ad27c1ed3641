// The threads that go through the time steps together.
#pragma once

#ifdef _OPENMP
#include <omp.h>
#endif

#include "torch.h"

namespace recurrent {

// Calls work(thread, threads) on a team that can meet at barriers; alone where the steps are small.
template <typename Work>
void on_team(double operations_per_step, const Work& work) {
#ifdef _OPENMP
  // Two threads meet in about a microsecond, in which one does this many operations.
  constexpr double kWorthwhile = 200e3;
  const int threads = at::get_num_threads();
  if (threads > 1 && operations_per_step > kWorthwhile && !at::in_parallel_region()) {
#pragma omp parallel num_threads(threads)
    work(omp_get_thread_num(), omp_get_num_threads());
    return;
  }
#endif
  work(0, 1);
}

inline void wait_for_team() {
#ifdef _OPENMP
#pragma omp barrier
#endif
}

}  // namespace recurrent
