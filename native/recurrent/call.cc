// A call of recurrent layers: by the kernels, or by libtorch's operators whatever they cannot do.
#include <ATen/autocast_mode.h>
#include <ATen/record_function.h>

#include "exports.h"
#include "recurrent/libtorch_path.h"
#include "recurrent/sequence.h"

namespace {

using recurrent::Arguments;
using recurrent::Plan;
using recurrent::Settings;

// Whether the kernels do what was asked for.
bool is_fusable(const Plan& plan, const Arguments& arguments) {
  const at::ScalarType dtype = arguments.input.scalar_type();
  const bool known = dtype == at::kFloat || dtype == at::kDouble || dtype == at::kBFloat16;
  return known && arguments.input.numel() > 0 && plan.hidden > 0 && plan.state > 0 &&
         recurrent::are_plain(arguments) && !at::autocast::is_autocast_enabled(at::kCPU);
}

const char* name_of(Cell cell) {
  switch (cell) {
    case Cell::Lstm:
      return "tstorch::lstm";
    case Cell::Gru:
      return "tstorch::gru";
    case Cell::Relu:
      return "tstorch::rnn_relu";
    default:
      return "tstorch::rnn_tanh";
  }
}

Tensors run(const Plan& plan, const Arguments& arguments, bool fused) {
  if (!fused || !is_fusable(plan, arguments)) return libtorch_path(plan, arguments);
  if (arguments.input.scalar_type() == at::kBFloat16) {
    // In single precision from the first step to the last; only what comes out is rounded.
    Tensors all = arguments.all();
    for (at::Tensor& tensor : all) tensor = tensor.to(at::kFloat);
    Tensors results = run(plan, arguments.like(all), true);
    for (at::Tensor& tensor : results) tensor = tensor.to(at::kBFloat16);
    return results;
  }
  RECORD_FUNCTION(name_of(plan.settings.cell), std::vector<c10::IValue>{});
  return recurrent::run_sequence(plan, arguments);
}

// recurrent(cell, input, batch_sizes or null, h_0 or null, c_0 or null, weights, RecurrentOptions)
// -> [output, h_n, c_n?]
napi_value recurrent_call(Call& call) {
  const int64_t cell = call.integer(0);
  TYPE_CHECK(cell >= 0 && cell <= static_cast<int64_t>(Cell::Gru), "no such cell");
  const auto options = call.record<RecurrentOptions>(6);
  Settings settings{.cell = static_cast<Cell>(cell),
                    .has_biases = options.has_biases,
                    .layers = options.num_layers,
                    .dropout = options.dropout,
                    .train = options.train,
                    .bidirectional = options.bidirectional,
                    .batch_first = options.batch_first,
                    .batch_sizes = call.tensor_or_undefined(2)};
  TYPE_CHECK(settings.lstm() || !call.given(4), "only an LSTM has c_0");
  const Arguments arguments{.input = call.tensor(1),
                            .h_0 = call.tensor_or_undefined(3),
                            .c_0 = call.tensor_or_undefined(4),
                            .weights = call.tensors(5)};
  const Plan plan = recurrent::plan(std::move(settings), arguments);
  return call.handles(with_room(call.env(), [&] { return run(plan, arguments, options.fused); }));
}

}  // namespace

void export_recurrent(Environment& env, napi_value exports) {
  export_function(env, exports, "recurrent", enter<recurrent_call>);
}
