// Compiled once for each set of vector instructions (CMakeLists.txt), with TSTORCH_CAPABILITY as
// the namespace. Nothing here may come from a header that others use too, beyond libtorch's vector
// types, whose names carry the instruction set: the linker keeps one copy of an inline function,
// and that one must run on every CPU.
//
// A matrix product is done in tiles of a few rows and NV vectors of columns, held in registers from
// the first to the last k; what follows (the gates' arithmetic) finds them in the first cache. The
// weights are packed once per sequence in the order in which the tiles read them.
#include "recurrent_kernels.h"

#include <ATen/cpu/vec/vec.h>

namespace recurrent::TSTORCH_CAPABILITY {
namespace {

template <typename T>
using Vec = at::vec::Vectorized<T>;

#if defined(CPU_CAPABILITY_AVX512) || defined(__aarch64__)
constexpr int kRegisters = 32;
#else
constexpr int kRegisters = 16;
#endif

// Vectors of columns in a tile where gates do not decide it.
constexpr int kPlainVectors = 2;

template <int NV>
constexpr int kTileRows = (kRegisters - NV - 2) / NV;

constexpr int kMaxTileNumbers = 1024;

int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// --- packed matrices -------------------------------------------------------------------------

// Where the columns of a tile are: vector v of tile j holds `lanes` columns from first(j, v) on, as
// far as they are below end(v).
struct Tiling {
  int64_t vectors, count, tile_stride, vector_stride, limit;
  bool gates;

