// A sequence through all layers and both directions as one autograd node (CPU, float and double),
// where libtorch's own path makes a few nodes for each time step. Input projections, weight
// gradients and input gradients are one matrix product each over all steps; only W_hh's products
// are in the time loop (recurrent_kernels.h). Whatever this cannot do goes to libtorch's operators,
// and so does the graph of a gradient (create_graph).
#include "recurrent.h"

#include <ATen/TensorSubclassLikeUtils.h>
#include <ATen/Version.h>
#include <ATen/autocast_mode.h>
#include <ATen/record_function.h>
#include <torch/csrc/autograd/custom_function.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "call.h"
#include "recurrent_kernels.h"

namespace {

using recurrent::Cell;
using recurrent::Packing;
using recurrent::Rows;
using Tensors = std::vector<at::Tensor>;

// What the layers are, and how the sequences lie in memory.
struct Settings {
  Cell cell;
  bool has_biases;
  int64_t layers;
  double dropout;
  bool train, bidirectional, batch_first;
  at::Tensor batch_sizes;        // packed sequences: how many there are at each step
  std::vector<int64_t> offsets;  // where the rows of each step begin, and their number

  bool lstm() const { return cell == Cell::kLstm; }
  bool packed() const { return batch_sizes.defined(); }
  int64_t directions() const { return bidirectional ? 2 : 1; }
  int64_t steps() const { return static_cast<int64_t>(offsets.size()) - 1; }
  int64_t rows() const { return offsets.back(); }
  int64_t sequences() const { return offsets[1]; }
  bool uniform() const { return rows() == steps() * sequences(); }
  bool drops() const { return train && dropout > 0 && layers > 1; }
};

// The tensors of a call: input, h_0 and c_0 (undefined: zeros; no c_0 but in an LSTM), and for each
// layer and direction w_ih, w_hh, b_ih and b_hh where there are biases, w_hr with projections.
struct Arguments {
  at::Tensor input, h_0, c_0;
  Tensors weights;

