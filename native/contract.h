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

// How an optimizer's step is computed: Single, Foreach and Fused are Python's implementations,
// Default the one of them that Python takes by itself, Own the quickest there is.
enum class Implementation { Single, Foreach, Fused, Default, Own };

// What the settings of all optimizers have in common. A tensor may take the place of the numbers.
struct StepOptions {
  double lr;
  double weight_decay;
  bool maximize;
  bool capturable;
  bool differentiable;
  int64_t implementation;
  bool double_counts;  // steps are counted in float64
};

struct AdadeltaOptions {
  double rho;
  double eps;
};

struct AdafactorOptions {
  double beta2_decay;
  double eps1;  // NaN: the dtype's
  double eps2;
  double d;
};

struct AdagradOptions {
  double lr_decay;
  double initial_accumulator_value;
  double eps;
};

struct AdamOptions {
  double beta1;
  double beta2;
  double eps;
  bool amsgrad;
  bool decoupled_weight_decay;
};

struct AdamaxOptions {
  double beta1;
  double beta2;
  double eps;
};

struct AsgdOptions {
  double lambd;
  double alpha;
  double t0;
};

enum class MuonRate { Original, MatchRmsAdamw };

struct MuonOptions {
  double momentum;
  bool nesterov;
  double a;
  double b;
  double c;
  double eps;
  int64_t ns_steps;
  int64_t rate;  // a MuonRate
};

struct NadamOptions {
  double beta1;
  double beta2;
  double eps;
  double momentum_decay;
  bool decoupled_weight_decay;
};

struct RadamOptions {
  double beta1;
  double beta2;
  double eps;
  bool decoupled_weight_decay;
};

struct RmspropOptions {
  double alpha;
  double eps;
  double momentum;
  bool centered;
};

struct RpropOptions {
  double eta_minus;
  double eta_plus;
  double least;
  double most;
};

struct SgdOptions {
  double momentum;
  double dampening;
  bool nesterov;
};

struct SparseAdamOptions {
  double beta1;
  double beta2;
  double eps;
};

// How a value of TorchScript's lies between TypeScript and native code: as itself where JavaScript
// has its like, else as an array that begins with its kind. Tensor: a handle. DType: its number.
// List: the items. Tuple: the names of its fields or null, then the items. Dict: whether its keys
// are strings, then keys and values. Object and Module: what owns it, the name of its class.
// Complex: two numbers. Device: its name. Future: its value.
enum class ScriptKind { Tensor, DType, List, Tuple, Dict, Object, Module, Complex, Device, Future };

// What an attribute of a module is.
enum class SlotKind { Attribute, Parameter, Buffer, Module };
