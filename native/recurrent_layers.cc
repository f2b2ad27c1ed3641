// All layers and both directions, one after the other, with dropout between them.
#include "recurrent_layers.h"

#include "recurrent_direction.h"

namespace recurrent {

namespace {

// Rows (rows, size), contiguous, of (L, N, size), (N, L, size) with batch_first, or packed data.
at::Tensor to_rows(const Settings& settings, const at::Tensor& tensor) {
  if (!tensor.defined()) return tensor;
  // A view, also where nothing changes: the node must not hold the very tensor that holds the node.
  if (settings.packed()) return tensor.contiguous().view({settings.rows(), tensor.size(1)});
  const bool swap = settings.batch_first && settings.sequences() != 1 && settings.steps() != 1;
  const at::Tensor steps_first = swap ? tensor.transpose(0, 1) : tensor;
  return steps_first.contiguous().view({settings.rows(), tensor.size(2)});
}

at::Tensor from_rows(const Settings& settings, const at::Tensor& rows) {
  if (settings.packed()) return rows.view(rows.sizes());
  const at::Tensor steps_first = rows.view({settings.steps(), settings.sequences(), rows.size(1)});
  return settings.batch_first ? steps_first.transpose(0, 1) : steps_first;
}

// Copies the last state of each sequence into its place in h_n or c_n.
template <typename T>
void keep_last(const Settings& settings, Rows<T> rows, bool reverse, Rows<T> to) {
  const int64_t size = to.stride;
  int64_t t = reverse ? 0 : settings.steps() - 1;
  for (int64_t sequence = 0; sequence < settings.sequences(); ++sequence) {
    // Longest first: the last step at which a sequence goes on only comes earlier.
    while (settings.offsets[t + 1] - settings.offsets[t] <= sequence) --t;
    const T* from = rows[settings.offsets[t] + sequence];
    std::copy(from, from + size, to[sequence]);
  }
}

template <typename T>
Direction<T> direction_of(const Settings& settings, const Arguments& arguments, int64_t layer,
                          int64_t direction, LayerTrace& trace) {
  return {settings,     weights_of(settings, arguments, layer, direction),
          direction,    layer * settings.directions() + direction,
          trace,        arguments.h_0,
          arguments.c_0};
}

}  // namespace

at::Tensor contiguous(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.contiguous() : tensor;
}

template <typename T>
Results forward_layers(const Settings& settings, const Arguments& arguments) {
  Results results;
  at::Tensor x = to_rows(settings, arguments.input);
  const int64_t state = state_size(settings, arguments);
  const int64_t directions = settings.directions();
  const auto states = [&](int64_t size) {
    return at::empty({settings.layers * directions, settings.sequences(), size}, x.options());
  };
  results.h_n = states(state);
  for (int64_t layer = 0; layer < settings.layers; ++layer) {
    LayerTrace& trace = results.traces.emplace_back();
    trace.x = x;
    if (layer == 0) trace.places = places_of_ones<T>(x);
    trace.output = at::empty({settings.rows(), directions * state}, x.options());
    for (int64_t d = 0; d < directions; ++d) {
      const Direction<T> direction = direction_of<T>(settings, arguments, layer, d, trace);
      direction.forward();
      keep_last(settings, direction.own_columns(trace.output), d == 1,
                rows_of_state<T>(results.h_n, direction.index));
      if (!settings.lstm()) continue;
      if (!results.c_n.defined()) results.c_n = states(direction.hidden());
      keep_last(settings, rows_of<T>(direction.trace().cells), d == 1,
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
  results.output = from_rows(settings, x);
  return results;
}

template <typename T>
Arguments backward_layers(const Settings& settings, const Arguments& arguments,
                          std::vector<LayerTrace>& traces, const Tensors& gradients,
                          const Needed& needed) {
  const int64_t directions = settings.directions();
  const size_t each = weights_per_direction(settings, arguments);
  const at::Tensor d_h_n = contiguous(gradients[1]);
  const at::Tensor d_c_n = settings.lstm() ? contiguous(gradients[2]) : at::Tensor();
  Arguments result;
  result.weights.resize(arguments.weights.size());
  if (needed.h_0) result.h_0 = at::empty_like(arguments.h_0);
  if (needed.c_0) result.c_0 = at::empty_like(arguments.c_0);
  at::Tensor d_layer = to_rows(settings, gradients[0]);
  for (int64_t layer = settings.layers - 1; layer >= 0; --layer) {
    LayerTrace& trace = traces[static_cast<size_t>(layer)];
    at::Tensor d_x;
    for (int64_t d = 0; d < directions; ++d) {
      const Direction<T> direction = direction_of<T>(settings, arguments, layer, d, trace);
      const size_t first = static_cast<size_t>(direction.index) * each;
      const std::vector<bool>& wanted = needed.weights;
      const bool biases = settings.has_biases;
      const Needs needs{
          layer > 0 || needed.input,   wanted[first],
          wanted[first + 1],           biases && wanted[first + 2],
          biases && wanted[first + 3], direction.projects() && wanted[first + each - 1]};
      const Gradients here =
          direction.backward(d_layer, d_h_n, d_c_n, needs, result.h_0, result.c_0);
      if (needs.w_ih) result.weights[first] = here.weights.w_ih;
      if (needs.w_hh) result.weights[first + 1] = here.weights.w_hh;
      if (needs.b_ih) result.weights[first + 2] = here.weights.b_ih;
      if (needs.b_hh) result.weights[first + 3] = here.weights.b_hh;
      if (needs.w_hr) result.weights[first + each - 1] = here.weights.w_hr;
      if (needs.x) d_x = d_x.defined() ? d_x.add_(here.x) : here.x;
    }
    if (layer == 0) {
      if (needed.input) result.input = from_rows(settings, d_x);
    } else {
      const at::Tensor& mask = traces[static_cast<size_t>(layer) - 1].mask;
      d_layer = mask.defined() ? d_x.mul_(mask) : d_x;
    }
  }
  return result;
}

template <typename T>
void last_layer_again(const Settings& settings, const Arguments& arguments, LayerTrace& trace) {
  trace.output = at::empty_like(trace.output);
  for (int64_t d = 0; d < settings.directions(); ++d) {
    direction_of<T>(settings, arguments, settings.layers - 1, d, trace).forward();
  }
}

template Results forward_layers<float>(const Settings&, const Arguments&);
template Arguments backward_layers<float>(const Settings&, const Arguments&,
                                          std::vector<LayerTrace>&, const Tensors&, const Needed&);
template void last_layer_again<float>(const Settings&, const Arguments&, LayerTrace&);
template Results forward_layers<double>(const Settings&, const Arguments&);
template Arguments backward_layers<double>(const Settings&, const Arguments&,
                                           std::vector<LayerTrace>&, const Tensors&, const Needed&);
template void last_layer_again<double>(const Settings&, const Arguments&, LayerTrace&);

}  // namespace recurrent
