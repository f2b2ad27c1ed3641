// CUDA graphs: what runs on a stream, captured once and replayed.
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGraphsC10Utils.h>

#include "binding/owned.h"
#include "cuda/devices.h"

namespace {

struct Graph {
  std::unique_ptr<at::cuda::CUDAGraph> graph;
  bool capturing = false;
};

}  // namespace

template <>
struct TagOf<Graph> {
  static constexpr napi_type_tag value = {0xd3b7425e0c8846f1, 0x92f06a7be11d3c48};
};

namespace {

Graph& graph_argument(const Call& call, size_t index) {
  return owned_argument<Graph>(call, index, "a CUDAGraph");
}

napi_value pool_value(const Call& call, const at::cuda::MempoolId_t& pool) {
  return call.integers({static_cast<int64_t>(pool.first), static_cast<int64_t>(pool.second)});
}

cudaStreamCaptureMode mode_named(const std::string& name) {
  if (name == "global") return cudaStreamCaptureModeGlobal;
  if (name == "thread_local") return cudaStreamCaptureModeThreadLocal;
  TORCH_CHECK_VALUE(name == "relaxed",
                    "capture_error_mode must be global, thread_local or relaxed, not ", name);
  return cudaStreamCaptureModeRelaxed;
}

napi_value new_graph(Call& call) {
  at::globalContext().lazyInitDevice(at::kCUDA);
  return own(call, Graph{std::make_unique<at::cuda::CUDAGraph>()});
}

// capture_begin(graph, pool or null, mode): of what runs on the current stream
napi_value capture_begin(Call& call) {
  TORCH_CHECK(!call.env().capturing, "a graph is being captured already");
  at::cuda::MempoolId_t pool{0, 0};
  if (call.given(1)) {
    const std::vector<int64_t> parts = call.integers(1);
    TYPE_CHECK(parts.size() == 2, "a pool is a pair of numbers");
    pool = {static_cast<c10::CaptureId_t>(parts[0]), static_cast<c10::CaptureId_t>(parts[1])};
  }
  Graph& graph = graph_argument(call, 0);
  graph.graph->capture_begin(pool, mode_named(call.string(2)));
  graph.capturing = true;
  call.env().capturing = true;
  return call.undefined();
}

napi_value capture_end(Call& call) {
  Graph& graph = graph_argument(call, 0);
  TORCH_CHECK(graph.capturing, "capture_end() without capture_begin()");
  graph.capturing = false;
  call.env().capturing = false;
  graph.graph->capture_end();
  return call.undefined();
}

napi_value replay(Call& call) {
  graph_argument(call, 0).graph->replay();
  return call.undefined();
}

napi_value reset(Call& call) {
  Graph& graph = graph_argument(call, 0);
  TORCH_CHECK(!graph.capturing, "reset() while the graph is being captured");
  graph.graph->reset();
  return call.undefined();
}

napi_value pool(Call& call) { return pool_value(call, graph_argument(call, 0).graph->pool()); }

napi_value graph_pool_handle(Call& call) { return pool_value(call, at::cuda::graph_pool_handle()); }

napi_value is_current_stream_capturing(Call& call) {
  return call.value(c10::cuda::currentStreamCaptureStatusMayInitCtx() !=
                    c10::cuda::CaptureStatus::None);
}

}  // namespace

void export_cuda_graphs(Environment& env, napi_value cuda) {
  export_function(env, cuda, "new_graph", enter<new_graph>);
  export_function(env, cuda, "capture_begin", enter<capture_begin>);
  export_function(env, cuda, "capture_end", enter<capture_end>);
  export_function(env, cuda, "replay", enter<replay>);
  export_function(env, cuda, "reset", enter<reset>);
  export_function(env, cuda, "pool", enter<pool>);
  export_function(env, cuda, "graph_pool_handle", enter<graph_pool_handle>);
  export_function(env, cuda, "is_current_stream_capturing", enter<is_current_stream_capturing>);
}
