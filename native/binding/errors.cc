#include "binding/errors.h"

#include "memory/environment.h"

namespace {

bool mentions(const std::string& message, std::string_view part) {
  return message.find(part) != std::string::npos;
}

void throw_error(napi_env env, const char* type, const std::string& message) {
  const Environment* environment = Environment::of(env);
  if (environment == nullptr) {
    napi_throw_error(env, nullptr, message.c_str());
    return;
  }
  const napi_value error = environment->make_error(type, message);
  if (error != nullptr) napi_throw(env, error);
}

// libtorch throws some index errors and the CPU's memory errors as plain c10::Error.
const char* type_of_plain_error(const std::string& message) {
  if (mentions(message, "out of bounds") || mentions(message, "out of range")) return "RangeError";
  if (mentions(message, "can't allocate memory")) return "OutOfMemoryError";
  return "Error";
}

}  // namespace

Thrown::Thrown(napi_env env) {
  const Environment* environment = Environment::of(env);
  napi_value value = nullptr;
  napi_ref reference = nullptr;
  if (environment == nullptr) return;
  napi_get_and_clear_last_exception(env, &value);
  // Where JavaScript is being terminated there is no value: nobody is left to hear of it.
  if (value == nullptr || napi_create_reference(env, value, 1, &reference) != napi_ok) return;
  reference_ = {reference,
                [dead = environment->dead_references](napi_ref held) { dead->add(held); }};
}

void Thrown::throw_to_javascript(napi_env env) const {
  napi_value value = nullptr;
  if (reference_ == nullptr) return;
  if (napi_get_reference_value(env, reference_.get(), &value) == napi_ok) napi_throw(env, value);
}

void throw_to_javascript(napi_env env) noexcept {
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) != napi_ok || pending) return;
  try {
    throw;
  } catch (const Thrown& thrown) {
    thrown.throw_to_javascript(env);
  } catch (const c10::TypeError& error) {
    throw_error(env, "TypeError", error.what_without_backtrace());
  } catch (const c10::IndexError& error) {
    throw_error(env, "RangeError", error.what_without_backtrace());
  } catch (const c10::ValueError& error) {
    throw_error(env, "RangeError", error.what_without_backtrace());
  } catch (const c10::NotImplementedError& error) {
    throw_error(env, "NotImplementedError", error.what_without_backtrace());
  } catch (const c10::OutOfMemoryError& error) {
    throw_error(env, "OutOfMemoryError", error.what_without_backtrace());
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    throw_error(env, type_of_plain_error(message), message);
  } catch (const std::bad_alloc&) {
    throw_error(env, "OutOfMemoryError", "out of memory");
  } catch (const std::exception& error) {
    throw_error(env, "Error", error.what());
  } catch (...) {
    throw_error(env, "Error", "unknown C++ exception");
  }
}

void throw_napi_error(napi_env env) {
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (pending) throw Thrown(env);
  const napi_extended_error_info* info = nullptr;
  napi_get_last_error_info(env, &info);
  TORCH_CHECK(false, "Node-API: ",
              info != nullptr && info->error_message != nullptr ? info->error_message : "failed");
}
