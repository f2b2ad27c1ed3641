// The typed face of the addon. Everything above this file is TypeScript; everything below is native/.

import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { collectGarbage } from './garbage.js'
import { openLibtorch } from './libtorch.js'
import { addonFile } from './package_root.js'
import { damageOf } from './shared_library.js'
import { warn } from './warn.js'

/** A tensor's name in native code. 0 names nothing. */
export type Handle = number

/** An object of native code that owns a random generator. */
export type NativeGenerator = object & { readonly __generator?: never }

/** An object of native code that stands for a node of a graph. */
export type NativeNode = object & { readonly __node?: never }

/** An object of native code that owns a module or object of TorchScript's, or functions from source code. */
export type NativeScript = object & { readonly __script?: never }

/** An object of native code that owns a package of AOTInductor. */
export type NativePackage = object & { readonly __package?: never }

/** A module of TorchScript's and all below it. */
export interface ScriptTree {
  readonly modules: readonly {
    readonly script: NativeScript
    readonly class_name: string
    /** For each attribute its name, its SlotKind and the place of what it holds: in `modules`, in `tensors`, or -1. */
    readonly slots: readonly (string | number)[]
    readonly constants: readonly string[]
    readonly methods: readonly string[]
    /** Whether methods put other tensors into attributes. */
    readonly assigns: boolean
  }[]
  readonly tensors: readonly Handle[]
}

/** An object of native code that owns an event of CUDA's. */
export type CudaEvent = object & { readonly __event?: never }

/** An object of native code that owns a graph of CUDA's. */
export type CudaGraph = object & { readonly __graph?: never }

/** An object of native code that owns a stream of CUDA's. */
export type CudaStream = object & { readonly __stream?: never }

/** An object of native code that owns a PyTorch archive that is read. */
export type NativeArchive = object & { readonly __archive?: never }

export type DescribedStream = [stream: CudaStream, stream_id: number | bigint, device: number]

export type MemoryPool = readonly [number, number]

/** What a GPU is. Memory and cache are in bytes. */
export interface DeviceProperties {
  readonly name: string
  readonly uuid: string
  readonly major: number
  readonly minor: number
  readonly total_memory: number
  readonly multi_processor_count: number
  readonly max_threads_per_multi_processor: number
  readonly max_threads_per_block: number
  readonly warp_size: number
  readonly L2_cache_size: number
  readonly regs_per_multiprocessor: number
  readonly shared_memory_per_block: number
  readonly shared_memory_per_block_optin: number
  readonly shared_memory_per_multiprocessor: number
  readonly pci_bus_id: number
  readonly pci_device_id: number
  readonly pci_domain_id: number
  readonly is_integrated: boolean
  readonly is_multi_gpu_board: boolean
}

/** torch.cuda's part. A device of -1 is the current one. */
export interface CudaNative {
  current_device(): number
  set_device(device: number): void
  device_properties(device: number): DeviceProperties
  can_device_access_peer(device: number, peer: number): boolean
  synchronize(device: number): void
  synchronize_async(device: number): Promise<void>

  new_stream(device: number, priority: number): DescribedStream
  current_stream(device: number): DescribedStream
  default_stream(device: number): DescribedStream
  set_stream(stream: CudaStream): void
  stream_query(stream: CudaStream): boolean
  stream_synchronize(stream: CudaStream): void
  stream_synchronize_async(stream: CudaStream): Promise<void>
  record_stream(handle: Handle, stream: CudaStream): void

  new_event(enable_timing: boolean): CudaEvent
  event_record(event: CudaEvent, stream: CudaStream): void
  event_wait(event: CudaEvent, stream: CudaStream): void
  event_query(event: CudaEvent): boolean
  event_synchronize(event: CudaEvent): void
  event_synchronize_async(event: CudaEvent): Promise<void>
  event_elapsed_time(start: CudaEvent, end: CudaEvent): number

