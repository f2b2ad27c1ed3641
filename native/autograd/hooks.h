// JavaScript functions that one place of a graph calls, in the order in which they were added. They
// may add and remove hooks of that very place while they run.
#pragma once

#include <algorithm>

#include "binding/call.h"
#include "binding/callback.h"

// What a gradient was before a hook saw it. The nodes that come next take its dtype, device and
// sizes for granted, so that what comes out of the hook must have the same, as in Python: another
// tensor, or the same one, which the hook may have changed in place.
class GradientForm {
 public:
  explicit GradientForm(const at::Tensor& gradient);
  void check(const at::Tensor& result) const;

 private:
  bool defined_;
  at::TensorOptions options_;
  std::string type_;
  at::DimVector sizes_;
};

class HookList : public std::enable_shared_from_this<HookList> {
 public:
  using Hooks = std::vector<std::pair<uint32_t, std::shared_ptr<Callback>>>;

  // Adds a function of JavaScript's, which the call has as its argument `index` and, as the next
  // one, the edges of the object that it hangs on (memory/references.h): they refer to it until it
  // is removed. Gives the function that removes it.
  napi_value add(const Call& call, size_t index, Callback::Condition may_go);

  void remove(uint32_t id) {
    hooks_.erase(std::remove_if(hooks_.begin(), hooks_.end(),
                                [id](const auto& hook) { return hook.first == id; }),
                 hooks_.end());
  }

  // A copy: what runs may change the list.
  Hooks hooks() const { return hooks_; }

 private:
  Hooks hooks_;
};
