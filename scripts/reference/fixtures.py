"""What the reference scripts share: where fixtures go, and how tensors are written."""

import hashlib
import json
import math
import pathlib

import torch

FOLDER = pathlib.Path(__file__).parents[2] / "test" / "fixtures"


def write(name, content):
    """Writes one fixture, with the version of PyTorch that made it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    content = {"torch": torch.__version__.split("+")[0], **content}
    (FOLDER / name).write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
    print(f"{name}: {(FOLDER / name).stat().st_size} bytes")


def write_compact(name, content, key="callables"):
    """The same with a line for each entry of the dict or list that is under a key."""
    entries = content[key]
    named = [(f"{json.dumps(name)}: ", entries[name]) for name in entries] if isinstance(entries, dict) else [("", entry) for entry in entries]
    lines = [start + json.dumps(entry, separators=(",", ":"), allow_nan=False) for start, entry in named]
    version = torch.__version__.split("+")[0]
    left, right = "{}" if isinstance(entries, dict) else "[]"
    (FOLDER / name).write_text(f'{{"torch": "{version}", "{key}": {left}\n' + ",\n".join(lines) + f"\n{right}}}\n")
    print(f"{name}: {(FOLDER / name).stat().st_size} bytes")


def digest(tensor):
    """A tensor's dtype, shape and the SHA-256 of its bytes: equal iff it is equal bit for bit."""
    data = tensor.detach().contiguous().cpu()
    return {
        "dtype": str(data.dtype),
        "shape": list(data.shape),
        "sha256": hashlib.sha256(data.numpy().tobytes()).hexdigest(),
    }


def sampled(tensor):
    """A large tensor's dtype, shape, the sum of its sizes, and elements from its beginning to its end."""
    data = tensor.detach().flatten().double()
    step = max(1, len(data) // 32)
    return {
        "dtype": str(tensor.dtype),
        "shape": list(tensor.shape),
        "sum": data.abs().sum().item(),
        "step": step,
        "data": data[::step].tolist(),
    }


def number(value):
    """JSON has no nan and no infinity."""
    return value if math.isfinite(value) else str(value)


def values(tensor):
    """A tensor's shape and elements."""
    return {
        "dtype": str(tensor.dtype),
        "shape": list(tensor.shape),
        "data": [number(v) if isinstance(v, float) else v for v in tensor.detach().flatten().tolist()],
    }
