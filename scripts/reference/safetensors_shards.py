"""What Python's huggingface_hub makes of state dicts that take several safetensors files, as
test/fixtures/safetensors_shards.json.

Run with the pinned torch, safetensors 0.8 and huggingface_hub 2.4: python3 scripts/reference/safetensors_shards.py
"""

import base64
import json
import pathlib
import tempfile

import huggingface_hub
import torch
from huggingface_hub import load_torch_model, save_torch_state_dict, split_torch_state_dict_into_shards

TARGET = pathlib.Path(__file__).parent.parent.parent / "test" / "fixtures" / "safetensors_shards.json"


def state(sizes):
    """Tensors of so many float32s, by name."""
    return {f"layer.{i}.weight": torch.arange(size, dtype=torch.float32) + i for i, size in enumerate(sizes)}


CASES = [
    {"sizes": [10, 20], "max_shard_size": "5GB"},
    {"sizes": [150, 150, 50, 150, 50, 50], "max_shard_size": "1KB"}, {"sizes": [1000, 10, 10], "max_shard_size": 50},
    {"sizes": [10, 1000, 10], "max_shard_size": 100}, {"sizes": [10, 10, 1000], "max_shard_size": 80},
    {"sizes": [25] * 12, "max_shard_size": " 0.25 kb "}, {"sizes": [25] * 3, "max_shard_size": 100},
    {"sizes": [25] * 3, "max_shard_size": 99}, {"sizes": [0, 10, 0], "max_shard_size": 40},
    {"sizes": [60, 60], "max_shard_size": "1MB", "metadata": {"a": "é"}},
    {"sizes": [60, 60], "max_shard_size": 300, "metadata": {"a": "é\x7f\U0001f600"}},
    {"sizes": [60, 60], "max_shard_size": 300, "filename_pattern": "net{suffix}.safetensors"},
]
TIED = [[], ["embedding.weight"], ["decoder.weight"], ["decoder.weight", "embedding.weight"]]
SIZES = ["5XB", "5", "GB", "1.5.2KB", "MB5", ""]


def saved(tensors, **settings):
    with tempfile.TemporaryDirectory() as folder:
        # Of an earlier saving, and of nobody's.
        for name in ("model.safetensors", "model-00007-of-00009.safetensors", "model.safetensors.index.json", "model.safetensors.backup"):
            (pathlib.Path(folder) / name).write_text("old")
        save_torch_state_dict(tensors, folder, **settings)
        return {path.name: base64.b64encode(path.read_bytes()).decode() for path in sorted(pathlib.Path(folder).iterdir())}


def row(case):
    tensors, settings = state(case["sizes"]), {key: value for key, value in case.items() if key != "sizes"}
    split = split_torch_state_dict_into_shards(tensors, **{key: value for key, value in settings.items() if key != "metadata"})
    return {**case, "is_sharded": split.is_sharded, "total_size": split.metadata["total_size"],
            "filename_to_tensors": split.filename_to_tensors, "files": saved(tensors, **settings)}


def tied(discard):
    weight = torch.arange(6.0).view(3, 2)
    return saved({"decoder.bias": torch.arange(3.0), "decoder.weight": weight, "embedding.weight": weight},
                 max_shard_size=30, shared_tensors_to_discard=discard)


def error(size):
    try:
        split_torch_state_dict_into_shards(state([1]), max_shard_size=size)
    except ValueError as error:
        return str(error)


content = {"version": huggingface_hub.__version__, "cases": [row(case) for case in CASES],
           "tied": [{"discard": names, "files": tied(names)} for names in TIED], "errors": {size: error(size) for size in SIZES}}
TARGET.write_text(json.dumps(content, indent=1) + "\n")
print(len(CASES), TARGET.stat().st_size)
