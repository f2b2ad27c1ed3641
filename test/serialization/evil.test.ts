// Pickles that would run code in Python's unsafe loader, or exhaust one: each is refused, and says by which name.

import { describe, expect, test } from 'vitest'
import torch, { nn } from '../../lib/index.js'
import * as op from '../../lib/serialization/opcodes.js'
import {
  archiveOf,
  bytesOf,
  call,
  checkpointOf,
  created,
  dict,
  flag,
  global,
  integer,
  list,
  long,
  noHooks,
  none,
  type Part,
  rebuild,
  storage,
  string,
  tensor,
  tuple,
  uint32,
} from './pickles.js'

const { UnpicklingError } = torch.serialization

function refusal(file: Uint8Array): string {
  try {
    torch.load(file)
  } catch (error) {
    expect(error).toBeInstanceOf(UnpicklingError)
    return (error as Error).message
  }
  throw new Error('it was loaded')
}

/** What runs code in Python, or reaches what does. */
const CALLABLES = `
  os.system os.popen os.execv os.remove os.spawnl posix.system posix.execve posix.fork nt.system sys.exit sys.setrecursionlimit
  subprocess.Popen subprocess.call subprocess.run subprocess.check_output subprocess.getoutput commands.getoutput
  builtins.eval builtins.exec builtins.compile builtins.open builtins.__import__ builtins.getattr builtins.setattr
  builtins.delattr builtins.input builtins.breakpoint builtins.globals builtins.vars builtins.dir builtins.type
  builtins.object builtins.super builtins.map builtins.filter builtins.print builtins.dict builtins.list builtins.tuple
  builtins.int builtins.str builtins.frozenset builtins.property builtins.classmethod builtins.memoryview builtins.exit
  __builtin__.eval __builtin__.execfile __builtin__.apply __builtin__.file __builtin__.reduce
  importlib.import_module importlib.reload imp.load_source runpy.run_path runpy.run_module pkgutil.get_loader
  pty.spawn platform.popen code.interact code.InteractiveInterpreter codeop.compile_command timeit.timeit
  cProfile.run profile.run trace.Trace pdb.run bdb.Bdb doctest.debug_script
  pickle.loads pickle.Unpickler _pickle.loads cPickle.loads marshal.loads shelve.open dill.loads cloudpickle.loads
  joblib.load yaml.load yaml.unsafe_load jsonpickle.decode copyreg._reconstructor copy_reg._reconstructor
  types.FunctionType types.CodeType types.MethodType functools.partial functools.reduce operator.attrgetter
  operator.itemgetter operator.methodcaller operator.call itertools.starmap _codecs.decode codecs.open
  ctypes.CDLL ctypes.cdll.LoadLibrary _ctypes.dlopen socket.socket urllib.request.urlopen http.server.HTTPServer
  requests.get ftplib.FTP smtplib.SMTP webbrowser.open shutil.rmtree shutil.copyfile tempfile.mktemp pathlib.Path
  io.open io.FileIO _io.open zipfile.ZipFile tarfile.open sqlite3.connect logging.config.fileConfig
  multiprocessing.Process threading.Thread asyncio.create_subprocess_shell concurrent.futures.ProcessPoolExecutor
  signal.alarm atexit.register gc.get_objects inspect.getmodule weakref.ref site.main
  numpy.load numpy.f2py.crackfortran.myeval numpy.testing._private.utils.runstring numpy.distutils.exec_command.exec_command
  pandas.read_pickle pandas.eval torch.load torch.hub.load torch.jit.load torch.storage._load_from_bytes
  torch.package.PackageImporter torch.utils.model_zoo.load_url torch.utils.cpp_extension.load torch.ops.load_library
  torch.classes.load_library torch._dynamo.guards.GuardBuilder.get torch.fx.graph_module._exec_with_source
  torch.nn.modules.linear.Linear torch.nn.Module torch.utils.data.DataLoader torch._utils._rebuild_wrapper_subclass
  torch._utils._rebuild_nested_tensor torch._utils._rebuild_device_tensor_from_numpy torch._utils._import_dotted_name
  torch.distributed.tensor.DTensor torch.empty torch.ones torch.tensor torch.set_default_dtype torch.float32.to
  __main__.Model argparse.Namespace collections.defaultdict collections.namedtuple datetime.datetime decimal.Decimal
  omegaconf.dictconfig.DictConfig transformers.AutoModel.from_pretrained pytorch_lightning.LightningModule
  numpy._core.multiarray.scalar numpy.core.multiarray._reconstruct numpy.dtype numpy.ndarray
`
  .trim()
  .split(/\s+/)

