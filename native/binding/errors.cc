#include "binding/errors.h"

#include "memory/environment.h"

namespace {

bool mentions(const std::string& message, std::string_view part) {
  return message.find(part) != std::string::npos;
}

// Null where the environment is being terminated: nobody is left to hear of the error.
napi_value error_value(napi_env env, const char* type, const std::string& message) {
  const Environment* environment = Environment::of(env);
  napi_value error = nullptr;
  if (environment != nullptr) return environment->make_error(type, message);
  napi_value text = nullptr;
  napi_create_string_utf8(env, message.data(), message.size(), &text);
  napi_create_error(env, nullptr, text, &error);
  return error;
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

napi_value Thrown::value(napi_env env) const {
  napi_value value = nullptr;
  if (reference_ != nullptr) napi_get_reference_value(env, reference_.get(), &value);
  return value;
}

napi_value thrown_value(napi_env env) noexcept {
  try {
    throw;
  } catch (const Thrown& thrown) {
    return thrown.value(env);
  } catch (const c10::TypeError& error) {
    return error_value(env, "TypeError", error.what_without_backtrace());
  } catch (const c10::IndexError& error) {
    return error_value(env, "RangeError", error.what_without_backtrace());
  } catch (const c10::ValueError& error) {
    return error_value(env, "RangeError", error.what_without_backtrace());
  } catch (const c10::NotImplementedError& error) {
    return error_value(env, "NotImplementedError", error.what_without_backtrace());
  } catch (const c10::OutOfMemoryError& error) {
    return error_value(env, "OutOfMemoryError", error.what_without_backtrace());
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    return error_value(env, type_of_plain_error(message), message);
  } catch (const std::bad_alloc&) {
    return error_value(env, "OutOfMemoryError", "out of memory");
  } catch (const std::exception& error) {
    return error_value(env, "Error", error.what());
  } catch (...) {
    return error_value(env, "Error", "unknown C++ exception");
  }
}

napi_value failure(napi_env env) noexcept {
  const napi_value thrown = thrown_value(env);
  napi_value result = nullptr;
  if (thrown == nullptr || napi_create_object(env, &result) != napi_ok) return nullptr;
  napi_set_named_property(env, result, "tstorch_thrown", thrown);
  return result;
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
