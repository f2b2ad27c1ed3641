#include "indexing.h"

#include <ATen/TensorIndexing.h>

#include <algorithm>
#include <cmath>

namespace {

using at::indexing::TensorIndex;

// How TypeScript writes an item: its kind and three numbers, nan for what is left open.
enum Kind { kNone, kInteger, kBoolean, kEllipsis, kSlice, kTensor };

std::optional<c10::SymInt> bound(double number) {
  if (std::isnan(number)) return std::nullopt;
  // Beyond any size it does not matter how far.
  constexpr double kFar = 9007199254740992.0;
  return c10::SymInt(static_cast<int64_t>(std::clamp(number, -kFar, kFar)));
}

// How many dimensions an item stands for.
int64_t dimensions_of(const Call& call, Kind kind, double value) {
  if (kind == kInteger || kind == kSlice) return 1;
  if (kind != kTensor) return 0;
  const at::Tensor index = tensor_of(call.env(), value);
  const bool mask = index.scalar_type() == at::kBool || index.scalar_type() == at::kByte;
  return mask ? index.dim() : 1;
}

std::vector<TensorIndex> items_of(const Call& call, size_t index, const at::Tensor& self) {
  const std::vector<double> numbers = call.numbers(index);
  if (numbers.size() > 4) {
    int64_t dimensions = 0;
    for (size_t i = 0; i + 3 < numbers.size(); i += 4) {
      dimensions += dimensions_of(call, static_cast<Kind>(numbers[i]), numbers[i + 1]);
    }
    TORCH_CHECK_INDEX(dimensions <= self.dim(), "too many indices for tensor of dimension ",
                      self.dim());
  }
  std::vector<TensorIndex> items;
  for (size_t i = 0; i + 3 < numbers.size(); i += 4) {
    const double value = numbers[i + 1];
    switch (static_cast<int>(numbers[i])) {
      case kNone:
        items.emplace_back(std::nullopt);
        break;
      case kInteger:
        TORCH_CHECK_INDEX(std::floor(value) == value && std::abs(value) < 9e15,
                          "no index: ", value);
        items.emplace_back(static_cast<int64_t>(value));
        break;
      case kBoolean:
        items.emplace_back(value != 0);
        break;
      case kEllipsis:
        items.emplace_back(at::indexing::Ellipsis);
        break;
      case kSlice:
        TORCH_CHECK_VALUE(numbers[i + 3] != 0, "slice step cannot be zero");
        items.emplace_back(
            at::indexing::Slice(bound(value), bound(numbers[i + 2]), bound(numbers[i + 3])));
        break;
      default:
        items.emplace_back(tensor_of(call.env(), value));
    }
  }
  return items;
}

// get_item(tensor, items) -> what they pick
napi_value get_item(Call& call) {
  const at::Tensor self = call.tensor(0);
  return call.handle(
      with_room(call.env(), [&] { return at::indexing::get_item(self, items_of(call, 1, self)); }));
}

// set_item(tensor, items, value)
napi_value set_item(Call& call) {
  const at::Tensor self = call.tensor(0);
  at::indexing::set_item(self, items_of(call, 1, self), call.tensor(2));
  return call.undefined();
}

}  // namespace

void export_indexing(Environment& env, napi_value exports) {
  export_function(env, exports, "get_item", enter<get_item>);
  export_function(env, exports, "set_item", enter<set_item>);
}
