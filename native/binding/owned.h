// C++ objects that JavaScript holds: each in an object of its own, marked by what it is, and
// deleted when that object is collected.
#pragma once

#include "binding/call.h"

// What marks the objects that hold a T: `value`, a random number made once for each T.
template <typename T>
struct TagOf;

// A new JavaScript object that holds a T.
template <typename T>
napi_value own(const Call& call, T value) {
  auto owned = std::make_unique<T>(std::move(value));
  napi_value object = new_object(call.raw());
  check_napi(call.raw(), napi_type_tag_object(call.raw(), object, &TagOf<T>::value));
  const auto finalize = [](napi_env, void* data, void* env) {
    static_cast<Environment*>(env)->bury(std::shared_ptr<T>(static_cast<T*>(data)));
  };
  check_napi(call.raw(),
             napi_wrap(call.raw(), object, owned.get(), finalize, &call.env(), nullptr));
  owned.release();
  return object;
}

// The T that an object holds, or nullptr where it holds none.
template <typename T>
T* owned_in(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  bool tagged = false;
  void* owned = nullptr;
  const bool found = napi_typeof(env, value, &type) == napi_ok && type == napi_object &&
                     napi_check_object_type_tag(env, value, &TagOf<T>::value, &tagged) == napi_ok &&
                     tagged && napi_unwrap(env, value, &owned) == napi_ok;
  return found ? static_cast<T*>(owned) : nullptr;
}

template <typename T>
T& owned_argument(const Call& call, size_t index, const char* what) {
  T* owned = index < call.size() ? owned_in<T>(call.raw(), call[index]) : nullptr;
  TYPE_CHECK(owned != nullptr, "argument ", index + 1, " must be ", what);
  return *owned;
}
