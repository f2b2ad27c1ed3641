// A sequence through all layers and both directions as one autograd node (CPU, float and double),
// where libtorch's own path makes a few nodes for each time step. Input projections, weight
// gradients and input gradients are one matrix product each over all steps; only W_hh's products
// are in the time loop (recurrent_kernels.h). Whatever this cannot do goes to libtorch's operators,
// and so does the graph of a gradient (create_graph).
#include "recurrent.h"

#include <ATen/Version.h>
#include <ATen/autocast_mode.h>
#include <ATen/record_function.h>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "call.h"
#include "fused.h"

namespace {

using recurrent::Cell;
using recurrent::Packing;
using recurrent::Rows;
using Tensors = std::vector<at::Tensor>;

// What the layers are, and how the sequences lie in memory.
struct Settings {
  Cell cell = Cell::kTanh;
  bool has_biases = true;
  int64_t layers = 1;
  double dropout = 0;
  bool train = false, bidirectional = false, batch_first = false;
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

// --- matrices of rows --------------------------------------------------------------------------

// The places of the ones where each row of x has a single 1 and zeros, as tokens have after
// one_hot; otherwise undefined. A product with such rows is a choice of rows, and its gradient a
// sum of rows.
template <typename T>
at::Tensor places_of_ones(const at::Tensor& x) {
  const int64_t rows = x.size(0);
  const int64_t width = x.size(1);
  at::Tensor places;
  int64_t* place = nullptr;
  const T* row = x.data_ptr<T>();
  for (int64_t r = 0; r < rows; ++r, row += width) {
    int64_t one = -1;
    for (int64_t i = 0; i < width; ++i) {
      if (row[i] == T(0)) continue;
      if (row[i] != T(1) || one != -1) return {};
      one = i;
    }
    if (one == -1) return {};
    if (r == 0) {
      places = at::empty({rows}, at::kLong);
      place = places.data_ptr<int64_t>();
    }
    place[r] = one;
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

// --- the time loop -------------------------------------------------------------------------------

template <typename T>
recurrent::Kernels<T> kernels() {
#ifdef TSTORCH_X86
  static const std::string capability = at::get_cpu_capability();
  if (capability == "AVX512") return recurrent::avx512::kernels<T>();
  if (capability == "AVX2") return recurrent::avx2::kernels<T>();
#endif
  return recurrent::baseline::kernels<T>();
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

// What forward leaves for backward: one buffer for each, rows as those of the packed sequences.
struct Trace {
  at::Tensor gates, cells, candidates, unprojected;
};
constexpr size_t kTraceTensors = 4;

// What one layer leaves for backward.
struct LayerTrace {
  at::Tensor x;       // its input (rows, size)
  at::Tensor places;  // of the ones in x, if it is one-hot
  at::Tensor output;  // (rows, directions x state)
  at::Tensor mask;    // what dropout multiplied the output with; undefined without
  Trace directions[2];
};

// The rows of one layer and direction in (layers x directions, sequences, size), contiguous.
template <typename T>
Rows<T> rows_of_state(const at::Tensor& states, int64_t index) {
  if (!states.defined()) return {};
  const int64_t size = states.size(2);
  return {states.data_ptr<std::remove_const_t<T>>() + index * states.size(1) * size, size};
}

// --- one direction of one layer ------------------------------------------------------------------

// Columns of d_gates and the rows of a weight that they belong to. A GRU's columns are n, r, z, and
// n as h sees it, its weights' rows r, z, n.
struct Part {
  int64_t column, row, count;
};

struct Gradients {
  at::Tensor x;
  Weights weights;
};

struct Needs {
  bool x, w_ih, w_hh, b_ih, b_hh, w_hr;
};

template <typename T>
struct Direction {
  const Settings& settings;
  const Weights weights;
  int64_t direction;
  int64_t index;  // among all layers' directions
  LayerTrace& layer;
  const at::Tensor h_0, c_0;  // of all layers; undefined: zeros

  Trace& trace() const { return layer.directions[direction]; }
  bool reverse() const { return direction == 1; }
  int64_t hidden() const { return weights.w_hh.size(0) / recurrent::gates_of(settings.cell); }
  int64_t state() const { return weights.w_hh.size(1); }
  bool projects() const { return weights.w_hr.defined(); }
  bool gru() const { return settings.cell == Cell::kGru; }

  // This direction's columns of a tensor of both.
  Rows<T> own_columns(const at::Tensor& both) const {
    if (!both.defined()) return {};
    return {both.data_ptr<T>() + direction * state(), both.stride(0)};
  }
  at::Tensor own_columns_of(const at::Tensor& both) const {
    return both.narrow(1, direction * state(), state());
  }

  double operations_per_step() const {
    return 2.0 * static_cast<double>(weights.w_hh.numel()) * static_cast<double>(settings.rows()) /
           static_cast<double>(settings.steps());
  }

  template <typename L>
  void describe(L& loop) const {
    loop.cell = settings.cell;
    loop.steps = {settings.steps(), settings.offsets.data(), reverse()};
    loop.hidden = hidden();
    loop.state = state();
    loop.gates = rows_of<T>(trace().gates);
    loop.cells = rows_of<T>(trace().cells);
    loop.candidates = rows_of<T>(trace().candidates);
    loop.unprojected = rows_of<T>(trace().unprojected);
    loop.output = own_columns(layer.output);
    loop.h_0 = rows_of_state<const T>(h_0, index);
    loop.c_0 = rows_of_state<const T>(c_0, index);
  }

  // Packs the weights and runs the time loop.
  template <typename L>
  void run(L& loop, Packing packing, Packing projection_packing,
           void (*recurrent::Kernels<T>::*steps)(const L&, int, int)) const {
    const recurrent::Kernels<T> kernel = kernels<T>();
    const Cell cell = settings.cell;
    const at::Tensor w_hh = weights.w_hh.contiguous();
    const at::Tensor w_hr = projects() ? weights.w_hr.contiguous() : at::Tensor();
    const auto space = [&](Packing how, const at::Tensor& matrix) {
      return at::empty({kernel.packed_size(how, cell, matrix.size(0), matrix.size(1))},
                       matrix.options());
    };
    const auto pack = [&](Packing how, const at::Tensor& matrix, const at::Tensor& packed,
                          int thread, int threads) {
      kernel.pack(how, cell, matrix.size(0), matrix.size(1), rows_of<const T>(matrix),
                  packed.data_ptr<T>(), thread, threads);
    };
    // A single step needs W_hh for the state that it begins with alone.
    const bool needed = settings.steps() > 1 || (packing == Packing::kGates && loop.h_0);
    const at::Tensor packed = needed ? space(packing, w_hh) : at::Tensor();
    const at::Tensor packed_projection =
        projects() ? space(projection_packing, w_hr) : at::Tensor();
    if (needed) loop.recurrent = packed.data_ptr<T>();
    if (projects()) loop.projection = packed_projection.data_ptr<T>();
    on_team(operations_per_step(), [&](int thread, int threads) {
      if (needed) pack(packing, w_hh, packed, thread, threads);
      if (projects()) pack(projection_packing, w_hr, packed_projection, thread, threads);
      wait_for_team();
      (kernel.*steps)(loop, thread, threads);
    });
  }

  // W_ih x + b_ih + b_hh for all rows. A GRU's b_hn is not in it: the reset gate multiplies it.
  at::Tensor project_input() const {
    const at::Tensor& x = layer.x;
    const int64_t width = weights.w_ih.size(0);
    const int64_t shared = gru() ? 2 * hidden() : width;  // columns that take b_hh here
    if (small(x.size(0), width, x.size(1)) && weights.w_ih.is_contiguous()) {
      const at::Tensor result = at::empty({x.size(0), width}, x.options());
      const Rows<T> out = rows_of<T>(result);
      const Rows<T> from = rows_of<T>(x);
      const Rows<T> w = rows_of<T>(weights.w_ih);
      const T* b_ih = settings.has_biases ? weights.b_ih.data_ptr<T>() : nullptr;
      const T* b_hh = settings.has_biases ? weights.b_hh.data_ptr<T>() : nullptr;
      const int64_t ih = b_ih ? weights.b_ih.stride(0) : 0;
      const int64_t hh = b_hh ? weights.b_hh.stride(0) : 0;
      for (int64_t column = 0; column < width; ++column) {
        T bias = b_ih ? b_ih[column * ih] : T(0);
        if (b_hh && column < shared) bias += b_hh[column * hh];
        for (int64_t row = 0; row < x.size(0); ++row) {
          T sum = bias;
          for (int64_t k = 0; k < x.size(1); ++k) sum += from[row][k] * w[column][k];
          out[row][column] = sum;
        }
      }
      return result;
    }
    at::Tensor bias;
    if (settings.has_biases) {
      bias = weights.b_ih.clone();
      bias.narrow(0, 0, shared).add_(weights.b_hh.narrow(0, 0, shared));
    }
    const at::Tensor w_ih = weights.w_ih.t();
    if (layer.places.defined()) {
      const at::Tensor choices = bias.defined() ? w_ih + bias : w_ih;
      return choices.contiguous().index_select(0, layer.places);
    }
    return bias.defined() ? at::addmm(bias, x, w_ih) : at::mm(x, w_ih);
  }

  // Fills this direction's columns of the output, and its trace.
  void forward() const {
    const int64_t rows = settings.rows();
    Trace& made = trace();
    made.gates = project_input();
    const auto space = [&] { return at::empty({rows, hidden()}, made.gates.options()); };
    if (settings.lstm()) made.cells = space();
    if (gru()) made.candidates = space();
    if (projects()) made.unprojected = space();
    recurrent::Forward<T> loop;
    describe(loop);
    const at::Tensor b_hh = gru() && settings.has_biases ? weights.b_hh.contiguous() : at::Tensor();
    if (b_hh.defined()) loop.candidate_bias = b_hh.data_ptr<T>() + 2 * hidden();
    if (settings.steps() == 1 && h_0.defined() && !gru()) {
      // One step uses W_hh once: packing it would cost more than the product.
      made.gates.addmm_(h_0.select(0, index), weights.w_hh.t());
      loop.h_0 = {};
    }
    run(loop, Packing::kGates, Packing::kTransposed, &recurrent::Kernels<T>::forward);
  }

  // Which rows follow another one of their sequence, which one, and the first row of each sequence.
  struct Links {
    at::Tensor following, before, first;
  };

  Links links() const {
    std::vector<int64_t> following, before, first(static_cast<size_t>(settings.sequences()));
    const auto& offsets = settings.offsets;
    for (int64_t t = 0; t < settings.steps(); ++t) {
      const int64_t there = reverse() ? t + 1 : t - 1;
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

  std::vector<Part> input_parts() const {
    const int64_t H = hidden();
    if (gru()) return {{0, 2 * H, H}, {H, 0, 2 * H}};
    return {{0, 0, weights.w_hh.size(0)}};
  }
  Part recurrent_part() const { return {gru() ? hidden() : 0, 0, weights.w_hh.size(0)}; }

  // Gradients, from those of the layer's output, of h_n and of c_n (any may be undefined). Those of
  // h_0 and c_0 go into d_h_0 and d_c_0 (undefined where nobody needs them).
  Gradients backward(const at::Tensor& d_layer, const at::Tensor& d_h_n, const at::Tensor& d_c_n,
                     const Needs& needs, const at::Tensor& d_h_0, const at::Tensor& d_c_0) const {
    const int64_t rows = settings.rows();
    const int64_t H = hidden();
    // Rows that are a power of two apart would compete for the same lines of the cache.
    constexpr int64_t kLine = 64 / sizeof(T);
    const int64_t width = gru() ? 4 * H : weights.w_hh.size(0);
    const auto options = weights.w_hh.options();
    const at::Tensor d_gates = width < 256
                                   ? at::empty({rows, width}, options)
                                   : at::empty({rows, width + kLine}, options).narrow(1, 0, width);
    at::Tensor carry, d_hidden;
    if (gru() || settings.lstm()) carry = at::empty({settings.sequences(), H}, options);
    if (projects()) d_hidden = at::empty({rows, state()}, options);
    recurrent::Backward<T> loop;
    describe(loop);
    loop.d_output = {own_columns(d_layer).data, own_columns(d_layer).stride};
    loop.d_h_n = rows_of_state<const T>(d_h_n, index);
    loop.d_c_n = rows_of_state<const T>(d_c_n, index);
    loop.d_gates = rows_of<T>(d_gates);
    loop.carry = rows_of<T>(carry);
    loop.d_hidden = rows_of<T>(d_hidden);
    run(loop, Packing::kPlain, Packing::kPlain, &recurrent::Kernels<T>::backward);

    Gradients result;
    if (settings.uniform() && small(rows, width, std::max(layer.x.size(1), state())) &&
        weights.w_ih.is_contiguous() && weights.w_hh.is_contiguous()) {
      by_hand(result, needs, d_gates, d_h_0);
    } else {
      by_products(result, needs, d_gates, d_h_0);
    }
    if (d_h_0.defined() && gru()) d_h_0.select(0, index).add_(carry);
    if (d_c_0.defined()) d_c_0.select(0, index).copy_(carry);
    if (needs.w_hr) result.weights.w_hr = at::mm(d_hidden.t(), trace().unprojected);
    return result;
  }

  // The weights' and inputs' gradients from d_gates, as products of libtorch.
  void by_products(Gradients& result, const Needs& needs, const at::Tensor& d_gates,
                   const at::Tensor& d_h_0) const {
    const at::Tensor& x = layer.x;
    const auto columns = [&](const Part& part) {
      return d_gates.narrow(1, part.column, part.count);
    };
    const auto rows_in = [&](const at::Tensor& weight, const Part& part) {
      return weight.narrow(0, part.row, part.count);
    };
    const Part recurrent = recurrent_part();
    for (const Part& part : input_parts()) {
      if (!needs.x) break;
      const at::Tensor w = rows_in(weights.w_ih, part);
      result.x = result.x.defined() ? result.x.addmm_(columns(part), w) : at::mm(columns(part), w);
    }
    if (needs.w_ih) {
      result.weights.w_ih = at::empty(weights.w_ih.sizes(), x.options());
      for (const Part& part : input_parts()) {
        at::Tensor target = rows_in(result.weights.w_ih, part);
        if (layer.places.defined()) {
          target.copy_(sums_by_place<T>(columns(part), layer.places, x.size(1)).t());
        } else {
          at::mm_out(target, columns(part).t(), x);
        }
      }
    }
    if (needs.b_ih || needs.b_hh) {
      const at::Tensor sums = d_gates.sum(0);
      result.weights.b_hh = sums.narrow(0, recurrent.column, recurrent.count).clone();
      result.weights.b_ih = at::empty_like(result.weights.b_hh);
      for (const Part& part : input_parts()) {
        rows_in(result.weights.b_ih, part).copy_(sums.narrow(0, part.column, part.count));
      }
    }
    const at::Tensor d_recurrent = columns(recurrent);
    const at::Tensor output = own_columns_of(layer.output);
    at::Tensor first;
    if (settings.uniform()) {
      const int64_t batch = settings.sequences();
      const int64_t others = settings.rows() - batch;
      first = d_recurrent.narrow(0, reverse() ? others : 0, batch);
      if (needs.w_hh) {
        result.weights.w_hh = at::mm(d_recurrent.narrow(0, reverse() ? 0 : batch, others).t(),
                                     output.narrow(0, reverse() ? batch : 0, others));
      }
    } else {
      const Links link = links();
      first = d_recurrent.index_select(0, link.first);
      if (needs.w_hh) {
        result.weights.w_hh = at::mm(d_recurrent.index_select(0, link.following).t(),
                                     output.index_select(0, link.before));
      }
    }
    if (needs.w_hh && h_0.defined()) {
      result.weights.w_hh.addmm_(first.t(), h_0.select(0, index));
    }
    if (d_h_0.defined()) {
      at::Tensor target = d_h_0.select(0, index);
      at::mm_out(target, first, weights.w_hh);
    }
  }

  // The same in plain loops, for sequences of one length.
  void by_hand(Gradients& result, const Needs& needs, const at::Tensor& d_gates,
               const at::Tensor& d_h_0) const {
    const int64_t rows = settings.rows();
    const int64_t batch = settings.sequences();
    const int64_t inputs = layer.x.size(1);
    const auto options = d_gates.options();
    const Rows<const T> d = rows_of<const T>(d_gates);
    const auto columns = [&](const Part& part, int64_t row = 0) -> Rows<const T> {
      return {d[row] + part.column, d.stride};
    };
    const auto from_row = [](Rows<T> all, int64_t row) -> Rows<T> {
      return {all[row], all.stride};
    };
    const auto constant = [](Rows<T> all) -> Rows<const T> { return {all.data, all.stride}; };
    const Rows<T> w_ih = rows_of<T>(weights.w_ih);
    const Rows<T> w_hh = rows_of<T>(weights.w_hh);
    const Part recurrent = recurrent_part();
    if (needs.x) result.x = zeros<T>({rows, inputs}, options);
    if (needs.w_ih) result.weights.w_ih = zeros<T>(weights.w_ih.sizes(), options);
    if (needs.b_ih) result.weights.b_ih = zeros<T>({recurrent.count}, options);
    for (const Part& part : input_parts()) {
      if (needs.x) {
        add_product<T>(columns(part), constant(from_row(w_ih, part.row)), rows, part.count, inputs,
                       rows_of<T>(result.x));
      }
      if (needs.w_ih) {
        add_transposed_product<T>(columns(part), rows_of<const T>(layer.x), rows, part.count,
                                  inputs, from_row(rows_of<T>(result.weights.w_ih), part.row));
      }
      if (needs.b_ih) add_rows(columns(part), part.count, result.weights.b_ih, part.row);
    }
    if (needs.b_hh) {
      result.weights.b_hh = zeros<T>({recurrent.count}, options);
      add_rows(columns(recurrent), recurrent.count, result.weights.b_hh, 0);
    }
    const int64_t first = reverse() ? rows - batch : 0;
    if (needs.w_hh) {
      result.weights.w_hh = zeros<T>(weights.w_hh.sizes(), options);
      const Rows<T> sums = rows_of<T>(result.weights.w_hh);
      const Rows<T> output = own_columns(layer.output);
      add_transposed_product<T>(columns(recurrent, reverse() ? 0 : batch),
                                constant(from_row(output, reverse() ? batch : 0)), rows - batch,
                                recurrent.count, state(), sums);
      if (h_0.defined()) {
        add_transposed_product<T>(columns(recurrent, first), rows_of_state<const T>(h_0, index),
                                  batch, recurrent.count, state(), sums);
      }
    }
    if (d_h_0.defined()) {
      const Rows<T> target = rows_of_state<T>(d_h_0, index);
      std::fill(target.data, target.data + batch * state(), T(0));
      add_product<T>(columns(recurrent, first), constant(w_hh), batch, recurrent.count, state(),
                     target);
    }
  }

  void add_rows(Rows<const T> from, int64_t count, const at::Tensor& to, int64_t start) const {
    T* sums = to.data_ptr<T>() + start;
    for (int64_t row = 0; row < settings.rows(); ++row) {
      for (int64_t i = 0; i < count; ++i) sums[i] += from[row][i];
    }
  }
};

// --- all layers as one node
// -----------------------------------------------------------------------

// Rows (rows, size), contiguous, of (L, N, size), (N, L, size) with batch_first, or packed data.
at::Tensor to_rows(const Settings& settings, const at::Tensor& tensor) {
  if (!tensor.defined()) return tensor;
  if (settings.packed()) return tensor.contiguous();
  const bool swap = settings.batch_first && settings.sequences() != 1 && settings.steps() != 1;
  const at::Tensor steps_first = swap ? tensor.transpose(0, 1) : tensor;
  return steps_first.contiguous().view({settings.rows(), tensor.size(2)});
}

at::Tensor from_rows(const Settings& settings, const at::Tensor& rows) {
  if (settings.packed()) return rows;
  const at::Tensor steps_first = rows.view({settings.steps(), settings.sequences(), rows.size(1)});
  return settings.batch_first ? steps_first.transpose(0, 1) : steps_first;
}

at::Tensor contiguous(const at::Tensor& tensor) {
  return tensor.defined() ? tensor.contiguous() : tensor;
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

struct Results {
  at::Tensor output, h_n, c_n;
  std::vector<LayerTrace> traces;
};

// `arguments` has contiguous states.
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

// For which of the arguments a gradient is wanted.
struct Needed {
  bool input, h_0, c_0;
  std::vector<bool> weights;

  // `all`: by place in Arguments::all().
  Needed(const Arguments& arguments, const std::vector<bool>& all) : h_0(false), c_0(false) {
    auto next = all.begin();
    input = *next++;
    if (arguments.h_0.defined()) h_0 = *next++;
    if (arguments.c_0.defined()) c_0 = *next++;
    weights.assign(next, all.end());
  }
};

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

// A call of forward_layers or backward_layers for the dtype.
template <typename Body>
auto for_dtype(at::ScalarType dtype, const Body& body) {
  return dtype == at::kDouble ? body(double{}) : body(float{});
}

using torch::autograd::Node;
using torch::autograd::SavedVariable;

class Sequence : public Node {
 public:
  // Runs the layers, and makes them a node of the graph where a gradient may be wanted.
  static Tensors run(Settings settings, const Arguments& arguments) {
    const Tensors inputs = arguments.all();
    const bool differentiable =
        at::GradMode::is_enabled() &&
        std::any_of(inputs.begin(), inputs.end(),
                    [](const at::Tensor& input) { return input.requires_grad(); });
    Results results = forward(settings, arguments);
    Tensors outputs{results.output, results.h_n};
    if (settings.lstm()) outputs.push_back(results.c_n);
    if (!differentiable) return outputs;
    const auto [owner, node] = make_node<Sequence>();
    for (const at::Tensor& input : inputs) {
      node->add_next_edge(torch::autograd::impl::gradient_edge(input));
      node->inputs_.emplace_back(input, false);
    }
    for (const at::Tensor& output : outputs) {
      const uint32_t number = node->add_input_metadata(output);
      torch::autograd::impl::set_gradient_edge(output, {owner, number});
    }
    node->has_h_0_ = arguments.h_0.defined();
    node->has_c_0_ = arguments.c_0.defined();
    node->settings_ = std::move(settings);
    node->traces_ = std::move(results.traces);
    node->output_version_ = torch::autograd::impl::version_counter(results.output);
    node->expected_version_ = node->output_version_.current_version();
    return outputs;
  }

  Tensors apply(Tensors&& gradients) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    TORCH_CHECK(
        !inputs_.empty(),
        "Trying to backward through the graph a second time (or directly access saved tensors "
        "after they have already been freed). Saved intermediate values of the graph are freed "
        "when you call .backward() or autograd.grad(). Specify retain_graph=True if you need "
        "to backward through the graph a second time or if you need to access saved tensors "
        "after calling backward.");
    Tensors inputs;
    std::vector<bool> needed;
    for (const SavedVariable& saved : inputs_) {
      needed.push_back(task_should_compute_output(inputs.size()));
      inputs.push_back(saved.unpack());
    }
    if (at::GradMode::is_enabled()) return differentiable_backward(inputs, gradients, needed);
    const at::AutoDispatchBelowADInplaceOrView guard;
    Arguments arguments = Arguments::of(inputs, has_h_0_, has_c_0_);
    arguments.h_0 = contiguous(arguments.h_0);
    arguments.c_0 = contiguous(arguments.c_0);
    const bool changed = output_version_.current_version() != expected_version_;
    const Arguments found = for_dtype(arguments.input.scalar_type(), [&](auto number) {
      if (changed) last_layer_again<decltype(number)>(arguments);
      return backward_layers<decltype(number)>(settings_, arguments, traces_, gradients,
                                               Needed(arguments, needed));
    });
    Tensors result{found.input};
    if (has_h_0_) result.push_back(found.h_0);
    if (has_c_0_) result.push_back(found.c_0);
    result.insert(result.end(), found.weights.begin(), found.weights.end());
    return result;
  }

  std::string name() const override {
    switch (settings_.cell) {
      case Cell::kLstm:
        return "LstmSequenceBackward";
      case Cell::kGru:
        return "GruSequenceBackward";
      default:
        return "RnnSequenceBackward";
    }
  }

  void release_variables() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    inputs_.clear();
    traces_.clear();
  }

 private:
  static Results forward(const Settings& settings, Arguments arguments) {
    const at::AutoDispatchBelowADInplaceOrView guard;
    arguments.h_0 = contiguous(arguments.h_0);
    arguments.c_0 = contiguous(arguments.c_0);
    return for_dtype(arguments.input.scalar_type(), [&](auto number) {
      return forward_layers<decltype(number)>(settings, arguments);
    });
  }

  // The caller may change the output in place, as in PyTorch; then the last layer is done again.
  template <typename T>
  void last_layer_again(const Arguments& arguments) {
    LayerTrace& last = traces_.back();
    last.output = at::empty_like(last.output);
    for (int64_t d = 0; d < settings_.directions(); ++d) {
      direction_of<T>(settings_, arguments, settings_.layers - 1, d, last).forward();
    }
    expected_version_ = output_version_.current_version();
  }

  // With create_graph: libtorch's path again, and its gradient with a graph. The arguments go in as
  // aliases: one may depend on another, whose gradient must not count that way too.
  Tensors differentiable_backward(Tensors aliases, const Tensors& gradients,
                                  const std::vector<bool>& needed) const {
    Tensors wanted;
    for (size_t i = 0; i < aliases.size(); ++i) {
      aliases[i] = aliases[i].view_as(aliases[i]);
      if (needed[i]) wanted.push_back(aliases[i]);
    }
    Tensors masks;
    for (const LayerTrace& trace : traces_) {
      if (!trace.mask.defined()) continue;
      masks.push_back(
          settings_.packed()
              ? trace.mask
              : trace.mask.view({settings_.steps(), settings_.sequences(), trace.mask.size(1)}));
    }
    const Tensors outputs =
        libtorch_path(settings_, Arguments::of(aliases, has_h_0_, has_c_0_), masks);
    Tensors from, incoming;
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (!gradients[i].defined()) continue;
      from.push_back(outputs[i]);
      incoming.push_back(gradients[i]);
    }
    Tensors result(aliases.size());
    if (from.empty() || wanted.empty()) return result;
    const Tensors found = torch::autograd::grad(from, wanted, incoming, true, true, true);
    for (size_t i = 0, next = 0; i < aliases.size(); ++i) {
      if (needed[i]) result[i] = found[next++];
    }
    return result;
  }

  Settings settings_;
  std::vector<SavedVariable> inputs_;  // Arguments::all()
  bool has_h_0_ = false, has_c_0_ = false;
  std::vector<LayerTrace> traces_;
  c10::VariableVersion output_version_ = c10::VariableVersion(0);
  uint32_t expected_version_ = 0;
};

// --- which path ----------------------------------------------------------------------------------

bool has_sizes(const at::Tensor& tensor, at::IntArrayRef sizes) { return tensor.sizes() == sizes; }

// Everything that raw pointers rely on. What is not as expected is libtorch's to do, or to refuse.
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

Tensors run(Settings settings, const Arguments& arguments, bool fused) {
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
  return Sequence::run(std::move(settings), arguments);
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
  const Tensors results = run(std::move(settings), arguments, numbers[6] != 0);
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
