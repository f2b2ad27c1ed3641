// Recurrent layers by libtorch's own operators: for what the kernels do not do, and for the graph
// of a gradient.
#include "recurrent_layers.h"

namespace recurrent {

static at::Tensor initial_state(const Settings& settings, const Arguments& arguments,
                                const at::Tensor& given, int64_t size) {
  if (given.defined()) return given;
  const int64_t sequences = settings.packed() ? settings.batch_sizes[0].item<int64_t>()
                                              : arguments.input.size(settings.batch_first ? 0 : 1);
  return at::zeros({settings.layers * settings.directions(), sequences, size},
                   arguments.input.options());
}

Tensors libtorch_path(const Settings& settings, const Arguments& arguments) {
  const auto& [cell, biases, layers, dropout, train, both, batch_first, sizes, offsets] = settings;
  const at::Tensor& x = arguments.input;
  const Tensors& w = arguments.weights;
  const at::Tensor h_0 =
      initial_state(settings, arguments, arguments.h_0, state_size(settings, arguments));
  if (settings.lstm()) {
    const int64_t hidden = weights_of(settings, arguments, 0, 0).w_hh.size(0) / 4;
    const at::Tensor c_0 = initial_state(settings, arguments, arguments.c_0, hidden);
    const auto [output, h_n, c_n] =
        settings.packed()
            ? at::lstm(x, sizes, {h_0, c_0}, w, biases, layers, dropout, train, both)
            : at::lstm(x, {h_0, c_0}, w, biases, layers, dropout, train, both, batch_first);
    return {output, h_n, c_n};
  }
  const auto run = [&](auto padded, auto packed) -> Tensors {
    const auto [output, h_n] =
        settings.packed() ? packed(x, sizes, h_0, w, biases, layers, dropout, train, both)
                          : padded(x, h_0, w, biases, layers, dropout, train, both, batch_first);
    return {output, h_n};
  };
#define RUN(op) \
  run([](auto&&... a) { return at::op(a...); }, [](auto&&... a) { return at::op(a...); })
  if (cell == Cell::kGru) return RUN(gru);
  return cell == Cell::kTanh ? RUN(rnn_tanh) : RUN(rnn_relu);
#undef RUN
}

// The same with dropout's masks given: layer by layer.
Tensors libtorch_path(const Settings& settings, const Arguments& arguments, const Tensors& masks) {
  if (masks.empty()) return libtorch_path(settings, arguments);
  Settings one = settings;
  one.layers = 1;
  one.dropout = 0;
  const int64_t directions = settings.directions();
  const auto each = static_cast<size_t>(directions) * weights_per_direction(settings, arguments);
  at::Tensor x = arguments.input;
  std::vector<Tensors> states(2);
  for (int64_t layer = 0; layer < settings.layers; ++layer) {
    const auto part = [&](const at::Tensor& state) {
      return state.defined() ? state.narrow(0, layer * directions, directions) : state;
    };
    const auto first = arguments.weights.begin() + layer * static_cast<int64_t>(each);
    const Arguments these{x, part(arguments.h_0), part(arguments.c_0),
                          Tensors(first, first + static_cast<int64_t>(each))};
    const Tensors results = libtorch_path(one, these);
    x = results[0];
    for (size_t i = 1; i < results.size(); ++i) states[i - 1].push_back(results[i]);
    if (layer + 1 == settings.layers) continue;
    const at::Tensor& mask = masks[static_cast<size_t>(layer)];
    x = x * (settings.batch_first ? mask.transpose(0, 1) : mask);
  }
  Tensors result{x, at::cat(states[0])};
  if (settings.lstm()) result.push_back(at::cat(states[1]));
  return result;
}

}  // namespace recurrent
