#include "optim.h"

#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>

#include <algorithm>
#include <cmath>
#include <tuple>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace {

using Tensors = std::vector<at::Tensor>;

// libtorch's fused kernels walk raw memory: everything must have the parameter's dtype, device and
// layout, without gaps. Whatever differs takes the operators one by one.
bool alike(const at::Tensor& parameter, std::initializer_list<at::Tensor> others) {
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

void check_gradient(const at::Tensor& gradient, const char* optimizer) {
  TORCH_CHECK(!gradient.is_sparse(), optimizer, " does not support sparse gradients");
}

// Complex numbers are optimized as pairs of real ones.
at::Tensor as_real(const at::Tensor& tensor) {
  return tensor.defined() && tensor.is_complex() ? at::view_as_real(tensor) : tensor;
}

// While it lives, this thread's parallel regions have one thread: for little work, the start of a
// team takes longer than the work.
class Alone {
 public:
  explicit Alone(bool wanted) {
#ifdef _OPENMP
    if (!wanted) return;
    threads_ = omp_get_max_threads();
    omp_set_num_threads(1);
#endif
  }
  ~Alone() {
#ifdef _OPENMP
    if (threads_ != 0) omp_set_num_threads(threads_);
#endif
  }
  Alone(const Alone&) = delete;
  Alone& operator=(const Alone&) = delete;

 private:
  int threads_ = 0;
};

bool little(const Tensors& tensors) {
  constexpr int64_t kLittle = 32768;
  int64_t numbers = 0;
  for (const at::Tensor& tensor : tensors) {
    if (!tensor.is_cpu()) return false;
    numbers += tensor.numel();
  }
  return numbers < kLittle;
}

// Autograd must see that a parameter changed, should an older graph still need its former value.
void mark_changed(const Tensors& tensors) {
  for (const at::Tensor& tensor : tensors) tensor.unsafeGetTensorImpl()->bump_version();
}

std::vector<double> scalars(const Call& call, size_t index, size_t expected) {
  std::vector<double> numbers = call.numbers(index);
  TYPE_CHECK(numbers.size() == expected, "expected ", expected, " numbers");
  return numbers;
}

void check_lengths(const Tensors& parameters, std::initializer_list<const Tensors*> lists) {
  for (const Tensors* list : lists) {
    TORCH_CHECK(list->size() == parameters.size(), "expected ", parameters.size(),
                " tensors of state, got ", list->size());
  }
}

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

// The learning rate: a number, or a tensor, which a captured CUDA graph reads anew at each replay.
struct LearningRate {
  double number;
  at::Tensor tensor;

  double value() const { return tensor.defined() ? tensor.item().toDouble() : number; }
};

LearningRate learning_rate(const Call& call, double number, size_t index) {
  LearningRate lr{number, call.tensor_or_undefined(index)};
  TYPE_CHECK(!lr.tensor.defined() || lr.tensor.numel() == 1,
             "a learning rate that is a tensor must have one element");
  return lr;
}

// Calls `fused` with what libtorch's kernel takes for the learning rate on this device.
template <typename Fused>
void with_learning_rate(const LearningRate& lr, const c10::Device& device, Fused&& fused) {
  if (lr.tensor.defined()) {
    fused(lr.tensor.to(device, lr.tensor.scalar_type()));
  } else {
    fused(lr.number);
  }
}

// --- SGD -------------------------------------------------------------------------------------

struct SgdOptions {
  LearningRate lr;
  double momentum, dampening, weight_decay;
  bool nesterov, maximize;
};

struct SgdGroup {
  Tensors parameters, gradients, buffers;
};

void sgd_fused(SgdGroup& group, const SgdOptions& options, bool first) {
  if (group.parameters.empty()) return;
  const at::AutoDispatchBelowADInplaceOrView guard;
  const Alone alone(little(group.parameters));
  with_learning_rate(options.lr, group.parameters.front().device(), [&](const auto& lr) {
    at::_fused_sgd_(group.parameters, group.gradients, group.buffers, options.weight_decay,
                    options.momentum, lr, options.dampening, options.nesterov, options.maximize,
                    first);
  });
  mark_changed(group.parameters);
}

// torch.optim.sgd._single_tensor_sgd for one parameter.
void sgd_single(const at::Tensor& parameter, at::Tensor gradient, at::Tensor& buffer,
                const SgdOptions& options) {
  if (options.maximize) gradient = gradient.neg();
  if (options.weight_decay != 0) gradient = gradient.add(parameter, options.weight_decay);
  if (options.momentum != 0) {
    if (!buffer.defined()) {
      buffer = gradient.detach().clone();
    } else {
      buffer.mul_(options.momentum).add_(gradient, 1 - options.dampening);
    }
    gradient = options.nesterov ? gradient.add(buffer, options.momentum) : buffer;
  }
  parameter.add_(gradient, -options.lr.value());
}

// sgd_step(parameters, buffers, Float64Array[lr, momentum, dampening, weight_decay, nesterov,
// maximize], lr as a tensor or null) -> null, or the handles of the momentum buffers with new ones
// where there were none.
napi_value sgd_step(Call& call) {
  const at::NoGradGuard no_grad;
  const Tensors parameters = call.tensors(0);
  Tensors buffers = call.tensors(1);
  check_lengths(parameters, {&buffers});
  const std::vector<double> numbers = scalars(call, 2, 6);
  const SgdOptions options{learning_rate(call, numbers[0], 3),
                           numbers[1],
                           numbers[2],
                           numbers[3],
                           numbers[4] != 0,
                           numbers[5] != 0};
  using Key = std::tuple<at::ScalarType, c10::Device, bool>;
  Groups<Key, SgdGroup> groups;
  std::vector<bool> created(parameters.size());
  for (size_t i = 0; i < parameters.size(); ++i) {
    const at::Tensor& parameter = parameters[i];
    const at::Tensor gradient = parameter.grad();
    if (!gradient.defined()) continue;
    check_gradient(gradient, "SGD");
    created[i] = options.momentum != 0 && !buffers[i].defined();
    if (!alike(parameter, {gradient, buffers[i]})) {
      sgd_single(parameter, gradient, buffers[i], options);
      continue;
    }
    if (created[i]) buffers[i] = at::empty_like(parameter);
    const Key key{parameter.scalar_type(), parameter.device(), created[i]};
    SgdGroup& members = group_of(groups, key);
    members.parameters.push_back(parameter);
    members.gradients.push_back(gradient);
    if (options.momentum != 0) members.buffers.push_back(buffers[i]);
  }
  for (auto& [key, group] : groups) sgd_fused(group, options, std::get<bool>(key));
  if (std::find(created.begin(), created.end(), true) == created.end()) return call.null();
  napi_value result = nullptr;
  check_napi(call.raw(), napi_create_array_with_length(call.raw(), parameters.size(), &result));
  for (size_t i = 0; i < parameters.size(); ++i) {
    check_napi(call.raw(), napi_set_element(call.raw(), result, static_cast<uint32_t>(i),
                                            created[i] ? call.handle(buffers[i]) : call.null()));
  }
  return result;
}

// --- Adam ------------------------------------------------------------------------------------

struct AdamOptions {
  LearningRate lr;
  double beta1, beta2, eps, weight_decay;
  bool amsgrad, maximize, decoupled_weight_decay;
};

struct AdamGroup {
  Tensors parameters, gradients, averages, squares, maxima, steps;
};

// torch.optim.adam._single_tensor_adam for one parameter.
void adam_single(const at::Tensor& whole, const at::Tensor& whole_gradient,
                 const at::Tensor& whole_average, const at::Tensor& whole_square,
                 const at::Tensor& whole_maximum, double step, const AdamOptions& options) {
  const double lr = options.lr.value();
  const at::Tensor parameter = as_real(whole);
  at::Tensor gradient = as_real(whole_gradient);
  const at::Tensor average = as_real(whole_average);
  const at::Tensor square = as_real(whole_square);
  const at::Tensor maximum = as_real(whole_maximum);
  if (options.maximize) gradient = gradient.neg();
  if (options.decoupled_weight_decay) {
    parameter.mul_(1 - lr * options.weight_decay);
  } else if (options.weight_decay != 0) {
    gradient = gradient.add(parameter, options.weight_decay);
  }
  average.lerp_(gradient, 1 - options.beta1);
  square.mul_(options.beta2).addcmul_(gradient, gradient, 1 - options.beta2);
  const double correction1 = 1 - std::pow(options.beta1, step);
  const double correction2 = std::sqrt(1 - std::pow(options.beta2, step));
  if (options.amsgrad) at::maximum_out(const_cast<at::Tensor&>(maximum), maximum, square);
  const at::Tensor root = (options.amsgrad ? maximum : square).sqrt();
  const at::Tensor denominator = root.div_(correction2).add_(options.eps);
  parameter.addcdiv_(average, denominator, -lr / correction1);
}

// adam_step(parameters, averages, squares, maxima, steps, Float64Array[lr, beta1, beta2, eps,
// weight_decay, amsgrad, maximize, decoupled_weight_decay], lr as a tensor or null). On a GPU the
// steps are there too, and nothing is read from it.
napi_value adam_step(Call& call) {
  const at::NoGradGuard no_grad;
  const Tensors parameters = call.tensors(0);
  const Tensors averages = call.tensors(1);
  const Tensors squares = call.tensors(2);
  const Tensors maxima = call.tensors(3);
  const Tensors steps = call.tensors(4);
  check_lengths(parameters, {&averages, &squares, &maxima, &steps});
  const std::vector<double> numbers = scalars(call, 5, 8);
  const AdamOptions options{learning_rate(call, numbers[0], 6),
                            numbers[1],
                            numbers[2],
                            numbers[3],
                            numbers[4],
                            numbers[5] != 0,
                            numbers[6] != 0,
                            numbers[7] != 0};
  using Key = std::tuple<at::ScalarType, c10::Device>;
  Groups<Key, AdamGroup> groups;
  Tensors counted_on_device;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const at::Tensor& parameter = parameters[i];
    const at::Tensor gradient = parameter.grad();
    if (!gradient.defined()) continue;
    check_gradient(gradient, "Adam");
    TORCH_CHECK(averages[i].defined() && squares[i].defined() && steps[i].defined() &&
                    maxima[i].defined() == options.amsgrad,
                "a parameter with a gradient has no Adam state");
    TORCH_CHECK(steps[i].numel() == 1, "an Adam step must hold one number");
    const bool fusable = steps[i].scalar_type() == at::kFloat &&
                         alike(parameter, {gradient, averages[i], squares[i], maxima[i]});
    if (steps[i].is_cpu() && steps[i].scalar_type() == at::kFloat) {
      *steps[i].data_ptr<float>() += 1;
    } else if (fusable && steps[i].device() == parameter.device()) {
      counted_on_device.push_back(steps[i]);
    } else {
      steps[i].add_(1);
    }
    if (!fusable) {
      adam_single(parameter, gradient, averages[i], squares[i], maxima[i],
                  steps[i].item().toDouble(), options);
      continue;
    }
    const Key key{parameter.scalar_type(), parameter.device()};
    AdamGroup& members = group_of(groups, key);
    members.parameters.push_back(parameter);
    members.gradients.push_back(gradient);
    members.averages.push_back(averages[i]);
    members.squares.push_back(squares[i]);
    if (options.amsgrad) members.maxima.push_back(maxima[i]);
    members.steps.push_back(
        steps[i].device() == parameter.device() ? steps[i] : steps[i].to(parameter.device()));
  }
  if (!counted_on_device.empty()) at::_foreach_add_(counted_on_device, 1);
  for (const auto& [key, group] : groups) {
    const at::AutoDispatchBelowADInplaceOrView guard;
    const Alone alone(little(group.parameters));
    const auto step = [&, &group = group](auto fused) {
      with_learning_rate(options.lr, group.parameters.front().device(), [&](const auto& lr) {
        fused(group.parameters, group.gradients, group.averages, group.squares, group.maxima,
              group.steps, lr, options.beta1, options.beta2, options.weight_decay, options.eps,
              options.amsgrad, options.maximize);
      });
    };
    if (options.decoupled_weight_decay) {
      step([](auto&&... arguments) { at::_fused_adamw_(arguments...); });
    } else {
      step([](auto&&... arguments) { at::_fused_adam_(arguments...); });
    }
    mark_changed(group.parameters);
  }
  return call.undefined();
}

}  // namespace

void export_optim(Environment& env, napi_value exports) {
  export_function(env, exports, "sgd_step", enter<sgd_step>);
  export_function(env, exports, "adam_step", enter<adam_step>);
}
