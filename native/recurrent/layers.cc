// All layers and both directions, one after the other, with dropout between them.
#include "recurrent/layers.h"

#include <algorithm>

#include "recurrent/direction.h"
#include "recurrent/one_hot.h"

namespace recurrent {

namespace {

// Rows (rows, size), contiguous, of (L, N, size), (N, L, size) with batch_first, or packed data.
at::Tensor to_rows(const Plan& plan, const at::Tensor& tensor) {
  if (!tensor.defined()) return tensor;
  // A view, also where nothing changes: the node must not hold the very tensor that holds the node.
  if (plan.settings.packed()) return tensor.contiguous().view({plan.rows(), tensor.size(1)});
  const bool swap = plan.settings.batch_first && plan.batch != 1 && plan.steps() != 1;
  const at::Tensor steps_first = swap ? tensor.transpose(0, 1) : tensor;
  return steps_first.contiguous().view({plan.rows(), tensor.size(2)});
}

at::Tensor from_rows(const Plan& plan, const at::Tensor& rows) {
  if (plan.settings.packed()) return rows.view(rows.sizes());
  const at::Tensor steps_first = rows.view({plan.steps(), plan.batch, rows.size(1)});
  return plan.settings.batch_first ? steps_first.transpose(0, 1) : steps_first;
}

// Copies the last state of each sequence into its place in h_n or c_n.
template <typename T>
void keep_last(const Plan& plan, Rows<T> rows, bool reverse, Rows<T> to) {
  const int64_t size = to.stride;
  int64_t t = reverse ? 0 : plan.steps() - 1;
  for (int64_t sequence = 0; sequence < plan.batch; ++sequence) {
    // Longest first: the last step at which a sequence goes on only comes earlier.
    while (plan.offsets[t + 1] - plan.offsets[t] <= sequence) --t;
    const T* from = rows[plan.offsets[t] + sequence];
    std::copy(from, from + size, to[sequence]);
  }
}

template <typename T>
Direction<T> direction_of(const Plan& plan, const Arguments& arguments, int64_t layer,
                          int64_t direction, LayerTrace& trace) {
  const int64_t index = layer * plan.settings.directions() + direction;
  return {.plan = plan,
          .weights = plan.weights_of(arguments, index),
          .direction = direction,
          .index = index,
          .layer = trace,
          .h_0 = arguments.h_0,
          .c_0 = arguments.c_0};
}

}  // namespace

at::Tensor contiguous(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.contiguous() : tensor;
}

Needs Needed::of(const Plan& plan, int64_t layer, int64_t direction) const {
  const Settings& settings = plan.settings;
  const size_t each = plan.weights_per_part();
  const size_t below = static_cast<size_t>(layer * settings.directions()) * each;
  const size_t first = below + static_cast<size_t>(direction) * each;
  const auto begin = weights.begin();
  const auto end = begin + static_cast<std::ptrdiff_t>(below);
  const bool above = layer > 0 && (h_0 || c_0 || std::find(begin, end, true) != end);
  return {.x = input || above,
          .h_0 = h_0,
          .c_0 = c_0,
          .w_ih = weights[first],
          .w_hh = weights[first + 1],
          .b_ih = settings.has_biases && weights[first + 2],
          .b_hh = settings.has_biases && weights[first + 3],
          .w_hr = plan.projects && weights[first + each - 1]};
}

std::vector<bool> values_needed(const Plan& plan, const Arguments& arguments,
                                const Needed& needed) {
  const size_t each = plan.weights_per_part();
  bool input = false, h_0 = false, c_0 = false;
  std::vector<bool> weights(arguments.weights.size());
  for (int64_t part = 0; part < plan.parts(); ++part) {
    const int64_t directions = plan.settings.directions();
    const int64_t layer = part / directions;
    const Needs needs = needed.of(plan, layer, part % directions);
    if (!needs.any()) continue;
    const size_t first = static_cast<size_t>(part) * each;
    input |= layer == 0 && needs.w_ih;
    h_0 |= needs.w_hh;
    Needs others = needs;
    others.c_0 = false;
    c_0 |= others.any();
    weights[first] = needs.x;
    weights[first + 1] = needs.h_0 || plan.steps() > 1;
    if (plan.projects) weights[first + each - 1] = true;
  }
  std::vector<bool> all{input};
  if (arguments.h_0.defined()) all.push_back(h_0);
  if (arguments.c_0.defined()) all.push_back(c_0);
  all.insert(all.end(), weights.begin(), weights.end());
  return all;
}

template <typename T>
Results forward_layers(const Plan& plan, const Arguments& arguments, bool backward_follows) {
  Results results;
  at::Tensor x = to_rows(plan, arguments.input);
  const Settings& settings = plan.settings;
  const int64_t directions = settings.directions();
  const auto states = [&](int64_t size) { return at::empty(plan.state_sizes(size), x.options()); };
  results.h_n = states(plan.state);
  for (int64_t layer = 0; layer < settings.layers; ++layer) {
    LayerTrace& trace = results.traces.emplace_back();
    trace.x = x;
    if (layer == 0) trace.places = places_of_ones<T>(x);
    trace.output = at::empty({plan.rows(), directions * plan.state}, x.options());
    for (int64_t d = 0; d < directions; ++d) {
      const Direction<T> direction = direction_of<T>(plan, arguments, layer, d, trace);
      // Whoever has the last layer's output may change it before backward.
      direction.forward(backward_follows && layer + 1 == settings.layers);
      keep_last(plan, direction.own_columns(trace.output), d == 1,
                rows_of_state<T>(results.h_n, direction.index));
      if (!settings.lstm()) continue;
      if (!results.c_n.defined()) results.c_n = states(plan.hidden);
      keep_last(plan, rows_of<T>(direction.trace().cells), d == 1,
                rows_of_state<T>(results.c_n, direction.index));
    }
    x = trace.output;
    if (settings.drops() && layer + 1 < settings.layers) {
      // As at::dropout does it, so that the generator goes on as in PyTorch.
      const double kept = 1 - settings.dropout;
      trace.mask = at::empty_like(x);
      if (kept > 0) {
        trace.mask.bernoulli_(kept).div_(kept);
      } else {
        trace.mask.zero_();
      }
      x = x * trace.mask;
    }
  }
  results.output = from_rows(plan, x);
  results.traces.back().output.reset();
  return results;
}

template <typename T>
Arguments backward_layers(const Plan& plan, const Arguments& arguments,
                          std::vector<LayerTrace>& traces, const Tensors& gradients,
                          const Needed& needed) {
  const Settings& settings = plan.settings;
  const int64_t directions = settings.directions();
  const size_t each = plan.weights_per_part();
  const at::Tensor d_h_n = contiguous(gradients[1]);
  const at::Tensor d_c_n = settings.lstm() ? contiguous(gradients[2]) : at::Tensor();
  Arguments result;
  result.weights.resize(arguments.weights.size());
  if (needed.h_0) result.h_0 = at::empty_like(arguments.h_0);
  if (needed.c_0) result.c_0 = at::empty_like(arguments.c_0);
  at::Tensor d_layer = to_rows(plan, gradients[0]);
  for (int64_t layer = settings.layers - 1; layer >= 0; --layer) {
    LayerTrace& trace = traces[static_cast<size_t>(layer)];
    at::Tensor d_x;
    for (int64_t d = 0; d < directions; ++d) {
      const Needs needs = needed.of(plan, layer, d);
      if (!needs.any()) continue;
      const Direction<T> direction = direction_of<T>(plan, arguments, layer, d, trace);
      const size_t first = static_cast<size_t>(direction.index) * each;
      const Gradients here =
          direction.backward(d_layer, d_h_n, d_c_n, needs, result.h_0, result.c_0);
      if (needs.w_ih) result.weights[first] = here.weights.w_ih;
      if (needs.w_hh) result.weights[first + 1] = here.weights.w_hh;
      if (needs.b_ih) result.weights[first + 2] = here.weights.b_ih;
      if (needs.b_hh) result.weights[first + 3] = here.weights.b_hh;
      if (needs.w_hr) result.weights[first + each - 1] = here.weights.w_hr;
      if (needs.x) d_x = d_x.defined() ? d_x.add_(here.x) : here.x;
    }
    if (!d_x.defined()) break;
    if (layer == 0) {
      result.input = from_rows(plan, d_x);
    } else {
      const at::Tensor& mask = traces[static_cast<size_t>(layer) - 1].mask;
      d_layer = mask.defined() ? d_x.mul_(mask) : d_x;
    }
  }
  return result;
}

template Results forward_layers<float>(const Plan&, const Arguments&, bool);
template Arguments backward_layers<float>(const Plan&, const Arguments&, std::vector<LayerTrace>&,
                                          const Tensors&, const Needed&);
template Results forward_layers<double>(const Plan&, const Arguments&, bool);
template Arguments backward_layers<double>(const Plan&, const Arguments&, std::vector<LayerTrace>&,
                                           const Tensors&, const Needed&);

}  // namespace recurrent
