// Random generators that JavaScript holds (runtime/generators.cc makes them).
#pragma once

#include "binding/owned.h"

template <>
struct TagOf<at::Generator> {
  static constexpr napi_type_tag value = {0x6f9f3c1d2b7a4e55, 0x9d0c5a7e8b3f1246};
};

inline std::optional<at::Generator> generator_in(napi_env env, napi_value value) {
  const at::Generator* generator = owned_in<at::Generator>(env, value);
  return generator == nullptr ? std::nullopt : std::optional(*generator);
}
