"""How far apart the results of legitimate kernels lie for modules and optimizers; see ../spread.py, which says how.

export_modules.py runs this file once for each mode: python3 scripts/parity/modules/module_spread.py FOLDER MODE [--only NAME ...]
"""

import argparse
import math
import pathlib
import random
import warnings

import torch

import module_cases  # first: it makes the folder above importable
import optim_cases
import spread

warnings.simplefilter("ignore")
MODES = spread.modes()


def chooser(info, seed):
    return None if seed is None else random.Random(f"{seed}/{info.name}")


def fresh(tensor):
    return tensor.detach().clone()


def hashes_of(case):
    """Those of the state after construction, and after the first call."""
    return [[row[3] if len(row) > 3 else None for row in case.get(key, [])] for key in ["initial", "materialized"]]


def outcomes(info, folder, mode, seed):
    """Of each case of the entry that was exported: its numbers in this mode, and the hashes of its initial values."""
    saved = torch.load(folder / f"{info.name}.inputs.pt")
    found, hashes = {}, {}
    for place, sample in enumerate(module_cases.samples_of(info, chooser(info, seed))):
        if place not in saved:
            continue
        leaves, draws = saved[place]

        def numbers_of(change=lambda tensor: tensor, types=None, sample=sample, leaves=leaves, place=place):
            prepare = lambda given: spread.replaced(given, leaves, change, types)  # noqa: E731
            case, numbers = module_cases.one(sample, {}, prepare)
            hashes[place] = hashes_of(case)
            return numbers

        try:
            if mode == spread.PRECISE:
                found[place] = spread.precise(lambda change: numbers_of(change, spread.HIGHER), sample.dtype, draws)
            else:
                found[place] = [spread.real(tensor) for tensor in numbers_of()]
        except Exception as error:
            found[place] = f"{type(error).__name__}: {error}".split("\n")[0][:200]
    return found, hashes


def optimizer_outcomes(info, mode, seed):
    """Of each base of the entry: its numbers in this mode."""
    found = {}
    for place, sample, base in optim_cases.places_of(info, chooser(info, seed))[0]:
        if place != base:
            continue
        dtype = torch.float64 if sample.kind == "float64" else torch.float32
        try:
            recorded = optim_cases.recorded_steps(sample)
            if mode == spread.PRECISE:

                def numbers_of(change, sample=sample, recorded=recorded):
                    return optim_cases.run(sample, recorded, change)[-1]

                found[place] = spread.precise(numbers_of, dtype, False)
            else:
                found[place] = [spread.real(tensor) for tensor in optim_cases.run(sample, recorded)[-1]]
        except Exception as error:
            found[place] = f"{type(error).__name__}: {error}".split("\n")[0][:200]
    return found


def compute_all(folder, only, seed, on_entry):
    spread.compute_all(folder, only, seed, on_entry, __file__)


def significant(number):
    """Two digits, which is all that a spread is good for."""
    return float(f"{number:.1e}") if math.isfinite(number) else str(number)


def add_optimizer_spreads(content, found):
    """Those of each sample's base: implementations differ as little as kernels."""
    for case in content["cases"]:
        rows, missing = found.get(case.pop("base"), ([], []))
        records = optim_cases.records_of(case)
        if len(rows) != len(records):
            continue
        for row, distance in zip(records, rows):
            if distance >= spread.LEAST:
                row["spread"] = significant(distance)
        if missing:
            case["imprecise"] = "; ".join(missing)


def hash_file(folder, name, mode):
    return folder / f"{name}.{mode}.hashes.pt"


def add_hashes(case, found):
    """Adds those of other kernels, which round what is drawn in other ways."""
    for key, by_mode in zip(["initial", "materialized"], zip(*found)):
        for row, *others in zip(case.get(key, []), *by_mode):
            if len(row) > 3:
                row[3] = " ".join(dict.fromkeys([row[3], *others]))


def add_spreads(content, folder):
    """Writes beside each number how far apart legitimate kernels come."""
    found = spread.spreads(folder, content["name"], torch.load(folder / f"{content['name']}.main.pt"))
    if content["name"].startswith("optim."):
        add_optimizer_spreads(content, found)
        return
    hashes = [torch.load(hash_file(folder, content["name"], mode)) for mode in MODES if mode != spread.PRECISE]
    for case in content["cases"]:
        place = case.pop("place")
        rows, missing = found[place]
        add_hashes(case, [of[place] for of in hashes if place in of])
        measured = [row for row in case["results"] if "tensor" in row]
        measured += [gradient for gradient in case.get("gradients", []) if gradient is not None]
        measured += [row for _, row in case.get("buffers", [])]
        for row, distance in zip(measured, rows, strict=True):
            if distance >= spread.LEAST:
                row["spread"] = significant(distance)
        if missing:
            case["imprecise"] = "; ".join(missing)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("mode")
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--sample", type=int)
    options = parser.parse_args()
    for info in module_cases.entries(options.only):
        print(info.name, flush=True)
        found, hashes = outcomes(info, options.folder, options.mode, options.sample)
        torch.save(found, options.folder / f"{info.name}.{options.mode}.pt")
        torch.save(hashes, hash_file(options.folder, info.name, options.mode))
    for info in optim_cases.entries(options.only):
        print(f"optim.{info.name}", flush=True)
        torch.save(optimizer_outcomes(info, options.mode, options.sample), options.folder / f"optim.{info.name}.{options.mode}.pt")


if __name__ == "__main__":
    main()
