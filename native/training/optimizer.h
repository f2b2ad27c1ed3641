// What the steps of all optimizers share: one call for all parameters of a group. An optimizer is a
// struct with
//   kName, kStates (how many state tensors a parameter has, its count of steps the first),
//   kLike (which of them have the parameter's shape), Options (of contract.h),
//   check: refuses a parameter; begin: makes the state; needs: which state tensors there must be,
//   single: one parameter's step, by the operators of Python's for-loop,
//   multi: the step of many, by the operators of Python's foreach,
//   own: one parameter's step as a plain loop over its numbers,
//   fused: the step of many by libtorch's own kernel, where it has one.
#pragma once

#include <array>
#include <cmath>

#include "contract.h"
#include "raw/memory.h"
#include "training/fused_step.h"
#include "training/value.h"

constexpr size_t kMostStates = 6;
using States = std::array<at::Tensor, kMostStates>;

// A parameter that has a gradient.
struct Member {
  at::Tensor parameter, gradient;
  States state;
  size_t index;
  double step;  // where the count of steps is a number of JavaScript's
};

// Parameters of one dtype and device.
struct Group {
  Tensors parameters, gradients;
  std::array<Tensors, kMostStates> state;
};

// What the settings of all optimizers have in common.
struct Settings {
  Value lr = 0, weight_decay = 0, beta1 = 0, beta2 = 0;
  bool maximize, capturable, differentiable;
  Implementation implementation;
  at::ScalarType count_dtype;

  bool decays() const { return weight_decay.is_tensor() || weight_decay.number() != 0; }
};

// Reads StepOptions, and the tensors that stand for lr, weight_decay, beta1 and beta2.
Settings read_settings(const Call& call, size_t options, size_t tensors);

at::Tensor as_real(const at::Tensor& tensor);

// The parameter and those of its state tensors that have its shape, complex numbers as pairs.
Member as_real(const Member& member, std::initializer_list<size_t> like);

// -gradient where the goal is the maximum.
inline at::Tensor ascending(const Member& member, const Settings& settings) {
  return settings.maximize ? member.gradient.neg() : member.gradient;
}
inline at::Tensor with_decay(const at::Tensor& gradient, const at::Tensor& parameter,
                             const Settings& settings) {
  return settings.decays() ? gradient.add(parameter, settings.weight_decay.number()) : gradient;
}
// The gradients of a group, with sign and decay.
Tensors with_decay(const Group& group, const Settings& settings);
// parameters *= 1 - lr weight_decay
void shrink(const Group& group, const Settings& settings);

// A count of steps at 0, or what else there is one of for each parameter; on the parameter's device
// where the step must not wait for it.
at::Tensor scalar_state(const Member& member, const Settings& settings, double value = 0,
                        bool on_device = false);

// Counts a step; its number.
double advance(const at::Tensor& count);
// The same, as a tensor where the step's arithmetic is recorded or captured.
Value advance(const at::Tensor& count, bool as_tensor);

void check_sparse(const Member& member, const char* optimizer);
// What libtorch's fused kernels take by Python's rules.
void check_fused(const at::Tensor& parameter);
// The devices on which steps can be captured.
void check_capturable(std::initializer_list<at::Tensor> tensors, const char* names);

// Whether libtorch's fused kernels may.
bool is_fusable(const Member& member, std::initializer_list<size_t> like);

// Whether plain loops may run over the numbers of a parameter, its gradient and its state.
bool is_ownable(const Member& member, std::initializer_list<size_t> like);

