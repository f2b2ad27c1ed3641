"""One sample of PyTorch's operator tests as public calls, with their results and gradients; see export.py."""

import dataclasses
import math
import random

import torch
from torch.overrides import TorchFunctionMode
from torch.testing._internal.common_methods_invocations import op_db
from torch.utils._pytree import tree_flatten, tree_unflatten

DTYPES = [torch.float32, torch.float64, torch.int64, torch.bool, torch.complex64]
# What these make has no values.
EMPTY = {"empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided"}
# Functions in Python, whose calls are traced, and whose results have signs that processors may choose.
FACTORS = {"svd_lowrank", "pca_lowrank"}

ATEN = {schema.name for schema in torch._C._jit_get_all_schemas() if schema.name.startswith("aten::")}
# Where a call has what its method is called on, where that is not the first place.
SELF = {"where": 1, "polygamma": 1}


class NotExported(Exception):
    """A sample that the files cannot hold, and why."""


def public_names():
    """The public name of each function, by its id."""
    spaces = [
        ("torch.Tensor", torch.Tensor),
        ("torch.nn.functional", torch.nn.functional),
        ("torch.linalg", torch.linalg),
        ("torch.fft", torch.fft),
        ("torch.special", torch.special),
        ("torch.sparse", torch.sparse),
        ("torch.signal.windows", torch.signal.windows),
        ("torch.masked", torch.masked),
        ("torch.nn.init", torch.nn.init),
        ("torch.functional", torch.functional),
        ("torch", torch),
    ]
    names, keep = {}, []
    for prefix, space in spaces:
        for name in dir(space):
            # Python keeps a second list of private names, which are the same functions.
            if name.startswith("_") and not name.startswith("__"):
                continue
            function = getattr(space, name, None)
            if callable(function) and not isinstance(function, type):
                names[id(function)] = f"{prefix}.{name}"
                keep.append(function)
    return names, keep


NAMES, _KEEP = public_names()


def name_of(function):
    if isinstance(function, torch._ops.OpOverload):
        return f"torch.ops.aten.{function._schema.name.removeprefix('aten::')}"
    if isinstance(function, torch._ops.OpOverloadPacket):
        return f"torch.ops.aten.{function.__name__}"
    if id(function) in NAMES:
        return NAMES[id(function)]
    owner = getattr(function, "__self__", None)
    if type(owner).__name__ == "getset_descriptor":
        return f"torch.Tensor.{owner.__name__}.{function.__name__}"
    if isinstance(owner, property):
        return f"torch.Tensor.{owner.fget.__name__}.__get__"
    name = getattr(function, "__name__", None)
    if getattr(torch._C._VariableFunctions, name or "", None) == function and f"aten::{name}" in ATEN:
        return f"torch.ops.aten.{name}"
    if name and getattr(torch.Tensor, name, None) == function:
        return f"torch.Tensor.{name}"
    raise NotExported(f"calls {function}, which has no public name")


