// Checks of the recurrent operators, by the one plan of shapes that recurrent layers have too.
#pragma once

#include "operators/guards.h"

// lstm, gru, rnn_tanh and rnn_relu.
void recurrent_layers(const Overload& overload, torch::jit::Stack& stack);

// lstm_cell, gru_cell, rnn_tanh_cell and rnn_relu_cell: a sequence of one step.
void recurrent_cell(const Overload& overload, torch::jit::Stack& stack);

// Gradients of a cell's arithmetic: _thnn_differentiable_lstm_cell_backward and that of GRU.
void recurrent_cell_backward(const Overload& overload, torch::jit::Stack& stack);
