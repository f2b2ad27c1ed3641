"""Lines that tqdm writes, as test/fixtures/progress.json.

Run with tqdm 4 and the pinned torch: python3 scripts/reference/progress.py
"""

from tqdm import tqdm

from fixtures import write

METERS = [
    {"n": 450, "total": 1000, "elapsed": 4.58, "prefix": "epoch", "postfix": "loss=0.5", "ncols": 80},
    {"n": 0, "total": 1000, "elapsed": 0, "ncols": 60},
    {"n": 0, "total": 10, "elapsed": 3.2, "ncols": 60},
    {"n": 10, "total": 10, "elapsed": 3.2, "ncols": 60},
    {"n": 11, "total": 10, "elapsed": 3.2, "ncols": 60},
    {"n": 3, "total": 0, "elapsed": 3.2, "ncols": 60},
    {"n": 7, "total": None, "elapsed": 70.5, "prefix": "d", "unit": "batch"},
    {"n": 7, "total": None, "elapsed": 0, "postfix": "x"},
    {"n": 2, "total": 9, "elapsed": 4000.9, "unit": "epoch", "ncols": 70},
    {"n": 123456, "total": 1000000, "elapsed": 36000, "initial": 100000, "ncols": 100},
    {"n": 1, "total": 3, "elapsed": 0.001, "ncols": 20},
    {"n": 5, "total": 8, "elapsed": 2, "ncols": 43, "prefix": "short"},
    *({"n": n, "total": 37, "elapsed": n * 0.7, "ncols": 64} for n in range(0, 38, 3)),
]
POSTFIXES = [
    {"loss": 0.123456789}, {"loss": 12345.678, "acc": 0.5}, {"step": 1000, "lr": 1e-05, "name": " text "}, {"a": 1e22, "b": -0.000123456},
    {"a": 999.5, "b": 1234, "c": 0, "d": 100000, "e": 0.001, "f": 123.0},
]


def postfix(values):
    bar = tqdm(disable=False, file=open("/dev/null", "w"))
    bar.set_postfix(values)
    return bar.postfix


write("progress.json", {
    "meters": [{"given": given, "text": tqdm.format_meter(**given)} for given in METERS],
    "postfixes": [{"given": given, "text": postfix(given)} for given in POSTFIXES],
})
