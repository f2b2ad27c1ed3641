#include "binding/values.h"

bool is_array(napi_env env, napi_value value) {
  bool result = false;
  check_napi(env, napi_is_array(env, value, &result));
  return result;
}

uint32_t length_of(napi_env env, napi_value array) {
  uint32_t length = 0;
  check_napi(env, napi_get_array_length(env, array, &length));
  return length;
}

std::optional<bool> boolean_in(napi_env env, napi_value value) {
  bool boolean = false;
  if (napi_get_value_bool(env, value, &boolean) != napi_ok) return std::nullopt;
  return boolean;
}

std::optional<std::string> string_in(napi_env env, napi_value value) {
  size_t length = 0;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) return std::nullopt;
  std::string text(length, '\0');
  check_napi(env, napi_get_value_string_utf8(env, value, text.data(), length + 1, &length));
  return text;
}

std::optional<int64_t> bigint_in(napi_env env, napi_value value) {
  int64_t result = 0;
  bool lossless = false;
  if (napi_get_value_bigint_int64(env, value, &result, &lossless) != napi_ok) return std::nullopt;
  TORCH_CHECK_VALUE(lossless, "a bigint argument does not fit into 64 bits");
  return result;
}

napi_value boolean_value(napi_env env, bool boolean) {
  napi_value result = nullptr;
  check_napi(env, napi_get_boolean(env, boolean, &result));
  return result;
}

napi_value string_value(napi_env env, std::string_view text) {
  napi_value result = nullptr;
  check_napi(env, napi_create_string_utf8(env, text.data(), text.size(), &result));
  return result;
}

napi_value null_value(napi_env env) {
  napi_value result = nullptr;
  check_napi(env, napi_get_null(env, &result));
  return result;
}

napi_value integer_value(napi_env env, int64_t value) {
  napi_value result = nullptr;
  const bool safe = std::abs(static_cast<double>(value)) <= kMaxSafeInteger;
  check_napi(env, safe ? napi_create_int64(env, value, &result)
                       : napi_create_bigint_int64(env, value, &result));
  return result;
}

napi_value new_object(napi_env env) {
  napi_value result = nullptr;
  check_napi(env, napi_create_object(env, &result));
  return result;
}

void set_field(napi_env env, napi_value object, const char* name, napi_value value) {
  check_napi(env, napi_set_named_property(env, object, name, value));
}
