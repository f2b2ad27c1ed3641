// torch.cuda without a GPU: what works, and which calls say what is missing.

import { describe, expect, test } from 'vitest'
import { summaryOf } from '../../lib/cuda/memory.js'
import torch, { nn } from '../../lib/index.js'
import { filled, fixture } from '../helpers.js'

const { cuda } = torch
const MISSING = /^CUDA was asked for, but (this libtorch was built without it|no device is there)/

describe.skipIf(cuda.is_available())('without a GPU', () => {
  test('what asks for one says what is missing', () => {
    const asking: Record<string, () => unknown> = {
      current_device: () => cuda.current_device(),
      set_device: () => cuda.set_device(0),
      device: () => cuda.device(0, () => 1),
      get_device_properties: () => cuda.get_device_properties(),
      get_device_name: () => cuda.get_device_name(0),
      get_device_capability: () => cuda.get_device_capability('cuda:0'),
      can_device_access_peer: () => cuda.can_device_access_peer(0, 1),
      is_bf16_supported: () => cuda.is_bf16_supported(),
      synchronize: () => cuda.synchronize(),
      synchronize_async: () => cuda.synchronize_async(),
      Stream: () => new cuda.Stream(),
      Event: () => new cuda.Event(),
      current_stream: () => cuda.current_stream(),
      default_stream: () => cuda.default_stream(),
      CUDAGraph: () => new cuda.CUDAGraph(),
      graph_pool_handle: () => cuda.graph_pool_handle(),
      is_current_stream_capturing: () => cuda.is_current_stream_capturing(),
      graphed_step: () => cuda.graphed_step((x: torch.Tensor) => x),
      make_graphed_callables: () => cuda.make_graphed_callables(new nn.Linear(1, 1), [torch.ones(1)]),
      mem_get_info: () => cuda.mem_get_info(),
      memory_summary: () => cuda.memory_summary(),
      reset_peak_memory_stats: () => cuda.reset_peak_memory_stats(),
      set_per_process_memory_fraction: () => cuda.set_per_process_memory_fraction(0.5),
      get_rng_state: () => cuda.get_rng_state(),
      set_rng_state: () => cuda.set_rng_state(torch.get_rng_state()),
      initial_seed: () => cuda.initial_seed(),
      'module.cuda': () => new nn.Linear(1, 1).cuda(),
      'module.to': () => new nn.Linear(1, 1).to('cuda'),
      'tensor.cuda': () => torch.ones(1).cuda(),
    }
    for (const [name, ask] of Object.entries(asking)) expect(ask, name).toThrow(MISSING)
  })

  test('asking for a tensor there says what is missing', () => {
    const asking = [
      () => torch.ones(2, { device: 'cuda' }),
      () => torch.ones(2).to('cuda:0'),
      () => new torch.Generator('cuda'),
      () => torch.ones(2).pin_memory(),
    ]
    for (const ask of asking) expect(ask).toThrow(/CUDA|NVIDIA|accelerator/i)
  })

  test('what a program may do on either kind of machine does nothing, as in Python', () => {
    cuda.manual_seed(1)
    cuda.manual_seed_all(1)
    cuda.seed()
    cuda.seed_all()
    cuda.empty_cache()
    expect(cuda.device_count()).toBe(0)
    expect(cuda.memory_allocated()).toBe(0)
    expect(cuda.max_memory_reserved()).toBe(0)
    expect(cuda.memory_stats()).toEqual({})
    expect(cuda.get_rng_state_all()).toEqual([])
    expect(torch.autocast('cuda', () => torch.is_autocast_enabled('cuda'))).toBe(false)
    const scaler = new torch.amp.GradScaler()
    expect(scaler.is_enabled()).toBe(false)
  })
})

test('a fraction is checked before CUDA is', () => {
  expect(() => cuda.set_per_process_memory_fraction(2)).toThrow('Invalid fraction value: 2')
})

test('memory_summary prints as Python does', () => {
  const cases = fixture<{ summaries: { stats: Record<string, number>; abbreviated: boolean; text: string }[] }>(
    'amp.json',
  )
  for (const { stats, abbreviated, text } of filled(cases.summaries))
    expect(summaryOf(stats, 3, abbreviated)).toBe(text)
})

describe('switches', () => {
  test('are on or off', () => {
    const { cudnn, cuda: cudaBackend, mkldnn } = torch.backends
    for (const [holder, name] of [
      [cudnn, 'enabled'],
      [cudnn, 'benchmark'],
      [cudnn, 'deterministic'],
      [cudnn, 'allow_tf32'],
      [cudaBackend.matmul, 'allow_tf32'],
      [mkldnn, 'enabled'],
    ] as [Record<string, boolean>, string][]) {
      const before = holder[name] as boolean
      holder[name] = !before
      expect(holder[name], name).toBe(!before)
      holder[name] = before
      expect(holder[name], name).toBe(before)
    }
    expect([cudnn.enabled, cudnn.benchmark, cudnn.allow_tf32, cudaBackend.matmul.allow_tf32]).toEqual([
      true,
      false,
      true,
      false,
    ])
    expect(cudaBackend.is_built()).toBe(cudnn.version() !== null)
  })

  test('deterministic algorithms: none, a warning, an error', () => {
    expect(torch.are_deterministic_algorithms_enabled()).toBe(false)
    torch.use_deterministic_algorithms(true)
    expect(torch.get_deterministic_debug_mode()).toBe(2)
    // Memory that nobody wrote to is filled then.
    expect(torch.empty(3).tolist()).toEqual([Number.NaN, Number.NaN, Number.NaN])
    torch.set_deterministic_debug_mode('warn')
    expect(torch.is_deterministic_algorithms_warn_only_enabled()).toBe(true)
    torch.set_deterministic_debug_mode(0)
    expect(torch.are_deterministic_algorithms_enabled()).toBe(false)
    // @ts-expect-error: no such mode
    expect(() => torch.set_deterministic_debug_mode('never')).toThrow('expected one of `default`, `warn`, `error`')
  })

  test('float32 products have a precision', () => {
    expect(torch.get_float32_matmul_precision()).toBe('highest')
    torch.set_float32_matmul_precision('high')
    expect(torch.get_float32_matmul_precision()).toBe('high')
    torch.set_float32_matmul_precision('highest')
    // @ts-expect-error: no such precision
    expect(() => torch.set_float32_matmul_precision('low')).toThrow("'highest', 'high' or 'medium'")
  })
})
