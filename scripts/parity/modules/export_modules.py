"""Writes what PyTorch's own tests of modules (module_db) and optimizers (optim_db) make, call and get, for
scripts/parity/run.ts.

python3 scripts/parity/modules/export_modules.py FOLDER [--only NAME ...] [--sample SEED]

For each module, of module_db and of our own (own_modules.py), each dtype, mode (train, eval) and sample: what the
constructor is given; the state under a seed (names, dtypes, shapes and hashes of the initial values); what it prints;
what a call gives, under another seed; the gradients of inputs and parameters for given gradients of the results; the
buffers after the call. With each number how far apart the results of legitimate kernels lie (../spread.py). For each
error sample: the call and the message.

For each optimizer, its settings, kinds of parameters (float32, float64, mixed, complex, groups, sparse gradients) and
implementation (loop, foreach, fused, differentiable): parameters and state after 20 steps, with and without a reload in
the middle; what it prints; losses where there is a closure; gradients through steps where it is differentiable.

One JSON file and one safetensors file an entry; with --sample a few small cases of each entry, in one of each.

Needs PyTorch, numpy, expecttest and safetensors.
"""

import functools
import warnings

import torch

import module_cases
import optim_cases
from exporting import export_all
from module_cases import NotExported, tensors_in
from own_modules import OwnInfo
from module_spread import MODES, add_spreads, chooser, compute_all, fresh

warnings.simplefilter("ignore")


def entry(info, tensors, seed, folder):
    """The entry's cases; `folder` gets what module_spread.py computes them from."""
    cases, skipped = [], []
    given, numbers = {}, {}
    for place, sample in enumerate(module_cases.samples_of(info, chooser(info, seed), skipped)):
        start = len(tensors)
        leaves = []

        def keep(arguments):
            leaves[:] = [fresh(tensor) for tensor in tensors_in(arguments)]
            return arguments

        try:
            if sample.size() > 2**20:
                raise NotExported(f"an input of {sample.size():,} elements")
            case, results = module_cases.one(sample, tensors, keep)
            case["place"] = place
            cases.append(case)
            given[place] = list(leaves), case.get("draws", False)
            numbers[place] = results
        except Exception as reason:
            for key in [key for key in tensors if int(key) >= start]:
                del tensors[key]
            text = f"{type(reason).__name__}: {reason}".split("\n")[0][:200]
            skipped.append(f"{sample.dtype}: {text.removeprefix('NotExported: ')}")
    torch.save(given, folder / f"{info.name}.inputs.pt")
    torch.save(numbers, folder / f"{info.name}.main.pt")
    errors = module_cases.error_cases(info, tensors, skipped)
    return {
        "name": info.name,
        **({"ours": True} if isinstance(info, OwnInfo) else {}),
        "cases": cases,
        "errors": errors if seed is None else errors[:2],
        "skipped": sorted({f"{text} ({skipped.count(text)} samples)" for text in skipped}),
    }


def optimizer_entry(info, tensors, seed, folder):
    """The optimizer's cases. Only the bases' numbers go to `folder`; the other samples are judged by them."""
    cases, skipped = [], []
    numbers = {}
    name = f"optim.{info.name}"
    places, kept = optim_cases.places_of(info, chooser(info, seed))
    problems = optim_cases.problems(info, tensors, {sample.kind for place, sample, _ in places if place in kept})
    for place, sample, base in places:
        start = len(tensors)
        try:
            case, results = optim_cases.one(sample, tensors)
        except Exception as reason:
            for key in [key for key in tensors if int(key) >= start]:
                del tensors[key]
            skipped.append(f"{sample.kind}: Python stumbles: {reason}".split("\n")[0][:200])
            continue
        if place == base:
            numbers[place] = results
        if place in kept:
            cases.append({**case, "base": base})
    torch.save(numbers, folder / f"{name}.main.pt")
    errors = optim_cases.error_cases(info, tensors, skipped)
    return {
        "name": name,
        "problems": problems,
        "cases": cases,
        "errors": errors if seed is None else errors[:4],
        "skipped": sorted({f"{text} ({skipped.count(text)} samples)" for text in skipped}),
    }


def chosen(options):
    modules = [(info.name, functools.partial(entry, info)) for info in module_cases.entries(options.only)]
    optimizers = [(f"optim.{info.name}", functools.partial(optimizer_entry, info)) for info in optim_cases.entries(options.only)]
    return modules + optimizers


if __name__ == "__main__":
    export_all(chosen, MODES, compute_all, add_spreads, "parity_modules")
