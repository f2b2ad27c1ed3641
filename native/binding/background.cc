#include "binding/background.h"

namespace {

struct Background {
  std::function<double()> work;
  double result = 0;
  std::exception_ptr error;
  napi_async_work task = nullptr;
  napi_deferred deferred = nullptr;
};

void run(napi_env, void* data) {
  auto* background = static_cast<Background*>(data);
  try {
    background->result = background->work();
  } catch (...) {
    background->error = std::current_exception();
  }
}

napi_value error_of(napi_env env, const Background& background) {
  try {
    std::rethrow_exception(background.error);
  } catch (...) {
    return thrown_value(env);
  }
}

void end(napi_env env, napi_status status, void* data) {
  const std::unique_ptr<Background> background(static_cast<Background*>(data));
  napi_delete_async_work(env, background->task);
  // Tensors die here, on the thread of JavaScript.
  background->work = nullptr;
  napi_value result = nullptr;
  if (background->error == nullptr && status == napi_ok) {
    napi_create_double(env, background->result, &result);
    napi_resolve_deferred(env, background->deferred, result);
    return;
  }
  if (background->error == nullptr) {
    background->error = std::make_exception_ptr(std::runtime_error("the work was cancelled"));
  }
  result = error_of(env, *background);
  if (result != nullptr) napi_reject_deferred(env, background->deferred, result);
}

}  // namespace

napi_value promise_of(const Call& call, const char* name, std::function<double()> work) {
  auto background = std::make_unique<Background>();
  background->work = std::move(work);
  napi_value promise = nullptr;
  check_napi(call.raw(),
             napi_create_async_work(call.raw(), nullptr, call.value(std::string_view(name)), run,
                                    end, background.get(), &background->task));
  check_napi(call.raw(), napi_create_promise(call.raw(), &background->deferred, &promise));
  check_napi(call.raw(), napi_queue_async_work(call.raw(), background->task));
  background.release();
  return promise;
}
