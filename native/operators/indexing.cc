// x[...] and x[...] = v, by libtorch's own reading of them, which Python shares.
#include <ATen/TensorIndexing.h>

#include <algorithm>
#include <cmath>

#include "contract.h"
#include "exports.h"

namespace {

using at::indexing::TensorIndex;

std::optional<c10::SymInt> bound(double number) {
  if (std::isnan(number)) return std::nullopt;
  // Beyond any size it does not matter how far.
  constexpr double kFar = 9007199254740992.0;
  return c10::SymInt(static_cast<int64_t>(std::clamp(number, -kFar, kFar)));
}

IndexKind kind_in(double number) {
  TYPE_CHECK(number >= 0 && number <= static_cast<double>(IndexKind::Tensor),
             "no kind of index: ", number);
  return static_cast<IndexKind>(number);
}

// How many dimensions an item stands for.
int64_t dimensions_of(const Call& call, IndexKind kind, double value) {
  if (kind == IndexKind::Integer || kind == IndexKind::Slice) return 1;
  if (kind != IndexKind::Tensor) return 0;
  const at::Tensor index = tensor_of(call.env(), value);
  const bool mask = index.scalar_type() == at::kBool || index.scalar_type() == at::kByte;
  return mask ? index.dim() : 1;
}

std::vector<TensorIndex> items_of(const Call& call, size_t index, const at::Tensor& self) {
  const std::vector<double> numbers = call.numbers(index);
  TYPE_CHECK(numbers.size() % kIndexNumbers == 0, "an item is ", kIndexNumbers, " numbers");
  if (numbers.size() > kIndexNumbers) {
    int64_t dimensions = 0;
    for (size_t i = 0; i < numbers.size(); i += kIndexNumbers) {
      dimensions += dimensions_of(call, kind_in(numbers[i]), numbers[i + 1]);
    }
    TORCH_CHECK_INDEX(dimensions <= self.dim(), "too many indices for tensor of dimension ",
                      self.dim());
  }
  std::vector<TensorIndex> items;
  for (size_t i = 0; i < numbers.size(); i += kIndexNumbers) {
    const double value = numbers[i + 1];
    switch (kind_in(numbers[i])) {
      case IndexKind::None:
        items.emplace_back(std::nullopt);
        break;
      case IndexKind::Integer:
        TORCH_CHECK_INDEX(std::floor(value) == value && std::abs(value) < 9e15,
                          "no index: ", value);
        items.emplace_back(static_cast<int64_t>(value));
        break;
      case IndexKind::Boolean:
        items.emplace_back(value != 0);
        break;
      case IndexKind::Ellipsis:
        items.emplace_back(at::indexing::Ellipsis);
        break;
      case IndexKind::Slice:
        TORCH_CHECK_VALUE(numbers[i + 3] != 0, "slice step cannot be zero");
        items.emplace_back(
            at::indexing::Slice(bound(value), bound(numbers[i + 2]), bound(numbers[i + 3])));
        break;
      case IndexKind::Tensor:
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
