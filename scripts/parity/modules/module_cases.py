"""One sample of PyTorch's module tests (module_db): constructor, state, forward, gradients; see export_modules.py."""

import functools
import hashlib
import inspect
import pathlib
import random
import sys

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence
from torch.testing._internal.common_modules import ModuleErrorEnum, module_db
from torch.utils._pytree import tree_flatten, tree_unflatten

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from cases import NotExported, Recorder, copied, dense, expected, name_of, tensors_in  # noqa: E402
from own_modules import OWN, OwnInfo  # noqa: E402

# Seeds of what draws: the constructor, the first call of a lazy module, what moves constants, and the call.
CONSTRUCT, MATERIALIZE, MOVE, CALL = range(4)
# Modules that samples give to constructors; they are made anew, under the seed.
GIVEN = [
    nn.TransformerEncoderLayer, nn.TransformerDecoderLayer, nn.Linear, nn.Conv1d, nn.BatchNorm1d, nn.Dropout, nn.Flatten, nn.Tanh,
]


def remember_arguments(cls):
    original = cls.__init__

    @functools.wraps(original)
    def init(self, *args, **kwargs):
        original(self, *args, **kwargs)
        self.made_of = args, kwargs

    cls.__init__ = init


for given in GIVEN:
    remember_arguments(given)


class ModuleRecorder(Recorder):
    def value(self, value):
        if isinstance(value, PackedSequence):
            return {"packed": [self.value(part) for part in value]}
        if isinstance(value, nn.Module) and hasattr(value, "made_of"):
            args, kwargs = value.made_of
            return {"module": f"torch.nn.{type(value).__name__}", **self.arguments(args, kwargs)}
        if isinstance(value, nn.LinearCrossEntropyOptions):
            fields = {name: getattr(value, name) for name in value.__dataclass_fields__}
            return {"options": "torch.nn.LinearCrossEntropyOptions", **self.arguments((), fields)}
        if callable(value) and not isinstance(value, type):
            try:
                return {"function": name_of(value)}
            except NotExported:
                pass
        return super().value(value)

    def arguments(self, args, kwargs):
        record = {"args": self.value(list(args))}
        if kwargs:
            record["kwargs"] = {key: self.value(value) for key, value in kwargs.items()}
        return record


def anew(value):
    """The same value without what another sample may change: tensors copied, modules made again."""
    if isinstance(value, nn.Module):
        if not hasattr(value, "made_of"):
            raise NotExported(f"a module of type {type(value).__name__}")
        args, kwargs = value.made_of
        return type(value)(*map(anew, args), **{key: anew(each) for key, each in kwargs.items()})
    leaves, spec = tree_flatten(value)
    if leaves == [value]:
        return copied(value)
    return tree_unflatten([anew(leaf) for leaf in leaves], spec)


def digest(tensor):
    """A hash of the values bit by bit."""
    data = dense(tensor).contiguous().reshape(-1).view(torch.uint8)
    return hashlib.sha256(data.numpy().tobytes()).hexdigest()[:16]


def initial(module):
    """Names, dtypes, shapes and hashes of a state_dict, in its order."""
    rows = []
    for name, value in module.state_dict(keep_vars=True).items():
        if not isinstance(value, torch.Tensor):
            raise NotExported(f"a state of type {type(value).__name__}")
        if isinstance(value, nn.parameter.UninitializedTensorMixin):
            rows.append([name, "uninitialized"])
        else:
            rows.append([name, str(value.dtype), list(value.shape), digest(value)])
    return rows


def in_place(function, args, kwargs):
    """The same arguments with fewer keywords: JavaScript's functions take theirs in place."""
    args, kwargs = list(args), dict(kwargs)
    names = list(inspect.signature(function).parameters)
    while len(args) < len(names) and names[len(args)] in kwargs:
        args.append(kwargs.pop(names[len(args)]))
    return args, kwargs


def move_constants(module):
    """Moves what starts with the same number everywhere, so that it matters where a kernel reads it."""
    torch.manual_seed(MOVE)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.numel() > 0 and (parameter == parameter.reshape(-1)[0]).all():
                parameter.add_(torch.rand(parameter.shape, dtype=torch.float64).to(parameter.dtype))


class Sample:
    """How a sample is made and called."""

    def __init__(self, info, dtype, training, number, given):
        self.info, self.dtype, self.training, self.number, self.given = info, dtype, training, number, given

    def constructor(self):
        made = self.given.constructor_input
        return made.args, made.kwargs

    def forward(self):
        called = self.given.forward_input
        return called.args, called.kwargs

    def size(self):
        tensors = tensors_in(self.constructor()) + (tensors_in(self.forward()) if self.given.forward_input else [])
        return sum(tensor.numel() for tensor in tensors)


def construct(sample):
    torch.manual_seed(CONSTRUCT)
    args, kwargs = sample.constructor()
    return sample.info.module_cls(*map(anew, args), **{key: anew(value) for key, value in kwargs.items()})