  int64_t first(int64_t tile, int64_t vector) const {
    return tile * tile_stride + vector * vector_stride;
  }
  int64_t end(int64_t vector) const { return gates ? vector * vector_stride + limit : limit; }
};

template <typename T>
Tiling tiling_of(Packing packing, Cell cell, int64_t rows, int64_t columns) {
  constexpr int64_t lanes = Vec<T>::size();
  if (packing == Packing::kGates && gates_of(cell) > 1) {
    const int64_t hidden = rows / gates_of(cell);
    return {gates_of(cell), divide_up(hidden, lanes), lanes, hidden, hidden, true};
  }
  const int64_t width = packing == Packing::kPlain ? columns : rows;
  const int64_t tile = lanes * kPlainVectors;
  return {kPlainVectors, divide_up(width, tile), tile, lanes, width, false};
}

template <typename T>
int64_t packed_size(Packing packing, Cell cell, int64_t rows, int64_t columns) {
  const Tiling tiling = tiling_of<T>(packing, cell, rows, columns);
  const int64_t depth = packing == Packing::kPlain ? rows : columns;
  return tiling.count * tiling.vectors * Vec<T>::size() * depth;
}

template <typename T>
void pack(Packing packing, Cell cell, int64_t rows, int64_t columns, Rows<const T> from, T* to,
          int thread, int threads) {
  constexpr int64_t lanes = Vec<T>::size();
  const Tiling tiling = tiling_of<T>(packing, cell, rows, columns);
  const int64_t depth = packing == Packing::kPlain ? rows : columns;
  const int64_t width = tiling.vectors * lanes;
  for (int64_t tile = tiling.count * thread / threads; tile < tiling.count * (thread + 1) / threads;
       ++tile) {
    for (int64_t v = 0; v < tiling.vectors; ++v) {
      T* target = to + tile * width * depth + v * lanes;
      const int64_t first = tiling.first(tile, v);
      int64_t used = smaller(lanes, tiling.end(v) - first);
      if (used < 0) used = 0;
      for (int64_t k = 0; k < depth; ++k, target += width) {
        if (packing == Packing::kPlain) {
          const T* source = from[k] + first;
          for (int64_t lane = 0; lane < used; ++lane) target[lane] = source[lane];
        } else {
          const T* source = from[first] + k;
          for (int64_t lane = 0; lane < used; ++lane) target[lane] = source[lane * from.stride];
        }
        for (int64_t lane = used; lane < lanes; ++lane) target[lane] = 0;
      }
    }
  }
}

// --- tiles -----------------------------------------------------------------------------------

// tile = a (MR, depth) b (depth, NV vectors)
template <typename T, int NV, int MR>
void multiply_tile(Rows<const T> a, int64_t depth, const T* b, T* tile) {
  constexpr int64_t lanes = Vec<T>::size();
  Vec<T> sums[MR][NV];
#pragma GCC unroll 16
  for (int r = 0; r < MR; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) sums[r][v] = Vec<T>(T(0));
  }
  const T* row[MR];
#pragma GCC unroll 16
  for (int r = 0; r < MR; ++r) row[r] = a[r];
  for (int64_t k = 0; k < depth; ++k, b += NV * lanes) {
    Vec<T> columns[NV];
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) columns[v] = Vec<T>::loadu(b + v * lanes);
#pragma GCC unroll 16
    for (int r = 0; r < MR; ++r) {
      const Vec<T> value(row[r][k]);
#pragma GCC unroll 4
      for (int v = 0; v < NV; ++v) sums[r][v] = at::vec::fmadd(value, columns[v], sums[r][v]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < MR; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < NV; ++v) sums[r][v].store(tile + (r * NV + v) * lanes);
  }
}

template <typename T, int NV, int MR>
void multiply_rows(int64_t rows, Rows<const T> a, int64_t depth, const T* b, T* tile) {
  if (rows == MR) {
    multiply_tile<T, NV, MR>(a, depth, b, tile);
  } else if constexpr (MR > 1) {
    multiply_rows<T, NV, MR - 1>(rows, a, depth, b, tile);
  }
}

// a b for rows [begin, end), where b is packed; then(row, tile number, its NV vectors) for each
// row. Without `a` the product is zero. The tiles are shared among the threads, the same way each
// time, so that each finds its part of b in its own cache.
template <typename T, int NV, typename Soon, typename Then>
void multiply(Rows<const T> a, int64_t begin, int64_t end, int64_t depth, const T* b, int64_t tiles,
              int thread, int threads, const Soon& soon, const Then& then) {
  constexpr int64_t lanes = Vec<T>::size();
  static_assert(kTileRows<NV> * NV * lanes <= kMaxTileNumbers);
  alignas(64) T tile[kMaxTileNumbers];
  const int64_t rows = end - begin;
  if (rows <= 0) return;
  const int64_t blocks = divide_up(rows, kTileRows<NV>);
  const int64_t units = tiles * blocks;
  if (!a) {
    for (int i = 0; i < kMaxTileNumbers; ++i) tile[i] = 0;
  }
  for (int64_t unit = units * thread / threads; unit < units * (thread + 1) / threads; ++unit) {
    const int64_t j = unit / blocks;
    const int64_t first = rows * (unit % blocks) / blocks;
    const int64_t last = rows * (unit % blocks + 1) / blocks;
    for (int64_t r = first; r < last; ++r) soon(begin + r, j);
    if (a) {
      multiply_rows<T, NV, kTileRows<NV>>(last - first, {a[begin + first], a.stride}, depth,
                                          b + j * depth * NV * lanes, tile);
    }
    for (int64_t r = first; r < last; ++r) then(begin + r, j, tile + (r - first) * NV * lanes);
  }
}

// --- rows of vectors ----------------------------------------------------------------------------

// The columns [column, column + count) of a buffer's row, at most a vector of them.
template <typename T>
struct Columns {
  int64_t column, count;

