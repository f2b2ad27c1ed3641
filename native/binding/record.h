// Records of numbers: TypeScript writes the fields of a struct of contract.h into a Float64Array,
// in their order (lib/core/generated/contract.ts), and the struct is made of them here.
#pragma once

#include <span>

#include "binding/values.h"

// A number that becomes what the field is which it initializes.
struct RecordField {
  double number = 0;

  operator double() const { return number; }
  operator bool() const { return number != 0; }
  operator int64_t() const {
    TYPE_CHECK(is_whole(number), "expected a whole number, got ", number);
    return static_cast<int64_t>(number);
  }
};

template <typename Record, typename... Fields>
constexpr size_t count_fields() {
  if constexpr (requires { Record{Fields()..., RecordField()}; }) {
    return count_fields<Record, Fields..., RecordField>();
  } else {
    return sizeof...(Fields);
  }
}

template <typename Record>
Record record_of(std::span<const double> numbers) {
  constexpr size_t count = count_fields<Record>();
  TYPE_CHECK(numbers.size() == count, "expected ", count, " numbers, got ", numbers.size());
  return [&]<size_t... i>(std::index_sequence<i...>) { return Record{RecordField{numbers[i]}...}; }
  (std::make_index_sequence<count>());
}
