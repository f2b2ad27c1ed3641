"""What torch.utils.data gives: every batch of loaders of many settings, over three epochs, without workers and with two;
indices of samplers; splits; collated and converted samples; messages. test/utils/data builds the same from the same words.

Values are written so that JavaScript's can be compared with them: {"int": 3}, {"float": 0.5}, {"str": "a"}, {"bool": true},
{"none": true}, {"list": [...]}, {"dict": {...}}, {"tensor": [dtype, shape, elements]}, {"array": [dtype, elements]} (NumPy).
"""

import json
import warnings

import numpy
import torch
from torch.utils import data
from torch.utils.data import get_worker_info

from fixtures import FOLDER

warnings.simplefilter("ignore")
EPOCHS = 3


# --- values ---------------------------------------------------------------------------------------------------------

def exact(number):
    """JSON's readers in JavaScript round integers beyond 2^53."""
    return str(number) if isinstance(number, int) and abs(number) >= 2**53 else number


def written(value):
    if isinstance(value, torch.Tensor):
        elements = [exact(element) for element in value.flatten().tolist()]
        return {"tensor": [str(value.dtype).removeprefix("torch."), list(value.shape), elements]}
    if value is None:
        return {"none": True}
    if isinstance(value, dict):
        return {"dict": {key: written(each) for key, each in value.items()}}
    if isinstance(value, (list, tuple)):
        return {"list": [written(each) for each in value]}
    return {type(value).__name__: exact(value)}


def read(text):
    (kind, value), = text.items()
    if kind == "tensor":
        return torch.tensor(value[2], dtype=getattr(torch, value[0])).reshape(value[1])
    if kind == "array":
        return numpy.array(value[1], dtype=value[0])
    if kind == "none":
        return None
    if kind == "dict":
        return {key: read(each) for key, each in value.items()}
    if kind == "list":
        return [read(each) for each in value]
    if kind == "sparse":
        return torch.eye(value).to_sparse()
    if kind == "object":
        return object()
    return int(value) if kind == "int" else value


# --- datasets -------------------------------------------------------------------------------------------------------

class Named(data.Dataset):
    """Samples of several kinds, under names."""

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        return {"x": torch.full((2,), i / 2), "i": i, "half": i / 2, "name": f"s{i}", "pair": (i, i % 2 == 0)}


class Drawing(Named):
    """Each sample draws from the default generator, which in a worker is seeded with the worker's seed."""

    def __getitem__(self, i):
        return i, torch.rand(2)


class Batched(Named):
    """Gives many samples at once, which shows in them."""

    def __getitems__(self, indices):
        return [(i, len(indices)) for i in indices]


class Keyed(Named):
    """Indexed by lists of indices."""

    def __getitem__(self, indices):
        return torch.tensor(indices) * 10


class Told(Named):
    """What a worker knows of itself."""

    def __getitem__(self, i):
        info = get_worker_info()
        return (i, -1, -1, -1) if info is None else (i, info.id, info.num_workers, info.seed)


class Stream(data.IterableDataset):
    """The numbers to n, each worker's share of them."""

    def __init__(self, n):
        self.n = n

    def __iter__(self):
        info = get_worker_info()
        first, step = (0, 1) if info is None else (info.id, info.num_workers)
        yield from range(first, self.n, step)


class WholeStream(Stream):
    """Every worker gives all of them."""

    def __iter__(self):
        yield from range(self.n)


class SizedStream(Stream):
    def __len__(self):
        return self.n


class UnevenStream(Stream):
    """The first worker has two samples, the second one the rest."""

    def __iter__(self):
        info = get_worker_info()
        yield from range(self.n) if info is None else range(2) if info.id == 0 else range(2, self.n)


class DrawingStream(Stream):
    def __iter__(self):
        for i in super().__iter__():
            yield i, torch.rand(1)