  Vec<T> load(const T* row) const {
    return count == Vec<T>::size() ? Vec<T>::loadu(row + column)
                                   : Vec<T>::loadu(row + column, count);
  }
  template <typename U>
  Vec<T> load(Rows<U> rows, int64_t row) const {
    return rows ? load(rows[row]) : Vec<T>(T(0));
  }
  void store(Vec<T> value, T* row) const {
    if (count == Vec<T>::size()) {
      value.store(row + column);
    } else {
      value.store(row + column, static_cast<int>(count));
    }
  }
};

// Fetches the lines of a tile's columns of a row.
template <typename T>
void fetch(const T* row, int64_t column, int64_t count) {
  constexpr int64_t kLine = 64 / sizeof(T);
  for (int64_t i = 0; i < count; i += kLine) __builtin_prefetch(row + column + i);
  asm volatile("");  // GCC drops calls of functions that do nothing else
}

constexpr auto kNothing = [](int64_t, int64_t) {};

// Calls body(columns, sums) for each vector of a plain tile that has columns below `width`.
template <typename T, typename Body>
void each_vector(int64_t tile, int64_t width, const T* sums, const Body& body) {
  constexpr int64_t lanes = Vec<T>::size();
  for (int v = 0; v < kPlainVectors; ++v) {
    const int64_t column = (tile * kPlainVectors + v) * lanes;
    if (column >= width) return;
    body(Columns<T>{column, smaller(lanes, width - column)}, Vec<T>::loadu(sums + v * lanes));
  }
}

template <typename T>
Vec<T> sigmoid(Vec<T> x) {
  return Vec<T>(T(1)) / (Vec<T>(T(1)) + x.neg().exp());
}

void meet(int threads) {
#ifdef _OPENMP
  if (threads > 1) {
#pragma omp barrier
  }
#endif
}

// The state before a step: that of the step before it for the sequences that were going on then,
// the initial one for the others.
template <typename T>
struct Before {
  int64_t going_on;
  Rows<T> rows;
  Rows<const T> initial;

  Before(const Steps& steps, int64_t s, Rows<T> all, Rows<const T> initial)
      : going_on(0), initial(initial) {
    if (s == 0) return;
    const int64_t t = steps.at(s);
    const int64_t previous = steps.at(s - 1);
    going_on = smaller(steps.rows(t), steps.rows(previous));
    rows = {all[steps.offsets[previous]], all.stride};
  }

  Vec<T> load(const Columns<T>& columns, int64_t row) const {
    return row < going_on ? columns.load(rows, row) : columns.load(initial, row);
  }
};

template <typename T>
Rows<T> rows_at(Rows<T> all, int64_t offset) {
  return all ? Rows<T>{all[offset], all.stride} : all;
}

// --- forward ----------------------------------------------------------------------------------

// The arithmetic of one step: a call for each row and tile of W_hh h.
template <typename T>
struct StepForward {
  const Forward<T>& layer;
  Rows<T> gates, cells, candidates, output;  // of this step
  Before<T> h, c;
  int64_t hidden;

  StepForward(const Forward<T>& layer, int64_t s)
      : layer(layer),
        h(layer.steps, s, layer.output, layer.h_0),
        c(layer.steps, s, layer.cells, layer.c_0),
        hidden(layer.hidden) {
    const int64_t offset = layer.steps.offsets[layer.steps.at(s)];
    gates = rows_at(layer.gates, offset);
    cells = rows_at(layer.cells, offset);
    candidates = rows_at(layer.candidates, offset);
    output = rows_at(layer.unprojected ? layer.unprojected : layer.output, offset);
  }

  Columns<T> columns(int64_t tile) const {
    constexpr int64_t lanes = Vec<T>::size();
    return {tile * lanes, smaller(lanes, hidden - tile * lanes)};
  }

  void elman(int64_t row, int64_t tile, const T* sums) const {
    each_vector<T>(tile, hidden, sums, [&](Columns<T> at, Vec<T> sum) {
      const Vec<T> x = at.load(gates[row]) + sum;
      at.store(layer.cell == Cell::kTanh ? x.tanh() : at::vec::maximum(x, Vec<T>(T(0))),
               output[row]);
    });
  }

