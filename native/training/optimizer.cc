#include "training/optimizer.h"

namespace {

at::Tensor squeezed(const at::Tensor& tensor) {
  TYPE_CHECK(tensor.numel() == 1, "a setting that is a tensor must have one element");
  return tensor.dim() == 0 ? tensor : tensor.squeeze();
}

bool holds(const at::Tensor& tensor) {
  const size_t end = (tensor.storage_offset() + tensor.numel()) * tensor.element_size();
  return tensor.has_storage() && tensor.storage().nbytes() >= end;
}

bool is_in_memory(const at::Tensor& tensor, const at::Tensor& like) {
  return is_plain(tensor, like) && tensor.sizes() == like.sizes() &&
         tensor.strides() == like.strides() && holds(tensor);
}

}  // namespace

Settings read_settings(const Call& call, size_t options, size_t tensors) {
  const auto given = call.record<StepOptions>(options);
  TYPE_CHECK(given.implementation >= 0 &&
                 given.implementation <= static_cast<int64_t>(Implementation::Own),
             "there is no such implementation");
  Settings settings{.lr = given.lr,
                    .weight_decay = given.weight_decay,
                    .maximize = given.maximize,
                    .capturable = given.capturable,
                    .differentiable = given.differentiable,
                    .implementation = static_cast<Implementation>(given.implementation),
                    .count_dtype = given.double_counts ? at::kDouble : at::kFloat};
  if (!call.given(tensors)) return settings;
  const Tensors instead = call.tensors(tensors);
  Value* const values[] = {&settings.lr, &settings.weight_decay, &settings.beta1, &settings.beta2};
  TYPE_CHECK(instead.size() == std::size(values), "expected ", std::size(values), " tensors");
  for (size_t i = 0; i < instead.size(); ++i) {
    if (instead[i].defined()) *values[i] = squeezed(instead[i]);
  }
  return settings;
}

at::Tensor as_real(const at::Tensor& tensor) {
  return tensor.defined() && tensor.is_complex() ? at::view_as_real(tensor) : tensor;
}

Member as_real(const Member& member, std::initializer_list<size_t> like) {
  Member real = member;
  if (!member.parameter.is_complex()) return real;
  real.parameter = as_real(member.parameter);
  real.gradient = as_real(member.gradient);
  for (const size_t j : like) real.state[j] = as_real(member.state[j]);
  return real;
}

Tensors with_decay(const Group& group, const Settings& settings) {
  Tensors gradients = group.gradients;
  if (settings.maximize) gradients = at::_foreach_neg(gradients);
  if (settings.decays()) {
    gradients = at::_foreach_add(gradients, group.parameters, settings.weight_decay.number());
  }
  return gradients;
}

void shrink(const Group& group, const Settings& settings) {
  const Value factor = Value(1) - settings.lr * settings.weight_decay;
  if (factor.is_tensor()) {
    at::_foreach_mul_(group.parameters, factor.tensor());
  } else {
    at::_foreach_mul_(group.parameters, factor.number());
  }
}

at::Tensor scalar_state(const Member& member, const Settings& settings, double value,
                        bool on_device) {
  const c10::Device device =
      on_device || settings.capturable ? member.parameter.device() : c10::Device(at::kCPU);
  return at::full({}, value, at::TensorOptions(settings.count_dtype).device(device));
}

double advance(const at::Tensor& count) {
  TORCH_CHECK(count.numel() == 1, "a count of steps must hold one number");
  const bool plain = is_plain(count, count) && holds(count) &&
                     !(count.requires_grad() && at::GradMode::is_enabled());
  if (plain && count.scalar_type() == at::kFloat) return *count.mutable_data_ptr<float>() += 1;
  if (plain && count.scalar_type() == at::kDouble) return *count.mutable_data_ptr<double>() += 1;
  count.add_(1);
  return count.item().toDouble();
}

Value advance(const at::Tensor& count, bool as_tensor) {
  if (!as_tensor) return advance(count);
  count.add_(1);
  return count;
}

void check_sparse(const Member& member, const char* optimizer) {
  TORCH_CHECK(!member.gradient.is_sparse(), optimizer, " does not support sparse gradients");
}

void check_capturable(std::initializer_list<at::Tensor> tensors, const char* names) {
  for (const at::Tensor& tensor : tensors) {
    TORCH_CHECK(tensor.is_cuda(), "If capturable=True, ", names,
                " must be on supported devices: ['cuda'].");
  }
}

void check_fused(const at::Tensor& parameter) {
  TORCH_CHECK(parameter.is_floating_point() && (parameter.is_cpu() || parameter.is_cuda()),
              "`fused=True` requires all the params to be floating point Tensors of supported "
              "devices: ['mps', 'cuda', 'xpu', 'hpu', 'cpu', 'mtia', 'privateuseone'] but torch.",
              c10::getDtypeNames(parameter.scalar_type()).first, " and ",
              c10::DeviceTypeName(parameter.device().type(), true));
}

bool is_fusable(const Member& member, std::initializer_list<size_t> like) {
  const auto fits = [&](const at::Tensor& tensor) {
    return are_alike(member.parameter, {tensor}) && holds(tensor);
  };
  return fits(member.parameter) && fits(member.gradient) &&
         std::all_of(like.begin(), like.end(),
                     [&](size_t j) { return !member.state[j].defined() || fits(member.state[j]); });
}

bool is_ownable(const Member& member, std::initializer_list<size_t> like) {
  const at::Tensor& parameter = member.parameter;
  const at::ScalarType dtype = parameter.scalar_type();
  if (dtype != at::kFloat && dtype != at::kDouble) return false;
  if (!is_in_memory(parameter, parameter) || !parameter.is_non_overlapping_and_dense()) {
    return false;
  }
  if (!is_in_memory(member.gradient, parameter)) return false;
  return std::all_of(like.begin(), like.end(), [&](size_t j) {
    return !member.state[j].defined() || is_in_memory(member.state[j], parameter);
  });
}

std::vector<Group> grouped(const std::vector<Member*>& members, size_t states,
                           std::initializer_list<size_t> like, bool by_dimensions) {
  using Key = std::tuple<at::ScalarType, c10::Device, bool>;
  Groups<Key, Group> groups;
  for (const Member* const member : members) {
    const Key key{member->parameter.scalar_type(), member->parameter.device(),
                  by_dimensions && member->gradient.dim() > 1};
    Group& group = group_of(groups, key);
    const auto push = [&group, states](const Member& real) {
      group.parameters.push_back(real.parameter);
      group.gradients.push_back(real.gradient);
      for (size_t j = 0; j < states; ++j) group.state[j].push_back(real.state[j]);
    };
    if (member->parameter.is_complex()) {
      push(as_real(*member, like));
    } else {
      push(*member);
    }
  }
  std::vector<Group> result;
  for (auto& [key, group] : groups) result.push_back(std::move(group));
  return result;
}

void mark_changed(const std::vector<Member>& members) {
  for (const Member& member : members) {
    member.parameter.unsafeGetTensorImpl()->bump_version();
    for (const at::Tensor& tensor : member.state) {
      if (tensor.defined()) tensor.unsafeGetTensorImpl()->bump_version();
    }
  }
}
