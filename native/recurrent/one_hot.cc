#include "recurrent/one_hot.h"

#include "raw/memory.h"

namespace recurrent {

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

template at::Tensor places_of_ones<float>(const at::Tensor&);
template at::Tensor places_of_ones<double>(const at::Tensor&);
template at::Tensor sums_by_place<float>(const at::Tensor&, const at::Tensor&, int64_t);
template at::Tensor sums_by_place<double>(const at::Tensor&, const at::Tensor&, int64_t);

}  // namespace recurrent
