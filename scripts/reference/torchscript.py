"""Modules of TorchScript's as torch.jit.save writes them, and what Python makes of them: values of every kind through their
methods, outputs, gradients, losses of training, texts and errors.

test/jit/*.test.ts loads the same files. Each is read back here first, so that the expected values are those of a loaded
module. Records for debugging, which name files of the machine, are left out.

Run: OMP_NUM_THREADS=1 python3 scripts/reference/torchscript.py
"""

import base64
import io
import math
import os
import tempfile
import warnings
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

import torch
from torch import Tensor, nn

from fixtures import values, write_compact

warnings.simplefilter("ignore")


class Point(NamedTuple):
    x: Tensor
    count: int


@torch.jit.script
class Counter:
    def __init__(self, start: int):
        self.value = start

    def add(self, n: int) -> int:
        self.value += n
        return self.value


@torch.jit.interface
class Scaling(nn.Module):
    def scale(self, x: Tensor) -> Tensor:
        pass


class Twice(nn.Module):
    def scale(self, x: Tensor) -> Tensor:
        return x * 2

    def forward(self, x: Tensor) -> Tensor:
        return self.scale(x)


class Classifier(nn.Module):
    """What is trained."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(6, 8)
        self.norm = nn.BatchNorm1d(8)
        self.head = nn.Sequential(nn.Tanh(), nn.Linear(8, 3))
        self.head[1].bias.requires_grad_(False)

    def forward(self, x: Tensor, temperature: float = 1.0) -> Tensor:
        return self.head(self.norm(self.hidden(x))) / temperature


class Kinds(nn.Module):
    """A method for each kind of value, which gives back what it gets."""

    def forward(self, x: Tensor) -> Tensor:
        return x

    @torch.jit.export
    def number(self, i: int, f: float, c: complex, b: bool) -> Tuple[int, float, complex, bool]:
        return i, f, c, b

    @torch.jit.export
    def text(self, s: str) -> str:
        return s

    @torch.jit.export
    def nothing(self, o: Optional[int] = None) -> Optional[int]:
        return o

    @torch.jit.export
    def list_of_int(self, v: List[int]) -> List[int]:
        return v

    @torch.jit.export
    def list_of_float(self, v: List[float]) -> List[float]:
        return v

    @torch.jit.export
    def list_of_bool(self, v: List[bool]) -> List[bool]:
        return v

    @torch.jit.export
    def list_of_str(self, v: List[str]) -> List[str]:
        return v

    @torch.jit.export
    def list_of_tensor(self, v: List[Tensor]) -> List[Tensor]:
        return v

    @torch.jit.export
    def list_of_optional(self, v: List[Optional[Tensor]]) -> List[Optional[Tensor]]:
        return v

    @torch.jit.export
    def nested(self, v: List[List[Dict[str, int]]]) -> List[List[Dict[str, int]]]:
        return v

    @torch.jit.export
    def dict_of_str(self, v: Dict[str, Tensor]) -> Dict[str, Tensor]:
        return v

    @torch.jit.export
    def dict_of_int(self, v: Dict[int, str]) -> Dict[int, str]:
        return v

    @torch.jit.export
    def dict_of_float(self, v: Dict[float, List[int]]) -> Dict[float, List[int]]:
        return v

    @torch.jit.export
    def named(self, v: Point) -> Point:
        return v

    @torch.jit.export
    def tuples(self, v: Tuple[Tuple[int, str], Tensor]) -> Tuple[Tuple[int, str], Tensor]:
        return v

    @torch.jit.export
    def union(self, v: Union[int, str, Tensor]) -> Union[int, str, Tensor]:
        return v

    @torch.jit.export
    def any(self, v: Any) -> Any:
        return v

    @torch.jit.export
    def device(self, v: torch.device) -> torch.device:
        return v

    @torch.jit.export
    def dtype(self, x: Tensor, v: torch.dtype) -> Tensor:
        return x.to(v)

    @torch.jit.export
    def counter(self, start: int) -> Counter:
        return Counter(start)

    @torch.jit.export
    def count(self, c: Counter, n: int) -> int:
        return c.add(n)

    @torch.jit.export
    def future(self, x: Tensor) -> Tensor:
        return torch.jit.wait(torch.jit.fork(torch.neg, x))

    @torch.jit.export
    def keywords(self, a: int, b: int = 2, c: int = 3) -> int:
        return 100 * a + 10 * b + c


class Stateful(nn.Module):
    """Attributes of many kinds, which methods change."""

    scaling: Scaling
    names: Dict[str, int]
    seen: List[Tensor]
    maybe: Optional[int]
    limit: torch.jit.Final[int]

    def __init__(self):
        super().__init__()
        self.register_buffer("total", torch.zeros(2))
        self.register_parameter("absent", None)
        self.weight = nn.Parameter(torch.tensor([1.0, 2.0]))
        self.scaling = Twice()
        self.layers = nn.ModuleList([nn.Linear(2, 2) for _ in range(2)])
        self.shared = self.layers[0]
        self.names = {"a": 1}
        self.seen = [torch.ones(1)]
        self.rate = 0.5
        self.label = "model"
        self.maybe = None
        self.counter = Counter(3)
        self.limit = 7

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return self.scaling.scale(x) * self.rate + self.weight

    @torch.jit.export
    def add(self, x: Tensor) -> Tensor:
        self.total = self.total + x
        self.seen.append(x)
        self.names["b"] = self.counter.add(1)
        return self.total


class Failing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x

    @torch.jit.export
    def raises(self, n: int) -> int:
        if n > 1:
            raise ValueError(f"{n} is too much")
        return n

    @torch.jit.export
    def asserts(self, n: int) -> int:
        assert n < 2, "less than two"
        return n

    @torch.jit.export
    def beyond(self, v: List[int]) -> int:
        return v[10]

    @torch.jit.export
    def key(self, v: Dict[str, int]) -> int:
        return v["absent"]

    @torch.jit.export
    def shapes(self, x: Tensor) -> Tensor:
        return x @ x


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 4, batch_first=True)

    def forward(self, x: Tensor, state: Optional[Tuple[Tensor, Tensor]] = None) -> Tuple[Tensor, Tuple[Tensor, Tensor]]:
        return self.lstm(x, state)


class Traced(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3, padding=1)
        self.register_buffer("mean", torch.tensor(0.25))

    def forward(self, x):
        return {"maps": torch.relu(self.conv(x - self.mean)), "mean": x.mean()}


def encoded(value):
    if isinstance(value, Tensor):
        return {"tensor": values(value)}
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if isinstance(value, torch.device):
        return {"device": str(value)}
    if isinstance(value, torch.dtype):
        return {"dtype": str(value)}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {"named": {name: encoded(getattr(value, name)) for name in value._fields}}
    if isinstance(value, (list, tuple)):
        return [encoded(item) for item in value]
    if isinstance(value, dict):
        return {"dict": [[encoded(key), encoded(item)] for key, item in value.items()]}
    if isinstance(value, float) and (not math.isfinite(value) or value.is_integer()):
        return {"float": str(value)}
    if isinstance(value, int) and abs(value) > 2**53:
        return {"bigint": str(value)}
    return value


def without_debug(data):
    reader = torch._C.PyTorchFileReader(io.BytesIO(data))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.pt")
        writer = torch._C.PyTorchFileWriter(path)
        for name in reader.get_all_records():
            if not name.endswith(".debug_pkl") and name not in ("version", ".data/serialization_id", ".data/version"):
                record = reader.get_record(name)
                writer.write_record(name, record, len(record))
        writer.write_end_of_file()
        return open(path, "rb").read()


def saved(module, extra=None):
    """The module's file, and the module that is read from it."""
    buffer = io.BytesIO()
    torch.jit.save(module, buffer, _extra_files=extra or {})
    data = without_debug(buffer.getvalue())
    return base64.b64encode(data).decode(), lambda: torch.jit.load(io.BytesIO(data))