// f(parameter, gradient, state...) for each number.
template <typename T, size_t... states, typename Function>
void for_each(const Member& member, std::index_sequence<states...>, const Function& function) {
  T* const parameter = member.parameter.mutable_data_ptr<T>();
  const T* const gradient = member.gradient.const_data_ptr<T>();
  const std::array<T*, sizeof...(states)> state{member.state[states].mutable_data_ptr<T>()...};
  const auto run = [&]<size_t... i>(int64_t begin, int64_t end, std::index_sequence<i...>) {
    for (int64_t k = begin; k < end; ++k) function(parameter[k], gradient[k], state[i][k]...);
  };
  constexpr auto all = std::make_index_sequence<sizeof...(states)>();
  constexpr int64_t kGrain = 32768;
  const int64_t numbers = member.parameter.numel();
  if (numbers <= kGrain) {
    run(0, numbers, all);
  } else {
    at::parallel_for(0, numbers, kGrain, [&](int64_t begin, int64_t end) { run(begin, end, all); });
  }
}

// The gradient of a plain loop, with sign and decay.
template <typename T>
class Slope {
 public:
  explicit Slope(const Settings& settings, bool decays = true)
      : maximize_(settings.maximize), decay_(decays ? settings.weight_decay.number() : 0) {}
  T operator()(T parameter, T gradient) const {
    if (maximize_) gradient = -gradient;
    return decay_ != 0 ? gradient + decay_ * parameter : gradient;
  }

 private:
  bool maximize_;
  T decay_;
};

// The groups of a foreach: by dtype, device, and what else the optimizer tells apart.
std::vector<Group> grouped(const std::vector<Member*>& members, size_t states,
                           std::initializer_list<size_t> like, bool by_dimensions);

// take(group, lr) for each dtype and device.
template <typename Take>
void step_groups(const std::vector<Member*>& members, const Settings& settings, size_t states,
                 const Take& take) {
  for (Group& group : grouped(members, states, {}, false)) {
    const FewThreads threads(group.parameters);
    if (settings.lr.is_tensor()) {
      const at::Tensor& lr = settings.lr.tensor();
      take(group, lr.to(group.parameters.front().device(), lr.scalar_type()));
    } else {
      take(group, settings.lr.number());
    }
  }
}

// Counts the steps of what libtorch's fused kernels can take, and calls take(group, lr) for it.
// Gives the rest.
template <typename Take>
std::vector<Member*> step_fused(const std::vector<Member*>& members, const Settings& settings,
                                size_t states, std::initializer_list<size_t> like,
                                const Take& take) {
  std::vector<Member*> rest, taken;
  Tensors counts;
  for (Member* const member : members) {
    at::Tensor& count = member->state[0];
    if (count.scalar_type() != at::kFloat || count.numel() != 1 || !is_fusable(*member, like)) {
      rest.push_back(member);
      continue;
    }
    taken.push_back(member);
    if (count.is_cpu()) {
      advance(count);
      if (!member->parameter.is_cpu()) count = count.to(member->parameter.device());
    } else {
      counts.push_back(count);
    }
  }
  if (!counts.empty()) at::_foreach_add_(counts, 1);
  step_groups(taken, settings, states, take);
  return rest;
}

// Tells autograd of what is about to change.
void mark_changed(const std::vector<Member>& members);

