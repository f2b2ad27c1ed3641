"""side.ts in Python: python side.py NAME SAMPLES."""

import json
import resource
import sys
import time

import torch
from torch.utils.data import DataLoader, Dataset


class Images(Dataset):
    def __init__(self, length):
        self.length = length
        self.pixels = torch.arange(3 * 224 * 224, dtype=torch.float32).view(3, 224, 224).div(3 * 224 * 224)

    def __len__(self):
        return self.length

    def __getitem__(self, i):
        return self.pixels.mul(i % 255 + 1).sub(0.5), i % 10


class Tokens(Dataset):
    def __init__(self, length):
        self.length = length

    def __len__(self):
        return self.length

    def __getitem__(self, i):
        tokens = torch.arange(i, i + 129).remainder(50257)
        return tokens[:-1], tokens[1:]


if __name__ == "__main__":
    name, samples = sys.argv[1], int(sys.argv[2])
    dataset, batch_size = {"images": (Images, 32), "tokens": (Tokens, 64)}[name]
    loader = DataLoader(dataset(samples), batch_size=batch_size, shuffle=True, num_workers=2, persistent_workers=True)

    def run():
        return sum(x.view(-1)[0].item() for x, _ in loader)

    torch.manual_seed(0)
    total = run()
    run()
    print(json.dumps({"version": torch.__version__, "threads": torch.get_num_threads(), "sum": total}), flush=True)
    for _ in sys.stdin:
        started = time.perf_counter()
        run()
        us = (time.perf_counter() - started) / samples * 1e6
        print(json.dumps({"us": us, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}), flush=True)
