"""How far apart the results of legitimate kernels lie for modules; see ../spread.py, which says how.

export_modules.py runs this file once for each mode: python3 scripts/parity/modules/module_spread.py FOLDER MODE [--only NAME ...]
"""

import argparse
import math
import pathlib
import random
import warnings

import torch

import module_cases  # first: it makes the folder above importable
import spread

warnings.simplefilter("ignore")
MODES = spread.modes()


def chooser(info, seed):
    return None if seed is None else random.Random(f"{seed}/{info.name}")


def fresh(tensor):
    return tensor.detach().clone()


def outcomes(info, folder, mode, seed):
    """Of each case of the entry that was exported: its numbers in this mode."""
    saved = torch.load(folder / f"{info.name}.inputs.pt")
    found = {}
    for place, sample in enumerate(module_cases.samples_of(info, chooser(info, seed))):
        if place not in saved:
            continue
        leaves, draws = saved[place]

        def numbers_of(change=lambda tensor: tensor, types=None, sample=sample, leaves=leaves):
            prepare = lambda given: spread.replaced(given, leaves, change, types)  # noqa: E731
            return module_cases.one(sample, {}, prepare)[1]

        try:
            if mode == spread.PRECISE:
                found[place] = spread.precise(lambda change: numbers_of(change, spread.HIGHER), sample.dtype, draws)
            else:
                found[place] = [spread.real(tensor) for tensor in numbers_of()]
        except Exception as error:
            found[place] = f"{type(error).__name__}: {error}".split("\n")[0][:200]
    return found


def compute_all(folder, only, seed, on_entry):
    spread.compute_all(folder, only, seed, on_entry, __file__)


def significant(number):
    """Two digits, which is all that a spread is good for."""
    return float(f"{number:.1e}") if math.isfinite(number) else str(number)


def add_spreads(content, folder):
    """Writes beside each number how far apart legitimate kernels come."""
    found = spread.spreads(folder, content["name"], torch.load(folder / f"{content['name']}.main.pt"))
    for case in content["cases"]:
        rows, missing = found[case.pop("place")]
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
        torch.save(outcomes(info, options.folder, options.mode, options.sample), options.folder / f"{info.name}.{options.mode}.pt")


if __name__ == "__main__":
    main()