  memory_stats(device: number): Record<string, number>
  reset_peak_memory_stats(device: number): void
  reset_accumulated_memory_stats(device: number): void
  memory_initialized(): boolean
  empty_cache(): void
  mem_get_info(device: number): [free: number, total: number]
  memory_fraction(device: number): number
  set_memory_fraction(fraction: number, device: number): void

  new_graph(): CudaGraph
  capture_begin(graph: CudaGraph, pool: MemoryPool | null, mode: string): void
  capture_end(graph: CudaGraph): void
  replay(graph: CudaGraph): void
  reset(graph: CudaGraph): void
  pool(graph: CudaGraph): MemoryPool
  graph_pool_handle(): MemoryPool
  is_current_stream_capturing(): boolean
}

/** Updates the parameters that have a gradient. Gives the state tensors that are new, or null where none is. */
export type OptimizerStep = (
  parameters: Float64Array,
  /** Those of one name follow each other, in the order of the parameters. */
  states: Float64Array,
  /** stepOptions() */
  common: Float64Array,
  /** What the optimizer's own function of the contract gives. */
  options: Float64Array,
  /** What stands for lr, weight_decay and the betas. */
  tensors: (Handle | null)[] | null,
  /** Where the counts of steps are numbers. */
  counts: Float64Array | null,
) => (Handle | null)[] | null

export interface Native {
  readonly libtorch_version: string
  /** Where libtorch has CUDA. */
  readonly cuda?: CudaNative

  operator(name: string, overloads?: string): number
  /** `tags`: the Tag of each argument, as the digits of a number with the base TAG_BASE, the first last. */
  call(operator: number, tags: number, names: string[] | undefined, ...args: unknown[]): unknown
  /** A call with one or two tensors as positional arguments and nothing else. */
  call_tensors(operator: number, a: Handle, b?: Handle): unknown
  return_names(operator: number, overload: number): string[]
  signatures(operator: number): string[]
  operator_names(): string[]

  track(object: object, handle: Handle): void
  release(handle: Handle): boolean
  release_all(handles: Float64Array): void
  alias(handle: Handle): Handle
  sizes(handle: Handle): number[]
  same_sizes(a: Handle, b: Handle): boolean
  strides(handle: Handle): number[]
  dim(handle: Handle): number
  numel(handle: Handle): number
  storage_offset(handle: Handle): number
  /** The same for tensors on one storage while one of them lives; null where there is no memory (sparse, meta). */
  storage_id(handle: Handle): bigint | null
  /** The whole storage as a uint8 tensor, not a copy; null where there is no memory. */
  storage_bytes(handle: Handle): Handle | null
  dtype(handle: Handle): number
  device(handle: Handle): string
  layout(handle: Handle): string
  item(handle: Handle): number | bigint | boolean | [re: number, im: number]
  from_bytes(data: ArrayBufferLike | ArrayBufferView, dtype: number, sizes: readonly number[]): Handle
  to_bytes(handle: Handle): ArrayBuffer
  /** An ArrayBuffer over the tensor's own memory, or null where that needs a copy. */
  share_bytes(handle: Handle): ArrayBuffer | null
  /** The first bytes of a file as a tensor of bytes, read when they are touched; null where the system does not map it. */
  map_file(descriptor: number, size: number, name: string): Handle | null
  /** A contiguous tensor, with a storage of its own, in a tensor of bytes; null where its dtype cannot begin there. */
  part_of(handle: Handle, start: number, dtype: number, sizes: readonly number[]): Handle | null
  /** Fills a contiguous tensor from a position, or from where the file stands (-1); gives how many bytes came. */
  read_file(descriptor: number, position: number, handle: Handle): number
  /** @throws where the system would not give so much memory. */
  check_room(bytes: number): void
  live_tensors(): number
  live_bytes(): number

