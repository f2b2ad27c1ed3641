"""How far apart the results of legitimate kernels lie: what a comparison must allow.

export.py runs this file once for each mode, since a process chooses its kernels when it starts:
python3 scripts/parity/spread.py FOLDER MODE [--only NAME ...] [--sample SEED]

Kernels differ in the order of their sums, in fused multiplications, in their approximations of functions. A case is
computed with those of several instruction sets, and in double precision: once as it is, and with all inputs and all
results of operators moved by a little at random, which tells how much of an error in the last place arrives in the
results, where no kernel of the machine at hand happens to err.
"""

import argparse
import math
import os
import pathlib
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import torch
from torch.testing._comparison import default_tolerances
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from cases import chooser, entries, one, samples_of

warnings.simplefilter("ignore")
KERNELS = {
    "sse": {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE", "ONEDNN_MAX_CPU_ISA": "SSE41"},
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "avx512": {"ATEN_CPU_CAPABILITY": "avx512", "MKL_CBWR": "AVX512"},
}
PRECISE = "precise"
HIGHER = {torch.float32: torch.float64, torch.complex64: torch.complex128}
# Numbers are moved by this much of their size, and by STEPS times less to tell a slope from a jump.
STEP, STEPS, SHAKES = 2.0**-30, 16, 3
# What moved numbers alone may make of a spread, where no kernel shows it: a few do not round where they are moved.
MOST = 100
# A smaller spread says no more than what assert_close allows.
LEAST = 0.01
# A result that moves as far by the smaller step jumps: its neighbourhood says nothing of its errors.
JUMP = 2


def modes():
    """What this machine has."""
    capability = torch.backends.cpu.get_cpu_capability()
    missing = {"AVX512": [], "AVX2": ["avx512"]}.get(capability, ["avx2", "avx512"])
    return [name for name in KERNELS if name not in missing] + [PRECISE]


def replaced(given, leaves, change=lambda tensor: tensor, types=None):
    """The same arguments with other tensors, and with other dtypes."""
    old, spec = tree_flatten(given)
    fresh = iter(leaves)
    new = []
    for leaf in old:
        if isinstance(leaf, torch.Tensor):
            tensor = change(next(fresh).clone())
            new.append(tensor.requires_grad_(leaf.requires_grad))
        elif isinstance(leaf, torch.dtype) and types is not None:
            new.append(types.get(leaf, leaf))
        else:
            new.append(leaf)
    return tree_unflatten(new, spec)


def shake(tensor, step, generator):
    """Moves every number by `step` of its size, up or down."""
    strided = tensor.layout == torch.strided and not torch._is_zerotensor(tensor)
    if tensor.dtype in (torch.float64, torch.complex128) and strided and tensor.numel() > 0:
        parts = torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor
        signs = torch.randint(0, 2, parts.shape, generator=generator, dtype=torch.float64) * 2 - 1
        moved = parts * (1 + step * signs)
        tensor.copy_(torch.view_as_complex(moved) if tensor.is_complex() else moved)
    return tensor


class Rounding(TorchDispatchMode):
    """Moves what every operator computes by `step`, as rounding does.

    Draws random numbers as the single precision that a case has, though the case is computed in double.
    """

    def __init__(self, single, step, generator):
        super().__init__()
        self.single, self.step, self.generator = single, step, generator

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if torch.Tag.nondeterministic_seeded in function.tags:
            return self.draw(function, args, kwargs)
        result = function(*args, **kwargs)
        fresh = all(value.alias_info is None for value in function._schema.returns)
        if self.step == 0 or not fresh:
            return result
        return tree_map(lambda x: shake(x, self.step, self.generator) if isinstance(x, torch.Tensor) else x, result)

    def draw(self, function, args, kwargs):
        # What has a generator of its own is given to all precisions alike.
        if not self.single or kwargs.get("generator") is not None:
            return function(*args, **kwargs)
        lower = {high: low for low, high in HIGHER.items()}
        lowered = converted(args, lower)
        torch.set_default_dtype(torch.float32)
        drawn = function(*lowered, **converted(kwargs, lower))
        torch.set_default_dtype(torch.float64)
        for parameter, given, taken in zip(function._schema.arguments, args, lowered):
            if parameter.alias_info is not None and parameter.alias_info.is_write:
                given.copy_(taken)
        returned = function._schema.returns[0].alias_info
        return args[0] if returned is not None and returned.is_write else converted(drawn, HIGHER)


def converted(value, types):
    """With other dtypes, those of tensors too."""

    def convert(leaf):
        if isinstance(leaf, torch.Tensor):
            return leaf.to(types.get(leaf.dtype, leaf.dtype))
        return types.get(leaf, leaf) if isinstance(leaf, torch.dtype) else leaf

    return tree_map(convert, value)


def precise(numbers_of, dtype, draws):
    """The results in double precision, and how far they move by what moves their inputs and all between by a little.

    `numbers_of(change)`: the results from inputs that went through `change`.
    """

    # Whole numbers become single precision where they become fractions.
    single = dtype != torch.float64

    def compute(step, seed=0):
        torch.set_default_dtype(torch.float64)
        try:
            generator = torch.Generator().manual_seed(seed)

            def change(tensor):
                tensor = tensor.to(HIGHER.get(tensor.dtype, tensor.dtype))
                return shake(tensor, step, generator) if step > 0 else tensor

            # Not all operators compute under a mode what they compute without.
            with Rounding(single, step, generator) if draws or step > 0 else nullcontext():
                return [real(tensor) for tensor in numbers_of(change)]
        finally:
            torch.set_default_dtype(torch.float32)

    truth = compute(0)
    slopes = [torch.zeros_like(tensor) for tensor in truth]
    if not any(tensor.is_floating_point() for tensor in truth):
        return truth, slopes
    dtype = torch.float32 if single else torch.float64
    for seed in range(SHAKES):
        try:
            far = compute(STEP, seed)
            near = None
            for i, (exact, a) in enumerate(zip(truth, far)):
                if not (exact.is_floating_point() and exact.shape == a.shape):
                    continue
                moved = (a - exact).abs()
                if worst(moved / STEP * torch.finfo(dtype).eps, exact, dtype) < LEAST:
                    continue
                near = near or compute(STEP / STEPS, seed)
                moved[(moved < JUMP * (near[i] - exact).abs()) | ~moved.isfinite()] = 0
                slopes[i] = torch.maximum(slopes[i], moved / STEP)
        except Exception:
            # An argument that may not move: probabilities that sum to 1, say.
            break
        # Inputs that matter so little need no second look.
        if near is None:
            break
    return truth, slopes


def worst(deviation, size, dtype):
    """The largest deviation in units of what assert_close allows."""
    rtol, atol = default_tolerances(dtype)
    deviation = (deviation / (atol + rtol * size.abs()))[deviation.isfinite()]
    return deviation.max().item() if deviation.numel() > 0 else 0.0


def real(tensor):
    """Complex numbers as pairs, as they are compared; in double precision, but for whole numbers."""
    tensor = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    return tensor.double() if tensor.is_floating_point() else tensor


def outcomes(op, folder, mode, seed):
    """Of each case of the entry that was exported: its numbers in this mode."""
    saved = torch.load(folder / f"{op.formatted_name}.inputs.pt")
    found = {}
    for place, (dtype, _, _, sample) in enumerate(samples_of(op, chooser(op, seed))):
        if place not in saved:
            continue
        leaves, differentiate, draws = saved[place]
        if not differentiate:
            sample = sample.transform(lambda x: x.detach() if isinstance(x, torch.Tensor) else x)
        try:

            def numbers_of(change=lambda tensor: tensor, types=None):
                return one(op, sample, {}, differentiate, lambda given: replaced(given, leaves, change, types))[1]

            if mode == PRECISE:
                found[place] = precise(lambda change: numbers_of(change, HIGHER), dtype, draws)
            else:
                found[place] = [real(tensor) for tensor in numbers_of()]
        except Exception as error:
            found[place] = f"{type(error).__name__}: {error}".split("\n")[0][:200]
    return found


def compute_all(folder, only, seed, on_entry, script=__file__):
    """Runs every mode, as many at once as there are processors."""

    lock = threading.Lock()

    def run(mode):
        command = [sys.executable, script, str(folder), mode]
        command += ["--only", *only] if only else []
        command += ["--sample", str(seed)] if seed is not None else []
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **KERNELS.get(mode, {})}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
            for line in child.stdout:
                with lock:
                    on_entry(f"{line.strip()} ({mode})")
        if child.returncode != 0:
            raise SystemExit(f"the mode {mode} ended with {child.returncode}")

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(run, sorted(modes(), key=lambda mode: mode != PRECISE)))


