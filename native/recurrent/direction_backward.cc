// The gradients of one direction of one layer.
#include "raw/products.h"
#include "recurrent/direction.h"
#include "recurrent/one_hot.h"

namespace recurrent {

namespace {

// Which rows follow another one of their sequence, which one, and the first row of each sequence.
struct Links {
  at::Tensor following, before, first;
};

Links links_of(const Plan& plan, bool reverse) {
  std::vector<int64_t> following, before, first(static_cast<size_t>(plan.batch));
  const auto& offsets = plan.offsets;
  for (int64_t t = 0; t < plan.steps(); ++t) {
    const int64_t there = reverse ? t + 1 : t - 1;
    const int64_t count = offsets[t + 1] - offsets[t];
    const bool inside = there >= 0 && there < plan.steps();
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

// Adds the sum of all rows to the numbers of `to` from `start` on.
template <typename T>
void add_rows(Rows<const T> from, int64_t rows, int64_t count, const at::Tensor& to,
              int64_t start) {
  T* sums = to.data_ptr<T>() + start;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t i = 0; i < count; ++i) sums[i] += from[row][i];
  }
}

}  // namespace

template <typename T>
Gradients Direction<T>::backward(const at::Tensor& d_layer, const at::Tensor& d_h_n,
                                 const at::Tensor& d_c_n, const Needs& needs,
                                 const at::Tensor& d_h_0, const at::Tensor& d_c_0) const {
  const int64_t rows = plan.rows();
  const int64_t H = plan.hidden;
  // Rows that are a power of two apart would compete for the same lines of the cache.
  constexpr int64_t kLine = 64 / sizeof(T);
  const int64_t width = gru() ? 4 * H : weights.w_hh.size(0);
  const auto options = weights.w_hh.options();
  const at::Tensor d_gates = width < 256
                                 ? at::empty({rows, width}, options)
                                 : at::empty({rows, width + kLine}, options).narrow(1, 0, width);
  at::Tensor carry, d_hidden;
  if (gru() || plan.settings.lstm()) carry = at::empty({plan.batch, H}, options);
  if (plan.projects) d_hidden = at::empty({rows, plan.state}, options);
  Backward<T> loop;
  describe(loop);
  const at::Tensor h = states();
  loop.output = rows_of<T>(h);
  const Rows<T> d_output = own_columns(d_layer);
  loop.d_output = {d_output.data, d_output.stride};
  loop.d_h_n = rows_of_state<const T>(d_h_n, index);
  loop.d_c_n = rows_of_state<const T>(d_c_n, index);
  loop.d_gates = rows_of<T>(d_gates);
  loop.carry = rows_of<T>(carry);
  loop.d_hidden = rows_of<T>(d_hidden);
  run(loop, Packing::kPlain, Packing::kPlain, &Kernels<T>::backward);

  Gradients result;
  if (plan.uniform() && is_small_product(rows, width, std::max(layer.x.size(1), plan.state)) &&
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
template <typename T>
void Direction<T>::by_products(Gradients& result, const Needs& needs, const at::Tensor& d_gates,
                               const at::Tensor& d_h_0) const {
  const at::Tensor& x = layer.x;
  const auto columns = [&](const Part& part) { return d_gates.narrow(1, part.column, part.count); };
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
  const at::Tensor output = states();
  at::Tensor first;
  if (plan.uniform()) {
    const int64_t batch = plan.batch;
    const int64_t others = plan.rows() - batch;
    first = d_recurrent.narrow(0, reverse() ? others : 0, batch);
    if (needs.w_hh) {
      result.weights.w_hh = at::mm(d_recurrent.narrow(0, reverse() ? 0 : batch, others).t(),
                                   output.narrow(0, reverse() ? batch : 0, others));
    }
  } else {
    const Links link = links_of(plan, reverse());
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
template <typename T>
void Direction<T>::by_hand(Gradients& result, const Needs& needs, const at::Tensor& d_gates,
                           const at::Tensor& d_h_0) const {
  const int64_t rows = plan.rows();
  const int64_t batch = plan.batch;
  const int64_t inputs = layer.x.size(1);
  const auto options = d_gates.options();
  const Rows<const T> d = rows_of<const T>(d_gates);
  const auto columns = [&](const Part& part, int64_t row = 0) -> Rows<const T> {
    return {d[row] + part.column, d.stride};
  };
  const auto from_row = [](Rows<T> all, int64_t row) -> Rows<T> { return {all[row], all.stride}; };
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
      add_transposed_product<T>(columns(part), rows_of<const T>(layer.x), rows, part.count, inputs,
                                from_row(rows_of<T>(result.weights.w_ih), part.row));
    }
    if (needs.b_ih) add_rows<T>(columns(part), rows, part.count, result.weights.b_ih, part.row);
  }
  if (needs.b_hh) {
    result.weights.b_hh = zeros<T>({recurrent.count}, options);
    add_rows<T>(columns(recurrent), rows, recurrent.count, result.weights.b_hh, 0);
  }
  const int64_t first = reverse() ? rows - batch : 0;
  if (needs.w_hh) {
    result.weights.w_hh = zeros<T>(weights.w_hh.sizes(), options);
    const Rows<T> sums = rows_of<T>(result.weights.w_hh);
    const at::Tensor h = states();
    const Rows<T> output = rows_of<T>(h);
    add_transposed_product<T>(columns(recurrent, reverse() ? 0 : batch),
                              constant(from_row(output, reverse() ? batch : 0)), rows - batch,
                              recurrent.count, plan.state, sums);
    if (h_0.defined()) {
      add_transposed_product<T>(columns(recurrent, first), rows_of_state<const T>(h_0, index),
                                batch, recurrent.count, plan.state, sums);
    }
  }
  if (d_h_0.defined()) {
    const Rows<T> target = rows_of_state<T>(d_h_0, index);
    std::fill(target.data, target.data + batch * plan.state, T(0));
    add_product<T>(columns(recurrent, first), constant(w_hh), batch, recurrent.count, plan.state,
                   target);
  }
}

#define INSTANTIATE(T)                                                                          \
  template Gradients Direction<T>::backward(const at::Tensor&, const at::Tensor&,               \
                                            const at::Tensor&, const Needs&, const at::Tensor&, \
                                            const at::Tensor&) const;
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace recurrent
