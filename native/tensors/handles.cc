// A tensor's handle and metadata.
#include <optional>
#include <sstream>

#include "exports.h"

namespace {

// The garbage collector frees an unreachable tensor here, in the midst of a synchronous loop.
void finalize_tensor(napi_env, void* data, void* hint) {
  static_cast<Environment*>(hint)->release_from_finalizer(reinterpret_cast<uintptr_t>(data));
}

// track(object, handle): the handle is released when the object is collected.
napi_value track(Call& call) {
  const uintptr_t handle = call.natural(1);
  check_napi(call.raw(), napi_add_finalizer(call.raw(), call[0], reinterpret_cast<void*>(handle),
                                            finalize_tensor, &call.env(), nullptr));
  return call.undefined();
}

napi_value release(Call& call) { return call.value(call.env().tensors.release(call.natural(0))); }

// release_all(Float64Array of handles): stale ones and 0 are passed over.
napi_value release_all(Call& call) {
  for (const double handle : call.numbers(0)) {
    call.env().tensors.release(handle_in(handle));
  }
  return call.undefined();
}

// reachable(...): nothing. What is passed here the garbage collector has not taken before.
napi_value reachable(Call& call) { return call.undefined(); }

// alias(handle) -> another handle to the same tensor
napi_value alias(Call& call) { return call.handle(call.tensor(0)); }

napi_value sizes(Call& call) { return call.integers(call.tensor(0).sizes()); }
napi_value same_sizes(Call& call) {
  return call.value(call.tensor(0).sizes() == call.tensor(1).sizes());
}
napi_value strides(Call& call) { return call.integers(call.tensor(0).strides()); }
napi_value dim(Call& call) { return call.value(call.tensor(0).dim()); }
napi_value numel(Call& call) { return call.value(call.tensor(0).numel()); }
napi_value storage_offset(Call& call) { return call.value(call.tensor(0).storage_offset()); }

// The memory that the tensor is a view on, where it has any: sparse tensors have none of their own,
// meta tensors and autograd's zeros none at all.
std::optional<at::Storage> storage_of(const at::Tensor& tensor) {
  if (!tensor.has_storage() || tensor.is_meta() || tensor._is_zerotensor()) return std::nullopt;
  return tensor.storage();
}

// storage_id(tensor) -> a bigint that the tensors on one storage share while one of them lives, or
// null. A name, from which nothing is read.
napi_value storage_id(Call& call) {
  const auto storage = storage_of(call.tensor(0));
  if (!storage.has_value()) return call.null();
  napi_value id = nullptr;
  check_napi(call.raw(),
             napi_create_bigint_uint64(
                 call.raw(), reinterpret_cast<uintptr_t>(storage->unsafeGetStorageImpl()), &id));
  return id;
}

// storage_bytes(tensor) -> its whole storage as a uint8 tensor, not a copy, or null
napi_value storage_bytes(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  const auto storage = storage_of(tensor);
  if (!storage.has_value()) return call.null();
  const at::Tensor bytes = at::empty({0}, at::device(tensor.device()).dtype(at::kByte));
  bytes.set_(*storage, 0, {static_cast<int64_t>(storage->nbytes())}, {1});
  return call.handle(bytes);
}

napi_value dtype(Call& call) { return call.value(static_cast<int>(call.tensor(0).scalar_type())); }
napi_value device(Call& call) { return call.value(call.tensor(0).device().str()); }
napi_value layout(Call& call) {
  std::ostringstream name;
  name << call.tensor(0).layout();
  return call.value(name.str());
}

napi_value live_tensors(Call& call) { return call.value(call.env().tensors.live()); }

napi_value live_bytes(Call& call) { return call.value(call.env().live_bytes()); }

}  // namespace

void export_tensors(Environment& env, napi_value exports) {
  export_function(env, exports, "track", enter<track>);
  export_function(env, exports, "release", enter<release>);
  export_function(env, exports, "release_all", enter<release_all>);
  export_function(env, exports, "reachable", enter<reachable>);
  export_function(env, exports, "alias", enter<alias>);
  export_function(env, exports, "sizes", enter<sizes>);
  export_function(env, exports, "same_sizes", enter<same_sizes>);
  export_function(env, exports, "strides", enter<strides>);
  export_function(env, exports, "dim", enter<dim>);
  export_function(env, exports, "numel", enter<numel>);
  export_function(env, exports, "storage_offset", enter<storage_offset>);
  export_function(env, exports, "storage_id", enter<storage_id>);
  export_function(env, exports, "storage_bytes", enter<storage_bytes>);
  export_function(env, exports, "dtype", enter<dtype>);
  export_function(env, exports, "device", enter<device>);
  export_function(env, exports, "layout", enter<layout>);
  export_function(env, exports, "live_tensors", enter<live_tensors>);
  export_function(env, exports, "live_bytes", enter<live_bytes>);
}
