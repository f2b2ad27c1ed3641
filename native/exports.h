// What the addon has for JavaScript, by subject: each function puts its own on the exports.
#pragma once

#include "binding/call.h"

// tensors/
void export_tensors(Environment& env, napi_value exports);
void export_data(Environment& env, napi_value exports);
void export_files(Environment& env, napi_value exports);
void export_share(Environment& env, napi_value exports);
// operators/
void export_operators(Environment& env, napi_value exports);
void export_indexing(Environment& env, napi_value exports);
// autograd/
void export_modes(Environment& env, napi_value exports);
void export_variables(Environment& env, napi_value exports);
void export_graph(Environment& env, napi_value exports);
void export_functions(Environment& env, napi_value exports);
void export_anomaly(Environment& env, napi_value exports);
// recurrent/
void export_recurrent(Environment& env, napi_value exports);
// training/
void export_linear(Environment& env, napi_value exports);
void export_gradients(Environment& env, napi_value exports);
// training/optimizers/
void export_adadelta(Environment& env, napi_value exports);
void export_adafactor(Environment& env, napi_value exports);
void export_adagrad(Environment& env, napi_value exports);
void export_adam(Environment& env, napi_value exports);
void export_adamax(Environment& env, napi_value exports);
void export_asgd(Environment& env, napi_value exports);
void export_muon(Environment& env, napi_value exports);
void export_nadam(Environment& env, napi_value exports);
void export_radam(Environment& env, napi_value exports);
void export_rmsprop(Environment& env, napi_value exports);
void export_rprop(Environment& env, napi_value exports);
void export_sgd(Environment& env, napi_value exports);
void export_sparse_adam(Environment& env, napi_value exports);
void export_lbfgs(Environment& env, napi_value exports);
// jit/
void export_jit_modules(Environment& env, napi_value exports);
void export_jit_calls(Environment& env, napi_value exports);
void export_jit_packages(Environment& env, napi_value exports);
// runtime/
void export_mathematics(Environment& env, napi_value exports);
void export_process(Environment& env, napi_value exports);
void export_generators(Environment& env, napi_value exports);
void export_own_generator(Environment& env, napi_value exports);
void export_life_signs(Environment& env, napi_value exports);
void export_switches(Environment& env, napi_value exports);
void export_autocast(Environment& env, napi_value exports);
void export_profiler(Environment& env, napi_value exports);
// serialization/
void export_archives(Environment& env, napi_value exports);
// cuda/, where libtorch has it: they go on `exports.cuda`.
void export_cuda_devices(Environment& env, napi_value cuda);
void export_cuda_streams(Environment& env, napi_value cuda);
void export_cuda_memory(Environment& env, napi_value cuda);
void export_cuda_graphs(Environment& env, napi_value cuda);
