"""Writes event files with Python's SummaryWriter, as test/fixtures/tensorboard.json: what was called, with which
arguments, and the records that came of it, by file.

Run with the pinned torch and with tensorboard 2.21, numpy 2.4 and pillow: python3 scripts/reference/tensorboard_events.py
"""

import base64
import json
import math
import pathlib
import struct
import tempfile

import torch
from torch.utils.tensorboard import SummaryWriter

TIME = 1700000000.25


def tensor(values, dtype="float32"):
    return {"$tensor": values, "dtype": dtype}


# Sums of these are exact in any order.
eighths = [((7 * i * i + 3 * i) % 97 - 48) / 8 for i in range(200)]
waves = [math.sin(i * i) * (1 + i % 5) for i in range(150)]
picture = [[[(5 * i + 3 * j + 40 * c) % 256 for j in range(5)] for i in range(4)] for c in range(3)]
fractions = [[[((i + 2 * j + 3 * c) % 11) / 10 for j in range(4)] for i in range(3)] for c in range(3)]
scores = [((37 * i) % 101) / 100 for i in range(60)]
truth = [1 if (i * i) % 3 == 1 else 0 for i in range(60)]

CALLS = [
    *({"add_scalar": {"tag": "loss", "scalar_value": value, "global_step": step}}
      for step, value in enumerate([1.5, -0.25, 0.1, 0.0, 3, 1e30, 1e-40])),
    {"add_scalar": {"tag": "none", "scalar_value": 2.5}},
    {"add_scalar": {"tag": "far", "scalar_value": 2.5, "global_step": 2**53 - 1}},
    {"add_scalar": {"tag": "past", "scalar_value": 2.5, "global_step": -7}},
    {"add_scalar": {"tag": "a/b ü 数", "scalar_value": tensor([[0.3]]), "global_step": 1}},
    {"add_scalar": {"tag": "int", "scalar_value": tensor(7, "int64"), "global_step": 1}},
    {"add_scalar": {"tag": "new", "scalar_value": 0.1, "global_step": 1, "new_style": True}},
    {"add_scalar": {"tag": "double", "scalar_value": 0.1, "global_step": 1, "new_style": True, "double_precision": True}},
    {"add_scalars": {"main_tag": "group/of", "tag_scalar_dict": {"train": 0.5, "test": 0.25}, "global_step": 3}},
    {"add_scalars": {"main_tag": "group/of", "tag_scalar_dict": {"train": 0.125, "test": 0.75}, "global_step": 4}},
    {"add_text": {"tag": "note", "text_string": "**bold** ü 数\n| a | b |", "global_step": 2}},
    {"add_text": {"tag": "empty", "text_string": ""}},
    *({"add_tensor": {"tag": dtype, "tensor": tensor(values, dtype), "global_step": 0}}
      for dtype, values in {
          "float32": [[0.1, 2], [3, 4]], "float64": [0.1, -2], "float16": [0.5, 3, -1], "bfloat16": [0.5, 3, -1],
          "int8": [-1, 2], "uint8": [1, 255], "int16": [-3, 4], "int32": [-5, 6], "int64": [7, -8], "bool": [True, False],
      }.items()),
    {"add_tensor": {"tag": "scalar", "tensor": tensor(2.5), "global_step": 0}},
    *({"add_histogram": {"tag": f"eighths {bins}", "values": tensor(eighths), "global_step": 5, "bins": bins}}
      for bins in ["tensorflow", "auto", "fd", "doane", "scott", "stone", "rice", "sturges", "sqrt", 1, 10, 64,
                   [-4, -1, 0, 0.5, 2, 6]]),
    *({"add_histogram": {"tag": f"waves {bins}", "values": tensor(waves, "float64"), "global_step": 5, "bins": bins}}
      for bins in ["tensorflow", "auto", "fd", "doane", "scott", "stone", "rice", "sturges", "sqrt", 13]),
    {"add_histogram": {"tag": "few bins", "values": tensor(eighths), "max_bins": 30}},
    {"add_histogram": {"tag": "few of ten", "values": tensor(eighths), "bins": 10, "max_bins": 4}},
    {"add_histogram": {"tag": "equal", "values": tensor([2.0, 2, 2]), "bins": "auto"}},
    {"add_histogram": {"tag": "one", "values": tensor([0.0])}},
    {"add_histogram": {"tag": "integers", "values": tensor([1, 2, 2, 9], "int64"), "bins": "sqrt"}},
    {"add_histogram_raw": {"tag": "raw", "min": -1, "max": 2.5, "num": 4, "sum": 3, "sum_squares": 9.5,
                           "bucket_limits": [0, 1, 3], "bucket_counts": [1, 0, 3], "global_step": 6}},
    {"add_image": {"tag": "bytes", "img_tensor": tensor(picture, "uint8"), "global_step": 7}},
    {"add_image": {"tag": "fractions", "img_tensor": tensor(fractions), "global_step": 7}},
    {"add_image": {"tag": "beyond", "img_tensor": tensor([[[-1.0, 0.5, 2.0]]]), "global_step": 7}},
    {"add_image": {"tag": "gray", "img_tensor": tensor(fractions[0]), "dataformats": "HW"}},
    {"add_image": {"tag": "gray across", "img_tensor": tensor(fractions[0]), "dataformats": "WH"}},
    {"add_image": {"tag": "last", "img_tensor": tensor(fractions), "dataformats": "WHC"}},
    {"add_images": {"tag": "batch", "img_tensor": tensor([picture, picture, picture], "uint8"), "global_step": 7}},
    {"add_images": {"tag": "gray batch", "img_tensor": tensor([[fractions[i % 3]] for i in range(10)])}},
    {"add_image_with_boxes": {"tag": "boxes", "img_tensor": tensor([[[30] * 12] * 10] * 3, "uint8"),
                              "box_tensor": tensor([[2, 3, 8, 7], [0, 0, 11, 9]], "int64")}},
    {"add_audio": {"tag": "tone", "snd_tensor": tensor([math.sin(i / 3) for i in range(40)], "float64"), "sample_rate": 8000}},
    {"add_audio": {"tag": "clipped", "snd_tensor": tensor([[0.5, -2, 2, -1]], "float64")}},
    {"add_pr_curve": {"tag": "curve", "labels": tensor(truth, "int64"), "predictions": tensor(scores, "float64"), "global_step": 8}},
    {"add_pr_curve": {"tag": "coarse", "labels": tensor(truth, "int64"), "predictions": tensor(scores, "float64"),
                      "num_thresholds": 11, "weights": 0.5}},
    {"add_pr_curve_raw": {"tag": "raw curve", "true_positive_counts": [75, 64, 21], "false_positive_counts": [150, 105, 18],
                          "true_negative_counts": [0, 45, 132], "false_negative_counts": [0, 11, 54],
                          "precision": [0.3333333, 0.3786982, 0.5384616], "recall": [1.0, 0.8533334, 0.28],
                          "num_thresholds": 3, "global_step": 1}},
    {"add_custom_scalars": {"layout": {"Taiwan": {"twse": ["Multiline", ["twse/0050", "twse/2330"]]},
                                       "USA": {"dow": ["Margin", ["dow/aaa", "dow/bbb", "dow/ccc"]],
                                               "nasdaq": ["Margin", ["n/aaa", "n/bbb", "n/ccc"]]}}}},
    {"add_custom_scalars_multilinechart": {"tags": ["a", "b"]}},
    {"add_custom_scalars_marginchart": {"tags": ["a", "b", "c"], "category": "own", "title": "margins"}},
    {"add_mesh": {"tag": "mesh", "vertices": tensor([[[1, 1, 1], [-1, -1, 1], [1, -1, -1], [-1, 1, -1]]]),
                  "colors": tensor([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 0, 255]]], "int32"),
                  "faces": tensor([[[0, 2, 3], [0, 3, 1], [0, 1, 2], [1, 3, 2]]], "int32"), "global_step": 1}},
    {"add_mesh": {"tag": "points", "vertices": tensor([[[0.5, 1, 2]]]),
                  "config_dict": {"material": {"cls": "PointsMaterial", "size": 5}, "camera": {"fov": 75}}}},
    {"add_hparams": {"hparam_dict": {"lr": 0.1, "layers": 3, "cell": "GRU", "bias": True, "seed": None},
                     "metric_dict": {"hparam/accuracy": 0.75, "hparam/loss": 1.5},
                     "hparam_domain_discrete": {"cell": ["RNN", "GRU"], "layers": [1, 2, 3]}, "run_name": "run one",
                     "global_step": 9}},
    {"add_embedding": {"mat": tensor([[0.1, 2, 1e-5], [3, 4.5, 1e20], [5, 6, -7]]), "metadata": ["a", "b ü", 3],
                       "label_img": tensor([[fractions[i]] * 3 for i in range(3)]), "global_step": 12, "tag": "pa%t/h"}},
    {"add_embedding": {"mat": tensor([[1, 2], [3, 4]], "int64"), "metadata": [["x", "1"], ["y", "2"]],
                       "metadata_header": ["name", "number"]}},
    {"add_embedding": {"mat": tensor([[0.5, 2]], "float64"), "tag": 'quo"te'}},
]
TIMED = {name for name in dir(SummaryWriter) if name.startswith("add_")
         and "walltime" in getattr(SummaryWriter, name).__code__.co_varnames}


