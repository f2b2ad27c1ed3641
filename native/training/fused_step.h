// What optimizers' steps share: parameters gathered for libtorch's fused kernels, one call for all.
#pragma once

#include "exports.h"

// Whether a fused kernel takes a parameter with what belongs to it. The kernels walk raw memory:
// everything must have the parameter's dtype, device and layout, without gaps. Whatever differs
// takes the operators one by one.
bool are_alike(const at::Tensor& parameter, std::initializer_list<at::Tensor> others);

// While it lives, this thread's parallel regions have one thread where the parameters are few: the
// start of a team takes longer than the work then.
class FewThreads {
 public:
  explicit FewThreads(const Tensors& parameters);
  ~FewThreads();
  FewThreads(const FewThreads&) = delete;
  FewThreads& operator=(const FewThreads&) = delete;

 private:
  int threads_ = 0;
};

// What one fused call can take together. There are few, and their order stays.
template <typename Key, typename Group>
using Groups = std::vector<std::pair<Key, Group>>;

template <typename Key, typename Group>
Group& group_of(Groups<Key, Group>& groups, const Key& key) {
  for (auto& [known, group] : groups) {
    if (known == key) return group;
  }
  return groups.emplace_back(key, Group{}).second;
}