/** How the name of a callable stands in the refusal. */
const shown = (path: string): string =>
  path
    .replace(/^__builtin__\./, 'builtins.')
    .replace(/^copy_reg\./, 'copyreg.')
    .replace(/^builtins\./, '')

const FORMS: Record<string, (callee: Part) => Part> = {
  'called by REDUCE': (callee) => call(callee, string('echo evil')),
  'made by NEWOBJ': (callee) => created(callee, string('echo evil')),
  'as a value': (callee) => list(callee),
}

describe('classes and functions that are not allowed', () => {
  const split = (path: string): Part => {
    const dot = path.lastIndexOf('.')
    return global(path.slice(0, dot), path.slice(dot + 1))
  }

  test('there are 200 of them', () => {
    expect(new Set(CALLABLES).size * Object.keys(FORMS).length).toBeGreaterThanOrEqual(200)
  })

  test.each(Object.entries(FORMS))('%s', (_, form) => {
    for (const path of CALLABLES) expect(refusal(checkpointOf(form(split(path))))).toContain(`GLOBAL ${shown(path)} `)
  })

  test('a module of the system is not allowed by the user either', () => {
    const modules = ['os', 'sys', 'posix', 'nt']
    const calls: unknown[] = []
    const run = (...args: unknown[]) => calls.push(args)
    torch.serialization.safe_globals(
      modules.map((module) => [run, `${module}.system`] as const),
      () => {
        for (const module of modules) {
          const message = refusal(checkpointOf(call(global(module, 'system'), string('ls'))))
          expect(message).toContain(`GLOBAL ${module}.system whose module ${module} is blocked`)
        }
      },
    )
    expect(calls).toEqual([])
  })

  test('names with dots, quotes or without a module', () => {
    for (const name of ['a.b.c', "x'); evil('", '', '\u0000', '__proto__', 'constructor', 'toString']) {
      expect(refusal(checkpointOf(global('', name)))).toContain(`GLOBAL .${name} `)
      expect(refusal(checkpointOf(global('torch', name)))).toContain(`GLOBAL torch.${name} `)
    }
  })
})

describe('opcodes that are not read', () => {
  test.each<[string, Part]>([
    ['INST', [op.MARK, string('ls'), 0x69, 'os\nsystem\n']],
    ['OBJ', [op.MARK, none, 0x6f]],
    ['STACK_GLOBAL', [string('os'), string('system'), 0x93]],
    ['NEWOBJ_EX', [none, tuple(), dict(), 0x92]],
    ['EXT1', [0x82, 1]],
    ['EXT2', [0x83, 1, 0]],
    ['EXT4', [0x84, 1, 0, 0, 0]],
    ['PERSID', [0x50, 'storage\n']],
    ['LONG4', [0x8b, uint32(2 ** 31 - 1)]],
    ['LONG', [0x4c, `${'9'.repeat(100000)}L\n`]],
    ['INT', [0x49, '1\n']],
    ['STRING', [0x53, "'a'\n"]],
    ['UNICODE', [0x56, 'a\n']],
    ['BINBYTES', [0x42, uint32(1), 1]],
    ['BINBYTES8', [0x8e, uint32(0), uint32(256)]],
    ['BINUNICODE8', [0x8d, uint32(0), uint32(256)]],
    ['BYTEARRAY8', [0x96, uint32(0), uint32(256)]],
    ['FRAME', [0x95, uint32(0), uint32(256)]],
    ['MEMOIZE', [none, 0x94]],
    ['FROZENSET', [op.MARK, 0x91]],
    ['NEXT_BUFFER', [0x97]],
    ['POP', [none, 0x30]],
    ['DUP', [none, 0x32]],
    ['0xff', [0xff]],
  ])('%s', (name, pickle) => {
    expect(refusal(checkpointOf(pickle))).toContain(`the opcode ${name} is not read`)
  })

  test.each([0, 1, 3, 4, 5, 255])('protocol %i', (version) => {
    expect(refusal(archiveOf(bytesOf(op.PROTO, version, none, op.STOP)))).toContain(`protocol ${version}`)
  })
})