  backward(
    tensors: Handle[],
    gradients: (Handle | null)[] | null,
    retain_graph: boolean | undefined,
    create_graph: boolean,
    inputs: Handle[] | null,
  ): void
  gradients(
    outputs: Handle[],
    inputs: Handle[],
    gradients: (Handle | null)[] | null,
    retain_graph: boolean | undefined,
    create_graph: boolean,
    allow_unused: boolean,
  ): (Handle | null)[]
  is_grad_enabled(): boolean
  set_grad_enabled(enabled: boolean): boolean
  push_inference_mode(enabled: boolean): void
  pop_inference_mode(): void
  is_inference_mode_enabled(): boolean
  requires_grad(handle: Handle): boolean
  set_requires_grad(handle: Handle, requires_grad: boolean): void
  is_leaf(handle: Handle): boolean
  grad(handle: Handle): Handle | null
  has_grad(handle: Handle): boolean
  set_grad(handle: Handle, grad: Handle | null): void
  grad_fn(handle: Handle): NativeNode | null
  node_name(node: NativeNode): string
  /** Nodes and the positions of their inputs, alternating. */
  next_functions(node: NativeNode): (NativeNode | number | null)[]
  node_variable(node: NativeNode): Handle | null
  /** `result`: a tensor that the node made and whose edges they are, or 0. */
  node_pre_hook(
    node: NativeNode,
    hook: (gradients: (Handle | null)[]) => unknown,
    edges: object,
    result: Handle,
  ): () => void
  node_post_hook(
    node: NativeNode,
    hook: (inputs: (Handle | null)[], outputs: (Handle | null)[]) => unknown,
    edges: object,
    result: Handle,
  ): () => void
  post_accumulate_hook(handle: Handle, hook: (handle: Handle) => void, edges: object): () => void
  /** For each output the handle that stands for it from now on, null where it is the same tensor. */
  custom_function(
    inputs: Handle[],
    outputs: Handle[],
    saved: (Handle | null)[],
    non_differentiable: Handle[],
    dirty: Handle[],
    name: string,
    materialize: boolean,
    backward: (gradients: (Handle | null)[], needed: boolean[]) => (Handle | null)[],
  ): (Handle | null)[]
  saved_tensors(): (Handle | null)[]
  detect_anomaly(enabled: boolean, check_nan: boolean): boolean
  is_anomaly_enabled(): boolean
  is_anomaly_check_nan_enabled(): boolean
  is_checkpoint_valid(): boolean
  retain_grad(handle: Handle): void
  retains_grad(handle: Handle): boolean
  version(handle: Handle): number
  /**
   * Gives the function that removes the hook. `edges`: what the tensor's object refers to; they refer to the hook until
   * it is removed.
   */
  register_hook(handle: Handle, hook: (grad: Handle | null) => Handle | undefined, edges: object): () => void
  data(handle: Handle): Handle
  set_data(handle: Handle, data: Handle): void

  adadelta_step: OptimizerStep
  adafactor_step: OptimizerStep
  adagrad_step: OptimizerStep
  adam_step: OptimizerStep
  adamax_step: OptimizerStep
  asgd_step: OptimizerStep
  muon_step: OptimizerStep
  nadam_step: OptimizerStep
  radam_step: OptimizerStep
  rmsprop_step: OptimizerStep
  rprop_step: OptimizerStep
  sgd_step: OptimizerStep
  sparse_adam_step: OptimizerStep
  /** The gradients of all parameters as one vector. */
  lbfgs_gradient(parameters: Float64Array): Handle
  /** A copy of all parameters as one vector. */
  lbfgs_parameters(parameters: Float64Array): Handle
  /** Adds a vector times a number to the parameters. */
  lbfgs_add(parameters: Float64Array, vector: Handle, step: number): void
  /** Sets the parameters to what lbfgs_parameters read. */
  lbfgs_restore(parameters: Float64Array, vector: Handle): void
  /** The direction, and the factors of the first loop as one vector; an H_diag of null is 1. */
  lbfgs_direction(
    gradient: Handle,
    old_dirs: Float64Array,
    old_stps: Float64Array,
    ro: Float64Array,
    h_diag: Handle | null,
  ): [direction: Handle, al: Handle | null]
  clip_grad_norm(parameters: Handle[], max_norm: number, norm_type: number): Handle
  clip_grad_value(parameters: Handle[], clip_value: number): void
  zero_grad(parameters: Handle[], set_to_none: boolean): void

