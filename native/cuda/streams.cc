// Streams and events, and waiting for them and for devices.
#include <c10/core/Event.h>
#include <c10/cuda/CUDAStream.h>

#include <array>
#include <functional>

#include "binding/owned.h"
#include "cuda/devices.h"

using SharedEvent = std::shared_ptr<c10::Event>;

template <>
struct TagOf<SharedEvent> {
  static constexpr napi_type_tag value = {0x5f0d7f3a92c14be6, 0xa1c38e55d2704b9f};
};

template <>
struct TagOf<c10::Stream> {
  static constexpr napi_type_tag value = {0x71c0b54fe2a94d1c, 0x8da4f6039e7b5217};
};

namespace {

// --- streams: in JavaScript an object that owns one, its number and its device's -----------------

napi_value stream_value(const Call& call, const c10::Stream& stream) {
  const std::array parts{own(call, stream), integer_value(call.raw(), stream.id()),
                         call.value(stream.device_index())};
  return array_value(call.raw(), parts, [](napi_value part) { return part; });
}

const c10::Stream& stream_argument(const Call& call, size_t index) {
  return owned_argument<c10::Stream>(call, index, "a stream");
}

// new_stream(device, priority)
napi_value new_stream(Call& call) {
  const c10::DeviceIndex device = cuda_device(call, 0);
  return stream_value(call,
                      c10::cuda::getStreamFromPool(static_cast<int>(call.integer(1)), device));
}

napi_value current_stream(Call& call) {
  return stream_value(call, c10::cuda::getCurrentCUDAStream(cuda_device(call, 0)));
}

napi_value default_stream(Call& call) {
  return stream_value(call, c10::cuda::getDefaultCUDAStream(cuda_device(call, 0)));
}

// set_stream(stream): its device becomes the current one
napi_value set_stream(Call& call) {
  const c10::cuda::CUDAStream stream(stream_argument(call, 0));
  c10::cuda::set_device(stream.device_index());
  c10::cuda::setCurrentCUDAStream(stream);
  return call.undefined();
}

napi_value stream_query(Call& call) { return call.value(stream_argument(call, 0).query()); }

napi_value stream_synchronize(Call& call) {
  stream_argument(call, 0).synchronize();
  return call.undefined();
}

// record_stream(tensor, stream): its memory is not used anew before the stream is done with it
napi_value record_stream(Call& call) {
  call.tensor(0).record_stream(stream_argument(call, 1));
  return call.undefined();
}

// --- events --------------------------------------------------------------------------------------

SharedEvent event_argument(const Call& call, size_t index) {
  return owned_argument<SharedEvent>(call, index, "an event");
}

// new_event(enable_timing)
napi_value new_event(Call& call) {
  const c10::EventFlag flag =
      call.boolean(0) ? c10::EventFlag::BACKEND_DEFAULT : c10::EventFlag::PYTORCH_DEFAULT;
  return own(call, std::make_shared<c10::Event>(at::kCUDA, flag));
}

// event_record(event, stream)
napi_value event_record(Call& call) {
  event_argument(call, 0)->record(stream_argument(call, 1));
  return call.undefined();
}

// event_wait(event, stream): what the stream does next waits for the event
napi_value event_wait(Call& call) {
  event_argument(call, 0)->block(stream_argument(call, 1));
  return call.undefined();
}

napi_value event_query(Call& call) { return call.value(event_argument(call, 0)->query()); }

napi_value event_synchronize(Call& call) {
  event_argument(call, 0)->synchronize();
  return call.undefined();
}

// event_elapsed_time(start, end) -> milliseconds
napi_value event_elapsed_time(Call& call) {
  return call.value(event_argument(call, 0)->elapsedTime(*event_argument(call, 1)));
}

// --- waiting off the event loop ------------------------------------------------------------------

struct Waiting {
  std::function<void()> wait;
  std::string error;
  napi_async_work work = nullptr;
  napi_deferred deferred = nullptr;
};

void run_waiting(napi_env, void* data) {
  auto* waiting = static_cast<Waiting*>(data);
  try {
    waiting->wait();
  } catch (const c10::Error& error) {
    waiting->error = error.what_without_backtrace();
  } catch (const std::exception& error) {
    waiting->error = error.what();
  }
}

void end_waiting(napi_env env, napi_status status, void* data) {
  const std::unique_ptr<Waiting> waiting(static_cast<Waiting*>(data));
  napi_delete_async_work(env, waiting->work);
  if (status != napi_ok) waiting->error = "the wait was cancelled";
  napi_value result = nullptr;
  if (waiting->error.empty()) {
    napi_get_undefined(env, &result);
    napi_resolve_deferred(env, waiting->deferred, result);
    return;
  }
  napi_value text = nullptr;
  napi_create_string_utf8(env, waiting->error.data(), waiting->error.size(), &text);
  napi_create_error(env, nullptr, text, &result);
  napi_reject_deferred(env, waiting->deferred, result);
}

napi_value promise_of(const Call& call, std::function<void()> wait) {
  auto waiting = std::make_unique<Waiting>();
  waiting->wait = std::move(wait);
  napi_value promise = nullptr;
  napi_value name = call.value("tstorch.cuda.synchronize");
  check_napi(call.raw(), napi_create_async_work(call.raw(), nullptr, name, run_waiting, end_waiting,
                                                waiting.get(), &waiting->work));
  check_napi(call.raw(), napi_create_promise(call.raw(), &waiting->deferred, &promise));
  check_napi(call.raw(), napi_queue_async_work(call.raw(), waiting->work));
  waiting.release();
  return promise;
}

napi_value synchronize_async(Call& call) {
  const c10::DeviceIndex device = cuda_device(call, 0);
  return promise_of(call, [device] { synchronize_device(device); });
}

napi_value stream_synchronize_async(Call& call) {
  const c10::Stream stream = stream_argument(call, 0);
  return promise_of(call, [stream] { stream.synchronize(); });
}

napi_value event_synchronize_async(Call& call) {
  return promise_of(call, [event = event_argument(call, 0)] { event->synchronize(); });
}

}  // namespace

void export_cuda_streams(Environment& env, napi_value cuda) {
  export_function(env, cuda, "synchronize_async", enter<synchronize_async>);
  export_function(env, cuda, "new_stream", enter<new_stream>);
  export_function(env, cuda, "current_stream", enter<current_stream>);
  export_function(env, cuda, "default_stream", enter<default_stream>);
  export_function(env, cuda, "set_stream", enter<set_stream>);
  export_function(env, cuda, "stream_query", enter<stream_query>);
  export_function(env, cuda, "stream_synchronize", enter<stream_synchronize>);
  export_function(env, cuda, "stream_synchronize_async", enter<stream_synchronize_async>);
  export_function(env, cuda, "record_stream", enter<record_stream>);
  export_function(env, cuda, "new_event", enter<new_event>);
  export_function(env, cuda, "event_record", enter<event_record>);
  export_function(env, cuda, "event_wait", enter<event_wait>);
  export_function(env, cuda, "event_query", enter<event_query>);
  export_function(env, cuda, "event_synchronize", enter<event_synchronize>);
  export_function(env, cuda, "event_synchronize_async", enter<event_synchronize_async>);
  export_function(env, cuda, "event_elapsed_time", enter<event_elapsed_time>);
}