def failure(call):
    try:
        call()
    except BaseException as error:
        kind = type(error)
        return {"type": "torch.jit.Error" if kind is torch.jit.Error else kind.__name__, "message": str(error)}
    raise AssertionError("nothing was raised")


def texts(module):
    return {
        "string": str(module), "code": module.code, "graph": str(module.graph), "inlined_graph": str(module.inlined_graph),
        "state_dict": list(module.state_dict()), "parameters": [name for name, _ in module.named_parameters()],
        "buffers": [name for name, _ in module.named_buffers()], "modules": [name for name, _ in module.named_modules()],
        "opnames": sorted(torch.jit.export_opnames(module)),
    }


def classifier():
    torch.manual_seed(0)
    file, load = saved(torch.jit.script(Classifier()), {"labels.txt": "a b c", "bytes.bin": b"\x00\xff"})
    x, y = torch.randn(5, 6), torch.tensor([0, 1, 2, 1, 0])
    module = load()
    entry = {"file": file, "x": values(x), "y": y.tolist(), "texts": texts(module)}
    loss = nn.functional.cross_entropy(module(x, temperature=2.0), y)
    loss.backward()
    entry["loss"] = loss.item()
    entry["gradients"] = {name: None if p.grad is None else values(p.grad) for name, p in module.named_parameters()}
    entry["running_mean"] = values(module.norm.running_mean)
    for name, make in {"adam": lambda p: torch.optim.Adam(p, lr=0.05),
                       "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)}.items():
        module = load()
        optimizer = make(module.parameters())
        losses = []
        for _ in range(20):
            loss = nn.functional.cross_entropy(module(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        entry[name] = losses
    # Of the last one: Adam makes steps of gradients that are nothing but rounding, as those of a bias before a norm.
    entry["trained"] = values(module.eval()(x))
    module = load().eval()
    entry["eval"] = values(module(x))
    frozen = torch.jit.freeze(module)
    entry["frozen"] = {"code": frozen.code, "parameters": len(list(frozen.parameters())), "output": values(frozen(x))}
    entry["double"] = values(load().eval().double()(x.double()))
    return entry


def kinds():
    file, load = saved(torch.jit.script(Kinds()))
    module = load()
    x = torch.arange(3.0)
    calls = [
        ("number", [-3, 0.5, 1 + 2j, True]), ("number", [2**60, 2.0, 3j, False]), ("number", [0, float("inf"), 0j, True]),
        ("text", ["straße"]), ("nothing", []), ("nothing", [None]), ("nothing", [5]),
        ("list_of_int", [[1, 2, -3]]), ("list_of_int", [[]]), ("list_of_float", [[0.5, 2.0]]), ("list_of_bool", [[True, False]]),
        ("list_of_str", [["a", ""]]), ("list_of_tensor", [[x, x + 1]]), ("list_of_optional", [[None, x]]),
        ("nested", [[[{"a": 1}, {}], []]]), ("dict_of_str", [{"b": x, "a": x * 2}]), ("dict_of_int", [{2: "b", 1: "a"}]),
        ("dict_of_float", [{0.5: [1], 2.0: []}]), ("named", [Point(x, 4)]), ("tuples", [((1, "z"), x)]),
        ("union", [3]), ("union", ["s"]), ("union", [x]), ("any", [None]), ("any", [3]), ("any", [0.25]), ("any", ["t"]),
        ("any", [x]), ("any", [[1, 2]]), ("any", [["a", "b"]]), ("any", [{"k": x}]), ("any", [[[1], [2]]]),
        ("device", [torch.device("cpu")]), ("dtype", [x, torch.int32]), ("future", [x]),
        ("keywords", [1]), ("keywords", [1], {"c": 3}), ("keywords", [1, 5], {"c": 4}), ("keywords", [], {"b": 7, "c": 0, "a": 6}),
    ]
    calls = [(name, args, *kwargs, {})[:3] for name, args, *kwargs in calls]
    results = [{"method": name, "args": [encoded(a) for a in args], "kwargs": kwargs,
                "result": encoded(getattr(module, name)(*args, **kwargs))} for name, args, kwargs in calls]
    wrong = [
        ("number", ["1", 0.5, 1j, True]), ("number", [1.5, 0.5, 1j, True]), ("text", [3]), ("list_of_int", [[1, "a"]]),
        ("list_of_int", [3]), ("dict_of_str", [{"a": 1}]), ("tuples", [((1,), x)]), ("forward", [3.5]), ("forward", []),
        ("forward", [x, x]), ("named", [3]), ("union", [[1]]),
    ]
    refused = [{"method": name, "args": [encoded(a) for a in args], **failure(lambda: getattr(module, name)(*args))}
               for name, args in wrong]
    schemas = {name: str(getattr(module, name).schema) for name in ("number", "nested", "keywords", "named")}
    return {"file": file, "calls": results, "refused": refused, "schemas": schemas}


def stateful():
    torch.manual_seed(1)
    file, load = saved(torch.jit.script(Stateful()))
    module = load()
    x = torch.tensor([[0.5, -1.0]])
    entry = {"file": file, "x": values(x), "output": values(module(x)), "texts": texts(module)}
    entry["attributes"] = {name: encoded(getattr(module, name)) for name in
                           ("names", "seen", "rate", "label", "maybe", "limit", "training", "total", "absent")}
    module.add(torch.ones(2))
    module.add(torch.ones(2))
    entry["after"] = {name: encoded(getattr(module, name)) for name in ("total", "names", "seen")}
    entry["count"] = module.counter.value
    module.rate = 2.0
    module.maybe = 9
    entry["changed"] = {"output": values(module(x)), "maybe": module.maybe}
    entry["refused"] = {"type": failure(lambda: setattr(module, "rate", "fast")),
                        "constant": failure(lambda: setattr(module, "limit", 8))["type"]}
    return entry


def failing():
    file, load = saved(torch.jit.script(Failing()))
    module = load()
    calls = [("raises", [3]), ("asserts", [5]), ("beyond", [[1]]), ("key", [{"a": 1}]), ("shapes", [torch.ones(2, 3)])]
    return {"file": file, "calls": [{"method": name, "args": [encoded(a) for a in args],
                                     **failure(lambda: getattr(module, name)(*args))} for name, args in calls]}


def recurrent():
    torch.manual_seed(2)
    file, load = saved(torch.jit.script(Recurrent()))
    module = load()
    x = torch.randn(2, 3, 3)
    out, state = module(x)
    out.sum().backward()
    return {"file": file, "x": values(x), "result": encoded((out, state)), "again": encoded(module(x, state)),
            "gradient": values(module.lstm.weight_hh_l0.grad)}


def traced():
    torch.manual_seed(3)
    x = torch.randn(1, 1, 4, 4)
    file, load = saved(torch.jit.trace(Traced(), x, strict=False))
    x = torch.randn(2, 1, 4, 5)
    return {"file": file, "x": values(x), "result": encoded(load()(x)), "code": load().code}


def quantized():
    """Its weights are in objects of a class of libtorch's own."""
    torch.manual_seed(4)
    module = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 3)), {nn.Linear})
    file, load = saved(torch.jit.script(module))
    x = torch.tensor([[1.0, -1.0, 0.5, 0.0]])
    return {"file": file, "x": values(x), "result": values(load()(x))}


def function():
    @torch.jit.script
    def scaled(x: Tensor, by: float = 3.0) -> Tensor:
        return x * by

    file, load = saved(scaled)
    return {"file": file, "result": values(load()(torch.ones(2), 2.0))}


SOURCE = '''
def fibonacci(n: int) -> List[int]:
    values = [0, 1]
    while len(values) < n:
        values.append(values[-1] + values[-2])
    return values

def normalized(x, eps: float = 1e-6):
    return (x - x.mean()) / (x.std() + eps)
'''


def source():
    unit = torch.jit.CompilationUnit(SOURCE)
    x = torch.arange(4.0)
    return {"source": SOURCE, "fibonacci": unit.fibonacci(10), "normalized": values(unit.normalized(x, eps=0.5)),
            "code": unit.normalized.code, "error": failure(lambda: torch.jit.CompilationUnit("def f(x):\n    return y\n"))}


if __name__ == "__main__":
    write_compact("torchscript.json", {"cases": {make.__name__: make() for make in
                  (classifier, kinds, stateful, failing, recurrent, traced, quantized, function, source)}}, "cases")
