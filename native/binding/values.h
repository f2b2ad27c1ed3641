// Plain values: read from JavaScript, and made for it.
#pragma once

#include <cmath>

#include "binding/errors.h"

constexpr double kMaxSafeInteger = 9007199254740991.0;

// Whether a number is an integer that no other integer rounds to.
inline bool is_whole(double number) {
  return std::floor(number) == number && std::abs(number) <= kMaxSafeInteger;
}

// --- reading: nothing where the value is of another kind -----------------------------------------

inline napi_valuetype type_of(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  check_napi(env, napi_typeof(env, value, &type));
  return type;
}
bool is_array(napi_env env, napi_value value);
// Of an array.
uint32_t length_of(napi_env env, napi_value array);
inline std::optional<double> number_in(napi_env env, napi_value value) {
  double number = 0;
  if (napi_get_value_double(env, value, &number) != napi_ok) return std::nullopt;
  return number;
}
std::optional<bool> boolean_in(napi_env env, napi_value value);
std::optional<std::string> string_in(napi_env env, napi_value value);
// Throws where the bigint does not fit into 64 bits.
std::optional<int64_t> bigint_in(napi_env env, napi_value value);

// Calls visit(index, value) for each element of an array.
template <typename Visit>
void each_element(napi_env env, napi_value array, const Visit& visit) {
  const uint32_t length = length_of(env, array);
  for (uint32_t i = 0; i < length; ++i) {
    napi_value element = nullptr;
    check_napi(env, napi_get_element(env, array, i, &element));
    visit(i, element);
  }
}

// --- making --------------------------------------------------------------------------------------

inline napi_value number_value(napi_env env, double number) {
  napi_value result = nullptr;
  check_napi(env, napi_create_double(env, number, &result));
  return result;
}
napi_value boolean_value(napi_env env, bool boolean);
napi_value string_value(napi_env env, std::string_view text);
napi_value null_value(napi_env env);
inline napi_value undefined_value(napi_env env) {
  napi_value result = nullptr;
  check_napi(env, napi_get_undefined(env, &result));
  return result;
}
// A number, or a bigint where a number cannot hold it.
napi_value integer_value(napi_env env, int64_t value);

// An array of what `convert` makes of each element of a list.
template <typename List, typename Convert>
napi_value array_value(napi_env env, const List& list, const Convert& convert) {
  napi_value result = nullptr;
  check_napi(env, napi_create_array_with_length(env, list.size(), &result));
  uint32_t position = 0;
  for (const auto& element : list) {
    check_napi(env, napi_set_element(env, result, position++, convert(element)));
  }
  return result;
}

napi_value new_object(napi_env env);
void set_field(napi_env env, napi_value object, const char* name, napi_value value);