def one(sample, tensors, prepare=lambda given: given):
    """One sample: what is called and what comes of it; and the tensors of it that are compared.

    `prepare` may put other tensors in the place of the module's state and of the arguments.
    """
    recorder = ModuleRecorder(tensors)
    args, kwargs = sample.constructor()
    case = {
        "dtype": str(sample.dtype).removeprefix("torch."),
        "training": sample.training,
        "module": f"torch.{sample.info.name}",
        **recorder.arguments(args, kwargs),
    }
    module = construct(sample)
    case["initial"] = initial(module)
    case["printed"] = str(module)
    case["parameters"] = [name for name, _ in module.named_parameters()]
    case["versions"] = {name: data["version"] for name, data in module.state_dict()._metadata.items()}
    module.to(sample.dtype).train(sample.training)
    args, kwargs = in_place(module.forward, *sample.forward())
    if sample.info.is_lazy:
        torch.manual_seed(MATERIALIZE)
        with torch.no_grad():
            module(*copied(args), **copied(kwargs))
        case["materialized"] = initial(module)
        case["printed_materialized"] = str(module)
    move_constants(module)
    state = module.state_dict(keep_vars=True)
    args, kwargs, values = prepare(copied((args, kwargs, [value.detach() for value in state.values()])))
    for held, value in zip(state.values(), values):
        held.data = value.detach()
    inputs = [t for t in tensors_in((args, kwargs)) if t.requires_grad]
    case["inputs"] = []
    for i, tensor in enumerate(inputs):
        case["inputs"].append(recorder.new(tensor))
        recorder.known[id(tensor)] = [-1, i]
        recorder.alive.append(tensor)
    case["forward"] = recorder.arguments(args, kwargs)
    if getattr(module, "inplace", False):
        # A leaf that requires a gradient does not change in place.
        case["cloned"] = True
        leaves, spec = tree_flatten((args, kwargs))
        args, kwargs = tree_unflatten([leaf.clone() if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves], spec)
    torch.manual_seed(CALL)
    before = torch.get_rng_state()
    result = module(*args, **kwargs)
    if not torch.equal(before, torch.get_rng_state()):
        case["draws"] = True
    case["results"] = expected(recorder, result, True)
    numbers = [dense(t) for t in tensors_in(result)]
    outputs = [t for t in tensors_in(result) if t.requires_grad]
    if outputs:
        gradients, wanted = differentiate(sample, case, recorder, outputs, inputs, module)
        case["gradients"], numbers = gradients, numbers + wanted
    buffers = list(module.named_buffers())
    if buffers:
        case["buffers"] = [[name, recorder.new(buffer)] for name, buffer in buffers]
        numbers += [dense(buffer) for _, buffer in buffers]
    return case, numbers


def differentiate(sample, case, recorder, outputs, inputs, module):
    generator = torch.Generator().manual_seed(1)
    cotangents = []
    for output in outputs:
        # Real numbers are enough to tell two gradients apart.
        noise = torch.randn(output.shape, generator=generator, dtype=torch.float64)
        cotangents.append((noise if sample.dtype == torch.float64 else noise.float()).to(output.dtype))
    learned = [parameter for parameter in module.parameters() if parameter.requires_grad]
    wanted = [*inputs, *learned]
    found = torch.autograd.grad(outputs, wanted, cotangents, allow_unused=True)
    case["cotangents"] = [recorder.new(t) for t in cotangents]
    found = [None if g is None else g.to_dense() if g.layout != torch.strided else g for g in found]
    return [None if g is None else recorder.new(g) for g in found], [dense(g) for g in found if g is not None]


def samples_of(info, choose, skipped=None):
    """The samples of each dtype and mode; with `choose`, a few small ones of them."""
    for training in [True, False] if info.train_and_eval_differ else [True]:
        for dtype in sorted(info.dtypes, key=str):
            torch.manual_seed(0)
            random.seed(0)
            try:
                given = list(info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=True, training=training))
            except Exception as error:
                if skipped is not None:
                    skipped.append(f"{dtype}: no samples: {error}")
                continue
            samples = [Sample(info, dtype, training, number, each) for number, each in enumerate(given)]
            if choose is not None:
                samples = chosen(samples, choose)
            yield from samples


def chosen(samples, choose):
    """One of float32 in each mode, and one of float64 in train where it is small."""
    first = samples[0] if samples else None
    if first is None or not getattr(first.info, "exact", True):
        return []
    small = [sample for sample in samples if sample.size() <= 100]
    if first.dtype == torch.float32:
        return [choose.choice(small or sorted(samples, key=Sample.size)[:1])]
    return [choose.choice(small)] if first.dtype == torch.float64 and first.training and small else []


def error_cases(info, tensors, skipped):
    cases = []
    if info.module_error_inputs_func is None:
        return cases
    torch.manual_seed(0)
    for given in info.module_error_inputs_func(info, device="cpu", dtype=torch.float32, requires_grad=False, training=True):
        recorder = ModuleRecorder(tensors)
        sample = Sample(info, torch.float32, True, 0, given.module_error_input)
        try:
            args, kwargs = sample.constructor()
            case = {"module": f"torch.{info.name}", **recorder.arguments(args, kwargs)}
            try:
                module = construct(sample)
                if given.error_on == ModuleErrorEnum.CONSTRUCTION_ERROR:
                    raise NotExported("does not fail when it is made")
                args, kwargs = in_place(module.forward, *sample.forward())
                case["forward"] = recorder.arguments(args, kwargs)
                module(*args, **kwargs)
            except NotExported:
                raise
            except Exception as error:
                case.update(error=str(error), type=type(error).__name__, pattern=given.error_regex)
                cases.append(case)
            else:
                raise NotExported("does not fail")
        except NotExported as reason:
            skipped.append(f"error sample: {reason}")
    return cases


def entries(only):
    """PyTorch's, and our own."""
    return [info for info in [*module_db, *OWN] if not only or info.name in only or info.formatted_name in only]