const huge: Part = long(0, 0, 0, 0, 0, 1)
const [sizes, strides] = [[integer(2)], [integer(1)]]
const indices = (...values: number[]): Part =>
  call(
    rebuild('_rebuild_tensor_v2'),
    [tuple(string('storage'), global('torch', 'LongStorage'), string('i'), string('cpu'), integer(2)), op.BINPERSID],
    integer(0),
    tuple(...values.map(integer)),
    tuple(...values.map((_, i) => integer(i === 0 && values.length > 1 ? (values[1] as number) : 1))),
    flag(false),
    noHooks,
  )
const records = { 'data/i': new Uint8Array(BigInt64Array.of(0n, 5n).buffer) }

describe('what is allowed, with what it does not take', () => {
  test.each<[string, Part]>([
    ['_codecs.encode of other than Latin-1', call(global('_codecs', 'encode'), string('x'), string('rot13'))],
    ['_codecs.encode of other than Latin-1', call(global('_codecs', 'encode'), string('字'), string('latin1'))],
    ['_codecs.encode of other than Latin-1', call(global('__builtin__', 'bytearray'), huge)],
    ['bytes of what is not read', call(global('builtins', 'bytes'), huge)],
    ['a set of what is no list', call(global('builtins', 'set'), integer(1))],
    ['a set of other than', call(global('builtins', 'set'), list(dict()))],
    ['a complex number of no numbers', call(global('builtins', 'complex'), string('1'))],
    ['an OrderedDict of what are no pairs', call(global('collections', 'OrderedDict'), list(integer(1)))],
    ['a Counter of what is no dict', call(global('collections', 'Counter'), string('abc'))],
    ['a torch.Size cannot be', call(global('torch', 'Size'), tuple(integer(-1)))],
    ['a torch.Size cannot be', call(global('torch', 'Size'), huge)],
    ['a device cannot be', call(global('torch', 'device'), integer(1))],
    ['invalid device string', call(global('torch', 'device'), string('file:///etc'))],
    ['the layout __proto__ is not known', call(global('torch.serialization', '_get_layout'), string('__proto__'))],
    ['unrecognized function torch.Tensor', call(global('torch', 'Tensor'), huge)],
    ['unrecognized function torch.nn.parameter.Parameter', call(global('torch.nn.parameter', 'Parameter'), none)],
    ['unrecognized function DType', call(global('torch', 'float32'))],
    ['unrecognized function StorageType', call(global('torch', 'FloatStorage'), huge)],
    ['unrecognized function str', call(string('os.system'), string('ls'))],
    ['unrecognized function list', call(list())],
    ['arguments must be a tuple, not list', [global('torch', 'Size'), list(), op.REDUCE]],
    ['Can only create new object', created(global('torch._utils', '_rebuild_tensor_v2'))],
    ['a Parameter of what is no tensor', created(global('torch.nn.parameter', 'Parameter'), huge)],
    ['it holds torch.Tensor itself', global('torch', 'Tensor')],
    ['it holds a storage without a tensor', storage()],
    ['it holds a storage without a tensor', global('torch', 'FloatStorage')],
    ['got list', [list(), dict(), op.BUILD]],
    ['got Tensor', [tensor(integer(0), sizes, strides), tuple(), op.BUILD]],
    ['got dict', [dict(), dict(), op.BUILD]],
    ['Can only append to lists, but got tuple', [tuple(), none, op.APPEND]],
    ['Can only extend lists, but got str', [string('x'), op.MARK, none, op.APPENDS]],
    ['Can only SETITEM for dict', [list(), none, none, op.SETITEM]],
    ['Can only SETITEMS for dict', [tuple(), op.MARK, none, none, op.SETITEMS]],
    ['a key without a value', [op.EMPTY_DICT, op.MARK, none, op.SETITEMS]],
    ['unhashable type: list', dict(list(), none)],
    ['unhashable type: dict', dict(dict(), none)],
    ['unhashable type: set', dict(op.EMPTY_SET, none)],
    // Storages.
    ['persistent_load id must be tuple, but got str', [string('storage'), op.BINPERSID]],
    ['Only persistent_load of storage is allowed', [tuple(string('module'), none, none), op.BINPERSID]],
    ['Only persistent_load of storage is allowed', [tuple(), op.BINPERSID]],
    [
      'a storage of an unknown class',
      [tuple(string('storage'), string('x'), string('0'), string('cpu'), none), op.BINPERSID],
    ],
    ['a storage of 9223372036854775807 elements', storage(long(...new Array(7).fill(255), 127))],
    ['is cut off: it has 16 bytes, and 4398046511104 are needed', storage(huge)],
    ['a storage of -1 elements', storage(integer(-1))],
    ['a storage of 0.5 elements', storage([op.BINFLOAT, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0])],
    ['locating file data/7: file not found', storage(integer(4), string('7'))],
    ['locating file data/../data.pkl: file not found', storage(integer(4), string('../data.pkl'))],
    ['a storage without a name', storage(integer(4), integer(0))],
    // Tensors.
    ['of a storage that has 16', tensor(integer(0), [integer(5)], [integer(1)])],
    ['of a storage that has 16', tensor(integer(4), [integer(1)], [integer(1)])],
    ['of a storage that has 16', tensor(integer(0), [integer(2)], [integer(4)])],
    ['of a storage that has 16', tensor(integer(0), [huge], [integer(1)])],
    ['of a storage that has 16', tensor(huge, [integer(1)], [integer(1)])],
    ['is too large', tensor(integer(0), [huge, huge], [huge, huge])],
    ['the size of a tensor cannot be', tensor(integer(0), [integer(-1)], [integer(1)])],
    ['the strides of a tensor cannot be', tensor(integer(0), [integer(1)], [integer(-1)])],
    ['the offset of a tensor cannot be', tensor(integer(-1), [integer(1)], [integer(1)])],
    ['the offset of a tensor cannot be', tensor(long(...new Array(8).fill(255), 0), [integer(1)], [integer(1)])],
    ['a tensor of 2 sizes and 1 strides', tensor(integer(0), [integer(1), integer(1)], [integer(1)])],
    ['the storage of a tensor cannot be', tensor(integer(0), sizes, strides, none)],
    ['_rebuild_tensor_v2 got 0 arguments', call(rebuild('_rebuild_tensor_v2'))],
    ['_rebuild_parameter got 1 arguments', call(rebuild('_rebuild_parameter'), none)],
    ['a tensor cannot be', call(rebuild('_rebuild_parameter'), none, flag(true), noHooks)],
    [
      "a tensor with the unknown bit 'evil'",
      call(
        rebuild('_rebuild_tensor_v2'),
        storage(),
        integer(0),
        tuple(),
        tuple(),
        flag(false),
        noHooks,
        dict(string('evil'), flag(true)),
      ),
    ],
    [
      "whose attribute 'backward' would hide its own",
      call(
        rebuild('_rebuild_parameter_with_state'),
        tensor(integer(0), sizes, strides),
        flag(false),
        noHooks,
        dict(string('backward'), none),
      ),
    ],
    [
      'of what rebuilds no tensor',
      call(
        global('torch._tensor', '_rebuild_from_type_v2'),
        global('torch', 'Size'),
        global('torch', 'Tensor'),
        tuple(tuple()),
        dict(),
      ),
    ],
    [
      'a tensor of another class',
      call(
        global('torch._tensor', '_rebuild_from_type_v2'),
        rebuild('_rebuild_tensor_v2'),
        global('torch', 'Size'),
        tuple(),
        dict(),
      ),
    ],
    ['_rebuild_qtensor got 0 arguments', call(rebuild('_rebuild_qtensor'))],
    [
      'a dtype cannot be',
      call(rebuild('_rebuild_meta_tensor_no_storage'), string('float32'), tuple(), tuple(), flag(false)),
    ],
    ['a sparse tensor cannot be', call(rebuild('_rebuild_sparse_tensor'), string('sparse_coo'), tuple())],
    // An index of 5 in a dimension of 3.
    [
      'size is 3 but found index 5',
      call(
        rebuild('_rebuild_sparse_tensor'),
        call(global('torch.serialization', '_get_layout'), string('torch.sparse_coo')),
        tuple(
          indices(1, 2),
          tensor(integer(0), sizes, strides),
          call(global('torch', 'Size'), tuple(integer(3))),
          flag(true),
        ),
      ),
    ],
  ])('%s', (message, value) => {
    expect(refusal(archiveOf(bytesOf(op.PROTO, 2, value, op.STOP), records))).toContain(message)
  })

  test('compressed indices that reach beyond', () => {
    const layout = call(global('torch.serialization', '_get_layout'), string('torch.sparse_csr'))
    const value = tuple(indices(2), indices(2), tensor(integer(0), sizes, strides), tuple(integer(1), integer(2)))
    const file = archiveOf(
      bytesOf(op.PROTO, 2, call(rebuild('_rebuild_sparse_tensor'), layout, value), op.STOP),
      records,
    )
    expect(refusal(file)).toContain('_rebuild_sparse_tensor')
  })

  test('a quantised tensor with an axis that it has not', () => {
    const quantised: Part = [
      tuple(string('storage'), global('torch', 'QInt8Storage'), string('0'), string('cpu'), integer(16)),
      op.BINPERSID,
    ]
    const scales = tensor(integer(0), sizes, strides)
    const of = (axis: Part, size: number) =>
      call(
        rebuild('_rebuild_qtensor'),
        quantised,
        integer(0),
        tuple(integer(size)),
        tuple(integer(1)),
        tuple(global('torch', 'per_channel_affine'), scales, scales, axis),
        flag(false),
        noHooks,
      )
    expect(refusal(checkpointOf(of(integer(3), 2)))).toContain('per_channel axis 3 out of range')
    expect(refusal(checkpointOf(of(integer(-1), 2)))).toContain('the axis of a quantised tensor cannot be')
    expect(refusal(checkpointOf(of(integer(0), 9)))).toContain('must equal size[axis]=9')
  })
})