class Recorder:
    """Turns Python values into JSON, with the tensors set aside."""

    def __init__(self, tensors):
        self.tensors = tensors
        self.draws = False  # whether a call drew random numbers
        self.known = {}  # id of a tensor -> how a later call names it
        self.alive = []

    def store(self, tensor):
        """The tensor's values, in a form that safetensors takes."""
        if tensor.dtype in (torch.complex128, torch.complex32):
            tensor = torch.view_as_real(tensor.resolve_conj())
        key = str(len(self.tensors))
        self.tensors[key] = tensor.detach().resolve_conj().resolve_neg().contiguous().clone()
        return key

    def new(self, tensor):
        if tensor.device.type != "cpu":
            raise NotExported(f"a tensor on {tensor.device}")
        if tensor.is_quantized or tensor.is_nested:
            raise NotExported("a quantized or nested tensor")
        if tensor.layout != torch.strided:
            dense = self.new(tensor.detach().to_dense())
            return {**dense, "layout": str(tensor.layout).removeprefix("torch.")}
        data = tensor.detach()
        record = {"dtype": str(tensor.dtype), "shape": list(tensor.shape)}
        if tensor.requires_grad:
            record["requires_grad"] = True
        if tensor.is_conj() or tensor.is_neg():
            data = data.resolve_conj().resolve_neg()
        if data.is_contiguous():
            record["tensor"] = self.store(data)
        elif data.numel() == 0:
            record["tensor"] = self.store(data)
        else:
            span = 1 + sum((n - 1) * s for n, s in zip(data.shape, data.stride()))
            record["strides"] = list(data.stride())
            record["tensor"] = self.store(data.as_strided((span,), (1,)))
        return record

    def value(self, value):
        if isinstance(value, torch.Tensor):
            if id(value) in self.known:
                return {"ref": self.known[id(value)]}
            return self.new(value)
        if value is None or isinstance(value, (bool, str)):
            return value
        if isinstance(value, int):
            return value if abs(value) < 2**53 else {"int": str(value)}
        if isinstance(value, float):
            return {"float": value if math.isfinite(value) else str(value)}
        if isinstance(value, complex):
            return {"complex": [self.value(value.real), self.value(value.imag)]}
        if isinstance(value, torch.dtype):
            return {"dtype_named": str(value).removeprefix("torch.")}
        if isinstance(value, (torch.memory_format, torch.layout)):
            return {"constant": str(value).removeprefix("torch.")}
        if isinstance(value, torch.device):
            return str(value)
        if isinstance(value, slice):
            return {"slice": [self.value(v) for v in (value.start, value.stop, value.step)]}
        if value is Ellipsis:
            return "..."
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        if isinstance(value, torch.nn.PairwiseDistance):
            return {"pairwise_distance": [value.norm, value.eps, value.keepdim]}
        if isinstance(value, torch.nn.LinearCrossEntropyOptions):
            fields = [field.name for field in dataclasses.fields(value)]
            return {"linear_cross_entropy_options": {name: self.value(getattr(value, name)) for name in fields}}
        if hasattr(value, "item") and type(value).__module__ == "numpy":
            return self.value(value.item())
        raise NotExported(f"an argument of type {type(value).__name__}")

    def remember(self, result, number):
        leaves, _ = tree_flatten(result)
        for i, leaf in enumerate(leaves):
            if isinstance(leaf, torch.Tensor) and id(leaf) not in self.known:
                self.known[id(leaf)] = [number, i]
                self.alive.append(leaf)


class Tracing(TorchFunctionMode):
    """Records the public calls that a function makes."""

    def __init__(self, recorder, calls):
        super().__init__()
        self.recorder = recorder
        self.calls = calls

    def __torch_function__(self, function, _types, args=(), kwargs=None):
        result = record(self.recorder, self.calls, function, args, kwargs or {})
        return result


def record(recorder, calls, function, args, kwargs):
    name = name_of(function)
    if name in ("torch.Tensor.__getitem__", "torch.Tensor.__setitem__") and not isinstance(args[1], tuple):
        args = (args[0], (args[1],), *args[2:])
    call = {"fn": name, "args": recorder.value(list(args))}
    if kwargs:
        call["kwargs"] = {key: recorder.value(value) for key, value in kwargs.items()}
    # Every call draws the same random numbers, whatever the test suite seeded.
    torch.manual_seed(0)
    before = torch.get_rng_state()
    calls.append(call)
    result = function(*args, **kwargs)
    recorder.draws = recorder.draws or not torch.equal(before, torch.get_rng_state())
    recorder.remember(result, len(calls) - 1)
    return result


def is_public(function):
    try:
        return not name_of(function).startswith("torch.nn.init")
    except NotExported:
        return False


def run(op, function, recorder, calls, args, kwargs):
    """Calls the entry's function; records it, or, where it has no public name, what it calls."""
    if is_public(function):
        return record(recorder, calls, function, args, kwargs)
    with Tracing(recorder, calls):
        return function(*args, **kwargs)


def copied(value):
    leaves, spec = tree_flatten(value)

    def clone(tensor):
        plain = tensor.detach()
        same = plain.clone(memory_format=torch.preserve_format) if plain.layout == torch.strided else plain.clone()
        return same.requires_grad_(tensor.requires_grad)

    fresh = [clone(leaf) if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]
    return tree_unflatten(fresh, spec)


def tensors_in(value):
    return [leaf for leaf in tree_flatten(value)[0] if isinstance(leaf, torch.Tensor)]


def expected(recorder, result, with_values):
    """The results, one after the other, as they are compared."""
    rows = []
    for leaf in tree_flatten(result)[0]:
        if isinstance(leaf, torch.Tensor):
            row = {"dtype": str(leaf.dtype), "shape": list(leaf.shape), "grad": leaf.requires_grad}
            if leaf.device.type != "cpu":
                raise NotExported(f"a result on {leaf.device}")
            if leaf.layout != torch.strided:
                row["layout"] = str(leaf.layout)
                leaf = leaf.to_dense()
            if id(leaf) in recorder.known:
                row["from"] = recorder.known[id(leaf)]
            if with_values:
                row["tensor"] = recorder.store(leaf)
            rows.append(row)
        else:
            rows.append({"value": recorder.value(leaf)})
    return rows


