"""Modules made and called: their initial parameters, outputs, gradients and errors. test/nn/module_cases.ts does the same.

A case names a module with what it is made of and called with. Tensors among these are drawn, in order, from the case's
seed, so that both sides have the same ones.
"""

import hashlib
import json
import zlib

import torch
from torch import nn

from fixtures import FOLDER, digest, number

# How many elements of a large tensor are written.
SHOWN = 16


def case(module, args=(), options=None, *, inputs=(), keywords=None, train=False, grad=True, call="forward", dtype="float64", name=""):
    return {
        "name": name, "module": module, "args": list(args), "options": options or {}, "inputs": list(inputs),
        "keywords": keywords or {}, "train": train, "grad": grad, "call": call, "dtype": dtype,
    }


def draw(kind, *shape, dtype=None, high=None, grad=None):
    """A tensor to be drawn: "randn", "rand", "sign", "classes" below high, "bits", "log_softmax", "causal" ..."""
    spec = {"draw": kind, "shape": list(shape)}
    return {**spec, **({"dtype": dtype} if dtype else {}), **({"high": high} if high else {}),
            **({} if grad is None else {"grad": grad})}


def listed(data, dtype=None):
    """A tensor of numbers that are given; without a dtype, whole ones are int64."""
    whole = lambda item: all(map(whole, item)) if isinstance(item, list) else isinstance(item, int)
    dtype = dtype or ("int64" if whole(data) else None)
    return {"tensor": data, **({"dtype": dtype} if dtype else {})}


def module(name, *args, **options):
    return {"module": name, "args": list(args), "options": options}


def function(name):
    return {"function": name}


class Making:
    """Makes what a case's JSON says."""

    def __init__(self, dtype):
        self.dtype = getattr(torch, dtype)
        self.known = []

    def tensor(self, spec):
        dtype = getattr(torch, spec["dtype"]) if "dtype" in spec else self.dtype
        if "tensor" in spec:
            made = torch.tensor(spec["tensor"], dtype=dtype)
        else:
            shape = spec["shape"]
            kind = spec["draw"]
            if kind in ("randn", "rand"):
                made = getattr(torch, kind)(shape, dtype=dtype)
            elif kind == "log_softmax":
                made = torch.randn(shape, dtype=dtype).log_softmax(-1)
            elif kind == "softmax":
                made = torch.randn(shape, dtype=dtype).softmax(-1)
            elif kind == "sign":
                made = torch.randint(0, 2, shape).mul(2).sub(1).to(dtype)
            elif kind == "bits":
                made = torch.randint(0, 2, shape).to(dtype)
            elif kind == "classes":
                made = torch.randint(0, spec["high"], shape)
            elif kind == "mask":
                made = torch.randint(0, 3, shape).eq(0)
            elif kind == "causal":
                made = torch.ones(shape, dtype=torch.bool).triu(1)
            elif kind == "causal_float":
                made = torch.full(shape, float("-inf"), dtype=dtype).triu(1)
            else:
                raise ValueError(kind)
        needs = spec.get("grad", spec.get("draw") in ("randn", "rand", "log_softmax"))
        if needs:
            made.requires_grad_()
            self.known.append(made)
        return made

    def value(self, spec):
        if isinstance(spec, list):
            return [self.value(item) for item in spec]
        if not isinstance(spec, dict):
            return spec
        if "same" in spec:
            return self.inputs[spec["same"]]
        if "module" in spec:
            return self.module(spec)
        if "function" in spec:
            return getattr(nn.functional, spec["function"], None) or getattr(torch, spec["function"])
        if "dtype_named" in spec:
            return getattr(torch, spec["dtype_named"])
        return self.tensor(spec)

    def module(self, spec):
        args = [self.value(arg) for arg in spec["args"]]
        options = {name: self.value(option) for name, option in spec["options"].items()}
        return getattr(nn, spec["module"])(*args, **options)


