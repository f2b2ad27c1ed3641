// Packages of AOTInductor: models that were compiled to native code.
#include <ATen/DynamicLibrary.h>
#include <torch/csrc/inductor/aoti_package/model_package_loader.h>

#include <cstdlib>

#include "exports.h"
#include "jit/threads.h"
#include "jit/values.h"

using torch::inductor::AOTIModelPackageLoader;

namespace {

struct Package {
  std::shared_ptr<AOTIModelPackageLoader> loader;
};

// What the runner knows of the compiled code, and does not say.
struct Runner : torch::inductor::AOTIModelContainerRunner {
  static constexpr auto kLibrary = &Runner::model_so_;
  static constexpr auto kContainer = &Runner::container_handle_;
};

}  // namespace

template <>
struct TagOf<Package> {
  static constexpr napi_type_tag value = {0x7d1b0e5ac94f4e83, 0xa6f2381c7d9e5b40};
};

namespace {

std::shared_ptr<AOTIModelPackageLoader> shared_loader_argument(const Call& call, size_t index) {
  auto loader = owned_argument<Package>(call, index, "a package of AOTInductor").loader;
  TORCH_CHECK(loader != nullptr, "the model was disposed of");
  return loader;
}

AOTIModelPackageLoader& loader_argument(const Call& call, size_t index) {
  return *shared_loader_argument(call, index);
}

// Compiled code reads its inputs where their sizes should be, unless it is told to look at them.
void check_inputs_of_compiled_code() {
  static std::once_flag once;
  std::call_once(once, [] { setenv("AOTI_RUNTIME_CHECK_INPUTS", "1", /*overwrite=*/0); });
}

// aoti_load(file, name of the model, run_single_threaded, num_runners, device_index)
napi_value aoti_load(Call& call) {
  check_inputs_of_compiled_code();
  const int64_t runners = call.integer(3);
  const int64_t device = call.integer(4);
  TORCH_CHECK_VALUE(runners > 0 && runners <= 1024, "num_runners must be from 1 to 1024, not ",
                    runners);
  TORCH_CHECK_VALUE(device >= -1 && device < 128, "no device ", device);
  auto loader = std::make_shared<AOTIModelPackageLoader>(
      call.string(0), call.string(1), call.boolean(2), static_cast<size_t>(runners),
      static_cast<c10::DeviceIndex>(device));
  return own(call, Package{std::move(loader)});
}

napi_value strings_value(const Call& call, const std::vector<std::string>& strings) {
  return array_value(call.raw(), strings,
                     [&](const std::string& text) { return call.value(text); });
}

// aoti_close(package): removes the folder that it was unpacked into
napi_value aoti_close(Call& call) {
  owned_argument<Package>(call, 0, "a package of AOTInductor").loader.reset();
  return call.undefined();
}

// aoti_call_spec(package) -> how the inputs and the outputs are nested, as pytree's JSON
napi_value aoti_call_spec(Call& call) {
  return strings_value(call, loader_argument(call, 0).get_call_spec());
}

// aoti_inputs(package) -> how many tensors the compiled code reads: it does not count them
napi_value aoti_inputs(Call& call) {
  auto* runner = loader_argument(call, 0).get_runner();
  const auto count = reinterpret_cast<decltype(&AOTInductorModelContainerGetNumInputs)>(
      (runner->*Runner::kLibrary)->sym("AOTInductorModelContainerGetNumInputs"));
  size_t inputs = 0;
  TORCH_CHECK(count(runner->*Runner::kContainer, &inputs) == AOTI_RUNTIME_SUCCESS,
              "the compiled model does not say how many inputs it has");
  return call.value(inputs);
}

// aoti_metadata(package) -> names and values, alternating
napi_value aoti_metadata(Call& call) {
  std::vector<std::string> pairs;
  for (const auto& [name, value] : loader_argument(call, 0).get_metadata()) {
    pairs.push_back(name);
    pairs.push_back(value);
  }
  return strings_value(call, pairs);
}

napi_value aoti_constant_fqns(Call& call) {
  return strings_value(call, loader_argument(call, 0).get_constant_fqns());
}

std::unordered_map<std::string, at::Tensor> named_tensors(const Call& call, size_t index) {
  const std::vector<std::string> names = call.strings(index);
  const Tensors tensors = call.tensors(index + 1);
  TORCH_CHECK(names.size() == tensors.size(), "there are ", names.size(), " names and ",
              tensors.size(), " tensors");
  std::unordered_map<std::string, at::Tensor> result;
  for (size_t i = 0; i < names.size(); ++i) result.emplace(names[i], tensors[i].detach());
  return result;
}

// aoti_load_constants(package, names, tensors, check_full_update)
napi_value aoti_load_constants(Call& call) {
  auto constants = named_tensors(call, 1);
  loader_argument(call, 0).load_constants(constants, /*use_inactive=*/false, call.boolean(3));
  return call.undefined();
}

at::IValue run(AOTIModelPackageLoader& loader, const Tensors& inputs) {
  // The results of compiled code have no graph.
  const at::NoGradGuard no_grad;
  return at::IValue(loader.run(inputs));
}

// aoti_run(package, inputs) -> outputs
napi_value aoti_run(Call& call) {
  const Tensors inputs = call.tensors(1);
  AOTIModelPackageLoader& loader = loader_argument(call, 0);
  const at::IValue outputs = with_room(call.env(), [&] { return run(loader, inputs); });
  return value_of_script(call, outputs, nullptr);
}

// aoti_run_async(package, inputs) -> a promise of the outputs
napi_value aoti_run_async(Call& call) {
  const Tensors inputs = call.tensors(1);
  auto loader = shared_loader_argument(call, 0);
  return ModelThreads::of(call.env())
      .run([loader, inputs] { return run(*loader, inputs); }, nullptr);
}

}  // namespace

void export_jit_packages(Environment& env, napi_value exports) {
  export_function(env, exports, "aoti_load", enter<aoti_load>);
  export_function(env, exports, "aoti_close", enter<aoti_close>);
  export_function(env, exports, "aoti_call_spec", enter<aoti_call_spec>);
  export_function(env, exports, "aoti_inputs", enter<aoti_inputs>);
  export_function(env, exports, "aoti_metadata", enter<aoti_metadata>);
  export_function(env, exports, "aoti_constant_fqns", enter<aoti_constant_fqns>);
  export_function(env, exports, "aoti_load_constants", enter<aoti_load_constants>);
  export_function(env, exports, "aoti_run", enter<aoti_run>);
  export_function(env, exports, "aoti_run_async", enter<aoti_run_async>);
}
