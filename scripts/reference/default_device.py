"""Where factories put their tensors under a default device, as test/fixtures/default_device.json. The device is meta:
every machine has it.

Run with the pinned torch: python3 scripts/reference/default_device.py
"""

import torch
from torch import nn

from fixtures import write

ones = {"$ones": [2, 3]}
CALLS = [
    ["arange", [5]], ["arange", [0, 5, 2]], ["bartlett_window", [5]], ["blackman_window", [5]], ["empty", [[2, 3]]],
    ["empty_permuted", [[2, 3], [0, 1]]], ["empty_strided", [[2, 3], [3, 1]]], ["eye", [3]], ["fft.fftfreq", [4]],
    ["fft.rfftfreq", [4]], ["full", [[2, 3], 5]], ["hamming_window", [5]], ["hann_window", [5]], ["kaiser_window", [5]],
    ["linspace", [0, 1, 5]], ["logspace", [0, 1, 5]], ["ones", [2, 3]], ["rand", [2, 3]], ["randint", [5, [2, 3]]],
    ["randint", [0, 5, [2, 3]]], ["randn", [2, 3]], ["randperm", [5]], ["scalar_tensor", [5]], ["tensor", [[1.5, 2]]],
    ["tensor", [2]], ["as_tensor", [[1.5, 2]]], ["as_tensor", [ones]], ["asarray", [[1.5, 2]]], ["asarray", [ones]],
    ["tril_indices", [3, 3]], ["triu_indices", [3, 3]], ["zeros", [2, 3]], ["zeros", [[2, 3]]],
    ["zeros_like", [ones]], ["ones_like", [ones]], ["empty_like", [ones]], ["full_like", [ones, 2]], ["rand_like", [ones]],
    ["randn_like", [ones]], ["randint_like", [ones, 5]], ["FloatTensor", [[1.5, 2]]], ["LongTensor", [[1, 2]]], ["normal", [ones, ones]],
    ["sparse_coo_tensor", [{"$long": [[0, 1], [0, 1]]}, {"$ones": [2]}, [2, 2]]],
    ["sparse_csr_tensor", [{"$long": [0, 1, 2]}, {"$long": [0, 1]}, {"$ones": [2]}, [2, 2]]],
    ["sparse_compressed_tensor", [{"$long": [0, 1, 2]}, {"$long": [0, 1]}, {"$ones": [2]}, [2, 2]]],
    ["nn.Linear", [2, 3]], ["nn.BatchNorm1d", [3]], ["nn.LSTM", [2, 3]], ["nn.Embedding", [2, 3]], ["nn.MultiheadAttention", [4, 2]],
    ["nn.Conv2d", [2, 3, 1]], ["nn.Parameter", [ones]],
]
KEYWORDS = [{}, {"dtype": "float64"}, {"device": "cpu"}, {"device": None}, {"device": "meta"}]


def made(value):
    if isinstance(value, dict):
        return torch.ones(value["$ones"], device="cpu") if "$ones" in value else torch.tensor(value["$long"], device="cpu")
    return value


def device_of(result):
    if isinstance(result, nn.Module):
        found = {str(value.device) for value in [*result.parameters(), *result.buffers()]}
        assert len(found) == 1, found
        return found.pop()
    if result.layout != torch.strided:
        return f"{result.device} {result.dtype}"
    return str(result.device)


cases = []
for name, args in CALLS:
    for keywords in KEYWORDS:
        if keywords and name in ("FloatTensor", "LongTensor", "normal", "nn.Parameter"):
            continue
        if "dtype" in keywords and ("rand" in name or "indices" in name or name == "fft.fftfreq" or name == "nn.Embedding"):
            continue
        given = dict(keywords)
        if name == "sparse_compressed_tensor":
            given["layout"] = torch.sparse_csc
        if "dtype" in given:
            given["dtype"] = getattr(torch, given["dtype"])
        function = torch
        for part in name.split("."):
            function = getattr(function, part)
        case = {"name": name, "args": args, "keywords": keywords}
        for key, device in (("meta", "meta"), ("cpu", "cpu")):
            with torch.device(device):
                try:
                    case[key] = device_of(function(*[made(arg) for arg in args], **given))
                except RuntimeError as error:
                    case[key] = "error"
        cases.append(case)

path = [str(torch.get_default_device())]
torch.set_default_device("meta")
path.append(str(torch.get_default_device()))
with torch.device("cpu"):
    path.append(str(torch.get_default_device()))
    with torch.device("meta"):
        path.append(str(torch.get_default_device()))
    path.append(str(torch.zeros(1).device))
path.append(str(torch.get_default_device()))
torch.set_default_device(None)
path.append(str(torch.get_default_device()))
write("default_device.json", {"cases": cases, "path": path})
print([case for case in cases if "error" in case.values()])