describe('games with the stack and the memo', () => {
  test.each<[string, Part]>([
    ['the memo has nothing at 7', [op.BINGET, 7]],
    ['the memo has nothing at 4294967295', [op.LONG_BINGET, uint32(2 ** 32 - 1)]],
    ['the stack is empty', [op.BINPUT, 0]],
    ['the stack is empty', [op.REDUCE]],
    ['the stack is empty', [none, op.MARK, op.TUPLE1]],
    ['the stack is empty', [none, none, op.MARK, op.BUILD]],
    ['the stack is empty', []],
    ['the stack is empty', [op.MARK]],
    ['there is no mark', [none, op.TUPLE]],
    ['there is no mark', [op.EMPTY_DICT, op.SETITEMS]],
    ['there is no mark', [op.EMPTY_LIST, op.APPENDS]],
  ])('%s', (message, pickle) => {
    expect(refusal(checkpointOf(pickle))).toContain(message)
  })

  const many = (part: Part, count = 1_000_000): Uint8Array => {
    const one = bytesOf(part)
    return Buffer.alloc(one.length * count, one)
  }

  test.each<[string, Part]>([
    ['tuples', [none, many(op.TUPLE1)]],
    ['lists', [many([op.EMPTY_LIST]), many(op.APPEND, 999_999)]],
    ['dicts', [many([op.EMPTY_DICT, op.NONE]), none, many(op.SETITEM)]],
    ['pairs', [none, many([op.NONE, op.TUPLE2])]],
  ])('a million %s within each other', (_, pickle) => {
    expect(refusal(checkpointOf(pickle))).toContain('more than 1000 others')
  })

  test('a million marks', () => {
    expect(refusal(checkpointOf(many(op.MARK)))).toContain('the stack is empty')
  })

  test('2 ** 64 lists by 64 doublings take no time', () => {
    const doubled: Part = [op.BINPUT, 0, [op.EMPTY_LIST, op.MARK, op.BINGET, 0, op.BINGET, 0, op.APPENDS]]
    const loaded = torch.load(checkpointOf(op.EMPTY_LIST, ...new Array(64).fill(doubled)))
    expect(loaded[0]).toBe(loaded[1])
  })

  test('a key of 2 ** 64 tuples takes no time', () => {
    const doubled: Part = [op.BINPUT, 0, op.BINGET, 0, op.TUPLE2]
    const loaded = torch.load(
      checkpointOf(op.EMPTY_DICT, op.EMPTY_TUPLE, ...new Array(64).fill(doubled), none, op.SETITEM),
    )
    expect(loaded).toBeInstanceOf(Map)
  })

  test('strings and numbers that say they are longer than the file', () => {
    for (const length of [100, 2 ** 31, 2 ** 32 - 1]) {
      expect(refusal(checkpointOf(op.BINUNICODE, uint32(length), 'abc'))).toContain('the pickle is cut off')
    }
    expect(refusal(checkpointOf(op.LONG1, 255, 1))).toContain('the pickle is cut off')
    expect(refusal(checkpointOf(op.GLOBAL, 'os'))).toContain('the pickle is cut off')
    expect(refusal(checkpointOf(op.BINUNICODE, uint32(2), Uint8Array.of(0xff, 0xfe)))).toContain('not UTF-8')
  })

  test('a pickle that ends anywhere', () => {
    const x = new nn.Parameter(torch.ones(2))
    const whole = Buffer.from(torch.save({ a: [1, 2.5, 'x', 10n ** 30n], x, y: x }))
    const at = whole.indexOf(Buffer.of(op.PROTO, 2))
    const pickle = whole.subarray(at, whole.indexOf('.format_version') - 100)
    const end = pickle.lastIndexOf(op.STOP) + 1
    for (let length = 0; length < end - 1; length++) {
      expect(refusal(archiveOf(Uint8Array.from(pickle.subarray(0, length))))).toMatch(/cut off|stack is empty/)
    }
  })
})