def spreads(folder, name, main):
    """Of each case and each of its numbers: the spread in units of what assert_close allows; and what was missing.

    `main`: each case's numbers in the exporting process.
    """
    others = {mode: torch.load(folder / f"{name}.{mode}.pt") for mode in modes()}
    result = {}
    for place, numbers in main.items():
        missing = []
        kernels = [others[mode].get(place) for mode in others if mode != PRECISE]
        truth = others[PRECISE].get(place, "no such case")
        if isinstance(truth, str):
            missing.append(truth)
            truth = ([None] * len(numbers), [None] * len(numbers))
        rows = []
        for i, number in enumerate(numbers):
            exact, slope = (list[i] if i < len(list) else None for list in truth)
            same = [tensors[i] for tensors in kernels if not isinstance(tensors, str) and i < len(tensors)]
            rows.append(spread(number, same, exact, slope))
        result[place] = rows, missing
    return result


def spread(number, others, truth, slope):
    if not (number.is_floating_point() or number.is_complex()):
        return 0.0 if all(torch.equal(number, other) for other in others) else math.inf
    dtype = number.dtype
    here = real(number)
    found = [0.0]
    kernels = [other for other in [here, *others] if other.shape == here.shape]
    for other in kernels:
        found.append(worst((other - here).abs(), here, dtype))
        if truth is not None and truth.shape == here.shape:
            found.append(worst((other - truth).abs(), here, dtype))
    if slope is not None:
        found.append(min(MOST, worst(slope * torch.finfo(dtype).eps, truth, dtype)))
    return max(found)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("mode")
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--sample", type=int)
    options = parser.parse_args()
    for op in entries(options):
        print(op.formatted_name, flush=True)
        torch.save(outcomes(op, options.folder, options.mode, options.sample), options.folder / f"{op.formatted_name}.{options.mode}.pt")


if __name__ == "__main__":
    main()