def values(tensor):
    """Dtype, shape and elements; of a large tensor some of them, and the sum of their sizes."""
    flat = tensor.detach().flatten()
    step = max(1, len(flat) // SHOWN)
    data = [number(v) if isinstance(v, float) else v for v in flat[::step].tolist()]
    shown = {"dtype": str(tensor.dtype).removeprefix("torch."), "shape": list(tensor.shape), "data": data}
    return shown if step == 1 else {**shown, "step": step, "sum": flat.double().abs().sum().item()}


def leaves(result):
    if isinstance(result, torch.Tensor):
        return [result]
    return [] if result is None else [leaf for item in result for leaf in leaves(item)]


def run(spec):
    """The case with what came of it."""
    shown = {key: value for key, value in spec.items() if value or key in ("train", "grad")}
    torch.manual_seed(zlib.crc32(json.dumps(shown, sort_keys=True).encode()) % 10_000)
    shown["seed"] = torch.initial_seed()
    making = Making(spec["dtype"])
    try:
        made = making.module(spec).train(spec["train"])
        state = {name: initial(tensor) for name, tensor in made.state_dict().items()}
        made.to(getattr(torch, spec["dtype"]))
        making.inputs = []
        for item in spec["inputs"]:
            making.inputs.append(making.value(item))
        keywords = {name: making.value(item) for name, item in spec["keywords"].items()}
        torch.set_grad_enabled(spec["grad"])
        result = getattr(made, spec["call"])(*making.inputs, **keywords) if spec["call"] != "forward" else made(*making.inputs, **keywords)
        torch.set_grad_enabled(True)
    except Exception as error:
        torch.set_grad_enabled(True)
        return {**shown, "error": [type(error).__name__, str(error)]}
    results = leaves(result)
    content = {**shown, **({"state": state} if state else {}), "outputs": [values(leaf) for leaf in results]}
    if len(results) == 1 and isinstance(result, torch.Tensor):
        pass
    elif any(item is None for item in result):
        content["none"] = [i for i, item in enumerate(result) if item is None]
    differentiable = [leaf for leaf in results if leaf.requires_grad]
    if differentiable:
        cotangents = [torch.randn(leaf.shape, dtype=leaf.dtype) for leaf in differentiable]
        torch.autograd.backward(differentiable, cotangents)
        content["input_grads"] = [None if t.grad is None else values(t.grad) for t in making.known]
        grads = {name: None if p.grad is None else values(p.grad) for name, p in made.named_parameters()}
        if grads:
            content["grads"] = grads
    return content


def initial(tensor):
    """A tensor with the bits that it has on processors that draw like this one, where they are drawn uniformly."""
    uniform = tensor.numel() == 0 or tensor.abs().max() < 1 and not (tensor.dim() == 3 and tensor.shape[:2] == (1, 1))
    if not uniform:
        return values(tensor)
    whole = {"dtype": str(tensor.dtype).removeprefix("torch."), "shape": list(tensor.shape), "data": tensor.flatten().tolist()}
    return {**whole, "bits": bits(tensor)}


def bits(tensor):
    """The beginning of the SHA-256 of a tensor's bytes."""
    return hashlib.sha256(tensor.detach().contiguous().view(torch.uint8).numpy().tobytes()).hexdigest()[:16]


def write_cases(file, cases):
    """A line for each case."""
    lines = [json.dumps(run(spec), separators=(",", ":"), allow_nan=False) for spec in cases]
    version = torch.__version__.split("+")[0]
    torch.manual_seed(0)
    uniform = json.dumps(digest(torch.empty(1000).uniform_(-0.3, 0.3)))
    (FOLDER / file).write_text(f'{{"torch": "{version}", "uniform": {uniform}, "cases": [\n' + ",\n".join(lines) + "\n]}\n")
    print(f"{file}: {len(lines)} cases, {(FOLDER / file).stat().st_size} bytes")