describe('classes that the user allows', () => {
  class Config {
    lr = 0
    declare layers: number[]
  }
  class Point {
    constructor(
      readonly x: number,
      readonly y: number,
    ) {}
    __setstate__(state: unknown): void {
      Object.assign(this, { state })
    }
  }
  const config = [
    created(global('my.package', 'Config')),
    dict(string('layers'), list(integer(1)), string('__proto__'), integer(5)),
    op.BUILD,
  ]

  test('are made without their constructor, and get their state', () => {
    const loaded = torch.serialization.safe_globals([[Config, 'my.package.Config']], () =>
      torch.load(checkpointOf(config)),
    )
    expect(loaded).toBeInstanceOf(Config)
    expect(Object.entries(loaded)).toEqual([
      ['layers', [1]],
      ['__proto__', 5],
    ])
    expect(refusal(checkpointOf(config))).toContain("add_safe_globals([[cls, 'my.package.Config']])")
  })

  test('are called, or set their own state', () => {
    const point = [call(global('__main__', 'Point'), integer(1), integer(2)), tuple(string('s')), op.BUILD]
    torch.serialization.add_safe_globals([Point, [(...x: number[]) => x.length, 'my.count']])
    try {
      const loaded = torch.load(checkpointOf(list(point, call(global('my', 'count'), integer(7), list()))))
      expect(loaded[0]).toBeInstanceOf(Point)
      expect({ ...loaded[0] }).toEqual({ x: 1, y: 2, state: ['s'] })
      expect(loaded[1]).toBe(2)
      expect(torch.serialization.get_safe_globals()).toHaveLength(2)
    } finally {
      torch.serialization.clear_safe_globals()
    }
    expect(torch.serialization.get_safe_globals()).toEqual([])
    expect(refusal(checkpointOf(point))).toContain('GLOBAL __main__.Point ')
  })

  test('an object among the arguments that make it', () => {
    const circle = [op.EMPTY_LIST, op.BINPUT, 0, call(global('my', 'f'), [op.BINGET, 0]), op.APPEND]
    const message = torch.serialization.safe_globals([[() => null, 'my.f']], () => refusal(checkpointOf(circle)))
    expect(message).toContain('an object is among the arguments that make it')
  })

  test('must have a name that something reads', () => {
    expect(() => torch.serialization.add_safe_globals(['my.Config'])).toThrow("[cls, 'my.Config']")
    expect(() => torch.serialization.add_safe_globals([[Config] as never])).toThrow('its full name in Python')
  })

  test('the names that are not allowed', () => {
    const file = checkpointOf(
      list(config, call(global('os', 'system'), string('ls')), tensor(integer(0), sizes, strides)),
    )
    const { get_unsafe_globals_in_checkpoint, safe_globals } = torch.serialization
    expect(get_unsafe_globals_in_checkpoint(file)).toEqual(['my.package.Config', 'os.system'])
    safe_globals([[Config, 'my.package.Config']], () => {
      expect(get_unsafe_globals_in_checkpoint(file)).toEqual(['os.system'])
    })
  })
})

