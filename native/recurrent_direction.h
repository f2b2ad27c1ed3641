// One direction of one recurrent layer over a whole sequence: what surrounds the time loop of
// recurrent_kernels.h. The input's projection, and the gradients of weights and input, are one
// product each over all steps.
#pragma once

#ifdef _OPENMP
#include <omp.h>
#endif

#include <ATen/Version.h>

#include "fused.h"
#include "recurrent_layers.h"

namespace recurrent {

// --- one-hot inputs ------------------------------------------------------------------------------

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

inline void wait_for_team() {
#ifdef _OPENMP
#pragma omp barrier
#endif
}

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
      if (threads > 1) wait_for_team();
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
    const Rows<T> d_output = own_columns(d_layer);
    loop.d_output = {d_output.data, d_output.stride};
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

}  // namespace recurrent
