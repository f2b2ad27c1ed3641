// Streams: queues of work on a GPU, each done in order. Events mark places in them.

import { cuda } from '../core/cuda_available.js'
import { type Device, device as deviceOf } from '../core/device.js'
import { openMode, runInMode, type Synchronous } from '../core/modes.js'
import type { CudaEvent, CudaStream, DescribedStream } from '../core/native.js'
import { refuse } from '../operators/arguments.js'
import { describe } from '../operators/describe.js'
import { deviceIndex, set_device } from './device.js'
import { type Arguments, read } from './generated/arguments.js'

/** @internal A stream as native code takes it. */
export let streamHandle: (stream: Stream) => CudaStream

function newStream(args: readonly unknown[]): DescribedStream {
  const { device, priority } = read('cuda.Stream', args)
  return cuda().new_stream(deviceIndex(device), priority)
}

/** A queue of work on a GPU. */
export class Stream {
  readonly #stream: CudaStream
  readonly stream_id: number | bigint
  readonly device_index: number

  /** Lower priorities come first: -1 is high, 0 is low. */
  constructor(...args: Arguments['cuda.Stream'])
  /** @internal A stream that is there already. */
  constructor(described: DescribedStream)
  constructor(...args: unknown[]) {
    const described = Array.isArray(args[0]) ? (args[0] as DescribedStream) : newStream(args)
    ;[this.#stream, this.stream_id, this.device_index] = described
  }

  static {
    streamHandle = (stream) => {
      if (!(stream instanceof Stream)) throw new TypeError(`expected a torch.cuda.Stream, not ${describe(stream)}`)
      return stream.#stream
    }
  }

  get device(): Device {
    return deviceOf('cuda', this.device_index)
  }

  /** Whether everything in the queue is done. */
  query(): boolean {
    return cuda().stream_query(this.#stream)
  }

  /** Blocks until everything in the queue is done. */
  synchronize(): void {
    cuda().stream_synchronize(this.#stream)
  }

  /** The same on another thread: the event loop goes on meanwhile. */
  synchronize_async(): Promise<void> {
    return cuda().stream_synchronize_async(this.#stream)
  }

  /** What is put in the queue from now on waits for the event. */
  wait_event(...args: Arguments['cuda.Stream.wait_event']): void {
    read('cuda.Stream.wait_event', args).event.wait(this)
  }

  /** What is put in this queue from now on waits for what is in the other. */
  wait_stream(...args: Arguments['cuda.Stream.wait_stream']): void {
    this.wait_event(read('cuda.Stream.wait_stream', args).stream.record_event())
  }

  /** Marks this place in the queue. */
  record_event(...args: Arguments['cuda.Stream.record_event']): Event {
    const event = read('cuda.Stream.record_event', args).event ?? new Event()
    event.record(this)
    return event
  }

  equals(other: unknown): boolean {
    return other instanceof Stream && other.stream_id === this.stream_id && other.device_index === this.device_index
  }

  toString(): string {
    return `<torch.cuda.Stream device=${this.device} stream_id=${this.stream_id}>`
  }
}

/** A place in the queue of a stream. */
export class Event {
  readonly #event: CudaEvent

  /** With `enable_timing`, `elapsed_time` tells the time between two events. */
  constructor(...args: Arguments['cuda.Event']) {
    const values = read('cuda.Event', args)
    refuse('cuda.Event', values, 'blocking', 'interprocess', 'external')
    const { enable_timing } = values
    this.#event = cuda().new_event(enable_timing)
  }

  /** Marks the end of what is in the stream now (by default the current one). */
  record(...args: Arguments['cuda.Event.record']): void {
    const { stream } = read('cuda.Event.record', args)
    cuda().event_record(this.#event, streamHandle(stream ?? current_stream()))
  }

  /** What is put in the stream from now on waits for this event. */
  wait(...args: Arguments['cuda.Event.wait']): void {
    const { stream } = read('cuda.Event.wait', args)
    cuda().event_wait(this.#event, streamHandle(stream ?? current_stream()))
  }

  /** Whether the place was reached. */
  query(): boolean {
    return cuda().event_query(this.#event)
  }

  /** Blocks until the place is reached. */
  synchronize(): void {
    cuda().event_synchronize(this.#event)
  }

  /** The same on another thread: the event loop goes on meanwhile. */
  synchronize_async(): Promise<void> {
    return cuda().event_synchronize_async(this.#event)
  }

  /** Milliseconds from this event to another; both made with `enable_timing`, recorded, and reached. */
  elapsed_time(...args: Arguments['cuda.Event.elapsed_time']): number {
    const { end_event } = read('cuda.Event.elapsed_time', args)
    if (!(end_event instanceof Event)) throw new TypeError(`expected a torch.cuda.Event, not ${describe(end_event)}`)
    return cuda().event_elapsed_time(this.#event, end_event.#event)
  }
}

/** The stream that work on a GPU is put in. */
export function current_stream(...args: Arguments['cuda.current_stream']): Stream {
  const { device } = read('cuda.current_stream', args)
  return new Stream(cuda().current_stream(deviceIndex(device)))
}

export function default_stream(...args: Arguments['cuda.default_stream']): Stream {
  const { device } = read('cuda.default_stream', args)
  return new Stream(cuda().default_stream(deviceIndex(device)))
}

/** Puts work in this stream from now on, on its GPU. `torch.cuda.stream(...)` does so for a stretch of code. */
export function set_stream(...args: Arguments['cuda.set_stream']): void {
  const { stream } = read('cuda.set_stream', args)
  cuda().set_stream(streamHandle(stream))
}

/** @internal Makes a stream the current one; gives what undoes that. */
export function openStream(stream: Stream): () => void {
  const before = current_stream()
  const beforeThere = current_stream(stream.device_index)
  set_stream(stream)
  return () => {
    set_stream(beforeThere)
    set_stream(before)
    set_device(before.device_index)
  }
}

/**
 * Puts the work of `body` in a stream; or, as `using _ = torch.cuda.stream(s)`, that of the rest of the block. Null is
 * the current stream: nothing changes.
 */
export function stream<T>(stream: Stream | null, body: () => Synchronous<T>): T
export function stream(stream: Stream | null): Disposable
export function stream<T>(stream: Stream | null, body?: () => Synchronous<T>): T | Disposable {
  const open = () => (stream === null ? () => {} : openStream(stream))
  return body === undefined ? openMode('torch.cuda.stream', open()) : runInMode('torch.cuda.stream', open, body)
}