  /** Output, h_n and in an LSTM c_n. */
  recurrent(
    /** A Cell. */
    cell: number,
    input: Handle,
    batch_sizes: Handle | null,
    h_0: Handle | null,
    c_0: Handle | null,
    weights: Handle[],
    /** recurrentOptions() */
    options: Float64Array,
  ): Handle[]

  /** An item is INDEX_NUMBERS numbers: its IndexKind, and what it holds. */
  get_item(handle: Handle, items: Float64Array): Handle
  set_item(handle: Handle, items: Float64Array, value: Handle): void

  linear(input: Handle, weight: Handle, bias: Handle | null, fused: boolean): Handle

  profiler_start(record_shapes: boolean): void
  /** For each event: name, start, duration (nanoseconds), thread, shapes of the inputs. */
  profiler_stop(): (string | number | number[][])[]
  record_function_enter(name: string): void
  record_function_exit(): void

  make_generator(device: string): NativeGenerator
  manual_seed(seed: bigint, generator?: NativeGenerator): void
  initial_seed(generator?: NativeGenerator): bigint
  rng_state(generator?: NativeGenerator): Handle
  set_rng_state(state: Handle, generator?: NativeGenerator): void
  default_generator(device: string): NativeGenerator
  /** Collects garbage, also what is held only in a circle through native code. */
  collect_garbage(all: boolean): void
  /** What to call when tensors have grown by tens of megabytes, or memory runs out: then `all` is true. */
  collect_garbage_by(collect: (all: boolean) => void): void
  /**
   * Does nothing, but keeps its arguments alive until here. For tensors whose handles are gathered in arrays: making
   * these may run the garbage collector while nothing else refers to the tensors.
   */
  reachable(...objects: unknown[]): void
  /** Sets the function that receives libtorch's warnings. */
  warn_by(warn: (message: string) => void): void
  /** Sets the function that makes the errors which native code throws. */
  make_errors_by(make: (type: string, message: string) => Error): void
  /** The C library's, as in Python: JavaScript's differ in the last bit of some results. */
  pow(base: number, exponent: number): number
  cos(x: number): number
  log(x: number): number
  cuda_device_count(): number
  cuda_built(): boolean
  default_dtype(): number
  set_default_dtype(dtype: number): void
  get_num_threads(): number
  set_num_threads(threads: number): void

  autocast_state(device_type: string): [enabled: number, dtype: number, cache_enabled: number]
  autocast_enter(device_type: string, enabled: boolean, dtype: number, cache_enabled: boolean): void
  autocast_exit(device_type: string, enabled: boolean, dtype: number, cache_enabled: boolean): void
  clear_autocast_cache(): void

  get_switch(name: string): boolean
  set_switch(name: string, on: boolean): void
  /** Numbers of libtorch's SDPBackend, the first choice of attention first. */
  sdp_priority_order(): number[]
  set_sdp_priority_order(order: readonly number[]): void
  /** 0: no; 1: a warning; 2: an error. */
  deterministic_algorithms(): number
  use_deterministic_algorithms(on: boolean, warn_only: boolean): void
  float32_matmul_precision(): string
  set_float32_matmul_precision(precision: string): void
  cudnn_version(): number | null

