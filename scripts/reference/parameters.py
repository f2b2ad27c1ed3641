"""Calls everything that PyTorch writes in Python with each of its parameters at another value than its default, and writes
what is seen of it as test/fixtures/parameters.json, for test/parameters.test.ts.

Run: OMP_NUM_THREADS=1 python3 scripts/reference/parameters.py
"""

import json
import pathlib
import warnings

import torch
import torch.utils.checkpoint

import fixtures
import parameter_samples as samples
import parameter_world as world

warnings.simplefilter("ignore")
SIGNATURES = json.loads((pathlib.Path(__file__).parents[1] / "generate" / "python_signatures.json").read_text())["signatures"]
MISSING = object()


def key_of(signature):
    return f"{signature['space']}.{signature['name']}"


def longest(table, key, default=None):
    """The entry whose name is the longest start of a key."""
    names = [name for name in table if key == name or key.startswith(name) and name.endswith((".", "_"))]
    return table[max(names, key=len)] if names else default


def value_of(key, parameter):
    """Another value than a parameter's default."""
    name, kind = parameter["name"], parameter["type"]
    for owner in [key, *sorted((start for start in samples.VALUES if start.endswith((".", "_")) and key.startswith(start)), key=len, reverse=True)]:
        if name in samples.VALUES.get(owner, {}):
            return samples.VALUES[owner][name]
    default = parameter.get("default", MISSING)
    if name in samples.NAMED and samples.NAMED[name] != default:
        return samples.NAMED[name]
    if kind.startswith("bool"):
        return default is not True
    if name == "padding" and default is MISSING:
        return 1
    if isinstance(default, (int, float)):
        return default + 1 if kind.startswith("int") else default * 0.5 if default else 0.5
    if kind.startswith("'"):
        return next(choice for choice in (part.strip("'?") for part in kind.split("|")) if choice != default)
    raise LookupError(f"{key}: no value for {name}: {kind}")


def find(key):
    """What a name stands for; methods by their names."""
    space, name = key.rsplit(".", 1)
    if space == "Tensor.to":
        return "to"
    owner = world.MAKERS["torch"](space.removeprefix("torch").strip(".")) if space != "torch" else torch
    return name if isinstance(owner, type) else getattr(owner, name)


def observe(kind, key, args, entry):
    """Calls it, with fresh values, and looks."""
    world.fresh()
    on = world.made(entry["on"]) if "on" in entry else None
    function = find(key)
    keywords = {name: world.made(value) for name, value in args.items()}
    rest = [world.made(value) for value in entry.get("rest", [])]
    if isinstance(function, str):
        function = getattr(on, function)
    if rest or key in samples.IN_PLACE:
        placed = [name for name in keywords if name in entry["given"]]
        placed = placed[:1] if rest else placed + [name for name in keywords if name == "reduce"]
        rest = [*[keywords.pop(name) for name in placed], *rest]
    call = lambda: function(*rest, **keywords)
    try:
        return watched(kind, call, on, keywords, entry)
    except Exception as error:
        return {"raises": str(error).splitlines()[0][:60] if str(error) else type(error).__name__}


def watched(kind, call, on, keywords, entry):
    if kind == "module":
        return world.watch_module(call, entry.get("inputs"))
    if kind == "call":
        return world.watch_call(call, on, entry.get("after"), keywords.get("out"))
    return {"optimizer": world.watch_optimizer, "scheduler": world.watch_scheduler, "context": world.watch_context}[kind](call, None)


def kind_of(signature):
    space, name = signature["space"], signature["name"]
    if space == "nn" and name not in ("Parameter", "Buffer"):
        return "module"
    if space in ("optim", "optim.lr_scheduler") and signature["kind"] == "class":
        return "optimizer" if space == "optim" else "scheduler"
    return "context" if key_of(signature) in ("torch.autocast", "autograd.detect_anomaly") else "call"


def inputs_of(key):
    name = key.rsplit(".", 1)[1]
    if name in samples.INPUTS:
        return samples.INPUTS[name]
    if name.startswith("MaxUnpool"):
        dims = int(name[-2])
        return [samples.T(1, 2, *[2] * dims), {"ints": [[1, 2, *[2] * dims], 2 ** dims]}]
    if name[-1] == "d" and name[-2] in samples.DIMENSIONS:
        return [samples.T(*samples.DIMENSIONS[name[-2]])]
    if name.endswith("Loss"):
        return samples._pair
    return [samples.T(2, 4)]


def delta(base, observation):
    """What differs from what is seen without the parameter; what is gone is "gone"."""
    if not isinstance(base, dict) or not isinstance(observation, dict) or "raises" in observation:
        return observation
    return {name: delta(base.get(name, MISSING), value) for name, value in observation.items()
            if base.get(name, MISSING) != value} | {name: "gone" for name in base if name not in observation}


def is_same(kind, key, given, entry, result):
    """Whether a call without the parameter looks the same."""
    try:
        return observe(kind, key, given, entry) == result
    except Exception:
        return False


def cases_of(signature):
    key, kind = key_of(signature), kind_of(signature)
    entry = {"kind": kind}
    receiver = longest(samples.ON, key) if isinstance(find(key), str) else None
    if receiver is not None:
        entry["on"] = receiver
    after = longest(samples.AFTER, key)
    if after is not None:
        entry["after"] = after
    if kind == "module":
        entry["inputs"] = inputs_of(key)
    if key in samples.REST:
        entry["rest"] = samples.REST[key]
    parameters = signature["parameters"]
    entry["given"] = {p["name"]: value_of(key, p) for p in parameters if "default" not in p} | samples.BASE.get(key, {})
    base = observe(kind, key, entry["given"], entry)
    entry["seen"], entry["cases"] = base, {}
    for parameter in parameters:
        name = parameter["name"]
        if "default" not in parameter or name in entry["given"] or f"{key}.{name}" in samples.UNSEEN:
            continue
        value = value_of(key, parameter)
        case = {"value": value}
        also = samples.ALSO.get(f"{key}.{name}", samples.ALSO.get(name, {}) if kind in ("optimizer", "module", "scheduler") else {})
        also = {other: v for other, v in also.items() if other in [p["name"] for p in parameters]}
        given = {**entry["given"], **also}
        if also:
            case["also"] = also
        inner = dict(entry)
        for field, table in (("inputs", samples.INPUTS), ("after", samples.AFTER), ("on", samples.ON)):
            if f"{key}.{name}" in table:
                inner[field] = case[field] = table[f"{key}.{name}"]
        result = observe(kind, key, {**given, name: value}, inner)
        if is_same(kind, key, given, inner, result):
            SAME.append(f"{key}.{name}")
        case["seen"] = delta(base, result)
        entry["cases"][name] = case
    return entry


SAME = []
callables = {}
for signature in SIGNATURES:
    key = key_of(signature)
    if any(key == start or start.endswith(".") and key.startswith(start) for start in samples.LEFT_OUT):
        continue
    try:
        callables[key] = cases_of(signature)
    except Exception as error:
        raise RuntimeError(key) from error

fixtures.write_compact("parameters.json", {"callables": callables})
walked = sum(len(entry["given"]) + len(entry["cases"]) for entry in callables.values())
print(f"{len(callables)} callables, {walked} parameters; without a sight of their own: {', '.join(SAME)}")