  // In one list, without those that are undefined, and back.
  Tensors all() const {
    Tensors result{input};
    if (h_0.defined()) result.push_back(h_0);
    if (c_0.defined()) result.push_back(c_0);
    result.insert(result.end(), weights.begin(), weights.end());
    return result;
  }
  Arguments like(const Tensors& all) const { return of(all, h_0.defined(), c_0.defined()); }
  static Arguments of(at::TensorList all, bool has_h_0, bool has_c_0) {
    size_t next = 1;
    const at::Tensor h_0 = has_h_0 ? all[next++] : at::Tensor();
    const at::Tensor c_0 = has_c_0 ? all[next++] : at::Tensor();
    return {all[0], h_0, c_0, all.slice(next).vec()};
  }
};

struct Weights {
  at::Tensor w_ih, w_hh, b_ih, b_hh, w_hr;
};

size_t weights_per_direction(const Settings& settings, const Arguments& arguments) {
  return arguments.weights.size() / static_cast<size_t>(settings.layers * settings.directions());
}

Weights weights_of(const Settings& settings, const Arguments& arguments, int64_t layer,
                   int64_t direction) {
  const size_t each = weights_per_direction(settings, arguments);
  const at::Tensor* first = arguments.weights.data() +
                            static_cast<size_t>(layer * settings.directions() + direction) * each;
  Weights result{first[0], first[1], {}, {}, {}};
  if (settings.has_biases) {
    result.b_ih = first[2];
    result.b_hh = first[3];
  }
  if (each % 2 == 1) result.w_hr = first[each - 1];
  return result;
}

// --- libtorch's own path ---------------------------------------------------------------------

int64_t state_size(const Settings& settings, const Arguments& arguments) {
  return weights_of(settings, arguments, 0, 0).w_hh.size(1);
}

at::Tensor initial_state(const Settings& settings, const Arguments& arguments,
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

// --- one direction of one layer ----------------------------------------------------------------

const std::string& capability() {
  static const std::string name = at::get_cpu_capability();
  return name;
}

template <typename T>
recurrent::Kernels<T> kernels() {
#ifdef TSTORCH_X86
  if (capability() == "AVX512") return recurrent::avx512::kernels<T>();
  if (capability() == "AVX2") return recurrent::avx2::kernels<T>();
#endif
  return recurrent::baseline::kernels<T>();
}

template <typename T>
Rows<T> rows_of(const at::Tensor& tensor) {
  if (!tensor.defined()) return {};
  return {tensor.data_ptr<std::remove_const_t<T>>(), tensor.stride(0)};
}

// Calls work(thread, threads) on a team that can meet at barriers; alone where the steps are small.
template <typename Work>
void on_team(double operations_per_step, const Work& work) {
#ifdef _OPENMP
  // Two threads meet in about a microsecond, in which one does this many operations.
  constexpr double kWorthwhile = 200e3;
  const int threads = at::get_num_threads();
  if (threads > 1 && operations_per_step > kWorthwhile && !at::in_parallel_region()) {
#pragma omp parallel num_threads(threads)
    work(omp_get_thread_num(), omp_get_num_threads());
    return;
  }
#endif
  work(0, 1);
}

void wait_for_team() {
#ifdef _OPENMP
#pragma omp barrier
#endif
}

// --- one-hot inputs ------------------------------------------------------------------------------

// The places of the ones where each row of x has a single 1 and zeros, as tokens have after
// one_hot; otherwise undefined. A product with such rows is a choice of rows, and its gradient a
// sum of rows.
template <typename T>
at::Tensor places_of_ones(const at::Tensor& x) {
  const int64_t rows = x.size(0);
  const int64_t width = x.size(1);
  const at::Tensor places = at::empty({rows}, at::kLong);
  int64_t* place = places.data_ptr<int64_t>();
  const T* row = x.data_ptr<T>();
  for (int64_t r = 0; r < rows; ++r, row += width) {
    place[r] = -1;
    for (int64_t i = 0; i < width; ++i) {
      if (row[i] == T(0)) continue;
      if (row[i] != T(1) || place[r] != -1) return {};
      place[r] = i;
    }
    if (place[r] == -1) return {};
  }
  return places;
}

// The sum of the rows of `from` by their places: x^T from, where x has its ones there.
template <typename T>
at::Tensor sums_by_place(const at::Tensor& from, const at::Tensor& places, int64_t width) {
  const at::Tensor result = at::zeros({width, from.size(1)}, from.options());
  const Rows<T> source = rows_of<T>(from);
  const Rows<T> target = rows_of<T>(result);
  const int64_t* place = places.data_ptr<int64_t>();
  at::parallel_for(0, from.size(1), 256, [&](int64_t begin, int64_t end) {
    for (int64_t row = 0; row < from.size(0); ++row) {
      const T* addend = source[row];
      T* sum = target[place[row]];
      for (int64_t i = begin; i < end; ++i) sum[i] += addend[i];
    }
  });
  return result;
}

// --- one direction of one layer, continued ---------------------------------------------------

// What forward leaves for backward. Rows are those of the packed sequences.
struct Trace {
  at::Tensor gates, cells, candidates, unprojected;
};
constexpr size_t kTraceTensors = 4;

// One direction of one layer, with all that its products need.
struct Direction {
  const Settings& settings;
  bool reverse;
  Weights weights;
  at::Tensor h_0, c_0;  // contiguous; undefined: zeros
  at::Tensor output;    // (rows, state), a part of the layer's output
  Trace trace;

  int64_t hidden() const { return weights.w_hh.size(0) / recurrent::gates_of(settings.cell); }
  int64_t state() const { return weights.w_hh.size(1); }
  bool projects() const { return weights.w_hr.defined(); }

  double operations_per_step() const {
    const double step = 2.0 * static_cast<double>(weights.w_hh.numel()) *
                        static_cast<double>(settings.rows()) /
                        static_cast<double>(settings.steps());
    return step;
  }

  template <typename T, typename L>
  void describe(L& layer) const {
    layer.cell = settings.cell;
    layer.steps = {settings.steps(), settings.offsets.data(), reverse};
    layer.hidden = hidden();
    layer.state = state();
    layer.gates = rows_of<T>(trace.gates);
    layer.cells = rows_of<T>(trace.cells);
    layer.candidates = rows_of<T>(trace.candidates);
    layer.unprojected = rows_of<T>(trace.unprojected);
    layer.output = rows_of<T>(output);
    layer.h_0 = rows_of<const T>(h_0);
    layer.c_0 = rows_of<const T>(c_0);
  }

  // Packs the weights and runs the time loop.
  template <typename T, typename L>
  void run(L& layer, Packing packing, Packing projection_packing,
           void (*recurrent::Kernels<T>::*loop)(const L&, int, int)) const {
    const recurrent::Kernels<T> kernel = kernels<T>();
    const Cell cell = settings.cell;
    const at::Tensor w_hh = weights.w_hh.contiguous();
    const at::Tensor w_hr = projects() ? weights.w_hr.contiguous() : at::Tensor();
    const at::Tensor packed =
        at::empty({kernel.packed_size(packing, cell, w_hh.size(0), w_hh.size(1))}, w_hh.options());
    at::Tensor packed_projection;
    layer.recurrent = packed.data_ptr<T>();
    if (projects()) {
      packed_projection =
          at::empty({kernel.packed_size(projection_packing, cell, w_hr.size(0), w_hr.size(1))},
                    w_hr.options());
      layer.projection = packed_projection.data_ptr<T>();
    }
    on_team(operations_per_step(), [&](int thread, int threads) {
      kernel.pack(packing, cell, w_hh.size(0), w_hh.size(1), rows_of<const T>(w_hh),
                  packed.data_ptr<T>(), thread, threads);
      if (projects()) {
        kernel.pack(projection_packing, cell, w_hr.size(0), w_hr.size(1), rows_of<const T>(w_hr),
                    packed_projection.data_ptr<T>(), thread, threads);
      }
      wait_for_team();
      (kernel.*loop)(layer, thread, threads);
    });
  }

  // Fills `output` and `trace` from x (rows, input size), whose ones are at `places` if it is
  // one-hot.
  template <typename T>
  void forward(const at::Tensor& x, const at::Tensor& places) {
    const int64_t rows = settings.rows();
    const at::Tensor w_ih = weights.w_ih.t();
    const auto project = [&](const at::Tensor& bias) {
      if (places.defined()) {
        const at::Tensor choices = bias.defined() ? w_ih + bias : w_ih;
        return choices.contiguous().index_select(0, places);
      }
      return bias.defined() ? at::addmm(bias, x, w_ih) : at::mm(x, w_ih);
    };
    const bool gru = settings.cell == Cell::kGru;
    if (settings.has_biases) {
      at::Tensor bias = weights.b_ih + weights.b_hh;
      // A GRU's reset gate is in front of all that n has from h, b_hn too.
      if (gru)
        bias.narrow(0, 2 * hidden(), hidden())
            .copy_(weights.b_ih.narrow(0, 2 * hidden(), hidden()));
      trace.gates = project(bias);
    } else {
      trace.gates = project({});
    }
    if (settings.lstm()) trace.cells = at::empty({rows, hidden()}, x.options());
    if (gru) trace.candidates = at::empty({rows, hidden()}, x.options());
    if (projects()) trace.unprojected = at::empty({rows, hidden()}, x.options());
    recurrent::Forward<T> layer;
    describe<T>(layer);
    const at::Tensor b_hh = gru && settings.has_biases ? weights.b_hh.contiguous() : at::Tensor();
    if (b_hh.defined()) layer.candidate_bias = b_hh.data_ptr<T>() + 2 * hidden();
    run<T>(layer, Packing::kGates, Packing::kTransposed, &recurrent::Kernels<T>::forward);
  }

  // Which rows follow another one of their sequence, which one, and the first row of each sequence.
  struct Links {
    at::Tensor following, before, first;
  };

  Links links() const {
    std::vector<int64_t> following, before, first(static_cast<size_t>(settings.sequences()));
    const auto& offsets = settings.offsets;
    for (int64_t t = 0; t < settings.steps(); ++t) {
      const int64_t there = reverse ? t + 1 : t - 1;
      const int64_t count = offsets[t + 1] - offsets[t];
      const bool inside = there >= 0 && there < settings.steps();
      const int64_t shared = inside ? std::min(count, offsets[there + 1] - offsets[there]) : 0;
      for (int64_t row = 0; row < count; ++row) {
        if (row < shared) {
          following.push_back(offsets[t] + row);
          before.push_back(offsets[there] + row);
        } else {
          first[static_cast<size_t>(row)] = offsets[t] + row;
        }
      }
    }
    return {at::tensor(following, at::kLong), at::tensor(before, at::kLong),
            at::tensor(first, at::kLong)};
  }

  // Gradients. `d_output` (rows, state), `d_h_n` and `d_c_n` (sequences, *) may be undefined.
  struct Gradients {
    at::Tensor x, h_0, c_0;
    Weights weights;
  };
  struct Needs {
    bool x, h_0, c_0, w_ih, w_hh, b_ih, b_hh, w_hr;
  };

  template <typename T>
  Gradients backward(const at::Tensor& x, const at::Tensor& places, const at::Tensor& d_output,
                     const at::Tensor& d_h_n, const at::Tensor& d_c_n, const Needs& needs) const {
    const int64_t rows = settings.rows();
    const int64_t H = hidden();
    const bool gru = settings.cell == Cell::kGru;
    // Rows that are a power of two apart would compete for the same lines of the cache.
    constexpr int64_t kLine = 64 / sizeof(T);
    const int64_t width = gru ? 4 * H : weights.w_hh.size(0);
    const at::Tensor d_gates =
        at::empty({rows, width + kLine}, weights.w_hh.options()).narrow(1, 0, width);
    at::Tensor carry, d_hidden;
    if (gru || settings.lstm()) carry = at::empty({settings.sequences(), H}, d_gates.options());
    if (projects()) d_hidden = at::empty({rows, state()}, d_gates.options());
    recurrent::Backward<T> layer;
    describe<T>(layer);
    layer.d_output = rows_of<const T>(d_output);
    layer.d_h_n = rows_of<const T>(d_h_n);
    layer.d_c_n = rows_of<const T>(d_c_n);
    layer.d_gates = rows_of<T>(d_gates);
    layer.carry = rows_of<T>(carry);
    layer.d_hidden = rows_of<T>(d_hidden);
    run<T>(layer, Packing::kPlain, Packing::kPlain, &recurrent::Kernels<T>::backward);

    Gradients result;
    // A GRU's columns are n, r, z, and n as h sees it; its weights' rows are r, z, n.
    const at::Tensor recurrent_part = gru ? d_gates.narrow(1, H, 3 * H) : d_gates;
    if (gru) {
      const at::Tensor n = d_gates.narrow(1, 0, H);
      const at::Tensor r_z = d_gates.narrow(1, H, 2 * H);
      const auto rows_n = [&](const at::Tensor& all) { return all.narrow(0, 2 * H, H); };
      const auto rows_r_z = [&](const at::Tensor& all) { return all.narrow(0, 0, 2 * H); };
      if (needs.x) {
        result.x = at::mm(n, rows_n(weights.w_ih)).addmm_(r_z, rows_r_z(weights.w_ih));
      }
      if (needs.w_ih) {
        result.weights.w_ih = at::empty({3 * H, x.size(1)}, x.options());
        at::Tensor lower = rows_n(result.weights.w_ih);
        at::Tensor upper = rows_r_z(result.weights.w_ih);
        if (places.defined()) {
          const at::Tensor sums = sums_by_place<T>(d_gates.narrow(1, 0, 3 * H), places, x.size(1));
          lower.copy_(sums.narrow(1, 0, H).t());
          upper.copy_(sums.narrow(1, H, 2 * H).t());
        } else {
          at::mm_out(lower, n.t(), x);
          at::mm_out(upper, r_z.t(), x);
        }
      }
      if (needs.b_ih || needs.b_hh) {
        const at::Tensor sums = d_gates.sum(0);
        result.weights.b_hh = sums.narrow(0, H, 3 * H).contiguous();
        result.weights.b_ih = at::cat({sums.narrow(0, H, 2 * H), sums.narrow(0, 0, H)});
      }
    } else {
      if (needs.x) result.x = at::mm(d_gates, weights.w_ih);
      if (needs.w_ih) {
        result.weights.w_ih = places.defined()
                                  ? sums_by_place<T>(d_gates, places, x.size(1)).t().contiguous()
                                  : at::mm(d_gates.t(), x);
      }
      if (needs.b_ih || needs.b_hh) {
        result.weights.b_ih = d_gates.sum(0);
        result.weights.b_hh = result.weights.b_ih.clone();
      }
    }
    at::Tensor first;
    if (settings.uniform()) {
      const int64_t batch = settings.sequences();
      const int64_t others = rows - batch;
      first = recurrent_part.narrow(0, reverse ? others : 0, batch);
      if (needs.w_hh) {
        result.weights.w_hh = at::mm(recurrent_part.narrow(0, reverse ? 0 : batch, others).t(),
                                     output.narrow(0, reverse ? batch : 0, others));
      }
    } else {
      const Links link = links();
      first = recurrent_part.index_select(0, link.first);
      if (needs.w_hh) {
        result.weights.w_hh = at::mm(recurrent_part.index_select(0, link.following).t(),
                                     output.index_select(0, link.before));
      }
    }
    if (needs.w_hh && h_0.defined()) result.weights.w_hh.addmm_(first.t(), h_0);
    if (needs.h_0) {
      result.h_0 = at::mm(first, weights.w_hh);
      if (gru) result.h_0.add_(carry);
    }
    if (needs.c_0) result.c_0 = carry;
    if (needs.w_hr) result.weights.w_hr = at::mm(d_hidden.t(), trace.unprojected);
    return result;
  }
};

// --- all layers as one node
// ------------------------------------------------------------------------

// The last state of each sequence in rows (rows, size).
at::Tensor last_states(const Settings& settings, const at::Tensor& rows, bool reverse) {
  const int64_t batch = settings.sequences();
  if (reverse) return rows.narrow(0, 0, batch);
  if (settings.uniform()) return rows.narrow(0, settings.rows() - batch, batch);
  std::vector<int64_t> last(static_cast<size_t>(batch));
  for (int64_t t = 0; t < settings.steps(); ++t) {
    for (int64_t row = settings.offsets[t]; row < settings.offsets[t + 1]; ++row) {
      last[static_cast<size_t>(row - settings.offsets[t])] = row;
    }
  }
  return rows.index_select(0, at::tensor(last, at::kLong));
}

// Row form (rows, size) of (L, N, size), (N, L, size) with batch_first, or packed data.
at::Tensor to_rows(const Settings& settings, const at::Tensor& tensor) {
  if (!tensor.defined()) return tensor;
  if (settings.packed()) return tensor.contiguous();
  const at::Tensor steps_first = settings.batch_first ? tensor.transpose(0, 1) : tensor;
  return steps_first.contiguous().view({settings.rows(), tensor.size(2)});
}

at::Tensor from_rows(const Settings& settings, const at::Tensor& rows) {
  if (settings.packed()) return rows;
  const at::Tensor steps_first = rows.view({settings.steps(), settings.sequences(), rows.size(1)});
  return settings.batch_first ? steps_first.transpose(0, 1) : steps_first;
}

at::Tensor part_of_state(const at::Tensor& states, int64_t index) {
  return states.defined() ? states.select(0, index).contiguous() : states;
}

// What one layer leaves for backward.
struct LayerTrace {
  at::Tensor x;       // its input (rows, size)
  at::Tensor places;  // of the ones in x, if it is one-hot
  at::Tensor output;  // (rows, directions x state)
  at::Tensor mask;    // what dropout multiplied the output with; undefined without
  Trace directions[2];
};

Direction direction_of(const Settings& settings, const Arguments& arguments, int64_t layer,
                       int64_t direction, const LayerTrace& trace) {
  const int64_t index = layer * settings.directions() + direction;
  Weights weights = weights_of(settings, arguments, layer, direction);
  const int64_t state = weights.w_hh.size(1);
  return {settings,
          direction == 1,
          std::move(weights),
          part_of_state(arguments.h_0, index),
          part_of_state(arguments.c_0, index),
          trace.output.narrow(1, direction * state, state),
          trace.directions[direction]};
}

struct Results {
  at::Tensor output, h_n, c_n;
  std::vector<LayerTrace> traces;
};

template <typename T>
Results forward_layers(const Settings& settings, const Arguments& arguments) {
  Results results;
  Tensors h_n, c_n;
  at::Tensor x = to_rows(settings, arguments.input);
  const int64_t state = state_size(settings, arguments);
  for (int64_t layer = 0; layer < settings.layers; ++layer) {
    LayerTrace trace;
    trace.x = x;
    if (layer == 0) trace.places = places_of_ones<T>(x);
    trace.output = at::empty({settings.rows(), settings.directions() * state}, x.options());
    for (int64_t d = 0; d < settings.directions(); ++d) {
      Direction direction = direction_of(settings, arguments, layer, d, trace);
      direction.forward<T>(x, trace.places);
      h_n.push_back(last_states(settings, direction.output, d == 1));
      if (settings.lstm()) c_n.push_back(last_states(settings, direction.trace.cells, d == 1));
      trace.directions[d] = direction.trace;
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
    results.traces.push_back(std::move(trace));
  }
  results.output = from_rows(settings, x);
  results.h_n = at::stack(h_n);
  if (settings.lstm()) results.c_n = at::stack(c_n);
  return results;
}

// For which of the arguments a gradient is wanted.
struct Needed {
  bool input, h_0, c_0;
  std::vector<bool> weights;

  Needed(const Arguments& arguments, const torch::autograd::AutogradContext& context)
      : h_0(false), c_0(false) {
    size_t next = 0;
    input = context.needs_input_grad(next++);
    if (arguments.h_0.defined()) h_0 = context.needs_input_grad(next++);
    if (arguments.c_0.defined()) c_0 = context.needs_input_grad(next++);
    for (size_t i = 0; i < arguments.weights.size(); ++i) {
      weights.push_back(context.needs_input_grad(next++));
    }
  }
};

template <typename T>
Arguments backward_layers(const Settings& settings, const Arguments& arguments,
                          const std::vector<LayerTrace>& traces, const Tensors& gradients,
                          const Needed& needed) {
  const int64_t directions = settings.directions();
  const size_t each = weights_per_direction(settings, arguments);
  Arguments result;
  result.weights.resize(arguments.weights.size());
  Tensors d_h_0, d_c_0;
  at::Tensor d_layer = to_rows(settings, gradients[0]);
  for (int64_t layer = settings.layers - 1; layer >= 0; --layer) {
    const LayerTrace& trace = traces[static_cast<size_t>(layer)];
    at::Tensor d_x;
    for (int64_t d = directions - 1; d >= 0; --d) {
      const Direction direction = direction_of(settings, arguments, layer, d, trace);
      const int64_t index = layer * directions + d;
      const size_t first = static_cast<size_t>(index) * each;
      const bool projects = direction.projects();
      const bool biases = settings.has_biases;
      const std::vector<bool>& wanted = needed.weights;
      const Direction::Needs needs{layer > 0 || needed.input,
                                   needed.h_0,
                                   needed.c_0,
                                   wanted[first],
                                   wanted[first + 1],
                                   biases && wanted[first + 2],
                                   biases && wanted[first + 3],
                                   projects && wanted[first + each - 1]};
      const at::Tensor d_output = d_layer.defined()
                                      ? d_layer.narrow(1, d * direction.state(), direction.state())
                                      : at::Tensor();
      Direction::Gradients here = direction.backward<T>(
          trace.x, trace.places, d_output, part_of_state(gradients[1], index),
          settings.lstm() ? part_of_state(gradients[2], index) : at::Tensor(), needs);
      if (needs.w_ih) result.weights[first] = here.weights.w_ih;
      if (needs.w_hh) result.weights[first + 1] = here.weights.w_hh;
      if (needs.b_ih) result.weights[first + 2] = here.weights.b_ih;
      if (needs.b_hh) result.weights[first + 3] = here.weights.b_hh;
      if (needs.w_hr) result.weights[first + each - 1] = here.weights.w_hr;
      if (needs.h_0) d_h_0.insert(d_h_0.begin(), here.h_0);
      if (needs.c_0) d_c_0.insert(d_c_0.begin(), here.c_0);
      if (needs.x) d_x = d_x.defined() ? d_x.add_(here.x) : here.x;
    }
    if (layer == 0) {
      if (needed.input) result.input = from_rows(settings, d_x);
    } else {
      const at::Tensor& mask = traces[static_cast<size_t>(layer) - 1].mask;
      d_layer = mask.defined() ? d_x.mul_(mask) : d_x;
    }
  }
  if (needed.h_0) result.h_0 = at::stack(d_h_0);
  if (needed.c_0) result.c_0 = at::stack(d_c_0);
  return result;
}

// A call of forward_layers or backward_layers for the dtype.
template <typename Body>
auto for_dtype(at::ScalarType dtype, const Body& body) {
  return dtype == at::kDouble ? body(double{}) : body(float{});
}

// What a node remembers beside tensors.
struct Remembered : torch::CustomClassHolder {
  Remembered(Settings settings, bool has_h_0, bool has_c_0)
      : settings(std::move(settings)), has_h_0(has_h_0), has_c_0(has_c_0) {}
  const Settings settings;
  const bool has_h_0, has_c_0;
};

class Sequence : public torch::autograd::Function<Sequence> {
 public:
  using Context = torch::autograd::AutogradContext;

  // `tensors`: Arguments::all().
  static Tensors forward(Context* context, at::TensorList tensors, const Remembered& remembered) {
    const at::AutoDispatchBelowADInplaceOrView guard;
    const Settings& settings = remembered.settings;
    const Arguments arguments = Arguments::of(tensors, remembered.has_h_0, remembered.has_c_0);
    Results results = for_dtype(arguments.input.scalar_type(), [&](auto number) {
      return forward_layers<decltype(number)>(settings, arguments);
    });
    // The last layer's output is saved as the caller sees it: an error, should it change.
    Tensors saved = tensors.vec();
    saved.push_back(results.output);
    for (LayerTrace& trace : results.traces) {
      const bool last = &trace == &results.traces.back();
      saved.insert(saved.end(),
                   {trace.x, trace.places, last ? at::Tensor() : trace.output, trace.mask});
      for (const Trace& direction : trace.directions) {
        saved.insert(saved.end(), {direction.gates, direction.cells, direction.candidates,
                                   direction.unprojected});
      }
    }
    context->save_for_backward(std::move(saved));
    context->saved_data["remembered"] =
        c10::IValue::make_capsule(c10::make_intrusive<Remembered>(remembered));
    context->set_materialize_grads(false);
    Tensors outputs{results.output, results.h_n};
    if (settings.lstm()) outputs.push_back(results.c_n);
    return outputs;
  }

  static Tensors backward(Context* context, Tensors gradients) {
    const Tensors saved = context->get_saved_variables();
    const auto capsule = context->saved_data["remembered"].toCapsule();
    const auto& remembered = static_cast<const Remembered&>(*capsule);
    const Settings& settings = remembered.settings;
    constexpr size_t kPerLayer = 4 + 2 * kTraceTensors;
    const size_t count = saved.size() - 1 - static_cast<size_t>(settings.layers) * kPerLayer;
    const Arguments arguments = Arguments::of(at::TensorList(saved).slice(0, count),
                                              remembered.has_h_0, remembered.has_c_0);
    std::vector<LayerTrace> traces;
    for (size_t at = count + 1; at < saved.size(); at += kPerLayer) {
      LayerTrace trace{saved[at], saved[at + 1], saved[at + 2], saved[at + 3], {}};
      for (size_t d = 0; d < 2; ++d) {
        const at::Tensor* first = saved.data() + at + 4 + d * kTraceTensors;
        trace.directions[d] = {first[0], first[1], first[2], first[3]};
      }
      traces.push_back(std::move(trace));
    }
    if (at::GradMode::is_enabled()) {
      std::vector<bool> needed;
      for (size_t i = 0; i < count; ++i) needed.push_back(context->needs_input_grad(i));
      return differentiable_backward(settings, arguments, traces, gradients, needed);
    }
    const at::AutoDispatchBelowADInplaceOrView guard;
    traces.back().output = to_rows(settings, saved[count]);
    const Needed needed(arguments, *context);
    const Arguments found = for_dtype(arguments.input.scalar_type(), [&](auto number) {
      return backward_layers<decltype(number)>(settings, arguments, traces, gradients, needed);
    });
    Tensors result{found.input};
    if (arguments.h_0.defined()) result.push_back(found.h_0);
    if (arguments.c_0.defined()) result.push_back(found.c_0);
    result.insert(result.end(), found.weights.begin(), found.weights.end());
    result.emplace_back();  // for `remembered`
    return result;
  }

 private:
  // With create_graph: libtorch's path again, and its gradient with a graph. The arguments go in as
  // aliases, because one of them may depend on another one, whose gradient must not count that
  // path.
  static Tensors differentiable_backward(const Settings& settings, const Arguments& arguments,
                                         const std::vector<LayerTrace>& traces,
                                         const Tensors& gradients,
                                         const std::vector<bool>& needed) {
    Tensors aliases = arguments.all();
    Tensors wanted;
    for (size_t i = 0; i < aliases.size(); ++i) {
      aliases[i] = aliases[i].view_as(aliases[i]);
      if (needed[i]) wanted.push_back(aliases[i]);
    }
    Tensors masks;
    for (const LayerTrace& trace : traces) {
      if (!trace.mask.defined()) continue;
      masks.push_back(settings.packed() ? trace.mask
                                        : trace.mask.view({settings.steps(), settings.sequences(),
                                                           trace.mask.size(1)}));
    }
    const Tensors outputs = libtorch_path(settings, arguments.like(aliases), masks);
    Tensors from, incoming;
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (!gradients[i].defined()) continue;
      from.push_back(outputs[i]);
      incoming.push_back(gradients[i]);
    }
    Tensors result(aliases.size() + 1);
    if (from.empty()) return result;
    const Tensors found = torch::autograd::grad(from, wanted, incoming, true, true, true);
    for (size_t i = 0, next = 0; i < aliases.size(); ++i) {
      if (needed[i]) result[i] = found[next++];
    }
    return result;
  }
};

// --- which path ----------------------------------------------------------------------------------

bool plain(const at::Tensor& tensor, const at::Tensor& like) {
  return tensor.defined() && tensor.layout() == at::kStrided && tensor.is_cpu() &&
         tensor.scalar_type() == like.scalar_type() && !at::isTensorSubclassLike(tensor) &&
         !tensor.is_conj() && !tensor.is_neg() && !tensor._fw_grad(0).defined();
}

bool has_sizes(const at::Tensor& tensor, at::IntArrayRef sizes) { return tensor.sizes() == sizes; }

// Everything that raw pointers rely on. Whatever is not as expected is libtorch's to do, or to
// refuse.
bool fusable(Settings& settings, const Arguments& arguments) {
  const at::Tensor& x = arguments.input;
  const at::ScalarType dtype = x.scalar_type();
  if (dtype != at::kFloat && dtype != at::kDouble && dtype != at::kBFloat16) return false;
  if (at::autocast::is_autocast_enabled(at::kCPU)) return false;
  if (!plain(x, x) || x.dim() != (settings.packed() ? 2 : 3) || x.numel() == 0) return false;
  const int64_t directions = settings.directions();
  const auto parts = static_cast<size_t>(settings.layers * directions);
  if (settings.layers < 1 || arguments.weights.empty() || arguments.weights.size() % parts != 0) {
    return false;
  }
  const size_t each = arguments.weights.size() / parts;
  const size_t without_projection = settings.has_biases ? 4 : 2;
  const bool projects = each == without_projection + 1;
  if (each != without_projection && !(projects && settings.lstm())) return false;
  for (const at::Tensor& weight : arguments.weights) {
    if (!plain(weight, x)) return false;
  }
  // Where the rows of each step are.
  if (settings.packed()) {
    const at::Tensor& sizes = settings.batch_sizes;
    if (!sizes.is_cpu() || sizes.scalar_type() != at::kLong || sizes.dim() != 1 ||
        sizes.numel() == 0) {
      return false;
    }
    const at::Tensor contiguous = sizes.contiguous();
    const int64_t* count = contiguous.data_ptr<int64_t>();
    settings.offsets.assign(1, 0);
    for (int64_t t = 0; t < sizes.numel(); ++t) {
      if (count[t] < 1 || (t > 0 && count[t] > count[t - 1])) return false;
      settings.offsets.push_back(settings.offsets.back() + count[t]);
    }
    if (settings.rows() != x.size(0)) return false;
  } else {
    const int64_t steps = x.size(settings.batch_first ? 1 : 0);
    const int64_t batch = x.size(settings.batch_first ? 0 : 1);
    settings.offsets.resize(static_cast<size_t>(steps) + 1);
    for (int64_t t = 0; t <= steps; ++t) settings.offsets[static_cast<size_t>(t)] = t * batch;
  }
  const Weights first = weights_of(settings, arguments, 0, 0);
  if (first.w_hh.dim() != 2) return false;
  const int64_t gates = recurrent::gates_of(settings.cell);
  const int64_t hidden = first.w_hh.size(0) / gates;
  const int64_t state = first.w_hh.size(1);
  if (hidden < 1 || state < 1 || (!projects && state != hidden)) return false;
  for (int64_t layer = 0; layer < settings.layers; ++layer) {
    const int64_t width = layer == 0 ? x.size(-1) : directions * state;
    for (int64_t d = 0; d < directions; ++d) {
      const Weights weights = weights_of(settings, arguments, layer, d);
      const bool right = has_sizes(weights.w_ih, {gates * hidden, width}) &&
                         has_sizes(weights.w_hh, {gates * hidden, state}) &&
                         (!settings.has_biases || (has_sizes(weights.b_ih, {gates * hidden}) &&
                                                   has_sizes(weights.b_hh, {gates * hidden}))) &&
                         (!projects || has_sizes(weights.w_hr, {state, hidden}));
      if (!right) return false;
    }
  }
  const int64_t states = settings.layers * directions;
  const auto state_fits = [&](const at::Tensor& given, int64_t size) {
    return !given.defined() ||
           (plain(given, x) && has_sizes(given, {states, settings.sequences(), size}));
  };
  return state_fits(arguments.h_0, state) && state_fits(arguments.c_0, hidden);
}

const char* name_of(Cell cell) {
  switch (cell) {
    case Cell::kLstm:
      return "tstorch::lstm";
    case Cell::kGru:
      return "tstorch::gru";
    case Cell::kRelu:
      return "tstorch::rnn_relu";
    default:
      return "tstorch::rnn_tanh";
  }
}

Tensors run(Settings& settings, const Arguments& arguments, bool fused) {
  if (!fused || !fusable(settings, arguments)) return libtorch_path(settings, arguments);
  if (arguments.input.scalar_type() == at::kBFloat16) {
    // In single precision from the first step to the last; only what comes out is rounded.
    Tensors all = arguments.all();
    for (at::Tensor& tensor : all) tensor = tensor.to(at::kFloat);
    Tensors results = run(settings, arguments.like(all), true);
    for (at::Tensor& tensor : results) tensor = tensor.to(at::kBFloat16);
    return results;
  }
  RECORD_FUNCTION(name_of(settings.cell), std::vector<c10::IValue>{});
  const Tensors all = arguments.all();
  return Sequence::apply(at::TensorList(all),
                         Remembered(settings, arguments.h_0.defined(), arguments.c_0.defined()));
}

// recurrent(cell, input, batch_sizes or null, h_0 or null, c_0 or null, weights, Float64Array[
// has_biases, layers, dropout, train, bidirectional, batch_first, fused]) -> [output, h_n, c_n?]
napi_value recurrent_sequence(Call& call) {
  const std::vector<double> numbers = call.numbers(6);
  TYPE_CHECK(numbers.size() == 7, "expected 7 numbers");
  const int64_t cell = call.integer(0);
  TYPE_CHECK(cell >= 0 && cell <= 3, "no such cell");
  TYPE_CHECK(numbers[1] >= 1 && numbers[1] <= 1e6, "the number of layers must be from 1 on");
  Settings settings{static_cast<Cell>(cell),
                    numbers[0] != 0,
                    static_cast<int64_t>(numbers[1]),
                    numbers[2],
                    numbers[3] != 0,
                    numbers[4] != 0,
                    numbers[5] != 0,
                    call.tensor_or_undefined(2),
                    {}};
  const Arguments arguments{call.tensor(1), call.tensor_or_undefined(3),
                            call.tensor_or_undefined(4), call.tensors(5)};
  const auto fewest =
      static_cast<size_t>(settings.layers * settings.directions()) * (settings.has_biases ? 4 : 2);
  TYPE_CHECK(arguments.weights.size() >= fewest, "expected at least ", fewest, " weights, got ",
             arguments.weights.size());
  for (const at::Tensor& weight : arguments.weights) {
    TYPE_CHECK(weight.defined() && weight.dim() >= 1, "a weight is missing");
  }
  const Tensors results = run(settings, arguments, numbers[6] != 0);
  napi_value result = nullptr;
  check_napi(call.raw(), napi_create_array_with_length(call.raw(), results.size(), &result));
  for (size_t i = 0; i < results.size(); ++i) {
    check_napi(call.raw(), napi_set_element(call.raw(), result, static_cast<uint32_t>(i),
                                            call.handle(results[i])));
  }
  return result;
}

}  // namespace

void export_recurrent(Environment& env, napi_value exports) {
  export_function(env, exports, "recurrent", enter<recurrent_sequence>);
}