DATASETS = {
    "list": lambda n: list(range(n)),
    "tensors": lambda n: data.TensorDataset(torch.arange(2 * n, dtype=torch.float32).view(n, 2), torch.arange(n) * 2),
    "concat": lambda n: data.ConcatDataset([Drawing(n // 2), Drawing(n - n // 2)]),
    "stack": lambda n: data.StackDataset(a=Named(n), b=Batched(n)),
    "subset": lambda n: data.Subset(Batched(2 * n), list(range(1, 2 * n, 2))),
    "chain": lambda n: data.ChainDataset([Stream(n // 2), SizedStream(n)]),
    "Named": Named, "Drawing": Drawing, "Batched": Batched, "Keyed": Keyed, "Told": Told, "Stream": Stream,
    "WholeStream": WholeStream, "SizedStream": SizedStream, "UnevenStream": UnevenStream, "DrawingStream": DrawingStream,
}


# --- samplers -------------------------------------------------------------------------------------------------------

class Eager(data.Sampler):
    """Draws when the iterator is made, not when it is first asked."""

    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __iter__(self):
        return iter(torch.randperm(self.n).tolist())


def sampler_of(spec, dataset, generator):
    """["RandomSampler", {"replacement": true}]; in the options, "generator": true is the case's generator."""
    if spec is None or isinstance(spec, list) and not isinstance(spec[0], str):
        return spec
    kind, options = spec
    options = {key: generator if key == "generator" else value for key, value in options.items()}
    if kind == "Eager":
        return Eager(**options)
    if kind == "BatchSampler":
        return data.BatchSampler(sampler_of(options["sampler"], dataset, generator), options["batch_size"], options["drop_last"])
    if kind in ("SequentialSampler", "RandomSampler", "DistributedSampler"):
        return getattr(data, kind)(dataset, **options)
    return getattr(data, kind)(**options)


# --- loaders --------------------------------------------------------------------------------------------------------

def case(dataset, n=10, sampler=None, batch_sampler=None, seed=0, generator=None, workers=(0, 2), **options):
    return {"dataset": dataset, "n": n, "sampler": sampler, "batch_sampler": batch_sampler, "seed": seed, "generator": generator,
            "workers": list(workers), "options": options}


random = lambda **options: ["RandomSampler", options]
WEIGHTS = [0.1, 0.9, 0.4, 0.7, 3.0, 0.6, 0.2, 1.0, 0.05, 0.3]
CASES = [
    *(case("list", batch_size=size, shuffle=shuffle, drop_last=drop)
      for size in (1, 3, 4) for shuffle in (False, True) for drop in (False, True)),
    case("list", batch_size=None), case("list", batch_size=None, shuffle=True),
    *(case("tensors", batch_size=4, shuffle=True, seed=seed) for seed in (1, 42, 2**40)),
    *(case("tensors", batch_size=3, shuffle=True, generator=seed, drop_last=True) for seed in (0, 7)),
    case("Named", batch_size=4), case("Named", batch_size=4, shuffle=True), case("Named", batch_size=None, shuffle=True),
    case("Drawing", batch_size=3), case("Drawing", batch_size=3, shuffle=True), case("Drawing", batch_size=3, shuffle=True, generator=5),
    case("Drawing", batch_size=None, shuffle=True), case("Drawing", n=7, batch_size=2, shuffle=True, seed=9),
    case("Told", batch_size=2, shuffle=True), case("Told", batch_size=2, generator=3), case("Told", batch_size=None, seed=4),
    case("Batched", batch_size=3, shuffle=True), case("stack", batch_size=3, shuffle=True), case("subset", batch_size=4, shuffle=True),
    case("concat", batch_size=4, shuffle=True),
    case("list", sampler=["SequentialSampler", {}], batch_size=4),
    case("list", sampler=random(), batch_size=4), case("list", sampler=random(generator=True), batch_size=4, generator=11),
    case("list", sampler=random(replacement=True), batch_size=4), case("list", sampler=random(num_samples=23), batch_size=5),
    case("list", n=50, sampler=random(replacement=True, num_samples=70), batch_size=16),
    case("list", sampler=["SubsetRandomSampler", {"indices": [9, 1, 4, 4, 7]}], batch_size=2),
    case("list", sampler=["WeightedRandomSampler", {"weights": WEIGHTS, "num_samples": 12}], batch_size=5),
    case("list", sampler=["WeightedRandomSampler", {"weights": WEIGHTS, "num_samples": 6, "replacement": False, "generator": True}],
         batch_size=4, generator=2),
    *(case("list", sampler=["DistributedSampler", {"num_replicas": 3, "rank": rank, "seed": 5, "drop_last": drop}], batch_size=2)
      for rank, drop in ((0, False), (2, False), (1, True))),
    case("list", sampler=["DistributedSampler", {"num_replicas": 4, "rank": 3, "shuffle": False}], batch_size=2),
    case("list", sampler=["Eager", {"n": 10}], batch_size=4), case("list", sampler=["Eager", {"n": 10}], batch_size=None),
    case("list", sampler=[3, 1, 2], batch_size=2),
    case("list", batch_sampler=[[0, 1], [5], [2, 3, 4]]),
    case("Drawing", batch_sampler=["BatchSampler", {"sampler": random(), "batch_size": 4, "drop_last": True}]),
    case("Keyed", sampler=["BatchSampler", {"sampler": random(), "batch_size": 4, "drop_last": False}], batch_size=None),
    *(case(name, batch_size=size, drop_last=drop)
      for name in ("Stream", "SizedStream") for size, drop in ((3, False), (3, True), (1, False))),
    case("Stream", batch_size=None), case("WholeStream", batch_size=4), case("UnevenStream", batch_size=3),
    case("UnevenStream", batch_size=None), case("DrawingStream", batch_size=4), case("DrawingStream", batch_size=4, generator=8),
    case("chain", batch_size=4), case("Stream", n=1, batch_size=4), case("Stream", n=0, batch_size=4),
    case("list", n=0, batch_size=2), case("list", n=1, batch_size=2, shuffle=True),
    case("list", batch_size=3, shuffle=True, in_order=False), case("Stream", batch_size=3, in_order=False),
    *(case(name, batch_size=3, persistent_workers=True, workers=(2,), **({} if "Stream" in name else {"shuffle": True}))
      for name in ("list", "Drawing", "Told", "Stream", "DrawingStream")),
    *(case("Drawing", batch_size=2, shuffle=True, prefetch_factor=factor, workers=(2,)) for factor in (1, 3, 20)),
]


def epochs_of(spec, num_workers):
    torch.manual_seed(spec["seed"])
    generator = None if spec["generator"] is None else torch.Generator().manual_seed(spec["generator"])
    dataset = DATASETS[spec["dataset"]](spec["n"])
    sampler = sampler_of(spec["sampler"], dataset, generator)
    loader = data.DataLoader(dataset, sampler=sampler, batch_sampler=sampler_of(spec["batch_sampler"], dataset, generator),
                             generator=generator, num_workers=num_workers, **spec["options"])
    epochs = []
    for epoch in range(EPOCHS):
        if isinstance(sampler, data.DistributedSampler):
            sampler.set_epoch(epoch)
        batches = [written(batch) for batch in loader]
        if num_workers > 0 and not spec["options"].get("in_order", True):
            batches.sort(key=json.dumps)
        drawn = [torch.randint(10**6, ()).item()]
        if generator is not None:
            drawn.append(torch.randint(10**6, (), generator=generator).item())
        epochs.append({"batches": batches, "drawn": drawn})
    try:
        length = len(loader)
    except TypeError:
        length = None
    return {"length": length, "epochs": epochs}


# --- the rest -------------------------------------------------------------------------------------------------------

def outcome(call):
    try:
        return {"gives": call()}
    except Exception as error:
        return {"error": type(error).__name__, "message": str(error)}


def sampled(spec, n, seed, generator):
    torch.manual_seed(seed)
    made = torch.Generator().manual_seed(seed + 1) if generator else None
    sampler = sampler_of(spec, range(n), made)
    passes = []
    for epoch in range(2):
        if isinstance(sampler, data.DistributedSampler):
            sampler.set_epoch(epoch)
        passes.append(list(sampler))
    return {"length": len(sampler), "passes": passes, "drawn": torch.randint(10**6, ()).item()}


SAMPLERS = [
    (["SequentialSampler", {}], 5), (["RandomSampler", {}], 30), (["RandomSampler", {"generator": True}], 30),
    (["RandomSampler", {"replacement": True, "num_samples": 100}], 12), (["RandomSampler", {"replacement": True, "num_samples": 64}], 12),
    (["RandomSampler", {"replacement": True, "generator": True}], 40), (["RandomSampler", {"num_samples": 7}], 30),
    (["RandomSampler", {"num_samples": 61, "generator": True}], 30), (["RandomSampler", {}], 1), (["RandomSampler", {}], 1000),
    (["SubsetRandomSampler", {"indices": list(range(3, 40, 3))}], 40), (["SubsetRandomSampler", {"indices": []}], 4),
    (["SubsetRandomSampler", {"indices": [5, 2], "generator": True}], 40),
    (["WeightedRandomSampler", {"weights": WEIGHTS, "num_samples": 40}], 10),
    (["WeightedRandomSampler", {"weights": WEIGHTS, "num_samples": 10, "replacement": False}], 10),
    (["WeightedRandomSampler", {"weights": WEIGHTS, "num_samples": 5, "replacement": False, "generator": True}], 10),
    *((["BatchSampler", {"sampler": ["RandomSampler", {}], "batch_size": size, "drop_last": drop}], 10)
      for size in (1, 3, 5, 11) for drop in (False, True)),
    (["BatchSampler", {"sampler": [4, 5, 6, 7], "batch_size": 3, "drop_last": False}], 10),
    *((["DistributedSampler", {"num_replicas": replicas, "rank": rank, "drop_last": drop, "shuffle": shuffle}], n)
      for n, replicas in ((10, 3), (2, 5), (9, 3), (1, 4)) for rank in {0, replicas - 1}
      for drop in (False, True) for shuffle in (False, True)),
    (["DistributedSampler", {"num_replicas": 2, "rank": 1, "seed": 12345}], 20),
]

SPLITS = [
    (10, [3, 7]), (10, [10]), (10, [0, 10]), (30, [0.3, 0.3, 0.4]), (10, [0.5, 0.5]), (7, [0.5, 0.5]), (11, [0.25, 0.25, 0.25, 0.25]),
    (10, [0.1] * 10), (5, [1]), (1, [0.5, 0.5]), (3, [0.9, 0.1]), (0, [0.5, 0.5]), (100, [0.7, 0.2, 0.1]), (200, [1 / 3, 1 / 3, 1 / 3]),
    (10, [3, 3]), (10, [0.5, 0.4]), (10, [0.5, -0.5, 1.0]), (10, [1.5, -0.5]), (10, [11]), (345, [0.123, 0.877]),
]


def split(n, lengths, seed):
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    own = [list(part.indices) for part in data.random_split(range(n), lengths, generator=generator)]
    default = [list(part.indices) for part in data.random_split(range(n), lengths)]
    return {"generator": own, "default": default, "drawn": torch.randint(10**6, ()).item()}


def row(kind, *values):
    return {"list": [{kind: exact(value)} for value in values]}


tensor = lambda dtype, *elements: {"tensor": [dtype, [len(elements)], list(elements)]}
BATCHES = [
    row("float", 0.5, 1.5), row("float", 1.0, 2.0), row("int", 1, 2, -3), row("int", 2**60, 2**60 + 1), row("bool", True, False), row("str", "a", "b"),
    {"list": [tensor("float32", 1, 2), tensor("float32", 3, 4)]}, {"list": [tensor("int64", 1), tensor("int64", 3)]},
    {"list": [{"tensor": ["float64", [], [2.5]]}, {"tensor": ["float64", [], [3.5]]}]}, {"list": [tensor("bool", True, False)]},
    *({"list": [{"array": [dtype, [1, 2, 3]]}, {"array": [dtype, [4, 5, 6]]}]} for dtype in
      ("float32", "float64", "int8", "uint8", "int16", "int32", "int64")),
    {"list": [row("float", 0.5, 1.5), row("float", 2.5, 3.5), row("float", 4.5, 5.5)]},
    {"list": [{"list": [{"int": 1}, {"str": "a"}, tensor("float32", 1, 2)]}, {"list": [{"int": 2}, {"str": "b"}, tensor("float32", 3, 4)]}]},
    {"list": [{"dict": {"a": {"int": 0}, "b": {"float": 1.0}}}, {"dict": {"a": {"int": 100}, "b": {"float": 0.25}}}]},
    {"list": [{"dict": {"a": {"dict": {"c": row("int", 1, 2)}}}}, {"dict": {"a": {"dict": {"c": row("int", 3, 4)}}, "more": {"int": 1}}}]},
    {"list": [{"list": []}, {"list": []}]}, {"list": [{"dict": {}}, {"dict": {}}]}, {"list": [{"list": [{"list": [{"bool": True}]}]}]},
    {"list": [{"list": [{"dict": {"x": {"array": ["float32", [1, 2]]}}}]}, {"list": [{"dict": {"x": {"array": ["float32", [3, 4]]}}}]}]},
    # Refused:
    {"list": [{"none": True}]}, {"list": [{"list": [{"none": True}]}]}, {"list": [row("int", 1), row("int", 1, 2)]},
    {"list": [{"sparse": 2}, {"sparse": 2}]}, {"list": [tensor("float32", 1), tensor("float32", 1, 2)]}, {"list": [{"object": True}]},
    {"list": [{"dict": {"a": {"int": 1}}}, {"dict": {"b": {"int": 1}}}]},
]
SAMPLES = [
    {"int": 3}, {"float": 0.5}, {"str": "a"}, {"bool": True}, {"none": True}, tensor("int64", 1, 2), {"array": ["float32", [1, 2]]},
    {"array": ["int64", [1, 2]]}, {"list": [{"array": ["uint8", [1]]}, {"int": 2}]}, {"list": []},
    {"dict": {"a": {"array": ["float64", [0.5]]}, "b": {"list": [{"str": "s"}, {"array": ["int32", [7]]}]}}},
]

LOADER_ERRORS = [
    ("list", {"num_workers": -1}), ("list", {"timeout": -1}), ("list", {"prefetch_factor": 2}), ("list", {"num_workers": 2, "prefetch_factor": -1}),
    ("list", {"persistent_workers": True}), ("list", {"multiprocessing_context": "spawn"}), ("list", {"sampler": [1], "shuffle": True}),
    *(("list", {"batch_sampler": [[1]], **more}) for more in ({"batch_size": 2}, {"shuffle": True}, {"sampler": [1]}, {"drop_last": True})),
    ("list", {"batch_size": None, "drop_last": True}), ("list", {"batch_size": 0}), ("list", {"batch_size": -3}),
    ("Stream", {"shuffle": True}), ("Stream", {"batch_sampler": [[1]], "shuffle": True}),
    ("empty", {"shuffle": True}),
    # What follows is no error.
    ("Stream", {"shuffle": False}), ("list", {"batch_size": None, "shuffle": True}), ("empty", {}),
]
SAMPLER_ERRORS = [
    ["RandomSampler", {"num_samples": 0}], ["RandomSampler", {"num_samples": -1}], ["WeightedRandomSampler", {"weights": [1.0], "num_samples": 0}],
    ["WeightedRandomSampler", {"weights": [[1.0, 2.0], [3.0, 4.0]], "num_samples": 1}],
    ["BatchSampler", {"sampler": [1, 2], "batch_size": 0, "drop_last": False}],
    ["DistributedSampler", {"num_replicas": 3, "rank": 3}], ["DistributedSampler", {"num_replicas": 3, "rank": -1}],
    ["WeightedRandomSampler", {"weights": [1.0, 2.0], "num_samples": 3, "replacement": False}], ["WeightedRandomSampler", {"weights": [0.0, 0.0], "num_samples": 1}],
    ["WeightedRandomSampler", {"weights": [-1.0, 2.0], "num_samples": 1}],
]


def refused_loader(dataset, options):
    torch.manual_seed(0)
    made = DATASETS["list"](0) if dataset == "empty" else DATASETS[dataset](4)
    return outcome(lambda: [written(batch) for batch in data.DataLoader(made, **options)])


LENGTH_ERRORS = {
    "ragged": lambda: data.TensorDataset(torch.zeros(2), torch.zeros(3)), "no_datasets": lambda: data.ConcatDataset([]),
    "concat_stream": lambda: data.ConcatDataset([Stream(2)]), "no_stack": lambda: data.StackDataset(),
    "ragged_stack": lambda: data.StackDataset([1], [1, 2]), "chain_map": lambda: list(data.ChainDataset([[1, 2]])),
    "concat_below": lambda: data.ConcatDataset([[1], [2]])[-3], "concat_beyond": lambda: data.ConcatDataset([[1], [2]])[2],
    "at": lambda: data.Dataset()[0],
}


def main():
    sections = {
        "loaders": [{**spec, "results": {str(workers): epochs_of(spec, workers) for workers in spec["workers"]}} for spec in CASES],
        "samplers": [{"sampler": spec, "n": n, "seed": seed, **sampled(spec, n, seed, "generator" in spec[1])}
                     for spec, n in SAMPLERS for seed in (0, 3)],
        "splits": [{"n": n, "lengths": lengths, "seed": 42, **outcome(lambda: split(n, lengths, 42))} for n, lengths in SPLITS],
        "collated": [{"batch": batch, **outcome(lambda: written(data.default_collate(read(batch))))} for batch in BATCHES],
        "converted": [{"sample": sample, "gives": written(data.default_convert(read(sample)))} for sample in SAMPLES],
        "loader_errors": [{"dataset": dataset, "options": options, **refused_loader(dataset, options)} for dataset, options in LOADER_ERRORS],
        "sampler_errors": [{"sampler": spec, **outcome(lambda: list(sampler_of(spec, range(4), None)))} for spec in SAMPLER_ERRORS],
        "dataset_errors": [{"name": name, **outcome(call)} for name, call in LENGTH_ERRORS.items()],
    }
    lines = [f'"{name}":[\n' + ",\n".join(json.dumps(entry, separators=(",", ":"), allow_nan=False) for entry in entries) + "\n]"
             for name, entries in sections.items()]
    target = FOLDER / "data_loader.json"
    target.write_text(f'{{"torch":"{torch.__version__.split("+")[0]}",\n' + ",\n".join(lines) + "\n}\n")
    print(f"{target.name}: {target.stat().st_size} bytes, {len(CASES)} loaders")


if __name__ == "__main__":
    main()