  void lstm(int64_t row, int64_t tile, const T* sums) const {
    constexpr int64_t lanes = Vec<T>::size();
    const Columns<T> at = columns(tile);
    T* gate = gates[row];
    const auto sum = [&](int64_t g) {
      return at.load(gate + g * hidden) + Vec<T>::loadu(sums + g * lanes);
    };
    const Vec<T> i = sigmoid(sum(0));
    const Vec<T> f = sigmoid(sum(1));
    const Vec<T> g = sum(2).tanh();
    const Vec<T> o = sigmoid(sum(3));
    const Vec<T> c_next = at::vec::fmadd(f, c.load(at, row), i * g);
    at.store(i, gate);
    at.store(f, gate + hidden);
    at.store(g, gate + 2 * hidden);
    at.store(o, gate + 3 * hidden);
    at.store(c_next, cells[row]);
    at.store(o * c_next.tanh(), output[row]);
  }

  void gru(int64_t row, int64_t tile, const T* sums) const {
    constexpr int64_t lanes = Vec<T>::size();
    const Columns<T> at = columns(tile);
    T* gate = gates[row];
    const Vec<T> r = sigmoid(at.load(gate) + Vec<T>::loadu(sums));
    const Vec<T> z = sigmoid(at.load(gate + hidden) + Vec<T>::loadu(sums + lanes));
    Vec<T> candidate = Vec<T>::loadu(sums + 2 * lanes);
    if (layer.candidate_bias) candidate = candidate + at.load(layer.candidate_bias);
    const Vec<T> n = (at.load(gate + 2 * hidden) + r * candidate).tanh();
    at.store(r, gate);
    at.store(z, gate + hidden);
    at.store(n, gate + 2 * hidden);
    at.store(candidate, candidates[row]);
    at.store((h.load(at, row) - n) * z + n, output[row]);
  }

  void soon(int64_t row, int64_t tile) const {
    constexpr int64_t lanes = Vec<T>::size();
    const int64_t width = gates_of(layer.cell) == 1 ? kPlainVectors * lanes : lanes;
    for (int64_t g = 0; g < gates_of(layer.cell); ++g) {
      fetch(gates[row] + g * hidden, tile * width, width);
    }
  }

  void operator()(int64_t row, int64_t tile, const T* sums) const {
    switch (layer.cell) {
      case Cell::kLstm:
        return lstm(row, tile, sums);
      case Cell::kGru:
        return gru(row, tile, sums);
      default:
        return elman(row, tile, sums);
    }
  }
};

template <typename T, int NV>
void forward_steps(const Forward<T>& layer, int thread, int threads) {
  const int64_t rows = gates_of(layer.cell) * layer.hidden;
  const int64_t tiles = tiling_of<T>(Packing::kGates, layer.cell, rows, layer.state).count;
  const int64_t projected =
      tiling_of<T>(Packing::kTransposed, layer.cell, layer.state, layer.hidden).count;
  for (int64_t s = 0; s < layer.steps.count; ++s) {
    const int64_t t = layer.steps.at(s);
    const StepForward<T> step(layer, s);
    const auto soon = [&](int64_t row, int64_t tile) { step.soon(row, tile); };
    const Rows<const T> before{step.h.rows.data, step.h.rows.stride};
    multiply<T, NV>(before, 0, step.h.going_on, layer.state, layer.recurrent, tiles, thread,
                    threads, soon, step);
    multiply<T, NV>(layer.h_0, step.h.going_on, layer.steps.rows(t), layer.state, layer.recurrent,
                    tiles, thread, threads, soon, step);
    meet(threads);
    if (!layer.projection) continue;
    const Rows<T> output = rows_at(layer.output, layer.steps.offsets[t]);
    multiply<T, kPlainVectors>(
        {step.output.data, step.output.stride}, 0, layer.steps.rows(t), layer.hidden,
        layer.projection, projected, thread, threads, kNothing,
        [&](int64_t row, int64_t tile, const T* sums) {
          each_vector<T>(tile, layer.state, sums,
                         [&](Columns<T> at, Vec<T> sum) { at.store(sum, output[row]); });
        });
    meet(threads);
  }
}

template <typename T>
void forward(const Forward<T>& layer, int thread, int threads) {
  switch (gates_of(layer.cell)) {
    case 4:
      return forward_steps<T, 4>(layer, thread, threads);
    case 3:
      return forward_steps<T, 3>(layer, thread, threads);
    default:
      return forward_steps<T, kPlainVectors>(layer, thread, threads);
  }
}

// --- backward ---------------------------------------------------------------------------------

// The arithmetic of one step backwards. Rows below `going_on` also get a gradient from the step
// that follows; the others end here.
template <typename T>
struct StepBackward {
  const Backward<T>& layer;
  int64_t offset, going_on, hidden;
  Before<T> h, c;

