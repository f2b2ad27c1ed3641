#include "recurrent/direction.h"

#include <ATen/Version.h>

#include "raw/products.h"
#include "recurrent/team.h"

namespace recurrent {

// The kernels for the best vector instructions that this CPU has.
template <typename T>
Kernels<T> best_kernels() {
#ifdef TSTORCH_X86
  static const std::string capability = at::get_cpu_capability();
  if (capability == "AVX512") return avx512::kernels<T>();
  if (capability == "AVX2") return avx2::kernels<T>();
#endif
  return baseline::kernels<T>();
}

template <typename T>
template <typename L>
void Direction<T>::describe(L& loop) const {
  loop.cell = plan.settings.cell;
  loop.steps = {plan.steps(), plan.offsets.data(), reverse()};
  loop.hidden = plan.hidden;
  loop.state = plan.state;
  loop.gates = rows_of<T>(trace().gates);
  loop.cells = rows_of<T>(trace().cells);
  loop.candidates = rows_of<T>(trace().candidates);
  loop.unprojected = rows_of<T>(trace().unprojected);
  loop.h_0 = rows_of_state<const T>(h_0, index);
  loop.c_0 = rows_of_state<const T>(c_0, index);
}

// Packs the weights and runs the time loop.
template <typename T>
template <typename L>
void Direction<T>::run(L& loop, Packing packing, Packing projection_packing,
                       void (*Kernels<T>::*steps)(const L&, int, int)) const {
  const Kernels<T> kernel = best_kernels<T>();
  const Cell cell = plan.settings.cell;
  const at::Tensor w_hh = weights.w_hh.contiguous();
  const at::Tensor w_hr = plan.projects ? weights.w_hr.contiguous() : at::Tensor();
  const auto space = [&](Packing how, const at::Tensor& matrix) {
    return at::empty({kernel.packed_size(how, cell, matrix.size(0), matrix.size(1))},
                     matrix.options());
  };
  const auto pack = [&](Packing how, const at::Tensor& matrix, const at::Tensor& packed, int thread,
                        int threads) {
    kernel.pack(how, cell, matrix.size(0), matrix.size(1), rows_of<const T>(matrix),
                packed.data_ptr<T>(), thread, threads);
  };
  // A single step needs W_hh for the state that it begins with alone.
  const bool needed = plan.steps() > 1 || (packing == Packing::kGates && loop.h_0);
  const at::Tensor packed = needed ? space(packing, w_hh) : at::Tensor();
  const at::Tensor packed_projection =
      plan.projects ? space(projection_packing, w_hr) : at::Tensor();
  if (needed) loop.recurrent = packed.data_ptr<T>();
  if (plan.projects) loop.projection = packed_projection.data_ptr<T>();
  const double operations_per_step = 2.0 * static_cast<double>(w_hh.numel()) *
                                     static_cast<double>(plan.rows()) /
                                     static_cast<double>(plan.steps());
  on_team(operations_per_step, [&](int thread, int threads) {
    if (needed) pack(packing, w_hh, packed, thread, threads);
    if (plan.projects) pack(projection_packing, w_hr, packed_projection, thread, threads);
    if (threads > 1) wait_for_team();
    (kernel.*steps)(loop, thread, threads);
  });
}

// W_ih x + b_ih + b_hh for all rows. A GRU's b_hn is not in it: the reset gate multiplies it.
template <typename T>
at::Tensor Direction<T>::project_input() const {
  const at::Tensor& x = layer.x;
  const int64_t width = weights.w_ih.size(0);
  const int64_t shared = gru() ? 2 * plan.hidden : width;  // columns that take b_hh here
  if (is_small_product(x.size(0), width, x.size(1)) && weights.w_ih.is_contiguous()) {
    const at::Tensor result = at::empty({x.size(0), width}, x.options());
    const Rows<T> out = rows_of<T>(result);
    const Rows<T> from = rows_of<T>(x);
    const Rows<T> w = rows_of<T>(weights.w_ih);
    const T* b_ih = plan.settings.has_biases ? weights.b_ih.data_ptr<T>() : nullptr;
    const T* b_hh = plan.settings.has_biases ? weights.b_hh.data_ptr<T>() : nullptr;
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
  if (plan.settings.has_biases) {
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

template <typename T>
void Direction<T>::forward(bool keep_states) const {
  const int64_t rows = plan.rows();
  Trace& made = trace();
  made.gates = project_input();
  const auto space = [&] { return at::empty({rows, plan.hidden}, made.gates.options()); };
  if (plan.settings.lstm()) made.cells = space();
  if (gru()) made.candidates = space();
  if (plan.projects) made.unprojected = space();
  const bool elman = gates_of(plan.settings.cell) == 1;
  if (keep_states) {
    made.states = elman ? made.gates : at::empty({rows, plan.state}, made.gates.options());
  }
  Forward<T> loop;
  describe(loop);
  loop.output = own_columns(layer.output);
  loop.kept = rows_of<T>(made.states);
  const at::Tensor b_hh =
      gru() && plan.settings.has_biases ? weights.b_hh.contiguous() : at::Tensor();
  if (b_hh.defined()) loop.candidate_bias = b_hh.data_ptr<T>() + 2 * plan.hidden;
  if (plan.steps() == 1 && h_0.defined() && !gru()) {
    // One step uses W_hh once: packing it would cost more than the product.
    made.gates.addmm_(h_0.select(0, index), weights.w_hh.t());
    loop.h_0 = {};
  }
  run(loop, Packing::kGates, Packing::kTransposed, &Kernels<T>::forward);
  if (elman) made.gates.reset();
}

#define INSTANTIATE(T)                                            \
  template void Direction<T>::forward(bool) const;                \
  template void Direction<T>::describe(Backward<T>&) const;       \
  template void Direction<T>::run(Backward<T>&, Packing, Packing, \
                                  void (*Kernels<T>::*)(const Backward<T>&, int, int)) const;
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace recurrent
