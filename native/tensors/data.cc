// A tensor's elements: as a number, as bytes, as memory that JavaScript shares.
#include <sys/mman.h>

#include <array>
#include <cstring>

#include "exports.h"

namespace {

struct Bytes {
  void* data;
  size_t size;
};

// The memory of an ArrayBuffer or of any view on one.
Bytes bytes_of(const Call& call, size_t index) {
  const napi_value value = call[index];
  Bytes bytes{nullptr, 0};
  bool is = false;
  check_napi(call.raw(), napi_is_typedarray(call.raw(), value, &is));
  if (is) {
    napi_typedarray_type type = napi_int8_array;
    size_t length = 0;
    check_napi(call.raw(), napi_get_typedarray_info(call.raw(), value, &type, &length, &bytes.data,
                                                    nullptr, nullptr));
    static constexpr size_t kItemSize[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8, 2};
    TYPE_CHECK(static_cast<size_t>(type) < std::size(kItemSize), "unknown kind of typed array");
    bytes.size = length * kItemSize[type];
    return bytes;
  }
  check_napi(call.raw(), napi_is_arraybuffer(call.raw(), value, &is));
  TYPE_CHECK(is, "data must be an ArrayBuffer or a typed array");
  check_napi(call.raw(), napi_get_arraybuffer_info(call.raw(), value, &bytes.data, &bytes.size));
  return bytes;
}

// item(tensor) -> its number, boolean, bigint (beyond 2^53) or [re, im]
napi_value item(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  TORCH_CHECK(tensor.numel() == 1, "a Tensor with ", tensor.numel(),
              " elements cannot be converted to Scalar");
  const at::Scalar scalar = tensor.item();
  if (scalar.isBoolean()) return call.value(scalar.toBool());
  if (scalar.isComplex()) {
    const auto number = scalar.toComplexDouble();
    return array_value(call.raw(), std::array{number.real(), number.imag()},
                       [&](double part) { return call.value(part); });
  }
  if (scalar.type() == at::kUInt64) {
    const uint64_t number = scalar.toUInt64();
    if (number > static_cast<uint64_t>(INT64_MAX)) {
      napi_value result = nullptr;
      check_napi(call.raw(), napi_create_bigint_uint64(call.raw(), number, &result));
      return result;
    }
  }
  if (scalar.isIntegral(false)) return integer_value(call.raw(), scalar.toLong());
  return call.value(scalar.toDouble());
}

// from_bytes(bytes, dtype, sizes) -> a new CPU tensor that holds a copy
napi_value from_bytes(Call& call) {
  const Bytes bytes = bytes_of(call, 0);
  const auto type = call.dtype(1);
  const std::vector<int64_t> shape = call.integers(2);
  const at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(type));
  TORCH_CHECK(tensor.nbytes() == bytes.size, "shape ", at::IntArrayRef(shape), " of ", type,
              " takes ", tensor.nbytes(), " bytes, but ", bytes.size, " were given");
  if (bytes.size > 0) std::memcpy(tensor.mutable_data_ptr(), bytes.data, bytes.size);
  return call.handle(tensor);
}

// The tensor's elements as one dense block on the CPU.
at::Tensor dense(const at::Tensor& tensor) {
  TORCH_CHECK(tensor.layout() == at::kStrided, "the elements of a ", tensor.layout(),
              " tensor cannot be read; use to_dense() first");
  at::Tensor result = tensor.detach().to(at::kCPU).resolve_conj().resolve_neg().contiguous();
  // Zeros that have no memory: autograd makes them for gradients.
  if (result._is_zerotensor()) result = result.clone();
  TORCH_CHECK(result.nbytes() == 0 || result.const_data_ptr() != nullptr,
              "the tensor has no elements in memory");
  return result;
}

// A new ArrayBuffer. Where memory is short, Node-API's own function ends the process, but the
// constructor throws, which takes longer.
napi_value new_array_buffer(const Call& call, size_t size) {
  constexpr size_t kSmall = 1 << 16;
  napi_value global = nullptr;
  napi_value constructor = nullptr;
  napi_value buffer = nullptr;
  if (size <= kSmall) {
    void* ignored = nullptr;
    check_napi(call.raw(), napi_create_arraybuffer(call.raw(), size, &ignored, &buffer));
    return buffer;
  }
  const napi_value length = call.value(size);
  check_napi(call.raw(), napi_get_global(call.raw(), &global));
  check_napi(call.raw(), napi_get_named_property(call.raw(), global, "ArrayBuffer", &constructor));
  if (napi_new_instance(call.raw(), constructor, 1, &length, &buffer) != napi_ok) {
    napi_value ignored = nullptr;
    check_napi(call.raw(), napi_get_and_clear_last_exception(call.raw(), &ignored));
    TORCH_CHECK_WITH(OutOfMemoryError, false,
                     "out of memory for an ArrayBuffer: tried to allocate ", size, " bytes");
  }
  return buffer;
}

