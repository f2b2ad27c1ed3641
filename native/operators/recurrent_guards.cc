#include "operators/recurrent_guards.h"

#include "operators/named.h"
#include "recurrent/plan.h"

namespace {

using recurrent::Arguments;
using recurrent::Settings;
using torch::jit::Stack;

Cell cell_of(std::string_view name) {
  const auto says = [&](std::string_view word) { return name.find(word) != name.npos; };
  if (says("lstm")) return Cell::Lstm;
  if (says("gru")) return Cell::Gru;
  return says("relu") ? Cell::Relu : Cell::Tanh;
}

// The states of a call: h_0 and in an LSTM c_0.
Tensors states_of(const Named& named, bool lstm) {
  const Tensors states = lstm ? named.at("hx").toTensorVector() : Tensors{named.tensor("hx")};
  TORCH_CHECK(states.size() == (lstm ? 2 : 1), "Expected ", lstm ? "two hidden states" : "a state",
              ", but got ", states.size());
  for (const at::Tensor& state : states) TORCH_CHECK(state.defined(), "a hidden state is missing");
  return states;
}

// What libtorch checks of a cell's input and states, in its words.
void check_cell_sizes(const at::Tensor& input, const Tensors& states, const Tensors& weights) {
  const auto columns = [](const at::Tensor& weight) {
    return weight.defined() && weight.dim() == 2 ? weight.size(1) : -1;
  };
  const int64_t input_size = columns(weights[0]), hidden_size = columns(weights[1]);
  TORCH_CHECK(input_size == -1 || input.size(1) == input_size,
              "input has inconsistent input_size: got ", input.size(1), " expected ", input_size);
  for (size_t i = 0; i < states.size(); ++i) {
    const at::Tensor& state = states[i];
    if (state.dim() != 2) continue;
    TORCH_CHECK(input.size(0) == state.size(0), "Input batch size ", input.size(0),
                " doesn't match hidden", i, " batch size ", state.size(0));
    TORCH_CHECK(hidden_size == -1 || state.size(1) == hidden_size, "hidden", i,
                " has inconsistent hidden_size: got ", state.size(1), ", expected ", hidden_size);
  }
}

}  // namespace

void recurrent_layers(const Overload& overload, Stack& stack) {
  const Named named(overload, stack);
  const bool packed = named.find("batch_sizes") != nullptr;
  const Settings settings{
      .cell = cell_of(overload.handle.schema().name()),
      .has_biases = named.at("has_biases").toBool(),
      .layers = named.integer("num_layers"),
      .bidirectional = named.at("bidirectional").toBool(),
      .batch_first = !packed && named.at("batch_first").toBool(),
      .batch_sizes = packed ? named.tensor("batch_sizes") : at::Tensor(),
  };
  const Tensors states = states_of(named, settings.lstm());
  recurrent::plan(settings, {.input = named.tensor(packed ? "data" : "input"),
                             .h_0 = states.front(),
                             .c_0 = settings.lstm() ? states.back() : at::Tensor(),
                             .weights = named.at("params").toTensorVector()});
  for (at::IValue& value : stack) {
    if (value.isTensor()) value = recurrent::kept_apart(value.toTensor());
    if (value.isTensorList()) value = recurrent::kept_apart(value.toTensorVector());
  }
}

void recurrent_cell(const Overload& overload, Stack& stack) {
  const Named named(overload, stack);
  Settings settings;
  settings.cell = cell_of(overload.handle.schema().name());
  const at::Tensor input = named.tensor("input");
  TORCH_CHECK(input.defined() && input.dim() == 2,
              "Expected the input of a recurrent cell to have 2 dimensions, but got ",
              input.defined() ? input.dim() : 0);
  Arguments arguments;
  arguments.input = input.unsqueeze(0);
  arguments.weights = {named.tensor("w_ih"), named.tensor("w_hh")};
  // As a sequence has them: both biases or none.
  const at::Tensor b_ih = named.tensor("b_ih"), b_hh = named.tensor("b_hh");
  settings.has_biases = b_ih.defined() || b_hh.defined();
  if (settings.has_biases) {
    arguments.weights.push_back(b_ih.defined() ? b_ih : b_hh);
    arguments.weights.push_back(b_hh.defined() ? b_hh : b_ih);
  }
  const Tensors states = states_of(named, settings.lstm());
  check_cell_sizes(input, states, arguments.weights);
  arguments.h_0 = states.front().unsqueeze(0);
  if (settings.lstm()) arguments.c_0 = states.back().unsqueeze(0);
  recurrent::plan(std::move(settings), arguments);
}

void recurrent_cell_backward(const Overload& overload, Stack& stack) {
  const Named named(overload, stack);
  const bool lstm = cell_of(overload.handle.schema().name()) == Cell::Lstm;
  const at::Tensor gates = named.tensor("input_gates");
  const int64_t count = recurrent::gates_of(lstm ? Cell::Lstm : Cell::Gru);
  TORCH_CHECK(gates.defined() && gates.dim() == 2 && gates.size(1) % count == 0,
              "Expected input_gates to have 2 dimensions, the second a multiple of ", count,
              ", but got sizes ", gates.defined() ? gates.sizes() : at::IntArrayRef());
  const int64_t rows = gates.size(0), width = gates.size(1);
  const auto check = [&](const char* name, at::IntArrayRef sizes) {
    if (named.find(name) == nullptr) return;
    const at::Tensor tensor = named.tensor(name);
    TORCH_CHECK(!tensor.defined() || tensor.sizes() == sizes, "Expected ", name, " to have sizes ",
                sizes, ", but got ", tensor.sizes());
  };
  check("hidden_gates", {rows, width});
  for (const char* name : {"input_bias", "hidden_bias"}) check(name, {width});
  for (const char* name : {"grad_hy", "grad_cy", "hx", "cx", "cy"})
    check(name, {rows, width / count});
}
