// TorchScript's modules: loading, saving, their parts and methods.
#include <caffe2/serialize/file_adapter.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/serialization/export.h>
#include <torch/csrc/jit/serialization/import.h>

#include <cstring>
#include <sstream>

#include "exports.h"
#include "jit/calls.h"
#include "jit/values.h"

namespace {

using torch::jit::Module;

// The bytes of an ArrayBuffer's view, read where they lie.
class MemoryAdapter final : public caffe2::serialize::ReadAdapterInterface {
 public:
  MemoryAdapter(const char* data, size_t size) : data_(data), size_(size) {}
  size_t size() const override { return size_; }
  size_t read(uint64_t position, void* into, size_t count, const char*) const override {
    if (position >= size_) return 0;
    const size_t found = std::min<size_t>(count, size_ - position);
    std::memcpy(into, data_ + position, found);
    return found;
  }

 private:
  const char* data_;
  size_t size_;
};

std::shared_ptr<caffe2::serialize::ReadAdapterInterface> source_argument(const Call& call) {
  if (const auto file = string_in(call.raw(), call[0])) {
    return std::make_shared<caffe2::serialize::FileAdapter>(*file);
  }
  bool typed = false;
  check_napi(call.raw(), napi_is_typedarray(call.raw(), call[0], &typed));
  TYPE_CHECK(typed, "argument 1 must be a file's name or a Uint8Array");
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  check_napi(call.raw(), napi_get_typedarray_info(call.raw(), call[0], &type, &length, &data,
                                                  nullptr, nullptr));
  TYPE_CHECK(type == napi_uint8_array, "argument 1 must be a Uint8Array");
  return std::make_shared<MemoryAdapter>(static_cast<const char*>(data), length);
}

napi_value bytes_value(const Call& call, std::string_view bytes) {
  void* data = nullptr;
  napi_value buffer = nullptr;
  check_napi(call.raw(), napi_create_arraybuffer(call.raw(), bytes.size(), &data, &buffer));
  if (!bytes.empty()) std::memcpy(data, bytes.data(), bytes.size());
  return buffer;
}

// libtorch's reader puts values into attributes without looking at their types.
void check_attributes(const Module& root) {
  std::vector<torch::jit::ObjectPtr> waiting{root._ivalue()};
  std::unordered_map<const void*, bool> seen;
  while (!waiting.empty()) {
    const torch::jit::ObjectPtr object = std::move(waiting.back());
    waiting.pop_back();
    if (!seen.emplace(object.get(), true).second) continue;
    const auto type = object->type();
    TORCH_CHECK(object->slots().size() >= type->numAttributes(), "an object of class '",
                type->annotation_str(), "' lacks attributes");
    for (size_t i = 0; i < type->numAttributes(); ++i) {
      const at::IValue& value = object->getSlot(i);
      TORCH_CHECK(value.type()->isSubtypeOf(*type->getAttribute(i)), "attribute '",
                  type->getAttributeName(i), "' of class '", type->annotation_str(), "' is a ",
                  value.type()->annotation_str(), ", not a ",
                  type->getAttribute(i)->annotation_str());
      if (value.isObject()) waiting.push_back(value.toObject());
    }
  }
}

Script script_of(const Module& module) {
  return {module._ivalue(), lane_of(*module._ivalue()->compilation_unit())};
}

// jit_load(file name or Uint8Array, device or null, names of extra files)
//   -> [module, ArrayBuffer of each extra file or null]
napi_value jit_load(Call& call) {
  torch::jit::ExtraFilesMap extra;
  const std::vector<std::string> names = call.strings(2);
  // What no file holds is told from an empty one.
  const std::string missing("\0missing", 8);
  for (const std::string& name : names) extra[name] = missing;
  const auto device = call.given(1) ? std::optional(c10::Device(call.string(1))) : std::nullopt;
  const Module module =
      with_room(call.env(), [&] { return torch::jit::load(source_argument(call), device, extra); });
  check_attributes(module);
  const napi_value result = array_value(call.raw(), names, [&](const std::string& name) {
    const std::string& content = extra[name];
    return content == missing ? call.null() : bytes_value(call, content);
  });
  napi_value both = nullptr;
  check_napi(call.raw(), napi_create_array_with_length(call.raw(), 2, &both));
  check_napi(call.raw(), napi_set_element(call.raw(), both, 0, own(call, script_of(module))));
  check_napi(call.raw(), napi_set_element(call.raw(), both, 1, result));
  return both;
}

// jit_save(module, names of extra files, their contents as strings of bytes) -> ArrayBuffer
napi_value jit_save(Call& call) {
  Script& script = script_argument(call, 0);
  const std::vector<std::string> names = call.strings(1);
  torch::jit::ExtraFilesMap extra;
  each_element(call.raw(), call[2], [&](uint32_t i, napi_value bytes) {
    void* data = nullptr;
    size_t length = 0;
    check_napi(call.raw(), napi_get_arraybuffer_info(call.raw(), bytes, &data, &length));
    extra[names.at(i)] = std::string(static_cast<const char*>(data), length);
  });
  const auto lock = script.lane->enter();
  std::ostringstream out;
  script.module().save(out, extra);
  return bytes_value(call, out.view());
}

// --- parts ---------------------------------------------------------------------------------------

SlotKind kind_of_slot(const c10::ClassType& type, size_t i) {
  const auto& attribute = type.getAttribute(i);
  if (type.is_parameter(i)) return SlotKind::Parameter;
  if (attribute->is_module()) return SlotKind::Module;
  return attribute->isSubtypeOf(*c10::TensorType::get()) ? SlotKind::Buffer : SlotKind::Attribute;
}

napi_value names_of_methods(const Call& call, const c10::ClassType& type) {
  std::vector<std::string> names;
  for (const torch::jit::Function* method : type.methods()) {
    if (torch::jit::tryToGraphFunction(*const_cast<torch::jit::Function*>(method)) != nullptr) {
      names.push_back(method->name());
    }
  }
  return array_value(call.raw(), names, [&](const std::string& name) { return call.value(name); });
}

// A module and what is below it, each once, in the order in which they were found.
class Tree {
 public:
  Tree(const Call& call, const Script& root) : call_(call), lane_(root.lane) {
    position_of(root.object);
    for (size_t i = 0; i < objects_.size(); ++i) describe(objects_[i]);
  }

