// The names that a checkpoint may use: those that Python's weights_only reader allows, as far as they are here.

import * as layouts from '../core/device.js'
import { dtypeNamed } from '../core/dtype.js'
import { Size } from '../core/size.js'
import { internals, type Tensor } from '../core/tensor.js'
import { Parameter } from '../nn/parameter.js'
import { UnpicklingError } from './error.js'
import { Dict, Global } from './objects.js'
import {
  BUFFER,
  countsIn,
  deviceFrom,
  dtypeIn,
  flagIn,
  PARAMETER,
  rebuildFunctions,
  TENSOR,
  tensorIn,
} from './rebuild.js'
import { constructed, isAllowedByUser, userGlobal } from './safe_globals.js'
import { storageTypeNamed } from './storage.js'

type Args = readonly unknown[]

function makeOrderedDict(args: Args): Dict {
  const [items = []] = args
  if (args.length > 1 || !Array.isArray(items) || !items.every((item) => Array.isArray(item) && item.length === 2)) {
    throw new UnpicklingError('an OrderedDict of what are no pairs')
  }
  return new Dict('OrderedDict').filled(items)
}

function makeCounter(args: Args): Dict {
  const [counts = new Dict()] = args
  if (args.length > 1 || !(counts instanceof Dict)) throw new UnpicklingError('a Counter of what is no dict')
  return new Dict('Counter').filled(counts.items)
}

/** Latin-1 has a byte for each of its characters; protocol 2 writes Python's bytes so. */
function latin1([text, encoding]: Args): Uint8Array {
  if (typeof text !== 'string' || typeof encoding !== 'string' || !/^latin-?1$/.test(encoding)) {
    throw new UnpicklingError('_codecs.encode of other than Latin-1')
  }
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0xff) throw new UnpicklingError('_codecs.encode of other than Latin-1')
    bytes[i] = code
  }
  return bytes
}

function makeByteArray(args: Args): Uint8Array {
  if (args.length === 0) return new Uint8Array(0)
  const [first] = args
  if (args.length === 1 && first instanceof Uint8Array) return first.slice()
  return latin1(args)
}

function makeBytes(args: Args): Uint8Array {
  if (args.length > 0) throw new UnpicklingError('bytes of what is not read')
  return new Uint8Array(0)
}

function makeSet(args: Args): Set<unknown> {
  const [items = []] = args
  if (args.length > 1 || !Array.isArray(items)) throw new UnpicklingError('a set of what is no list')
  for (const item of items) {
    if (typeof item === 'object' && item !== null && !Array.isArray(item) && !(item instanceof Size)) {
      throw new UnpicklingError('a set of other than numbers, strings and tuples')
    }
  }
  return new Set(items)
}

function makeComplex([re, im]: Args): { re: number; im: number } {
  if (typeof re !== 'number' || typeof im !== 'number') throw new UnpicklingError('a complex number of no numbers')
  return { re, im }
}

function makeSize(args: Args): Size {
  if (args.length !== 1) throw new UnpicklingError('a torch.Size of what is no tuple')
  return Size.of_sizes(countsIn('a torch.Size', args[0]))
}

const LAYOUTS = new Map(
  Object.values(layouts).flatMap((value) => (value instanceof layouts.Layout ? [[value.toString(), value]] : [])) as [
    string,
    layouts.Layout,
  ][],
)

function layoutNamed([name]: Args): layouts.Layout {
  const layout = typeof name === 'string' ? LAYOUTS.get(name) : undefined
  if (layout === undefined) throw new UnpicklingError(`the layout ${String(name)} is not known`)
  return layout
}

const ALLOWED: ReadonlyMap<string, Global> = new Map(
  [
    new Global('collections.OrderedDict', makeOrderedDict),
    new Global('collections.Counter', makeCounter),
    new Global('_codecs.encode', latin1),
    new Global('builtins.bytes', makeBytes),
    new Global('builtins.bytearray', makeByteArray),
    new Global('builtins.set', makeSet),
    new Global('builtins.complex', makeComplex),
    new Global('torch.Size', makeSize),
    new Global('torch.device', deviceFrom),
    new Global('torch.serialization._get_layout', layoutNamed),
    ...[TENSOR, PARAMETER, BUFFER].map((path) => new Global(path)),
    ...['affine', 'symmetric'].map((kind) => new Global(`torch.per_tensor_${kind}`)),
    ...['affine', 'symmetric', 'affine_float_qparams'].map((kind) => new Global(`torch.per_channel_${kind}`)),
    ...[...rebuildFunctions].map(([path, rebuild]) => new Global(path, rebuild)),
  ].map((global) => [global.path, global]),
)

/** Moves tensors whose device had no storages. */
const FROM_CPU = 'torch._utils._rebuild_device_tensor_from_cpu_tensor'

/** A dtype of `torch.float32`. */
const dtypeAt = (path: string) => (/^torch\.\w+$/.test(path) ? dtypeNamed(path) : undefined)

/** Whether a name may be used, by everybody or because the user said so. */
export function isAllowed(path: string): boolean {
  const own =
    ALLOWED.has(path) || path === FROM_CPU || dtypeAt(path) !== undefined || storageTypeNamed(path) !== undefined
  return own || isAllowedByUser(path)
}

/** What a name stands for. `restore` moves a tensor to the device of a location. @throws where it is not allowed. */
export function globalNamed(path: string, restore: (tensor: Tensor, location: string) => Tensor): unknown {
  const own = ALLOWED.get(path) ?? dtypeAt(path) ?? storageTypeNamed(path)
  if (own !== undefined) return own
  if (path !== FROM_CPU) return userGlobal(path)
  return new Global(path, ([data, dtype, location, requires_grad]) => {
    if (typeof location !== 'string') throw new UnpicklingError('a device that is no string')
    const moved = restore(tensorIn(data).to(dtypeIn(dtype)), location)
    return flagIn('requires_grad', requires_grad) ? moved.requires_grad_(true) : moved
  })
}

/** What `cls(*args)` makes where a new object is asked for. */
export function construct(cls: Global, args: Args): unknown {
  if (cls.path !== PARAMETER) return constructed(cls, args)
  const [data, requires_grad = true] = args
  if (!internals.isTensor(data)) throw new UnpicklingError('a Parameter of what is no tensor')
  return new Parameter(data, flagIn('requires_grad', requires_grad))
}
