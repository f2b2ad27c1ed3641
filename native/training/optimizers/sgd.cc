#include "training/optimizer.h"

namespace {

struct Sgd {
  static constexpr const char* kName = "SGD";
  enum { kBuffer, kStates };
  static constexpr std::initializer_list<size_t> kLike = {kBuffer};
  using Options = SgdOptions;

  static void check(const Member& member, const Settings& settings) {
    if (settings.implementation == Implementation::Fused) {
      check_fused(member.parameter);
      TORCH_CHECK(!member.gradient.is_sparse(), "`_fused_sgd` does not support sparse gradients");
    }
  }

  // The first gradient is what the buffer begins with.
  static void begin(Member&, const Settings&, const Options&) {}
  static bool needs(size_t, const Member&, const Options&) { return false; }

  static void follow(Member& member, const at::Tensor& gradient, const Options& options) {
    at::Tensor& buffer = member.state[kBuffer];
    if (!buffer.defined()) {
      buffer = gradient.detach().clone();
    } else {
      multiply_(buffer, options.momentum).add_(gradient, 1 - options.dampening);
    }
  }

  static void single(Member& member, const Settings& settings, const Options& options) {
    const at::Tensor& parameter = member.parameter;
    at::Tensor gradient = ascending(member, settings);
    if (settings.decays()) {
      const Value& decay = settings.weight_decay;
      gradient = decay.is_tensor() && decay.tensor().requires_grad()
                     ? gradient.addcmul_(parameter.clone(), decay.tensor())
                     : gradient.add(parameter, decay.number());
    }
    if (options.momentum != 0) {
      follow(member, gradient, options);
      const at::Tensor& buffer = member.state[kBuffer];
      gradient = options.nesterov ? gradient.add(buffer, options.momentum) : buffer;
    }
    const Value& lr = settings.lr;
    if (lr.is_tensor() && lr.tensor().requires_grad()) {
      parameter.addcmul_(gradient, lr.tensor(), -1);
    } else {
      parameter.add_(gradient, (-lr).number());
    }
  }

  static void multi(const std::vector<Member*>& members, const Settings& settings,
                    const Options& options) {
    const bool moving = options.momentum != 0;
    std::vector<Member*> together;
    for (Member* const member : members) {
      const bool alone = member->gradient.is_sparse() || member->parameter.is_complex() ||
                         (moving && !member->state[kBuffer].defined());
      if (alone) {
        single(*member, settings, options);
      } else {
        together.push_back(member);
      }
    }
    for (const Group& group : grouped(together, kStates, kLike, false)) {
      Tensors gradients = with_decay(group, settings);
      if (moving) {
        const Tensors& buffers = group.state[kBuffer];
        at::_foreach_mul_(buffers, options.momentum);
        at::_foreach_add_(buffers, gradients, 1 - options.dampening);
        gradients =
            options.nesterov ? at::_foreach_add(gradients, buffers, options.momentum) : buffers;
      }
      at::_foreach_add_(group.parameters, gradients, (-settings.lr).number());
    }
  }

  static std::vector<Member*> fused(const std::vector<Member*>& members, const Settings& settings,
                                    const Options& options) {
    const bool moving = options.momentum != 0;
    std::vector<Member*> rest, first, later;
    for (Member* const member : members) {
      at::Tensor& buffer = member->state[kBuffer];
      if (!(moving ? is_fusable(*member, kLike) : is_fusable(*member, {}))) {
        rest.push_back(member);
      } else if (moving && !buffer.defined()) {
        buffer = at::empty_like(member->parameter);
        first.push_back(member);
      } else {
        later.push_back(member);
      }
    }
    for (const auto* const part : {&first, &later}) {
      const auto take = [&](Group& group, const auto& lr) {
        at::_fused_sgd_(group.parameters, group.gradients,
                        moving ? group.state[kBuffer] : Tensors(), settings.weight_decay.number(),
                        options.momentum, lr, options.dampening, options.nesterov,
                        settings.maximize, part == &first);
      };
      step_groups(*part, settings, kStates, take);
    }
    return rest;
  }
};

}  // namespace

void export_sgd(Environment& env, napi_value exports) {
  export_function(env, exports, "sgd_step", enter<optimizer_step<Sgd>>);
}