  napi_value value() const {
    const napi_value result = new_object(call_.raw());
    set_field(call_.raw(), result, "modules", list(modules_));
    set_field(call_.raw(), result, "tensors", list(handles_));
    return result;
  }

 private:
  napi_value list(const std::vector<napi_value>& values) const {
    return array_value(call_.raw(), values, [](napi_value value) { return value; });
  }

  size_t position_of(const torch::jit::ObjectPtr& object) {
    const auto [found, is_new] = positions_.emplace(object.get(), objects_.size());
    if (is_new) objects_.push_back(object);
    return found->second;
  }

  double position_of(const at::Tensor& tensor) {
    if (!tensor.defined()) return -1;
    const auto [found, is_new] = tensors_.emplace(tensor.unsafeGetTensorImpl(), handles_.size());
    if (is_new) handles_.push_back(call_.handle(tensor));
    return static_cast<double>(found->second);
  }

  void describe(const torch::jit::ObjectPtr object) {
    const auto type = object->type();
    std::vector<napi_value> slots;
    for (size_t i = 0; i < type->numAttributes(); ++i) {
      const SlotKind kind = kind_of_slot(*type, i);
      double position = -1;
      const at::IValue& value = object->getSlot(i);
      if (kind == SlotKind::Module && value.isObject()) {
        position = static_cast<double>(position_of(value.toObject()));
      } else if (kind != SlotKind::Attribute && value.isTensor()) {
        position = position_of(value.toTensor());
      }
      slots.push_back(call_.value(type->getAttributeName(i)));
      slots.push_back(call_.value(static_cast<int>(kind)));
      slots.push_back(call_.value(position));
    }
    std::vector<napi_value> constants;
    for (size_t i = 0; i < type->numConstants(); ++i) {
      constants.push_back(call_.value(type->getConstantName(i)));
    }
    const napi_value module = new_object(call_.raw());
    const auto set = [&](const char* name, napi_value value) {
      set_field(call_.raw(), module, name, value);
    };
    set("script", own(call_, Script{object, lane_}));
    set("class_name", call_.value(type->name() ? type->name()->name() : std::string()));
    set("slots", list(slots));
    set("constants", list(constants));
    set("methods", names_of_methods(call_, *type));
    set("assigns", call_.value(lane_->assigns));
    modules_.push_back(module);
  }

