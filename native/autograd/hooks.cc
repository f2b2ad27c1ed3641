#include "autograd/hooks.h"

namespace {

struct Place {
  std::weak_ptr<HookList> list;
  uint32_t id;
  // Weak: edges belong to their object.
  napi_ref edges;
  std::shared_ptr<DeadReferences> dead;

  ~Place() {
    if (edges != nullptr) dead->add(edges);
  }
};

napi_value remove_at_place(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  if (napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data) != napi_ok) return nullptr;
  const auto* place = static_cast<Place*>(data);
  if (const auto list = place->list.lock()) list->remove(place->id);
  napi_value edges = nullptr;
  if (napi_get_reference_value(env, place->edges, &edges) == napi_ok && edges != nullptr) {
    napi_delete_element(env, edges, place->id, nullptr);
  }
  return nullptr;
}

}  // namespace

GradientForm::GradientForm(const at::Tensor& gradient) : defined_(gradient.defined()) {
  if (!defined_) return;
  options_ = gradient.options();
  type_ = gradient.toString();
  sizes_ = gradient.sizes();
}

void GradientForm::check(const at::Tensor& result) const {
  if (!result.defined()) return;
  TORCH_CHECK(defined_, "hook can't replace a null gradient with a tensor");
  TORCH_CHECK(options_.type_equal(result.options()), "hook has changed the type of value (was ",
              type_, " got ", result.toString(), ")");
  TORCH_CHECK(sizes_ == result.sizes(), "hook has changed the size of value (was ",
              at::IntArrayRef(sizes_), " got ", result.sizes(), ")");
}

napi_value HookList::add(const Call& call, size_t index, Callback::Condition may_go) {
  const napi_env raw = call.raw();
  auto place = std::make_unique<Place>(
      Place{weak_from_this(), call.env().hooks_made++, nullptr, call.env().dead_references});
  auto callback = Callback::make(call.env(), call[index], std::move(may_go));
  check_napi(raw, napi_create_reference(raw, call[index + 1], 0, &place->edges));
  check_napi(raw, napi_set_element(raw, call[index + 1], place->id, call[index]));
  hooks_.emplace_back(place->id, std::move(callback));
  napi_value remove = nullptr;
  const auto finalize = [](napi_env, void* data, void*) { delete static_cast<Place*>(data); };
  check_napi(raw, napi_create_function(raw, nullptr, 0, remove_at_place, place.get(), &remove));
  check_napi(raw, napi_add_finalizer(raw, remove, place.get(), finalize, nullptr, nullptr));
  place.release();
  return remove;
}