  StepBackward(const Backward<T>& layer, int64_t s)
      : layer(layer),
        going_on(0),
        hidden(layer.hidden),
        h(layer.steps, s, layer.output, layer.h_0),
        c(layer.steps, s, layer.cells, layer.c_0) {
    const int64_t t = layer.steps.at(s);
    offset = layer.steps.offsets[t];
    if (s + 1 < layer.steps.count) {
      going_on = smaller(layer.steps.rows(t), layer.steps.rows(layer.steps.at(s + 1)));
    }
  }

  // The gradient of h, as far as it does not come through W_hh.
  Vec<T> direct(const Columns<T>& at, int64_t row) const {
    const Vec<T> gradient = at.load(layer.d_output, offset + row);
    return row < going_on ? gradient : gradient + at.load(layer.d_h_n, row);
  }

  void elman(const Columns<T>& at, int64_t row, Vec<T> d_h) const {
    const Vec<T> one(T(1));
    const Vec<T> zero(T(0));
    const Vec<T> y = at.load(layer.output[offset + row]);
    at.store(layer.cell == Cell::kTanh ? d_h * (one - y * y) : Vec<T>::blendv(d_h, zero, y <= zero),
             layer.d_gates[offset + row]);
  }

  void lstm(const Columns<T>& at, int64_t row, Vec<T> d_h) const {
    const Vec<T> one(T(1));
    const T* gate = layer.gates[offset + row];
    T* d_gate = layer.d_gates[offset + row];
    const Vec<T> i = at.load(gate);
    const Vec<T> f = at.load(gate + hidden);
    const Vec<T> g = at.load(gate + 2 * hidden);
    const Vec<T> o = at.load(gate + 3 * hidden);
    const Vec<T> tanh_c = at.load(layer.cells[offset + row]).tanh();
    const Vec<T> later = row < going_on ? at.load(layer.carry[row]) : at.load(layer.d_c_n, row);
    const Vec<T> d_c = at::vec::fmadd(d_h * o, one - tanh_c * tanh_c, later);
    at.store(d_c * g * i * (one - i), d_gate);
    at.store(d_c * c.load(at, row) * f * (one - f), d_gate + hidden);
    at.store(d_c * i * (one - g * g), d_gate + 2 * hidden);
    at.store(d_h * tanh_c * o * (one - o), d_gate + 3 * hidden);
    at.store(d_c * f, layer.carry[row]);
  }

  void gru(const Columns<T>& at, int64_t row, Vec<T> d_h) const {
    const Vec<T> one(T(1));
    const T* gate = layer.gates[offset + row];
    T* d_gate = layer.d_gates[offset + row];
    const Vec<T> r = at.load(gate);
    const Vec<T> z = at.load(gate + hidden);
    const Vec<T> n = at.load(gate + 2 * hidden);
    if (row < going_on) d_h = d_h + at.load(layer.carry[row]);
    const Vec<T> d_n = d_h * (one - z) * (one - n * n);
    const Vec<T> d_z = d_h * (h.load(at, row) - n) * z * (one - z);
    const Vec<T> d_r = d_n * at.load(layer.candidates[offset + row]) * r * (one - r);
    at.store(d_n, d_gate);
    at.store(d_r, d_gate + hidden);
    at.store(d_z, d_gate + 2 * hidden);
    at.store(d_n * r, d_gate + 3 * hidden);
    at.store(d_h * z, layer.carry[row]);
  }

