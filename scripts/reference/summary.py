"""What torchinfo prints of models, as test/fixtures/summary.json. test/utils/summary.test.ts has the same models.

Run with the pinned torch and torchinfo 1.8: python3 scripts/reference/summary.py
"""

import torch
import torchinfo
import torchinfo.enums
from torch import nn
from torch.nn.utils import prune

from fixtures import write

# Python 3.11 writes such an enum by its name, "(Units.MEGABYTES)", where torchinfo means its value, "(M)".
torchinfo.enums.Units.__str__ = lambda self: self.value


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(16 * 5 * 5, 10)

    def forward(self, x):
        x = torch.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = torch.max_pool2d(torch.relu(self.conv2(x)), 2)
        return self.fc(self.drop(x.flatten(1)))


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.embedding = nn.Embedding(20, 12)
        self.rnn = getattr(nn, kind)(12, 30, num_layers=2, batch_first=True, bidirectional=True)
        self.decoder = nn.Linear(60, 20)

    def forward(self, tokens):
        out, _ = self.rnn(self.embedding(tokens))
        return self.decoder(out)


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
                                  nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x):
        return torch.relu(x + self.body(x))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList([Block(8), Block(8), Block(8)])
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 1000))

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(16, 16)
        self.act = nn.ReLU()
        self.again = self.first
        self.tail = nn.Sequential(self.first, nn.Linear(16, 4))

    def forward(self, x):
        for _ in range(3):
            x = self.act(self.first(x))
        return self.tail(x)


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(7))
        self.frozen = nn.Linear(7, 7)
        self.frozen.requires_grad_(False)
        self.partly = nn.Linear(7, 7)
        self.partly.bias.requires_grad_(False)
        self.unused = nn.Linear(100, 100)

    def forward(self, x, other):
        return self.partly(self.frozen(x * self.scale)) + other


class Keywords(nn.Module):
    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(3, 5), nn.Linear(4, 5)

    def forward(self, a, b):
        return {"sum": self.left(a) + self.right(b), "left": a}


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleDict({"one": nn.ModuleList([nn.Sequential(nn.Linear(4, 4), nn.Sequential(nn.Linear(4, 4), nn.Tanh()))]),
                                     "two": nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])})
        self.a_rather_long_name_of_a_layer_that_needs_room = nn.Bilinear(4, 4, 3)

    def forward(self, x):
        x = self.layers["one"][0](x)
        for layer in self.layers["two"]:
            x = layer(x)
        return self.a_rather_long_name_of_a_layer_that_needs_room(x, x)


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(5, 6)
        self.cell = nn.GRUCell(6, 7)

    def forward(self, x):
        out, (h, c) = self.lstm(x)
        return self.cell(out[-1]), h, c


def pruned():
    model = nn.Sequential(nn.Linear(10, 10), nn.ReLU(), nn.Linear(10, 2))
    prune.l1_unstructured(model[0], "weight", 0.3)
    return model


ALL = ["input_size", "output_size", "num_params", "params_percent", "kernel_size", "mult_adds", "trainable"]
long = {"col_names": ALL, "verbose": 2}
ones = torch.ones
CASES = {
    "lenet": (LeNet(), {"input_size": [4, 1, 28, 28]}),
    "lenet columns": (LeNet(), {"input_size": [4, 1, 28, 28], "col_names": ALL, "col_width": 18}),
    "lenet long": (LeNet(), {"input_size": [4, 1, 28, 28], **long, "row_settings": ["var_names", "depth"]}),
    "lenet not called": (LeNet(), {}),
    "lenet ascii": (LeNet(), {"input_size": [4, 1, 28, 28], "row_settings": ["ascii_only"], "depth": 1}),
    "lenet batch": (LeNet(), {"input_size": [1, 28, 28], "batch_dim": 0, "col_names": ALL}),
    "lenet train": (LeNet(), {"input_size": [4, 1, 28, 28], "mode": "train"}),
    **{f"recurrent {kind}": (Recurrent(kind), {"input_size": [3, 11], "dtypes": [torch.long], "col_names": ALL})
       for kind in ("RNN", "LSTM", "GRU")},
    "recurrent long": (Recurrent("LSTM"), {"input_size": [3, 11], "dtypes": [torch.long], **long}),
    "residual": (Residual(), {"input_size": [2, 3, 32, 32]}),
    "residual shallow": (Residual(), {"input_size": [2, 3, 32, 32], "depth": 1, "col_names": ALL}),
    "residual deeper": (Residual(), {"input_size": [2, 3, 32, 32], "depth": 5, "col_names": ALL, "row_settings": ["var_names"]}),
    "residual not called": (Residual(), {"depth": 2}),
    "residual ascii": (Residual(), {"input_size": [2, 3, 32, 32], "row_settings": ["ascii_only", "depth", "var_names"], "depth": 4}),
    "shared": (Shared(), {"input_size": [8, 16], "col_names": ALL}),
    "shared hidden": (Shared(), {"input_size": [8, 16], "row_settings": ["depth", "hide_recursive_layers"]}),
    "shared not called": (Shared(), {}),
    "own": (Own(), {"input_size": [[5, 7], [5, 7]], "col_names": ALL}),
    "own long": (Own(), {"input_data": [ones(5, 7), ones(7)], **long}),
    "keywords": (Keywords(), {"input_data": {"a": ones(2, 3), "b": ones(2, 4)}, "col_names": ALL}),
    "deep": (Deep(), {"input_data": ones(2, 4), "depth": 6, "row_settings": ["var_names", "depth"]}),
    "deep columns": (Deep(), {"input_data": ones(2, 4), "col_names": ALL}),
    "pair": (Pair(), {"input_size": [9, 2, 5], **long}),
    "transformer": (nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2),
                    {"input_size": [2, 6, 8], "col_names": ALL, "depth": 4}),
    "attention": (nn.MultiheadAttention(8, 2), {"input_data": [ones(3, 2, 8)] * 3, "col_names": ALL}),
    "pruned": (pruned(), {"input_size": [3, 10], **long}),
    "lazy": (nn.Sequential(nn.LazyLinear(6), nn.ReLU(), nn.LazyLinear(2)), {"input_size": [3, 10], **long}),
    "without parameters": (nn.Sequential(nn.ReLU(), nn.Flatten()), {"input_size": [3, 10, 2], "col_names": ALL}),
    "one layer": (nn.Linear(1000, 3000), {"input_size": [64, 1000], "col_names": ALL}),
    "transposed": (nn.Sequential(nn.ConvTranspose2d(4, 3, 3), nn.InstanceNorm2d(3, affine=True)),
                   {"input_size": [2, 4, 8, 8], "col_names": ALL}),
    "doubles": (nn.Linear(3, 4).double(), {"input_size": [2, 3], "dtypes": [torch.float64]}),
    "huge": (nn.Conv2d(64, 256, 7), {"input_size": [1, 64, 70, 70], "col_names": ALL}),
}


def plain(value):
    if isinstance(value, torch.Tensor):
        return {"ones": list(value.shape)}
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


entries = {}
for name, (model, options) in CASES.items():
    torch.manual_seed(0)
    given = dict(options)
    sizes = given.get("input_size")
    if sizes is not None and isinstance(sizes[0], list):
        given["input_size"] = [tuple(size) for size in sizes]
    if "dtypes" in given:
        given["dtypes"] = list(given["dtypes"])
    statistics = torchinfo.summary(model, **{**given, "verbose": 0})
    statistics.formatting.verbose = given.get("verbose", 1)
    entries[name] = {"options": plain(options), "text": str(statistics)}
write("summary.json", {"torchinfo": torchinfo.__version__, "cases": entries})