  const Call& call_;
  const std::shared_ptr<Lane>& lane_;
  std::vector<torch::jit::ObjectPtr> objects_;
  std::unordered_map<const void*, size_t> positions_;
  std::unordered_map<const void*, size_t> tensors_;
  std::vector<napi_value> modules_;
  std::vector<napi_value> handles_;
};

// jit_tree(module)
napi_value jit_tree(Call& call) {
  Script& script = script_argument(call, 0);
  const auto lock = script.lane->enter();
  return Tree(call, script).value();
}

// jit_members(object) -> [names of attributes, names of methods], of an object that is no module
napi_value jit_members(Call& call) {
  const auto type = script_argument(call, 0).object->type();
  std::vector<std::string> names;
  for (size_t i = 0; i < type->numAttributes(); ++i) names.push_back(type->getAttributeName(i));
  napi_value both = nullptr;
  check_napi(call.raw(), napi_create_array_with_length(call.raw(), 2, &both));
  check_napi(call.raw(),
             napi_set_element(call.raw(), both, 0,
                              array_value(call.raw(), names, [&](const std::string& name) {
                                return call.value(name);
                              })));
  check_napi(call.raw(), napi_set_element(call.raw(), both, 1, names_of_methods(call, *type)));
  return both;
}

// jit_changed(module, handles of its parameters and buffers in their order, 0 for none)
//   -> for each that is another tensor now: its position among them and the handle, or null
napi_value jit_changed(Call& call) {
  Script& script = script_argument(call, 0);
  const auto lock = script.lane->enter();
  const std::vector<double> handles = call.numbers(1);
  const auto type = script.object->type();
  std::vector<napi_value> changed;
  size_t position = 0;
  for (size_t i = 0; i < type->numAttributes() && position < handles.size(); ++i) {
    const SlotKind kind = kind_of_slot(*type, i);
    if (kind != SlotKind::Parameter && kind != SlotKind::Buffer) continue;
    const at::IValue& value = script.object->getSlot(i);
    const at::Tensor tensor = value.isTensor() ? value.toTensor() : at::Tensor();
    const at::Tensor* known = call.env().tensors.find(handle_in(handles[position]));
    const bool same = known == nullptr ? !tensor.defined() : known->is_same(tensor);
    if (!same) {
      changed.push_back(call.value(position));
      changed.push_back(call.handle(tensor));
    }
    ++position;
  }
  return array_value(call.raw(), changed, [](napi_value value) { return value; });
}

// jit_get(module or object, name)
napi_value jit_get(Call& call) {
  Script& script = script_argument(call, 0);
  const std::string name = call.string(1);
  const auto lock = script.lane->enter();
  const auto type = script.object->type();
  if (const auto constant = type->findConstantSlot(name)) {
    return value_of_script(call, type->getConstant(*constant), script.lane);
  }
  return value_of_script(call, script.object->getAttr(name), script.lane);
}

// jit_set(module or object, name, value)
napi_value jit_set(Call& call) {
  Script& script = script_argument(call, 0);
  const std::string name = call.string(1);
  const auto type = script.object->type();
  TORCH_CHECK(!type->findConstantSlot(name), "Cannot mutate TorchScript constant value: '", name,
              "'");
  const auto& attribute = type->getAttribute(name);
  auto value = script_value(call, call[2], attribute);
  TYPE_CHECK(value, "Expected a value of type '", attribute->repr_str(), "' for attribute '", name,
             "' but instead found type '", script_type_name(call, call[2]), "'.");
  const auto lock = script.lane->enter_alone();
  script.object->setAttr(name, std::move(*value));
  return call.undefined();
}

// --- methods -------------------------------------------------------------------------------------

// jit_parameters(callee, method) -> for each parameter but self: its name, and whether it takes an
// object
napi_value jit_parameters(Call& call) {
  const Callee callee = callee_argument(call, 0);
  const auto& schema = callee.function->getSchema();
  std::vector<napi_value> result;
  for (size_t i = callee.self ? 1 : 0; i < schema.arguments().size(); ++i) {
    const c10::Argument& argument = schema.arguments()[i];
    const bool takes_object = takes_objects(*argument.type());
    result.push_back(call.value(argument.name()));
    result.push_back(call.value(takes_object));
  }
  return array_value(call.raw(), result, [](napi_value value) { return value; });
}

// jit_text(callee, method, what): "code", "graph", "inlined_graph" or "schema"
napi_value jit_text(Call& call) {
  const Callee callee = callee_argument(call, 0);
  const std::string what = call.string(2);
  auto& function = torch::jit::toGraphFunction(*callee.function);
  if (what == "code") {
    std::vector<at::IValue> constants;
    torch::jit::PrintDepsTable classes;
    torch::jit::PythonPrint printer(constants, classes);
    if (callee.self) {
      printer.printMethod(function);
    } else {
      printer.printFunction(function);
    }
    return call.value(printer.str());
  }
  if (what == "graph") return call.value(function.graph()->toString(true));
  if (what == "inlined_graph") {
    const auto graph = function.graph()->copy();
    torch::jit::Inline(*graph);
    return call.value(graph->toString(true));
  }
  std::ostringstream schema;
  schema << function.getSchema();
  return call.value(schema.str());
}

// --- whole modules -------------------------------------------------------------------------------

// A copy's tensors are leaves, whatever they are copied from.
void copy_requires_grad(const torch::jit::ObjectPtr& from, const torch::jit::ObjectPtr& to,
                        std::unordered_map<const void*, bool>& seen) {
  if (!seen.emplace(to.get(), true).second) return;
  for (size_t i = 0; i < from->slots().size(); ++i) {
    const at::IValue& original = from->getSlot(i);
    const at::IValue& copy = to->getSlot(i);
    if (original.isTensor() && original.toTensor().requires_grad()) {
      copy.toTensor().set_requires_grad(true);
    } else if (original.isObject()) {
      copy_requires_grad(original.toObject(), copy.toObject(), seen);
    }
  }
}

// jit_copy(module)
napi_value jit_copy(Call& call) {
  Script& script = script_argument(call, 0);
  const auto lock = script.lane->enter();
  const at::NoGradGuard no_grad;
  const Module copy = script.module().deepcopy();
  std::unordered_map<const void*, bool> seen;
  copy_requires_grad(script.object, copy._ivalue(), seen);
  return own(call, Script{copy._ivalue(), script.lane});
}

// jit_freeze(module, names to keep, optimize_numerics)
napi_value jit_freeze(Call& call) {
  Script& script = script_argument(call, 0);
  const auto lock = script.lane->enter();
  return own(call,
             script_of(torch::jit::freeze(script.module(), call.strings(1), call.boolean(2))));
}

// jit_optimize_for_inference(module, other methods)
napi_value jit_optimize_for_inference(Call& call) {
  Script& script = script_argument(call, 0);
  const auto lock = script.lane->enter();
  Module module = script.module();
  return own(call, script_of(torch::jit::optimize_for_inference(module, call.strings(1))));
}

// jit_export_opnames(module)
napi_value jit_export_opnames(Call& call) {
  Script& script = script_argument(call, 0);
  const auto lock = script.lane->enter();
  return array_value(call.raw(), torch::jit::export_opnames(script.module()),
                     [&](const std::string& name) { return call.value(name); });
}

// jit_set_fusion_strategy(names and depths, alternating) -> those before
napi_value jit_set_fusion_strategy(Call& call) {
  using torch::jit::FusionBehavior;
  const std::vector<std::string> behaviors = call.strings(0);
  const std::vector<int64_t> depths = call.integers(1);
  torch::jit::FusionStrategy strategy;
  for (size_t i = 0; i < behaviors.size(); ++i) {
    const bool is_static = behaviors[i] == "STATIC";
    TORCH_CHECK_VALUE(is_static || behaviors[i] == "DYNAMIC",
                      "FusionBehavior only supported 'STATIC' or 'DYNAMIC', got: ", behaviors[i]);
    TORCH_CHECK_VALUE(depths.at(i) >= 0, "a depth must not be negative");
    strategy.emplace_back(is_static ? FusionBehavior::STATIC : FusionBehavior::DYNAMIC,
                          static_cast<size_t>(depths[i]));
  }
  std::vector<napi_value> before;
  for (const auto& [behavior, depth] : torch::jit::setFusionStrategy(strategy)) {
    before.push_back(call.value(behavior == FusionBehavior::STATIC ? std::string_view("STATIC")
                                                                   : std::string_view("DYNAMIC")));
    before.push_back(call.value(depth));
  }
  return array_value(call.raw(), before, [](napi_value value) { return value; });
}

// jit_compile(source) -> functions
napi_value jit_compile(Call& call) {
  auto unit = std::make_shared<torch::jit::CompilationUnit>(call.string(0));
  auto lane = lane_of(*unit);
  return own(call, Unit{std::move(unit), std::move(lane)});
}

// jit_functions(unit) -> their names
napi_value jit_functions(Call& call) {
  const Unit& unit = owned_argument<Unit>(call, 0, "a CompilationUnit");
  return array_value(
      call.raw(), unit.unit->get_functions(),
      [&](const torch::jit::Function* function) { return call.value(function->name()); });
}

}  // namespace

void export_jit_modules(Environment& env, napi_value exports) {
  export_function(env, exports, "jit_load", enter<jit_load>);
  export_function(env, exports, "jit_save", enter<jit_save>);
  export_function(env, exports, "jit_tree", enter<jit_tree>);
  export_function(env, exports, "jit_members", enter<jit_members>);
  export_function(env, exports, "jit_changed", enter<jit_changed>);
  export_function(env, exports, "jit_get", enter<jit_get>);
  export_function(env, exports, "jit_set", enter<jit_set>);
  export_function(env, exports, "jit_parameters", enter<jit_parameters>);
  export_function(env, exports, "jit_text", enter<jit_text>);
  export_function(env, exports, "jit_copy", enter<jit_copy>);
  export_function(env, exports, "jit_freeze", enter<jit_freeze>);
  export_function(env, exports, "jit_optimize_for_inference", enter<jit_optimize_for_inference>);
  export_function(env, exports, "jit_export_opnames", enter<jit_export_opnames>);
  export_function(env, exports, "jit_set_fusion_strategy", enter<jit_set_fusion_strategy>);
  export_function(env, exports, "jit_compile", enter<jit_compile>);
  export_function(env, exports, "jit_functions", enter<jit_functions>);
}