def dense(tensor):
    plain = tensor.detach() if tensor.layout == torch.strided else tensor.detach().to_dense()
    return plain.resolve_conj().resolve_neg().clone()


def one(op, sample, tensors, differentiate, prepare=lambda given: given):
    """One sample: calls, results, gradients; and the tensors of those results and gradients that are compared.

    `prepare` may put other tensors in the place of the sample's.
    """
    if size_of(sample) > 2**20:
        raise NotExported(f"an input of {size_of(sample):,} elements")
    recorder = Recorder(tensors)
    single = any(t.dtype in (torch.float32, torch.complex64) for t in tensors_in((sample.input, sample.args)))
    args, kwargs = prepare(copied(((sample.input, *sample.args), dict(sample.kwargs))))
    inputs = [t for t in tensors_in((args, kwargs)) if t.requires_grad]
    if any(t.layout != torch.strided for t in inputs):
        inputs = []
    case = {"inputs": []}
    # Inputs first, so that results and gradients can name them.
    for i, tensor in enumerate(inputs):
        case["inputs"].append(recorder.new(tensor))
        recorder.known[id(tensor)] = [-1, i]
        recorder.alive.append(tensor)
    if op.name in FACTORS:
        case["factors"] = f"torch.{op.name}"
    case["calls"] = calls = []
    result = run(op, op.op, recorder, calls, args, kwargs)
    if not calls:
        raise NotExported("makes no public call")
    case["results"] = expected(recorder, result, op.name not in EMPTY)
    numbers = [dense(t) for t in tensors_in(result)] if op.name not in EMPTY else []
    if recorder.draws:
        case["draws"] = True
    if not (differentiate and inputs):
        return case, numbers
    if sample.output_process_fn_grad is not None:
        case["process"] = len(calls)
        with Tracing(recorder, calls):
            result = sample.output_process_fn_grad(result)
        if len(calls) == case["process"]:
            del case["process"]
    # A processed result is a new tensor, or one of those before.
    outputs = [t for t in tensors_in(result) if t.requires_grad]
    if not outputs or any(id(t) not in recorder.known for t in outputs):
        return case, numbers
    generator = torch.Generator().manual_seed(1)
    cotangents = []
    for output in outputs:
        # Real numbers are enough to tell two gradients apart, and a few fixed ones of each size are found again.
        noise = torch.randn(output.shape, generator=generator, dtype=torch.float64)
        cotangents.append((noise.float() if single else noise).to(output.dtype))
    gradients = torch.autograd.grad(outputs, inputs, cotangents, allow_unused=True)
    case["outputs"] = [recorder.known[id(output)] for output in outputs]
    case["cotangents"] = [recorder.new(t) for t in cotangents]
    case["gradients"] = [
        None if g is None else recorder.new(g.to_dense() if g.layout != torch.strided else g) for g in gradients
    ]
    return case, numbers + [dense(g) for g in gradients if g is not None]


def size_of(sample):
    return sum(t.numel() for t in tensors_in((sample.input, sample.args, sample.kwargs)))


def samples_of(op, choose, skipped=None):
    """The samples of each dtype, and whether they are differentiated; with `choose`, a few small ones of them."""
    for dtype in DTYPES:
        if not op.supports_dtype(dtype, "cpu"):
            continue
        floating = dtype.is_floating_point or dtype.is_complex
        differentiable = bool(op.supports_autograd and floating and dtype in op.supported_backward_dtypes("cpu"))
        try:
            torch.manual_seed(0)
            random.seed(0)
            samples = list(op.sample_inputs("cpu", dtype, requires_grad=differentiable))
        except Exception as error:
            if skipped is not None:
                skipped.append(f"{dtype}: no samples: {error}")
            continue
        if choose is not None:
            small = [sample for sample in samples if size_of(sample) <= 64]
            small = small or [sample for sample in sorted(samples, key=size_of)[:1] if size_of(sample) <= 1000]
            samples = choose.sample(small, min(len(small), 2 if dtype == torch.float32 else 1))
        for number, sample in enumerate(samples):
            yield dtype, differentiable, number, sample


def entries(options):
    """The chosen entries of op_db."""
    return [op for op in op_db if not options.only or op.name in options.only or op.formatted_name in options.only]


def chooser(op, seed):
    return None if seed is None else random.Random(f"{seed}/{op.formatted_name}")
