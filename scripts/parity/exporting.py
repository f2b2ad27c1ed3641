"""What the exporters of PyTorch's tests share: the command line, the files, and the spreads that are computed after all."""

import argparse
import json
import os
import pathlib
import re
import sys
import tempfile

import torch
from safetensors.torch import save_file


def export_all(chosen_of, modes, compute_all, add_spreads, sampled, largest=None):
    """Writes each entry's cases and tensors, or with --sample a choice of all as one file, `sampled`.

    `chosen_of(options)` gives pairs of a name and of what writes its cases: a function of the tensors, the seed and the
    folder of the numbers that the spreads need. Of a choice, tensors with more than `largest` elements are left out.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--sample", type=int)
    options = parser.parse_args()
    if os.environ.get("PYTHONHASHSEED") != "0":
        # Some samples come out of sets: all processes must see them in one order, and the next export too.
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "PYTHONHASHSEED": "0"})
    options.folder.mkdir(parents=True, exist_ok=True)
    # The cases are small, and the processors have other modes to compute.
    torch.set_num_threads(1)
    chosen = chosen_of(options)
    of, done = len(chosen) * (1 + len(modes)), 0

    def progress(what):
        nonlocal done
        print(json.dumps({"done": done, "of": of, "entry": what}), flush=True)
        done += 1

    together, shared = [], {}
    with tempfile.TemporaryDirectory() as scratch:
        work = pathlib.Path(scratch)
        for name, export in chosen:
            progress(name)
            tensors = shared if options.sample is not None else {}
            content = export(tensors, options.sample, work)
            together.append(content if options.sample is not None else name)
            if options.sample is None:
                (options.folder / f"{name}.json").write_text(json.dumps(content))
                save_file(tensors, options.folder / f"{name}.safetensors")
        compute_all(work, options.only, options.sample, progress)
        for content in together:
            if options.sample is not None:
                add_spreads(content, work)
                content["skipped"] = []
                continue
            file = options.folder / f"{content}.json"
            content = json.loads(file.read_text())
            add_spreads(content, work)
            file.write_text(json.dumps(content))
    if options.sample is None:
        return
    text = json.dumps(together, separators=(",", ":"))
    used = set(re.findall(r'"tensor":"(\d+)"', text))
    (options.folder / f"{sampled}.json").write_text(text + "\n")
    kept = {key: tensor for key, tensor in shared.items() if key in used and (largest is None or tensor.numel() <= largest)}
    save_file(kept, options.folder / f"{sampled}.safetensors")
