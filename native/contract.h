// What native/ and lib/ agree on by number. `npm run generate` makes lib/core/generated/contract.ts
// of this file: an enum becomes an object of its numbers, a struct a function that writes its
// fields into a Float64Array (read back by binding/record.h). Fields are double, int64_t or bool.
#pragma once

#include <cstdint>

// What TypeScript says of an operator's argument or result, since a handle and a dtype are numbers
// too. The tags of a call's arguments are the digits of one number with this base, the first last.
enum class Tag { Plain, Tensor, DType };
constexpr int kTagBase = 3;

// An item of an index is four numbers: its kind and three, NaN for what is left open. Integer and
// Boolean have a value, Slice has start, stop and step, Tensor a handle.
enum class IndexKind { None, Integer, Boolean, Ellipsis, Slice, Tensor };
constexpr int kIndexNumbers = 4;

enum class Cell { Tanh, Relu, Lstm, Gru };

struct RecurrentOptions {
  bool has_biases;
  int64_t num_layers;
  double dropout;
  bool train;
  bool bidirectional;
  bool batch_first;
  bool fused;  // not by libtorch's operators, where there is a choice
};

struct SgdOptions {
  double lr;  // of no account where a tensor takes its place
  double momentum;
  double dampening;
  double weight_decay;
  bool nesterov;
  bool maximize;
  bool fused;  // by libtorch's fused kernel for all parameters, where there is a choice
};

struct AdamOptions {
  double lr;
  double beta1;
  double beta2;
  double eps;
  double weight_decay;
  bool amsgrad;
  bool maximize;
  bool decoupled_weight_decay;
  bool fused;  // as in SgdOptions
};