  /** `mmap`: 0 reads; 1 maps the file privately, 2 shared. The bytes of a Uint8Array are copied. */
  open_archive(file: number | Uint8Array, mmap: 0 | 1 | 2): NativeArchive
  close_archive(archive: NativeArchive): void
  archive_records(archive: NativeArchive): string[]
  archive_has(archive: NativeArchive, name: string): boolean
  /** A record's first `count` bytes, all for -1, as a uint8 tensor. Unless `read` the bytes are left to archive_fill. */
  archive_record(archive: NativeArchive, name: string, count: number, read: boolean): Handle
  archive_fill(archive: NativeArchive, names: readonly string[], tensors: readonly Handle[]): Promise<number>
  /** A tensor on the storage of `bytes`, which must hold it. It is made of `empty` where that is not null. */
  view_storage(
    bytes: Handle,
    dtype: number,
    offset: number,
    sizes: readonly number[],
    strides: readonly number[],
    empty: Handle | null,
  ): Handle
  qscheme(handle: Handle): string
  byteswap(bytes: Handle, itemsize: number): void
  /** 0, or the system's number of what went wrong. */
  write_archive(
    descriptor: number,
    names: readonly string[],
    records: readonly (Handle | Uint8Array)[],
    crc32: boolean,
  ): number
  /** The same on another thread; the file is on the disk then. */
  write_archive_async(
    descriptor: number,
    names: readonly string[],
    records: readonly (Handle | Uint8Array)[],
    crc32: boolean,
  ): Promise<number>
  /** How many bytes it takes. */
  write_archive_into(
    bytes: Uint8Array,
    names: readonly string[],
    records: readonly (Handle | Uint8Array)[],
    crc32: boolean,
  ): number
  /** Values lie as ScriptKind in native/contract.h says. */
  jit_load(
    source: string | Uint8Array,
    device: string | null,
    extra: readonly string[],
  ): [module: NativeScript, contents: (ArrayBuffer | null)[]]
  jit_save(module: NativeScript, extra: readonly string[], contents: readonly ArrayBuffer[]): ArrayBuffer
  jit_tree(module: NativeScript): ScriptTree
  /** Of an object that is no module: the names of its attributes and of its methods. */
  jit_members(object: NativeScript): [attributes: string[], methods: string[]]
  /** For each tensor that is another now than that of the handle: its place and its handle. */
  jit_changed(module: NativeScript, handles: Float64Array): (number | null)[]
  jit_get(object: NativeScript, name: string): unknown
  jit_set(object: NativeScript, name: string, value: unknown): void
  /** For each parameter its name, and whether a plain object in its place is its value. */
  jit_parameters(callee: NativeScript, name: string): (string | boolean)[]
  jit_text(callee: NativeScript, name: string, what: string): string
  jit_call(callee: NativeScript, name: string, args: unknown[], names: string[], named: unknown[]): unknown
  jit_call_async(
    callee: NativeScript,
    name: string,
    args: unknown[],
    names: string[],
    named: unknown[],
  ): Promise<unknown>
  jit_copy(module: NativeScript): NativeScript
  jit_freeze(module: NativeScript, preserved: readonly string[], optimize_numerics: boolean): NativeScript
  jit_optimize_for_inference(module: NativeScript, methods: readonly string[]): NativeScript
  jit_export_opnames(module: NativeScript): string[]
  jit_set_fusion_strategy(behaviors: readonly string[], depths: readonly number[]): (string | number)[]
  jit_compile(code: string): NativeScript
  jit_functions(unit: NativeScript): string[]

  model_thread_limits(): [threads: number, waiting: number]
  set_model_thread_limits(threads: number, waiting: number): void
  /** Drops calls that wait, and waits for those that run. */
  stop_model_threads(): void

  aoti_load(file: string, model: string, single_threaded: boolean, runners: number, device: number): NativePackage
  aoti_close(loaded: NativePackage): void
  aoti_call_spec(loaded: NativePackage): string[]
  aoti_inputs(loaded: NativePackage): number
  aoti_metadata(loaded: NativePackage): string[]
  aoti_constant_fqns(loaded: NativePackage): string[]
  aoti_load_constants(loaded: NativePackage, names: readonly string[], tensors: Handle[], full: boolean): void
  aoti_run(loaded: NativePackage, inputs: Handle[]): unknown
  aoti_run_async(loaded: NativePackage, inputs: Handle[]): Promise<unknown>