describe('files that are none', () => {
  test.each<[string, Uint8Array]>([
    ['Invalid magic number', new Uint8Array(0)],
    ['Invalid magic number', new Uint8Array(1000)],
    ['not a ZIP archive', Uint8Array.of(0x50, 0x4b, 3, 4, 0, 0)],
    ['the legacy .tar format', Buffer.concat([Buffer.alloc(257), Buffer.from('ustar'), Buffer.alloc(250)])],
  ])('%s', (message, file) => {
    expect(refusal(file)).toContain(message)
  })

  test('an archive of something else', () => {
    const pickle = bytesOf(op.PROTO, 2, none, op.STOP)
    expect(refusal(archiveOf(pickle, { 'constants.pkl': pickle }))).toContain('torch.jit.load')
    expect(refusal(archiveOf(pickle, { byteorder: Buffer.from('middle') }))).toContain(
      'Unknown endianness type: middle',
    )
  })

  test('a file that ends anywhere', () => {
    const whole = torch.save({ x: torch.ones(4), y: torch.zeros(2) })
    for (let length = 0; length < whole.length; length += 7) refusal(whole.subarray(0, length))
  })

  test('weights_only: false is refused', () => {
    expect(() => torch.load(torch.save(1), { weights_only: false })).toThrow('only weights are loaded')
    expect(torch.load(torch.save(1), { weights_only: true })).toBe(1)
  })

  test('what cannot be saved is refused by its path', () => {
    const model = new nn.Linear(1, 1)
    const refused: [unknown, string][] = [
      [{ a: [1, () => 1] }, 'obj["a"][1] is'],
      [{ model }, 'obj["model"] is'],
      [model, 'save its state_dict()'],
      [[undefined], 'obj[0] is'],
      [new Date(), 'the object is'],
      [Symbol('x'), 'the object is'],
      [2n ** 2040n, 'an integer of 2041 bits'],
      [new Map([[[1], 2]]), 'a key or element that Python cannot hash'],
      [new Set([{}]), 'a key or element that Python cannot hash'],
      [
        new Map<unknown, number>([
          [1, 2],
          [true, 3],
        ]),
        'keys that are one in Python',
      ],
      [new nn.UninitializedParameter(), 'is uninitialized'],
    ]
    for (const [value, message] of refused) expect(() => torch.save(value)).toThrow(message)
    let nested: unknown = null
    for (let i = 0; i < 2000; i++) nested = [nested]
    expect(() => torch.save(nested)).toThrow('more than 1000 others')
    const circle: unknown[] = [{}]
    ;(circle[0] as { circle?: unknown }).circle = Object.freeze(circle)
    expect(() => torch.save(circle)).toThrow('a frozen array that holds itself')
  })
})
