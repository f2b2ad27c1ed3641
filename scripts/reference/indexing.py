"""A table of x[...] and x[...] = v: random combinations of all kinds of index, and what Python makes of them."""

import random

import torch

from fixtures import write

random.seed(7)
SHAPES = [[], [5], [3, 4], [2, 3, 4], [2, 1, 3, 2], [0, 3]]


def index_tensor(size, dtype="int64"):
    shape = random.choice([[2], [3], [1], [2, 2], [], [2, 1], [0]])
    count = torch.Size(shape).numel()
    data = [random.randrange(-size, size) if size > 0 else 0 for _ in range(count)]
    return {"tensor": data, "shape": shape, "dtype": dtype}


def mask(sizes):
    count = torch.Size(sizes).numel()
    return {"tensor": [random.random() < 0.5 for _ in range(count)], "shape": list(sizes),
            "dtype": random.choice(["bool", "bool", "uint8"])}


def bound(size):
    return random.choice([None, None, *range(-size - 1, size + 2)])


def is_wrong(spec):
    """Whether an item cannot be right for any tensor: one is enough, as languages differ in which they see first."""
    return isinstance(spec, dict) and "slice" in spec and spec["slice"][2] in (0, -1)


def item(sizes, wrong):
    """An item for the dimension whose size comes first, and how many dimensions it takes."""
    size = sizes[0] if sizes else 1
    kind = random.choice(["int", "int", "slice", "slice", "slice", "list", "tensor", "int32", "mask", "none", "bool", "ellipsis", "wrong"])
    if kind in ("none", "bool", "ellipsis"):
        return {"none": None, "bool": random.choice([True, False]), "ellipsis": "..."}[kind], 0
    if kind == "slice":
        return {"slice": [bound(size), bound(size), random.choice([None, None, 1, 2, 3])]}, 1
    if kind == "list":
        return {"list": [random.randrange(-size, size) if size > 0 else 0 for _ in range(random.choice([1, 2, 3]))]}, 1
    if kind == "tensor" or kind == "int32":
        return index_tensor(size, "int32" if kind == "int32" else "int64"), 1
    if kind == "mask":
        dims = random.choice([1, 1, 2])
        if len(sizes) >= dims:
            return mask(sizes[:dims]), dims
        return index_tensor(size), 1
    if kind == "wrong" and wrong:
        choices = [size, -size - 1, {"slice": [None, None, 0]}, {"slice": [None, None, -1]}, {"list": [size]}, mask([size + 1])]
        return random.choice(choices), 1
    return random.randrange(-size, size) if size > 0 else 0, 1


def python(spec):
    if isinstance(spec, dict):
        if "slice" in spec:
            return slice(*spec["slice"])
        if "list" in spec:
            return spec["list"]
        return torch.tensor(spec["tensor"], dtype=getattr(torch, spec["dtype"])).reshape(spec["shape"])
    return Ellipsis if spec == "..." else spec


def key(spec):
    """As in Python's own syntax, a single item is no tuple."""
    return python(spec[0]) if len(spec) == 1 else tuple(python(one) for one in spec)


def make(shape):
    return torch.arange(torch.Size(shape).numel(), dtype=torch.float64).reshape(shape)


def random_index(shape):
    sizes, spec = list(shape), []
    for _ in range(random.choice([1, 1, 2, 2, 3, 4])):
        one, taken = item(sizes, wrong=not any(is_wrong(other) for other in spec))
        spec.append(one)
        sizes = sizes[taken:]
    return spec


def tensor_record(tensor):
    return {"dtype": str(tensor.dtype), "shape": list(tensor.shape), "data": tensor.flatten().tolist()}


def get(shape, spec):
    x = make(shape)
    try:
        result = x[key(spec)]
    except Exception as error:
        return {"shape": shape, "index": spec, "error": str(error), "type": type(error).__name__}
    shares = result.numel() > 0 and result.data_ptr() >= x.data_ptr() and result.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
    return {"shape": shape, "index": spec, "result": tensor_record(result), "view": shares}


def value_for(shape):
    """Something that can be assigned to what has this shape, or cannot."""
    kind = random.choice(["number", "number", "fraction", "full", "last", "ones", "int", "wrong"])
    if kind == "number":
        return -7
    if kind == "fraction":
        return 0.5
    if kind == "full":
        sizes = list(shape)
    elif kind == "last":
        sizes = list(shape[-1:])
    elif kind == "ones":
        sizes = [1, 1, *shape]
    elif kind == "int":
        sizes = list(shape)
    else:
        sizes = [*shape[:-1], (shape[-1] if shape else 1) + 2]
    count = torch.Size(sizes).numel()
    return {"tensor": list(range(100, 100 + count)), "shape": sizes, "dtype": "int64" if kind == "int" else "float64"}


def put(shape, spec):
    x = make(shape)
    try:
        target = list(x[key(spec)].shape)
    except Exception:
        target = [1]
    value = value_for(target)
    record = {"shape": shape, "index": spec, "value": value}
    try:
        x[key(spec)] = python(value)
    except Exception as error:
        return {**record, "error": str(error), "type": type(error).__name__}
    return {**record, "after": tensor_record(x)}


def repeats(spec):
    """Whether an assignment may write to one place twice: which value stays is not said."""
    def positions(one):
        return one.get("list") or one.get("tensor") or []
    return any(isinstance(one, dict) and "slice" not in one and len(set(positions(one))) < len(positions(one)) for one in spec
               if not (isinstance(one, dict) and one.get("dtype") in ("bool", "uint8")))


import warnings

warnings.simplefilter("ignore")
gets, puts = [], []
while len(gets) < 700:
    shape = random.choice(SHAPES)
    spec = random_index(shape)
    if not (any(is_wrong(one) for one in spec) and 0 in shape):
        gets.append(get(shape, spec))
while len(puts) < 500:
    shape = random.choice(SHAPES)
    spec = random_index(shape)
    if not repeats(spec) and not (any(is_wrong(one) for one in spec) and 0 in shape):
        puts.append(put(shape, spec))
write("indexing_table.json", {"gets": gets, "puts": puts})
print(sum("error" in g for g in gets), sum("error" in p for p in puts))
