#include "recurrent/libtorch_path.h"

namespace recurrent {

Tensors libtorch_path(const Plan& plan, const Arguments& arguments) {
  const Settings& s = plan.settings;
  const at::Tensor x = kept_apart(arguments.input);
  const Tensors w = kept_apart(arguments.weights);
  const auto initial = [&](const at::Tensor& given, int64_t size) {
    return given.defined() ? kept_apart(given) : at::zeros(plan.state_sizes(size), x.options());
  };
  const at::Tensor h_0 = initial(arguments.h_0, plan.state);
  if (s.lstm()) {
    const at::Tensor c_0 = initial(arguments.c_0, plan.hidden);
    const auto [output, h_n, c_n] =
        s.packed() ? at::lstm(x, s.batch_sizes, {h_0, c_0}, w, s.has_biases, s.layers, s.dropout,
                              s.train, s.bidirectional)
                   : at::lstm(x, {h_0, c_0}, w, s.has_biases, s.layers, s.dropout, s.train,
                              s.bidirectional, s.batch_first);
    return {output, h_n, c_n};
  }
  const auto run = [&](auto padded, auto packed) -> Tensors {
    const auto [output, h_n] = s.packed() ? packed(x, s.batch_sizes, h_0, w, s.has_biases, s.layers,
                                                   s.dropout, s.train, s.bidirectional)
                                          : padded(x, h_0, w, s.has_biases, s.layers, s.dropout,
                                                   s.train, s.bidirectional, s.batch_first);
    return {output, h_n};
  };
#define RUN(op) \
  run([](auto&&... a) { return at::op(a...); }, [](auto&&... a) { return at::op(a...); })
  if (s.cell == Cell::Gru) return RUN(gru);
  return s.cell == Cell::Tanh ? RUN(rnn_tanh) : RUN(rnn_relu);
#undef RUN
}

// Layer by layer.
Tensors libtorch_path(const Plan& plan, const Arguments& arguments, const Tensors& masks) {
  if (masks.empty()) return libtorch_path(plan, arguments);
  const Settings& settings = plan.settings;
  Plan one = plan;
  one.settings.layers = 1;
  one.settings.dropout = 0;
  const int64_t directions = settings.directions();
  const auto each = static_cast<size_t>(directions) * plan.weights_per_part();
  at::Tensor x = arguments.input;
  std::vector<Tensors> states(2);
  for (int64_t layer = 0; layer < settings.layers; ++layer) {
    const auto part = [&](const at::Tensor& state) {
      return state.defined() ? state.narrow(0, layer * directions, directions) : state;
    };
    const auto first = arguments.weights.begin() + layer * static_cast<int64_t>(each);
    const Arguments these{.input = x,
                          .h_0 = part(arguments.h_0),
                          .c_0 = part(arguments.c_0),
                          .weights = Tensors(first, first + static_cast<int64_t>(each))};
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
