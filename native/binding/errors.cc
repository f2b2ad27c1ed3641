#include "binding/errors.h"

namespace {

bool mentions(const std::string& message, std::string_view part) {
  return message.find(part) != std::string::npos;
}

void throw_error(napi_env env, const char* type, const std::string& message) {
  napi_value text = nullptr;
  napi_value error = nullptr;
  napi_create_string_utf8(env, message.data(), message.size(), &text);
  const std::string_view kind(type);
  if (kind == "TypeError") {
    napi_create_type_error(env, nullptr, text, &error);
  } else if (kind == "RangeError") {
    napi_create_range_error(env, nullptr, text, &error);
  } else {
    napi_create_error(env, nullptr, text, &error);
    if (kind != "Error" && error != nullptr) {
      napi_value name = nullptr;
      napi_create_string_utf8(env, type, NAPI_AUTO_LENGTH, &name);
      napi_set_named_property(env, error, "name", name);
    }
  }
  // Fails only where the environment is being terminated: nobody is left to hear of the error.
  if (error != nullptr) napi_throw(env, error);
}

// libtorch throws some index errors and the CPU's memory errors as plain c10::Error.
const char* type_of_plain_error(const std::string& message) {
  if (mentions(message, "out of bounds") || mentions(message, "out of range")) return "RangeError";
  if (mentions(message, "can't allocate memory")) return "OutOfMemoryError";
  return "Error";
}

}  // namespace

void throw_to_javascript(napi_env env) noexcept {
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) != napi_ok || pending) return;
  try {
    throw;
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
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
  if (pending) {
    napi_value exception = nullptr;
    napi_get_and_clear_last_exception(env, &exception);
    throw Napi::Error(env, exception);
  }
  const napi_extended_error_info* info = nullptr;
  napi_get_last_error_info(env, &info);
  TORCH_CHECK(false, "Node-API: ",
              info != nullptr && info->error_message != nullptr ? info->error_message : "failed");
}