def made(value):
    if isinstance(value, dict) and "$tensor" in value:
        return torch.tensor(value["$tensor"], dtype=getattr(torch, value["dtype"]))
    return value


def records(file):
    """The data of a file's records; whether the checksums are right is TensorBoard's to say."""
    data, at, found = file.read_bytes(), 0, []
    while at < len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        found.append(data[at + 12:at + 12 + length])
        at += 12 + length + 4
    return found


with tempfile.TemporaryDirectory() as folder:
    writer = SummaryWriter(folder, purge_step=3, max_queue=1)
    for call in CALLS:
        for name, arguments in call.items():
            if name in TIMED:
                arguments["walltime"] = TIME
            getattr(writer, name)(**{key: made(value) for key, value in arguments.items()})
    writer.close()
    root = pathlib.Path(folder)
    files, others = {}, {}
    for file in sorted(root.rglob("*")):
        if file.is_dir():
            continue
        place = file.relative_to(root)
        if file.name.startswith("events.out"):
            assert str(place.parent) not in files
            files[str(place.parent)] = [base64.b64encode(record).decode() for record in records(file)]
            whole = file.read_bytes()
        else:
            others[str(place)] = base64.b64encode(file.read_bytes()).decode()

target = pathlib.Path(__file__).parent.parent.parent / "test" / "fixtures" / "tensorboard.json"
content = {
    "versions": {"torch": torch.__version__},
    "calls": CALLS,
    # One file whole, with its frames: the last one.
    "framed": base64.b64encode(whole).decode(),
    "records": files,
    "files": others,
}
target.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")
print(f"{target.name}: {len(CALLS)} calls, {sum(map(len, files.values()))} records in {len(files)} files, {target.stat().st_size} bytes")