template <typename Optimizer>
void step_members(std::vector<Member>& members, const Settings& settings,
                  typename Optimizer::Options& options) {
  constexpr bool has_multi = requires { &Optimizer::multi; };
  constexpr bool has_fused = requires { &Optimizer::fused; };
  constexpr bool has_own = requires { &Optimizer::template own<float>; };
  Implementation implementation = settings.implementation;
  // Steps that autograd records are those of the for-loop.
  if (at::GradMode::is_enabled()) implementation = Implementation::Single;
  const bool on_gpu = std::all_of(members.begin(), members.end(), [](const Member& member) {
    return member.parameter.is_cuda() && !member.gradient.is_sparse();
  });
  if (implementation == Implementation::Default) {
    implementation = on_gpu ? Implementation::Foreach : Implementation::Single;
  } else if (implementation == Implementation::Own) {
    if (has_fused) {
      implementation = Implementation::Fused;
    } else if (on_gpu) {
      implementation = Implementation::Foreach;
    }
  }
  std::vector<Member*> rest;
  Tensors parameters;
  for (Member& member : members) {
    rest.push_back(&member);
    parameters.push_back(member.parameter);
  }
  std::optional<FewThreads> threads;
  if (implementation == Implementation::Own) threads.emplace(parameters);
  if constexpr (has_fused) {
    if (implementation == Implementation::Fused) rest = Optimizer::fused(rest, settings, options);
  }
  if constexpr (has_own) {
    if (implementation == Implementation::Own && !settings.capturable) {
      std::vector<Member*> others;
      for (Member* const member : rest) {
        std::optional<Member> pairs;
        if (member->parameter.is_complex()) pairs = as_real(*member, Optimizer::kLike);
        const Member& real = pairs ? *pairs : *member;
        if (!is_ownable(real, Optimizer::kLike)) {
          others.push_back(member);
        } else if (real.parameter.scalar_type() == at::kDouble) {
          Optimizer::template own<double>(real, settings, options);
        } else {
          Optimizer::template own<float>(real, settings, options);
        }
      }
      rest = std::move(others);
    }
  }
  if constexpr (has_multi) {
    if (implementation == Implementation::Foreach && !settings.capturable) {
      Optimizer::multi(rest, settings, options);
      return;
    }
  }
  for (Member* const member : rest) Optimizer::single(*member, settings, options);
}

// step(parameters, states, StepOptions, the optimizer's own options, tensors that stand for
// settings, counts of steps that are numbers) -> null, or the handles of the state tensors that are
// new. All state tensors of one name follow each other.
template <typename Optimizer>
napi_value optimizer_step(Call& call) {
  constexpr size_t count = Optimizer::kStates;
  const Tensors parameters = call.tensors(0);
  const Tensors states = call.tensors(1);
  TYPE_CHECK(states.size() == count * parameters.size(), "expected ", count * parameters.size(),
             " tensors of state, got ", states.size());
  const Settings settings = read_settings(call, 2, 4);
  auto options = call.record<typename Optimizer::Options>(3);
  const std::vector<double> steps = call.given(5) ? call.numbers(5) : std::vector<double>();
  TYPE_CHECK(steps.empty() || steps.size() == parameters.size(), "expected ", parameters.size(),
             " counts of steps, got ", steps.size());
  std::vector<Member> members;
  members.reserve(parameters.size());
  for (size_t i = 0; i < parameters.size(); ++i) {
    const at::Tensor& gradient = parameters[i].grad();
    if (!gradient.defined()) continue;
    Member& member =
        members.emplace_back(Member{parameters[i], gradient, {}, i, steps.empty() ? 0 : steps[i]});
    bool begun = false;
    for (size_t j = 0; j < count; ++j) {
      member.state[j] = states[j * parameters.size() + i];
      begun = begun || member.state[j].defined();
    }
    Optimizer::check(member, settings);
    if (!begun) Optimizer::begin(member, settings, options);
    for (size_t j = 0; j < count; ++j) {
      TORCH_CHECK(member.state[j].defined() || !Optimizer::needs(j, member, options),
                  Optimizer::kName,
                  ": the state of a parameter lacks a tensor that the step needs");
    }
  }
  if (members.empty()) return call.null();
  {
    std::optional<at::AutoDispatchBelowADInplaceOrView> guard;
    if (!at::GradMode::is_enabled()) {
      mark_changed(members);
      guard.emplace();
    }
    step_members<Optimizer>(members, settings, options);
  }
  Tensors made(states.size());
  bool any = false;
  for (const Member& member : members) {
    for (size_t j = 0; j < count; ++j) {
      const size_t place = j * parameters.size() + member.index;
      if (!member.state[j].defined() || states[place].defined()) continue;
      made[place] = member.state[j];
      any = true;
    }
  }
  return any ? call.handles(made) : call.null();
}