  void soon(int64_t row, int64_t tile) const {
    constexpr int64_t width = kPlainVectors * Vec<T>::size();
    const int64_t column = tile * width;
    const auto rows = [&](auto all) {
      if (all) fetch(all[offset + row], column, width);
    };
    rows(layer.d_output);
    rows(layer.cells);
    rows(layer.candidates);
    for (int64_t g = 0; layer.gates && g < gates_of(layer.cell); ++g) {
      fetch(layer.gates[offset + row] + g * hidden, column, width);
    }
    if (gates_of(layer.cell) == 1) rows(layer.output);
  }

  void cell(const Columns<T>& at, int64_t row, Vec<T> d_h) const {
    switch (layer.cell) {
      case Cell::kLstm:
        return lstm(at, row, d_h);
      case Cell::kGru:
        return gru(at, row, d_h);
      default:
        return elman(at, row, d_h);
    }
  }
};

template <typename T>
void backward(const Backward<T>& layer, int thread, int threads) {
  constexpr int NV = kPlainVectors;
  const int64_t depth = gates_of(layer.cell) * layer.hidden;
  const int64_t tiles = tiling_of<T>(Packing::kPlain, layer.cell, depth, layer.state).count;
  const int64_t unprojected =
      tiling_of<T>(Packing::kPlain, layer.cell, layer.state, layer.hidden).count;
  // What W_hh is multiplied with: all but the part of a GRU's n that does not depend on h.
  const Rows<const T> d_gates{layer.d_gates.data + (layer.cell == Cell::kGru ? layer.hidden : 0),
                              layer.d_gates.stride};
  for (int64_t s = layer.steps.count - 1; s >= 0; --s) {
    const StepBackward<T> step(layer, s);
    const int64_t rows = layer.steps.rows(layer.steps.at(s));
    const auto then = [&](int64_t row, int64_t tile, const T* sums) {
      each_vector<T>(tile, layer.state, sums, [&](Columns<T> at, Vec<T> sum) {
        const Vec<T> d_h = sum + step.direct(at, row);
        if (layer.projection) {
          at.store(d_h, layer.d_hidden[step.offset + row]);
        } else {
          step.cell(at, row, d_h);
        }
      });
    };
    const auto soon = [&](int64_t row, int64_t tile) {
      if (!layer.projection) step.soon(row, tile);
    };
    if (step.going_on > 0) {
      const int64_t following = layer.steps.offsets[layer.steps.at(s + 1)];
      multiply<T, NV>({d_gates[following], d_gates.stride}, 0, step.going_on, depth,
                      layer.recurrent, tiles, thread, threads, soon, then);
    }
    multiply<T, NV>({}, step.going_on, rows, depth, layer.recurrent, tiles, thread, threads, soon,
                    then);
    meet(threads);
    if (!layer.projection) continue;
    const Rows<T> d_hidden = rows_at(layer.d_hidden, step.offset);
    multiply<T, NV>(
        {d_hidden.data, d_hidden.stride}, 0, rows, layer.state, layer.projection, unprojected,
        thread, threads, [&](int64_t row, int64_t tile) { step.soon(row, tile); },
        [&](int64_t row, int64_t tile, const T* sums) {
          each_vector<T>(tile, layer.hidden, sums,
                         [&](Columns<T> at, Vec<T> sum) { step.cell(at, row, sum); });
        });
    meet(threads);
  }
}

}  // namespace

template <typename T>
Kernels<T> kernels() {
  return {packed_size<T>, pack<T>, forward<T>, backward<T>};
}
template Kernels<float> kernels<float>();
template Kernels<double> kernels<double>();

}  // namespace recurrent::TSTORCH_CAPABILITY
