"""Writes what PyTorch's own operator tests (op_db) call, and what comes out, for scripts/parity/run.ts.

python3 scripts/parity/export.py FOLDER [--only NAME ...] [--sample SEED]

For each entry, dtype and sample input: the public calls that the entry's function makes, with their arguments; the
results; and the gradients of the inputs for given gradients of the results; and with each number how far apart the
results of legitimate kernels lie (spread.py). For each error sample: the call, and the message. One JSON file and one
safetensors file an entry; with --sample a few small cases of each entry, in one of each.

Needs PyTorch, numpy, expecttest and safetensors; scipy for the window functions' samples.
"""

import functools
import json
import math
import warnings

import torch
from torch.utils._pytree import tree_flatten

from cases import EMPTY, SELF, NotExported, Recorder, chooser, copied, entries, name_of, one, run, samples_of, tensors_in
from exporting import export_all
from spread import LEAST, compute_all, modes, spreads

warnings.simplefilter("ignore")


def variants(op, sample, case):
    """Names under which the same sample gives the same results: a method, an in-place method, out=."""
    if len(case["calls"]) != 1 or len(case["results"]) != 1 or "dtype" not in case["results"][0]:
        return
    if not isinstance(sample.input, torch.Tensor) or op.name in EMPTY:
        return
    for kind, function in (("method", op.method_variant), ("inplace", op.inplace_variant)):
        name = getattr(function, "__name__", "__")
        if name.startswith("__") or getattr(torch.Tensor, name, None) is not function:
            continue
        first, args, kwargs = copied((sample.input.detach(), sample.args, dict(sample.kwargs)))
        want = copied((sample.input.detach(), sample.args, dict(sample.kwargs)))
        try:
            with torch.no_grad():
                torch.manual_seed(0)
                got = function(first, *args, **kwargs)
                torch.manual_seed(0)
                plain = op.op(want[0], *want[1], **want[2])
            torch.testing.assert_close(got, plain, rtol=0, atol=0, equal_nan=True)
        except Exception:
            continue
        case[kind] = name
        case["self"] = SELF.get(op.name, 0)


def error_cases(op, tensors, skipped):
    cases = []
    if op.error_inputs_func is None:
        return cases
    try:
        samples = list(op.error_inputs("cpu"))
    except Exception as error:
        skipped.append(f"error samples: {error}")
        return cases
    for error_input in samples:
        sample = error_input.sample_input
        calls = []
        try:
            if op.name.startswith("__") and not isinstance(sample.input, torch.Tensor):
                raise NotExported("a method of a tensor called on a number")
            args, kwargs = copied(((sample.input, *sample.args), dict(sample.kwargs)))
            recorder = Recorder(tensors)
            run(op, op.op, recorder, calls, args, kwargs)
        except NotExported as reason:
            skipped.append(f"error sample: {reason}")
        except Exception as error:
            floats = [leaf for leaf in tree_flatten((args, kwargs))[0] if isinstance(leaf, float)]
            if isinstance(error, TypeError) and any(value.is_integer() for value in floats):
                skipped.append("error sample: refuses a float that is whole, which JavaScript does not tell from an int")
            elif calls:
                cases.append({"calls": calls, "error": str(error), "type": type(error).__name__,
                              "pattern": error_input.error_regex})
    return cases


def entry(op, tensors, sample_seed, folder):
    """The entry's cases; `folder` gets what spread.py computes them from."""
    cases, skipped = [], []
    choose = chooser(op, sample_seed)
    inputs, numbers = {}, {}
    for place, (dtype, differentiable, number, sample) in enumerate(samples_of(op, choose, skipped)):
        start = len(tensors)
        given = []

        def keep(arguments):
            given[:] = [copied(tensor.detach()) for tensor in tensors_in(arguments)]
            return arguments

        differentiate = differentiable
        try:
            try:
                case, results = one(op, sample, tensors, differentiate, keep)
            except NotExported:
                raise
            except Exception:
                if not differentiable:
                    raise
                differentiate = False
                sample = sample.transform(lambda x: x.detach() if isinstance(x, torch.Tensor) else x)
                case, results = one(op, sample, tensors, False, keep)
            if number < 3:
                variants(op, sample, case)
            case["dtype"] = str(dtype).removeprefix("torch.")
            case["place"] = place
            cases.append(case)
            inputs[place] = given, differentiate, case.get("draws", False)
            numbers[place] = results
        except Exception as reason:
            for key in [key for key in tensors if int(key) >= start]:
                del tensors[key]
            text = f"{type(reason).__name__}: {reason}".split("\n")[0][:200]
            skipped.append(f"{dtype}: {text.removeprefix('NotExported: ')}")
    torch.save(inputs, folder / f"{op.formatted_name}.inputs.pt")
    torch.save(numbers, folder / f"{op.formatted_name}.main.pt")
    errors = error_cases(op, tensors, skipped)
    if sample_seed is not None:
        errors = [case for case in errors if len(json.dumps(case)) < 2000]
        errors = choose.sample(errors, min(len(errors), 1))
    try:
        function = name_of(op.op)
    except NotExported:
        function = None
    return {
        "name": op.formatted_name,
        "function": function,
        "module": getattr(op.op, "__module__", None) or type(op.op).__module__,
        "cases": cases,
        "errors": errors,
        "skipped": sorted({f"{text} ({skipped.count(text)} samples)" for text in skipped}),
    }


def significant(number):
    """Two digits, which is all that a spread is good for."""
    return float(f"{number:.1e}") if math.isfinite(number) else str(number)


def add_spreads(content, folder):
    """Writes beside each number how far apart legitimate kernels come."""
    found = spreads(folder, content["name"], torch.load(folder / f"{content['name']}.main.pt"))
    for case in content["cases"]:
        rows, missing = found[case.pop("place")]
        measured = [row for row in case["results"] if "tensor" in row]
        measured += [gradient for gradient in case.get("gradients", []) if gradient is not None]
        for row, spread in zip(measured, rows, strict=True):
            if spread >= LEAST:
                row["spread"] = significant(spread)
        if missing:
            case["imprecise"] = "; ".join(missing)


def chosen(options):
    return [(op.formatted_name, functools.partial(entry, op)) for op in entries(options)]


if __name__ == "__main__":
    export_all(chosen, modes(), compute_all, add_spreads, "parity", largest=10_000)
