"""How far apart the results of legitimate kernels lie: what a comparison must allow.

export.py runs this file once for each mode, since a process chooses its kernels when it starts:
python3 scripts/parity/spread.py FOLDER MODE [--only NAME ...] [--sample SEED]

Kernels differ in the order of their sums, in fused multiplications, in their approximations of functions. A case is
computed with those of several instruction sets, and in double precision: once on the same inputs, and on inputs that
differ by a little, which tells how much of an error in the last place of an input (and so of what is computed from
it) arrives in the results, where no kernel of the machine at hand happens to err.
"""

import argparse
import math
import os
import pathlib
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import torch
from torch.testing._comparison import default_tolerances
from torch.utils._pytree import tree_flatten, tree_unflatten

from cases import chooser, entries, one, samples_of

warnings.simplefilter("ignore")
KERNELS = {
    "sse": {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE", "ONEDNN_MAX_CPU_ISA": "SSE41"},
    "avx2": {"ATEN_CPU_CAPABILITY": "avx2", "MKL_CBWR": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "avx512": {"ATEN_CPU_CAPABILITY": "avx512", "MKL_CBWR": "AVX512"},
}
PRECISE = "precise"
HIGHER = {torch.float32: torch.float64, torch.complex64: torch.complex128}
# Inputs are moved by this much of their size, and by STEPS times less to tell a slope from a jump.
STEP, STEPS, SHAKES = 2.0**-30, 16, 3
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


def shaken(step, seed):
    """Moves every number by `step` of its size, up or down."""
    generator = torch.Generator().manual_seed(seed)

    def shake(tensor):
        tensor = tensor.to(HIGHER.get(tensor.dtype, tensor.dtype))
        if tensor.dtype not in (torch.float64, torch.complex128) or tensor.layout != torch.strided or step == 0:
            return tensor
        parts = torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor
        signs = torch.randint(0, 2, parts.shape, generator=generator, dtype=torch.float64) * 2 - 1
        moved = parts * (1 + step * signs)
        return tensor.copy_(torch.view_as_complex(moved) if tensor.is_complex() else moved)

    return shake


def precise(op, sample, leaves, differentiate):
    """The results in double precision, and how far they move for each unit of its size that an input moves by."""

    def compute(step, seed=0):
        torch.set_default_dtype(torch.float64)
        try:
            change = shaken(step, seed)
            _, numbers = one(op, sample, {}, differentiate, lambda given: replaced(given, leaves, change, HIGHER))
            return [real(tensor) for tensor in numbers]
        finally:
            torch.set_default_dtype(torch.float32)

    truth = compute(0)
    slopes = [torch.zeros_like(tensor) for tensor in truth]
    if not any(tensor.is_floating_point() for tensor in truth):
        return truth, slopes
    single = any(leaf.dtype in HIGHER for leaf in leaves)
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
    for place, (_, _, _, sample) in enumerate(samples_of(op, chooser(op, seed))):
        if place not in saved:
            continue
        leaves, differentiate = saved[place]
        if not differentiate:
            sample = sample.transform(lambda x: x.detach() if isinstance(x, torch.Tensor) else x)
        try:
            if mode == PRECISE:
                found[place] = precise(op, sample, leaves, differentiate)
            else:
                numbers = one(op, sample, {}, differentiate, lambda given: replaced(given, leaves))[1]
                found[place] = [real(tensor) for tensor in numbers]
        except Exception as error:
            found[place] = f"{type(error).__name__}: {error}".split("\n")[0][:200]
    return found


def compute_all(folder, only, seed, on_entry):
    """Runs every mode, as many at once as there are processors."""

    def run(mode):
        command = [sys.executable, __file__, str(folder), mode]
        command += ["--only", *only] if only else []
        command += ["--sample", str(seed)] if seed is not None else []
        environment = {**os.environ, "OMP_NUM_THREADS": "1", **KERNELS.get(mode, {})}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child:
            for line in child.stdout:
                on_entry(f"{line.strip()} ({mode})")
        if child.returncode != 0:
            raise SystemExit(f"the mode {mode} ended with {child.returncode}")

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(run, sorted(modes(), key=lambda mode: mode != PRECISE)))


def spreads(folder, name, main):
    """Of each case and each of its numbers: the spread in units of what assert_close allows; and what was missing.

    `main`: each case's numbers in the exporting process, and whether it draws random numbers.
    """
    others = {mode: torch.load(folder / f"{name}.{mode}.pt") for mode in modes()}
    result = {}
    for place, (numbers, draws) in main.items():
        missing = []
        kernels = [others[mode].get(place) for mode in others if mode != PRECISE]
        truth = others[PRECISE].get(place, "no such case")
        if isinstance(truth, str):
            missing.append(truth)
            truth = ([None] * len(numbers), [None] * len(numbers))
        if draws:
            missing.append("draws random numbers")
        rows = []
        for i, number in enumerate(numbers):
            exact, slope = (list[i] if i < len(list) else None for list in truth)
            same = [tensors[i] for tensors in kernels if not isinstance(tensors, str) and i < len(tensors)]
            rows.append(spread(number, same, None if draws else exact, exact, slope))
        result[place] = rows, missing
    return result


def spread(number, others, truth, base, slope):
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
        found.append(worst(slope * torch.finfo(dtype).eps, base, dtype))
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