  share(handle: Handle): Handle
  /** 0 where the group was closed. */
  put_shared(alias: Handle, group?: number): number
  from_shared(token: number): Handle
  open_shared_group(): number
  /** Frees what was put into the group and not taken, and what will be. */
  close_shared_group(group: number): void
  /** How many tensors wait for a thread. */
  shared_count(): number

  /** Once for the process, before a thread calls own_generator(). */
  prepare_own_generators(): void
  /** This thread draws from a generator of its own from now on, and seeds that one. */
  own_generator(): void

  /** The key of a life sign, for another thread to take up. */
  make_life_sign(): number
  take_life_sign(key: number): void
  /** 0: the thread is starting; 1: it runs; 2: it has ended. */
  read_life_sign(key: number): number
  remove_life_sign(key: number): void
}

const REMEDIES = [
  'In a project that depends on tstorch: `npx tstorch setup` gets libtorch and builds the addon.',
  'In a clone of tstorch: `npm run build` does the same.',
  '`npx tstorch doctor` shows what was found and what is missing.',
  'A libtorch of your own is used when LIBTORCH names its folder.',
]

/** An error of this realm's: the addon may have been loaded by another one (vm, Jest). */
function makeError(type: string, message: string): Error {
  const error =
    type === 'TypeError' ? new TypeError(message) : type === 'RangeError' ? new RangeError(message) : new Error(message)
  if (error.name !== type) error.name = type
  Error.captureStackTrace(error, makeError)
  return error
}

/** The field of a native function's result that is to be thrown (native/binding/errors.h). */
const THROWN = 'tstorch_thrown'

/** The result of a native function; throws what the function failed with. */
export function succeeded<R>(result: R): R {
  if (typeof result === 'object' && result !== null && Object.hasOwn(result, THROWN)) {
    throw (result as { [THROWN]?: unknown })[THROWN]
  }
  return result
}

/** These are called often; their callers look at their results themselves. */
const UNCHECKED = new Set(['call', 'call_tensors'])

type Anything = (...args: unknown[]) => unknown

/** Few arguments are handed on one by one, in less time than a list of them takes. */
function checkedFunction(f: Anything): Anything {
  return function (a?: unknown, b?: unknown, c?: unknown): unknown {
    // biome-ignore-start lint/complexity/noArguments: a list of them costs more
    switch (arguments.length) {
      case 0:
        return succeeded(f())
      case 1:
        return succeeded(f(a))
      case 2:
        return succeeded(f(a, b))
      case 3:
        return succeeded(f(a, b, c))
      default:
        return succeeded(f(...arguments))
    }
    // biome-ignore-end lint/complexity/noArguments: as above
  }
}

function checked<T extends object>(addon: T): T {
  const entries = Object.entries(addon).map(([name, value]): [string, unknown] => {
    if (typeof value === 'object' && value !== null) return [name, checked(value)]
    if (typeof value !== 'function' || UNCHECKED.has(name)) return [name, value]
    return [name, checkedFunction(value as Anything)]
  })
  return Object.fromEntries(entries) as T
}

function load(): Native {
  const file = addonFile()
  try {
    if (!existsSync(file)) throw new Error(`The addon is not built: there is no ${file}`)
    const damage = damageOf(file)
    if (damage !== null) throw new Error(`The addon does not load: ${damage}`)
    openLibtorch(file)
    const native = checked(createRequire(import.meta.url)(file) as Native)
    native.collect_garbage_by(collectGarbage)
    native.warn_by(warn)
    native.make_errors_by(makeError)
    return native
  } catch (cause) {
    const problem = (cause as Error).message.replace(/^(?!The addon)/, `The addon ${file} does not load: `)
    throw new Error([problem, ...REMEDIES.map((remedy) => `  - ${remedy}`)].join('\n'), { cause })
  }
}

export const native: Native = load()
