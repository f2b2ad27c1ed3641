#include "training/fused_step.h"

#include <algorithm>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace {

bool are_few(const Tensors& tensors) {
  constexpr int64_t kFew = 32768;
  int64_t numbers = 0;
  for (const at::Tensor& tensor : tensors) {
    if (!tensor.is_cpu()) return false;
    numbers += tensor.numel();
  }
  return numbers < kFew;
}

}  // namespace

bool are_alike(const at::Tensor& parameter, std::initializer_list<at::Tensor> others) {
  const bool real = parameter.is_floating_point() && parameter.layout() == at::kStrided &&
                    parameter.is_non_overlapping_and_dense();
  return real && std::all_of(others.begin(), others.end(), [&](const at::Tensor& other) {
           return !other.defined() ||
                  (other.layout() == at::kStrided &&
                   other.scalar_type() == parameter.scalar_type() &&
                   other.device() == parameter.device() && other.sizes() == parameter.sizes() &&
                   other.strides() == parameter.strides());
         });
}

FewThreads::FewThreads(const Tensors& parameters) {
#ifdef _OPENMP
  if (!are_few(parameters)) return;
  threads_ = omp_get_max_threads();
  omp_set_num_threads(1);
#endif
}

FewThreads::~FewThreads() {
#ifdef _OPENMP
  if (threads_ != 0) omp_set_num_threads(threads_);
#endif
}