// to_bytes(tensor) -> ArrayBuffer with a copy of its elements
napi_value to_bytes(Call& call) {
  return with_room(call.env(), [&] {
    const at::Tensor source = dense(call.tensor(0));
    const napi_value buffer = new_array_buffer(call, source.nbytes());
    Bytes bytes{nullptr, 0};
    check_napi(call.raw(), napi_get_arraybuffer_info(call.raw(), buffer, &bytes.data, &bytes.size));
    TORCH_CHECK(bytes.size == source.nbytes(), "the ArrayBuffer has not the size asked for");
    if (bytes.size > 0) std::memcpy(bytes.data, source.const_data_ptr(), bytes.size);
    return buffer;
  });
}

// check_room(bytes): throws where the system would not give so many.
napi_value check_room(Call& call) {
  const auto size = static_cast<size_t>(call.natural(0));
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  TORCH_CHECK_WITH(OutOfMemoryError, memory != MAP_FAILED, "out of memory: JavaScript would need ",
                   size, " bytes");
  munmap(memory, size);
  return call.undefined();
}

// A tensor whose memory an ArrayBuffer shows.
//
// V8 gives that memory back on a turn of the event loop, which a plain loop never takes. So the
// buffer is collected here alone, and its tensor freed there and then: unless its memory went to
// another buffer meanwhile (transfer() leaves it detached), which has it until V8 gives it back.
class ShownTensor final : public Held {
 public:
  using Owner = std::shared_ptr<ShownTensor>;

  ShownTensor(const Environment& env, napi_ref buffer, at::Tensor tensor, Owner* owner)
      : Held(env.dead_references, buffer), tensor_(std::move(tensor)), owner_(owner) {}

 protected:
  bool may_go(napi_env env, const HandleTable&) override {
    const Napi::HandleScope scope(env);
    napi_value buffer = nullptr;
    bool detached = true;
    return napi_get_reference_value(env, reference_, &buffer) == napi_ok && buffer != nullptr &&
           napi_is_detached_arraybuffer(env, buffer, &detached) == napi_ok && !detached;
  }
  void gone() override {
    tensor_.reset();
    owner_->reset();
  }

 private:
  at::Tensor tensor_;
  // What V8 gives back.
  Owner* const owner_;
};

// share_bytes(tensor) -> ArrayBuffer over the tensor's own memory, or null where that needs a copy
napi_value share_bytes(Call& call) {
  const at::Tensor tensor = call.tensor(0);
  const bool possible = tensor.layout() == at::kStrided && tensor.device().is_cpu() &&
                        tensor.is_contiguous() && !tensor.is_conj() && !tensor.is_neg() &&
                        !tensor._is_zerotensor() && tensor.numel() > 0 &&
                        tensor.const_data_ptr() != nullptr;
  if (!possible) return call.null();
  const at::Tensor shown = tensor.detach();
  auto* owner = new ShownTensor::Owner();
  napi_value buffer = nullptr;
  const auto free_owner = [](napi_env, void*, void* hint) {
    delete static_cast<ShownTensor::Owner*>(hint);
  };
  const napi_status status = napi_create_external_arraybuffer(
      call.raw(), shown.mutable_data_ptr(), shown.nbytes(), free_owner, owner, &buffer);
  // Where the runtime forbids external memory (a sandboxed V8), the caller copies.
  if (status == napi_no_external_buffers_allowed) {
    delete owner;
    return call.null();
  }
  if (status != napi_ok) {
    // Node has freed the owner, or will when it drops what it made so far.
    napi_value ignored = nullptr;
    check_napi(call.raw(), napi_get_and_clear_last_exception(call.raw(), &ignored));
    TORCH_CHECK_VALUE(false, "this version of Node.js cannot share ", tensor.nbytes(),
                      " bytes in one ArrayBuffer: to_typed_array({ copy: true }) copies them");
  }
  napi_ref reference = nullptr;
  check_napi(call.raw(), napi_create_reference(call.raw(), buffer, 1, &reference));
  *owner = std::make_shared<ShownTensor>(call.env(), reference, shown, owner);
  call.env().held_objects.add(*owner);
  // Growing the tensor would free the memory that the ArrayBuffer sees.
  tensor.storage().unsafeGetStorageImpl()->set_resizable(false);
  return buffer;
}

}  // namespace

void export_data(Environment& env, napi_value exports) {
  export_function(env, exports, "item", enter<item>);
  export_function(env, exports, "from_bytes", enter<from_bytes>);
  export_function(env, exports, "to_bytes", enter<to_bytes>);
  export_function(env, exports, "share_bytes", enter<share_bytes>);
  export_function(env, exports, "check_room", enter<check_room>);
}
